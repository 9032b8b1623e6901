"""Loading: what lands in raw, what stays, and what the ledger says about it."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from tests.support.intake.fixtures import OpenShop
from tests.support.intake.shop import DAY, HEADER, SALES, Shop, csv, row
from tests.support.lake.queries import checks_of_day

from tidegate.errors import TidegateError
from tidegate.ledger.deliveries import newest_deliveries
from tidegate.window import Window

NEXT_DAY = DAY + dt.timedelta(days=1)
TEN = dt.datetime(2024, 3, 1, 10)  # noqa: DTZ001 - raw holds naive UTC
BOTH_DAYS = Window(DAY, DAY + dt.timedelta(days=2))


def test_rows_are_typed_and_say_where_they_come_from(shop: Shop) -> None:
    report = shop.load_one("north", csv(row(1, note="hello"), row(2, price="2")))

    assert (report.status, report.rows_read, report.rows_loaded) == ("accepted", 2, 2)
    assert shop.raw("sale_id, line, note, price::varchar, sold_at, _region, _delivered_on, _file, _fingerprint") == [
        ("s1", 1, "hello", "1.5000", TEN, "north", DAY, "sales.csv", report.fingerprint),
        ("s2", 1, None, "2.0000", TEN, "north", DAY, "sales.csv", report.fingerprint),
    ]


def test_raw_columns_say_what_they_mean_and_checks_what_was_counted(shop: Shop) -> None:
    report = shop.load_one("north", csv(row(1), row(2, price="free")))
    comments = dict(
        shop.lake.con.execute(
            "select column_name, comment from duckdb_columns() where schema_name = 'raw' and comment is not null"
        ).fetchall()
    )
    assert comments["_delivered_on"] == "The day that it was delivered for."
    figures = {check.name: check.figures for check in report.checks}
    assert all(figures.values()), "Dagster draws numbers only"
    assert {"rows_read": 2, "rows_quarantined": 1, "invalid_price": 1} in figures.values()


def test_broken_rows_are_quarantined_with_reason_file_and_line(shop: Shop) -> None:
    report = shop.load_one(
        "north", csv(row(1), "only,two", row(2, price="free"), "also,two", "more,two", row(3), row(4, price=""))
    )

    assert report.status == "accepted"
    assert report.rows_read == 7 == report.rows_loaded + report.rows_quarantined
    assert report.reasons == {"unparsable_line": 3, "invalid_price": 1, "missing_price": 1}
    assert shop.quarantined("_line, reasons, _file") == [
        (3, ["unparsable_line", "too few fields"], "sales.csv"),
        (4, ["invalid_price"], "sales.csv"),
        (5, ["unparsable_line", "too few fields"], "sales.csv"),
        (6, ["unparsable_line", "too few fields"], "sales.csv"),
        (8, ["missing_price"], "sales.csv"),
    ]
    assert shop.quarantined("raw", "_line = 3") == ["only,two"]
    assert json.loads(shop.quarantined("raw", "_line = 4")[0]) == {
        "sale_id": "s2",
        "line": "1",
        "note": None,
        "price": "free",
        "sold_at": "2024-03-01T10:00:00Z",
    }


def test_of_equal_keys_the_last_line_wins_across_files(shop: Shop) -> None:
    files = {
        "b.csv": csv(row(1, note="second"), row(2)),
        "a.csv": csv(row(1, note="first"), row(3, note="x"), row(3, note="y")),
    }
    report = shop.load_one("north", files)

    assert shop.raw("sale_id, note") == [("s1", "second"), ("s2", None), ("s3", "y")]
    assert report.reasons == {"duplicate_key": 2}


def test_the_last_file_wins_even_when_another_was_mended_or_has_other_columns(shop: Shop) -> None:
    files = {
        # The blank line makes it a file to be fixed, so it is read after the others.
        "a.csv": csv(row(1, note="first"), "", row(2, note="first")),
        "b.csv": csv("s1,1,2024-03-01 10:00:00,1", header="sale_id,line,sold_at,price"),
        "c.jsonl": b'{"sale_id":"s2","line":1,"note":"last","price":1,"sold_at":"2024-03-01 10:00:00"}\n',
    }
    shop.load_one("north", files)

    assert shop.raw("sale_id, note") == [("s1", None), ("s2", "last")]


def test_loading_again_changes_nothing_and_touches_nothing(shop: Shop) -> None:
    content = csv(row(1), row(1), "broken", row(2))
    first = shop.load_one("north", content)
    before = shop.content()
    again = shop.load(regions=["north"], run_id="another")["north"]

    assert shop.content() == before
    assert first.touched == (DAY,)
    assert again.fingerprint == first.fingerprint
    assert again.touched == ()


def test_an_empty_delivery_empties_its_partition(shop: Shop) -> None:
    shop.load_one("north", csv(row(1, day=DAY), row(2, day=DAY - dt.timedelta(days=1)), "broken"))
    report = shop.load_one("north", csv())

    assert (report.status, report.rows_read) == ("accepted", 0)
    assert report.touched == (DAY - dt.timedelta(days=1), DAY)
    assert shop.raw() == [] == shop.quarantined()


def test_touched_are_the_event_dates_of_rows_added_changed_and_removed(shop: Shop) -> None:
    days = [DAY - dt.timedelta(days=n) for n in range(5)]
    shop.load_one("north", csv(*(row(n, day=day) for n, day in enumerate(days))))
    changed = [
        row(0, day=days[0]),
        row(1, day=days[1], note="changed"),
        # Row 2 moved from one day to another, row 3 went, row 4 stayed.
        row(2, day=days[0]),
        row(4, day=days[4]),
    ]
    report = shop.load_one("north", csv(*changed))

    assert report.touched == tuple(sorted([days[0], days[1], days[2], days[3]]))


def test_a_row_that_moves_to_another_day_touches_the_one_it_leaves(shop: Shop) -> None:
    shop.deliver("north", csv(row(1), row(2)), DAY)
    shop.deliver("north", csv(row(1, day=NEXT_DAY), row(3, day=NEXT_DAY)), NEXT_DAY)
    shop.load(Window.of_day(DAY))
    report = shop.load(Window.of_day(NEXT_DAY))["north"]

    assert report.touched == (DAY, NEXT_DAY)


def test_a_rejected_delivery_keeps_the_rows_before_it_and_quarantines_all_of_its_own(shop: Shop) -> None:
    shop.load_one("north", csv(row(1), row(2)))
    report = shop.load_one("north", csv(row(3), row(4, price="free"), row(5, price="free"), "broken"))

    assert report.status == "rejected"
    assert report.rejection is not None
    assert report.rejection.startswith("sales/north 2024-03-01 rejected: 3 of 4 rows (75 %) broke the contract")
    assert (report.rows_read, report.rows_loaded, report.rows_quarantined) == (4, 0, 4)
    assert report.touched == ()
    assert shop.raw() == ["s1", "s2"]
    assert shop.quarantined("_line, reasons") == [
        (2, ["delivery_rejected"]),
        (3, ["invalid_price"]),
        (4, ["invalid_price"]),
        (5, ["unparsable_line", "too few fields"]),
    ]
    assert json.loads(shop.quarantined("raw", "_line = 2")[0])["sale_id"] == "s3"


def test_a_mended_delivery_takes_the_place_of_a_rejected_one(shop: Shop) -> None:
    shop.load_one("north", csv(row(1, price="free")))
    report = shop.load_one("north", csv(row(1)))

    assert report.status == "accepted"
    assert shop.raw() == ["s1"]
    assert shop.quarantined() == []


def test_a_batch_overwrites_only_the_regions_and_days_that_came(shop: Shop) -> None:
    for day in (DAY, NEXT_DAY):
        for number, region in enumerate(("north", "south", "west")):
            shop.deliver(region, csv(row(number, note=f"old {day}", day=day)), day)
    shop.load(BOTH_DAYS)
    shop.deliver("south", csv(row(1, note="new")), DAY)
    shop.deliver("west", csv(row(2, note="never")), NEXT_DAY, complete=False)
    reports = shop.load(BOTH_DAYS)

    assert reports["west"].status == "missing"
    assert shop.raw("_region, _delivered_on, note") == [
        ("north", DAY, f"old {DAY}"),
        ("north", NEXT_DAY, f"old {NEXT_DAY}"),
        ("south", DAY, "new"),
        ("south", NEXT_DAY, f"old {NEXT_DAY}"),
        ("west", DAY, f"old {DAY}"),
        ("west", NEXT_DAY, f"old {NEXT_DAY}"),
    ]


def test_a_delivery_without_its_marker_is_missing_and_says_so(shop: Shop) -> None:
    shop.deliver("north", csv(row(1)), complete=False)
    report = shop.load(regions=["north"])["north"]

    assert report.status == "missing"
    assert report.rejection is not None
    assert "has no _SUCCESS file yet" in report.rejection


def test_what_was_never_delivered_is_missing_and_says_where_it_should_be(shop: Shop) -> None:
    report = shop.load(regions=["north"])["north"]

    assert report.status == "missing"
    assert report.rejection is not None
    assert str(shop.folder("north")) in report.rejection


def test_the_archive_stands_in_for_landing_once_it_is_purged(shop: Shop) -> None:
    shop.load_one("north", csv(row(1)))
    newest = shop.load_one("north", csv(row(2)))
    before = shop.content()
    for file in shop.folder("north").iterdir():
        file.unlink()
    report = shop.load(regions=["north"])["north"]

    assert (report.status, report.fingerprint, report.touched) == ("accepted", newest.fingerprint, ())
    assert shop.content() == before
    assert shop.load(regions=["north"], from_landing=True)["north"].status == "missing"


def test_a_capture_that_never_came_to_the_ledger_is_found_in_the_archive(shop: Shop) -> None:
    """A crash between capture and commit, and landing purged before the next run."""
    shop.load_one("north", csv(row(1)))
    shop.lake.con.execute("delete from ops.deliveries")
    for file in shop.folder("north").iterdir():
        file.unlink()

    assert shop.load(regions=["north"])["north"].status == "accepted"


def test_the_ledger_holds_the_verdict_and_the_checks(shop: Shop) -> None:
    report = shop.load_one("north", csv(row(1), "broken", header=HEADER))
    [record] = newest_deliveries(shop.lake.con, "sales", Window.of_day(DAY))
    checks = {check.check_name: check for check in checks_of_day(shop.lake.con, DAY)}

    assert (record.region, record.verdict, record.reason, record.contract_version) == (
        "north",
        "accepted",
        None,
        "1.0.0",
    )
    assert (record.files, record.rows_read, record.rows_loaded, record.rows_quarantined) == (1, 2, 1, 1)
    assert record.touched == (DAY,)
    assert json.loads(record.measures)["reasons"] == {"unparsable_line": 1}
    assert checks.keys() == {check.name for check in report.checks}
    accounted = checks["every_row_is_accounted_for"]
    assert (accounted.asset, accounted.subject, accounted.passed) == ("raw/sales/north", report.fingerprint, True)
    assert not checks["values_are_valid"].passed


def test_files_of_two_deliveries_with_the_same_bytes_are_loaded_twice(shop: Shop) -> None:
    content = csv(row(1), "broken", row(2))
    for region in ("north", "south"):
        shop.deliver(region, content)
    reports = shop.load(regions=["north", "south"])

    assert reports["north"].rows_read == 3 == reports["south"].rows_read
    assert shop.raw("_region, sale_id") == [("north", "s1"), ("north", "s2"), ("south", "s1"), ("south", "s2")]
    assert shop.quarantined("_region, _line") == [("north", 3), ("south", 3)]


def test_a_region_that_the_contract_does_not_know_is_refused(shop: Shop) -> None:
    with pytest.raises(TidegateError, match="has no region mars"):
        shop.load(regions=["mars"])


@pytest.mark.slow
def test_lines_keep_their_order_in_a_file_that_is_read_in_parallel(shop: Shop) -> None:
    """DuckDB reads 32 MB at a time; a join over the file's name used to mix the pieces up."""
    count = 280_000
    lines = [f"s{n // 2},1,{'x' * 200}{n % 2},1,2024-03-01 10:00:00" for n in range(count)]
    broken = [1, 120_000, 260_000]
    for position in broken:
        lines[position] += ",1"
    report = shop.load_one("north", csv(*lines))

    assert report.rows_read == count
    assert shop.quarantined("_line", "reasons[1] = 'unparsable_line'") == [position + 2 for position in broken]
    # The key of a broken last line is won by the line before it.
    assert shop.raw("sale_id", "note like '%0'") == ["s0"]


def test_a_column_may_have_a_name_that_loading_uses_for_itself(open_shop: OpenShop) -> None:
    names = ["lines_before", "reasons", "raw", "nth", "event_date", "content", "filename"]
    columns = "\n".join(f"      - {{name: {name}, logicalType: string}}" for name in names)
    shop = open_shop(SALES.replace("      - {name: note, logicalType: string}", columns))
    header = HEADER.replace("note", ",".join(names))

    def noted(note: str) -> str:
        return ",".join(f"{note} {name}" for name in names)

    rows = csv(row(1, note=noted("first")), row(2, note=noted("first"), price="-1"), "broken", header=header)
    report = shop.load_one("north", rows)
    again = shop.load_one("north", csv(row(1, note=noted("second")), header=header))

    assert (report.rows_loaded, report.rows_quarantined, again.rows_loaded) == (1, 2, 1)
    assert [",".join(values) for values in shop.raw(", ".join(f'"{name}"' for name in names))] == [noted("second")]


def with_properties(contract: str, **properties: str) -> str:
    written = "".join(f"\n  - {{property: {name}, value: {value}}}" for name, value in properties.items())
    return contract.replace("customProperties:", f"customProperties:{written}")


def test_a_file_of_a_month_puts_each_row_on_its_day(open_shop: OpenShop) -> None:
    monthly = SALES.replace("sales/north/{day}", "drop/sales_{day:%Y%m}*.csv")
    shop = open_shop(with_properties(monthly, readiness="all_regions", emptyFiles="no_rows"))
    first, last = dt.date(2024, 2, 1), dt.date(2024, 2, 29)
    (shop.landing / "drop").mkdir(parents=True)
    (shop.landing / "drop" / "sales_202402.csv").write_bytes(csv(row(1, day=first), row(2, day=last), row(3, day=DAY)))
    (shop.landing / "drop" / "sales_202402_2.csv").touch()
    report = shop.load(Window.of_day(last), regions=["north"])["north"]

    assert (report.rows_read, report.touched) == (3, (first, last))
    assert shop.raw("sale_id, sold_at::date::varchar") == [("s1", str(first)), ("s2", str(last))]
    assert shop.quarantined() == [["in_the_future"]]
    region = shop.contract.region("north")
    assert [day for day in (first, last, DAY) if day in region.delivers_on] == [last]


def test_a_day_of_empty_files_has_no_rows_where_the_contract_says_so(open_shop: OpenShop) -> None:
    shop = open_shop(with_properties(SALES, emptyFiles="no_rows"))
    report = shop.load_one("north", {"a.csv": b"", "b.parquet": b""})

    assert (report.status, report.rows_read) == ("accepted", 0)
