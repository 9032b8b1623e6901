"""Columns that came, went, moved or changed their type."""

from __future__ import annotations

from pathlib import Path

import duckdb
from tests.support.intake.shop import Shop, csv, row


def test_the_order_of_columns_does_not_matter(shop: Shop) -> None:
    report = shop.load_one("north", csv("9.5,s1,2024-03-01 10:00:00,1,hi", header="price,sale_id,sold_at,line,note"))

    assert report.status == "accepted"
    assert report.drift.reordered
    assert all(check.passed for check in report.checks)
    assert shop.raw("sale_id, line, note, price::varchar") == [("s1", 1, "hi", "9.5000")]


def test_an_added_column_is_ignored_with_a_warning(shop: Shop) -> None:
    report = shop.load_one("north", csv("s1,1,,x,2,2024-03-01", header="sale_id,line,note,colour,price,sold_at"))
    consistency = next(check for check in report.checks if check.dimension == "consistency")

    assert report.status == "accepted"
    assert report.drift.added == ("colour",)
    assert (consistency.passed, consistency.severity) == (False, "warning")
    assert shop.raw("price::varchar") == ["2.0000"]


def test_added_columns_without_names_or_with_the_same_name_are_ignored(shop: Shop) -> None:
    report = shop.load_one("north", csv("s1,1,,2,2024-03-01,,a,b", header="sale_id,line,note,price,sold_at,,x,x"))

    assert (report.status, report.rows_loaded) == ("accepted", 1)


def test_a_missing_optional_column_is_null_with_a_warning(shop: Shop) -> None:
    report = shop.load_one("north", csv("s1,1,2,2024-03-01", header="sale_id,line,price,sold_at"))

    assert report.status == "accepted"
    assert report.drift.missing_optional == ("note",)
    assert shop.raw("note") == [None]


def test_a_missing_required_column_rejects(shop: Shop) -> None:
    shop.load_one("north", csv(row(1)))
    report = shop.load_one("north", csv("s2,1,,2024-03-01", header="sale_id,line,note,sold_at"))

    assert report.status == "rejected"
    assert report.rejection is not None
    assert "lacks the required column price" in report.rejection
    assert shop.raw() == ["s1"]


def test_a_retyped_column_shows_as_rows_that_do_not_fit(shop: Shop) -> None:
    rows = [row(n, price=price) for n, price in enumerate(("1.5", "EUR 2.00", '"3,50"', "1.23456", "7"))]
    report = shop.load_one("north", csv(*rows))

    assert report.reasons == {"invalid_price": 3}


def test_a_retyped_column_of_a_parquet_file_is_cast_strictly(shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "retyped.parquet"
    select = """
        select 's' || n as sale_id, n::double as line, n as note, (n / 2)::varchar as price,
          timestamp '2024-03-01' as sold_at from (values (1.0), (2.5), (4.0)) as t(n)"""
    duckdb.execute(f"copy ({select}) to '{path}' (format parquet)")
    report = shop.load_one("north", {"a.parquet": path.read_bytes()})

    assert report.reasons == {"invalid_line": 1}
    assert shop.raw("line, note, price::varchar") == [(1, "1.0", "0.5000"), (4, "4.0", "2.0000")]


def test_files_of_one_delivery_may_drift_differently(shop: Shop) -> None:
    files = {
        "a.csv": csv("s1,1,2,2024-03-01,x", header="sale_id,line,price,sold_at,colour"),
        "b.csv": csv("s2,1,hi,2,2024-03-01,y", header="sale_id,line,note,price,sold_at,size"),
    }
    report = shop.load_one("north", files)

    assert (report.drift.added, report.drift.missing_optional) == (("colour", "size"), ("note",))
    assert shop.raw("sale_id, note") == [("s1", None), ("s2", "hi")]


def test_a_text_with_a_nul_in_a_parquet_file_is_shown_without_it(shop: Shop, tmp_path: Path) -> None:
    """A Postgres catalog cannot hold a NUL, and DuckLake cannot look for one."""
    path = tmp_path / "nul.parquet"
    select = "select 's' || chr(0) as sale_id, 1 as line, 1.5 as price, date '2024-03-01' as sold_at"
    duckdb.execute(f"copy ({select}) to '{path}' (format parquet)")
    shop.load_one("north", {"a.parquet": path.read_bytes()})

    assert shop.raw() == ["s\\x00"]
