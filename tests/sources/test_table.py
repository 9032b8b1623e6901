"""A day's rows of tables that deltalake and pyiceberg wrote: exactly, of the newest version, and of no other file."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from tests.support.intake.archives import folder_archive
from tests.support.intake.fixtures import OpenShop

from tidegate.archive.manifest import Captured
from tidegate.contract.reading.odcs import load_contract
from tidegate.contract.table import TableKind, TableServer
from tidegate.errors import ContractError, TidegateError
from tidegate.placeholders import UTC_DAYS, Moments
from tidegate.sources.table import TableOrigin
from tidegate.window import ONE_DAY, Window
from tidegate.zones import UTC, Zone

DAY = dt.date(2024, 3, 1)
NEXT = DAY + ONE_DAY
LONG = Decimal("12345678901234567890.123456789012345678")

Rows = Sequence[tuple[str, Decimal | None, dt.date]]
ROWS: Rows = [("a", LONG, DAY), ("é", None, DAY), ("c", Decimal("0.30"), NEXT), ("d", Decimal("-0.07"), NEXT)]
# Writes rows, adds rows, and deletes those of an id.
Writer = tuple[Callable[[Rows], None], Callable[[Rows], None], Callable[[str], None]]


def arrow(rows: Rows) -> pa.Table:
    ids, amounts, days = zip(*rows, strict=True)
    at = [dt.datetime.combine(day, dt.time(23, 30), dt.UTC) for day in days]
    kinds = {
        "id": pa.string(),
        "amount": pa.decimal128(38, 18),
        "day": pa.date32(),
        "at": pa.timestamp("us", "UTC"),
        "filename": pa.string(),
    }
    columns = zip((ids, amounts, days, at, ids), kinds.values(), strict=True)
    return pa.table([pa.array(values, kind) for values, kind in columns], list(kinds))


def delta(folder: Path) -> Writer:
    def write(rows: Rows) -> None:
        write_deltalake(folder, arrow(rows), partition_by=["day"], mode="overwrite")

    def delete(gone: str) -> None:
        DeltaTable(folder).delete(f"id = '{gone}'")

    return write, lambda rows: write_deltalake(folder, arrow(rows), mode="append"), delete


def iceberg(folder: Path) -> Writer:
    # A second to import, for the slow tests alone.
    from pyiceberg.catalog.sql import SqlCatalog

    work = folder.parent / f"{folder.name}-catalog"
    work.mkdir(parents=True)
    catalog = SqlCatalog("tests", uri=f"sqlite:///{work}/catalog.db", warehouse=f"file://{work}")
    catalog.create_namespace("shop")
    # Its own column of that name would hide the one that tells the file.
    schema = arrow(ROWS).drop_columns(["filename"])
    table = catalog.create_table("shop.orders", schema.schema, location=f"file://{work}/written")
    with table.update_spec() as spec:
        spec.add_identity("day")

    def moved() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        # Where it is read is not where it was written.
        shutil.copytree(work / "written", folder)

    def write(rows: Rows) -> None:
        table.overwrite(arrow(rows).drop_columns(["filename"]))
        moved()

    def add(rows: Rows) -> None:
        table.append(arrow(rows).drop_columns(["filename"]))
        moved()

    def delete(gone: str) -> None:
        table.delete(f"id = '{gone}'")
        moved()

    return write, add, delete


WRITERS = {"delta": delta, "iceberg": iceberg}


def origin(landing: Path, kind: TableKind, column: str | None = "day", path: str = "lake/orders") -> TableOrigin:
    return TableOrigin("lake", TableServer(kind, path, column, newest_metadata=True), str(landing), UTC_DAYS)


def captured(asked: TableOrigin, folder: Path, day: dt.date = DAY) -> Captured | None:
    return asked.capture(folder_archive(folder / "archive"), "orders", day)


def rows_of(asked: TableOrigin, folder: Path, day: dt.date = DAY) -> list[tuple[object, ...]]:
    found = captured(asked, folder, day)
    assert found is not None
    (kept,) = found.files
    file = folder_archive(folder / "archive").local(kept)
    return duckdb.sql(f"select id, amount, day from read_parquet('{file}') order by all").fetchall()


@pytest.mark.parametrize("kind", ["delta", pytest.param("iceberg", marks=pytest.mark.slow)])
def test_a_day_is_the_rows_that_the_newest_version_has_of_it(kind: TableKind, tmp_path: Path) -> None:
    write, add, delete = WRITERS[kind](tmp_path / "lake" / "orders")
    write(ROWS[2:])
    write(ROWS)
    asked = origin(tmp_path, kind)
    assert rows_of(asked, tmp_path) == sorted(ROWS[:2])
    assert captured(asked, tmp_path, DAY - ONE_DAY) is None
    first = asked.ready_days([NEXT, DAY, DAY - ONE_DAY])
    assert list(first) == [DAY, NEXT]

    add([("x", Decimal(7), NEXT)])
    second = asked.ready_days([DAY, NEXT])
    assert (second[DAY], second[NEXT] == first[NEXT]) == (first[DAY], False)
    delete("é")
    assert asked.ready_days([DAY]) != {DAY: first[DAY]}
    assert rows_of(asked, tmp_path) == [ROWS[0]]
    delete("a")
    assert (asked.ready_days([DAY]), captured(asked, tmp_path)) == ({}, None)
    assert rows_of(asked, tmp_path, NEXT) == sorted([*ROWS[2:], ("x", Decimal(7), NEXT)])


def test_rows_that_only_lie_in_other_files_are_the_same_delivery(tmp_path: Path) -> None:
    write, add, _ = delta(tmp_path / "lake" / "orders")
    write(ROWS[:1])
    add(ROWS[1:])
    asked = origin(tmp_path, "delta")
    before, state = captured(asked, tmp_path), asked.ready_days([DAY])
    DeltaTable(tmp_path / "lake" / "orders").optimize.compact()
    assert asked.ready_days([DAY]) != state
    assert captured(asked, tmp_path) == before


def test_a_day_of_moments_is_that_of_the_platforms_time_zone(tmp_path: Path) -> None:
    write, *_ = delta(tmp_path / "lake" / "orders")
    write(ROWS)
    asked = origin(tmp_path, "delta", "AT")
    assert rows_of(asked, tmp_path) == sorted(ROWS[:2])
    berlin = replace(asked, moments=Moments(UTC, Zone("Europe/Berlin")))
    # 23:30 in London is 00:30 in Berlin.
    assert rows_of(berlin, tmp_path, NEXT) == sorted(ROWS[:2])


@pytest.mark.parametrize("kind", ["delta", pytest.param("iceberg", marks=pytest.mark.slow)])
def test_a_table_a_day_is_found_by_its_path(kind: TableKind, tmp_path: Path) -> None:
    write, add, _ = WRITERS[kind](tmp_path / "lake" / str(DAY))
    write(ROWS)
    asked = origin(tmp_path, kind, None, "lake/{day}")
    assert rows_of(asked, tmp_path) == sorted(ROWS)
    before = asked.ready_days([DAY, NEXT])
    add(ROWS[:1])
    after = asked.ready_days([DAY, NEXT])
    assert (list(before), list(after), before == after) == ([DAY], [DAY], False)


@pytest.mark.slow
def test_a_day_larger_than_memory_spills_beside_nothing_of_anybodys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidegate.sources.table._OWN", {"threads": 1, "memory_limit": "60MB"})
    # Where DuckDB would spill by itself: no folder can be made there.
    (tmp_path / ".tmp").touch()
    monkeypatch.chdir(tmp_path)
    count = 600_000
    numbers = duckdb.sql(
        f"select hash(i)::varchar || repeat('x', 60) as id, date '{DAY}' as day from range({count}) t(i)"
    )
    write_deltalake(tmp_path / "landing" / "lake" / "orders", numbers.to_arrow_table())

    found = captured(origin(tmp_path / "landing", "delta"), tmp_path)

    assert found is not None
    file = folder_archive(tmp_path / "archive").local(found.files[0])
    assert duckdb.sql(f"select count(distinct id) from read_parquet('{file}')").fetchall() == [(count,)]


def test_what_is_no_table_or_leads_out_of_it_is_told(tmp_path: Path) -> None:
    outside = tmp_path / "elsewhere"
    write, *_ = delta(outside)
    write(ROWS)
    landing = tmp_path / "landing"
    (landing / "lake").mkdir(parents=True)
    asked = origin(landing, "delta")
    assert (asked.ready_days([DAY]), captured(asked, tmp_path)) == ({}, None)

    (landing / "lake" / "orders").symlink_to(outside)
    with pytest.raises(TidegateError, match="is a link that leads out of landing"):
        captured(asked, tmp_path)
    (landing / "lake" / "orders").unlink()
    shutil.copytree(outside, landing / "lake" / "orders")
    with pytest.raises(
        TidegateError, match=r"has no column 'when'. .* Its columns are id, amount, day, .*correct dayC"
    ):
        captured(origin(landing, "delta", "when"), tmp_path)
    with pytest.raises(TidegateError, match=r"amount of the Delta table .* is of type DECIMAL"):
        origin(landing, "delta", "amount").ready_days([DAY])
    for data in (landing / "lake" / "orders").rglob("*.parquet"):
        shutil.move(data, tmp_path / data.name)
        data.symlink_to(tmp_path / data.name)
    with pytest.raises(TidegateError, match="cannot be read: it names a file outside of it"):
        captured(asked, tmp_path)
    (log,) = (landing / "lake" / "orders" / "_delta_log").glob("*.json")
    log.write_text(log.read_text()[:-40])
    with pytest.raises(TidegateError, match="cannot be read: ") as told:
        captured(asked, tmp_path)
    assert "\n" not in str(told.value)
    with pytest.raises(TidegateError, match=r"TIDEGATE_LANDING is s3://shop/x, and tables .* are read from a folder"):
        replace(asked, landing="s3://shop/x").ready_days([DAY])


@pytest.mark.slow
def test_of_a_table_in_iceberg_no_version_is_guessed(tmp_path: Path) -> None:
    write, *_ = iceberg(tmp_path / "lake" / "orders")
    write(ROWS)
    newest = origin(tmp_path, "iceberg")
    by_hint = replace(newest, server=replace(newest.server, newest_metadata=False))
    with pytest.raises(TidegateError, match=r"only its catalog knows which version counts.*`metadata: newest`"):
        captured(by_hint, tmp_path)

    metadata = tmp_path / "lake" / "orders" / "metadata"
    last = max(metadata.glob("*.metadata.json"))
    (metadata / "version-hint.text").write_text(str(int(last.name.partition("-")[0])))
    assert rows_of(by_hint, tmp_path) == sorted(ROWS[:2])
    # Two writers, of which one lost.
    shutil.copy(last, last.with_name(f"{last.name.partition('-')[0]}-other.metadata.json"))
    with pytest.raises(TidegateError, match="has 2 descriptions of its newest version"):
        captured(by_hint, tmp_path)
    (metadata / "version-hint.text").write_text("99")
    with pytest.raises(TidegateError, match="has no description of its newest version"):
        captured(newest, tmp_path)


CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: orders
version: 1.0.0
servers:
  - {server: lake, type: delta, path: lake/orders, customProperties: [{property: dayColumn, value: day}]}
schema:
  - name: orders
    properties:
      - {name: id, logicalType: string, primaryKey: true}
      - {name: amount, logicalType: number, physicalType: "decimal(38,18)"}
      - {name: day, logicalType: date}
customProperties:
  - {property: eventTime, value: day}
"""


@pytest.mark.slow
def test_a_day_of_a_table_loads_by_contract_alone(open_shop: OpenShop) -> None:
    shop = open_shop(CONTRACT)
    write, _, delete = delta(shop.landing / "lake" / "orders")
    write(ROWS)
    reports = shop.load_each(Window(DAY, NEXT + ONE_DAY))
    assert {day: report.rows_loaded for (_, day), report in reports.items()} == {DAY: 2, NEXT: 2}
    assert sorted(shop.raw("id, amount, day")) == sorted(ROWS)
    delete("c")
    assert shop.load(Window.of_day(NEXT))["lake"].touched == (NEXT,)
    assert sorted(shop.raw("id")) == ["a", "d", "é"]


@pytest.mark.parametrize(
    ("server", "says"),
    [
        ("type: delta, path: lake/orders", "nothing says how a day is found in the table 'lake/orders'"),
        ('type: delta, path: "lake/{day}*"', "has a wildcard; write the path of one table for each day"),
        ('type: iceberg, path: "lake/{day:%H}"', "has a day written as '%H'"),
        ("type: delta, path: ../x, customProperties: [{property: dayColumn, value: day}]", "is not a plain path"),
        ('type: delta, path: "x/{day}", customProperties: [{property: dayColumn, value: day}]', "write one of them"),
        ('type: delta, path: "x/{day}", customProperties: [{property: metadata, value: newest}]', "has no effect"),
        ('type: iceberg, path: "x/{day}", customProperties: [{property: metadata, value: x}]', "write one of hint"),
    ],
)
def test_a_table_in_which_no_day_can_be_found_is_refused(tmp_path: Path, server: str, says: str) -> None:
    path = tmp_path / "orders.odcs.yaml"
    start = CONTRACT.index("type: delta")
    path.write_text(f"{CONTRACT[:start]}{server}}}{CONTRACT[CONTRACT.index('}]}', start) + 3 :]}")
    with pytest.raises(ContractError) as refused:
        load_contract(path)
    assert says in str(refused.value)
