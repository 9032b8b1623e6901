"""Deliveries that are whole tables: what the newest no longer has is deleted, in whatever order they come."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path

import duckdb
import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.examples import examples
from tests.support.intake.fixtures import OpenShop

from tidegate.contract.model import Contract
from tidegate.contract.reading.odcs import load_contract
from tidegate.errors import ContractError
from tidegate.intake.rows import raw_columns
from tidegate.intake.touched import touched_dates
from tidegate.lake.sql import literal, quoted, rows_relation
from tidegate.ledger.names import Partition
from tidegate.window import Window

MACROS = Path(__file__).parents[2] / "platform" / "tidegate" / "dbt" / "macros" / "versions.sql"

CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: orders
version: 1.0.0
servers:
  - {server: east, type: local, path: "orders/east/{day}", format: csv}
  - {server: west, type: local, path: "orders/west/{day}", format: csv}
schema:
  - name: orders
    properties:
      - {name: id, logicalType: string, primaryKey: true}
      - {name: amount, logicalType: integer}
      - {name: happened, logicalType: date}
customProperties:
  - {property: eventTime, value: happened}
  - {property: snapshot, value: whole}
"""

EVENTS = [dt.date(2024, 3, 1), dt.date(2024, 3, 2), dt.date(2024, 3, 3)]
DELIVERED = [dt.date(2024, 3, 3), dt.date(2024, 3, 4), dt.date(2024, 3, 5)]
# By id: the day, and the amount.
Table = Mapping[str, tuple[dt.date, int]]
Deliveries = list[list[tuple[str, dt.date, Table]]]


def staging(day: dt.date) -> str:
    """The macro, as dbt compiles it for a day."""
    environment = jinja2.Environment()
    environment.globals["tidegate"] = {"happened_in_window": lambda column: f"{column} = date '{day}'"}
    query = environment.from_string(
        MACROS.read_text() + '{{ rows_of_newest_snapshot("delivered", "happened") }}'
    ).render()
    return f"with delivered as (select * from raw.orders where _delivered_on >= date '{day}') select * from ({query})"


class Mart:
    """What staging shows, built day by day, and only of the days that a batch is said to touch."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.con = duckdb.connect()
        columns = ", ".join(f"{quoted(name)} {kind}" for name, kind in raw_columns(contract).items())
        self.con.execute(f"create schema raw; create table raw.orders ({columns})")
        self.rows: dict[dt.date, list[tuple[object, ...]]] = {}

    def deliver(self, batch: list[tuple[str, dt.date, Table]]) -> set[dt.date]:
        """In place of what these regions delivered for these days before."""
        rows = [
            (name, amount, happened, region, day, "orders.csv", "f")
            for region, day, table in batch
            for name, (happened, amount) in table.items()
        ]
        new = rows_relation(raw_columns(self.contract), rows)
        partitions = [Partition(region, day) for region, day, _ in batch]
        touched = touched_dates(self.con, self.contract, partitions, new)
        for each in partitions:
            where = f"_region = {literal(each.region)} and _delivered_on = {literal(each.day)}"
            self.con.execute(f"delete from raw.orders where {where}")
        self.con.execute(f"insert into raw.orders {new}")
        dates = {date for each in partitions for date in touched.of(each)}
        for day in dates:
            query = f"select happened, _region, id, amount from ({staging(day)})"
            self.rows[day] = self.con.execute(query).fetchall()
        return dates

    @property
    def all(self) -> list[tuple[object, ...]]:
        return sorted(row for rows in self.rows.values() for row in rows)


TABLES = st.dictionaries(st.sampled_from("abc"), st.tuples(st.sampled_from(EVENTS), st.integers(1, 2)), min_size=1)
ONE = st.tuples(st.sampled_from(["east", "west"]), st.sampled_from(DELIVERED), TABLES)
BATCHES = st.lists(st.lists(ONE, min_size=1, max_size=3, unique_by=lambda each: each[:2]), min_size=1, max_size=6)


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> Contract:
    path = tmp_path_factory.mktemp("contracts") / "orders.odcs.yaml"
    path.write_text(CONTRACT)
    return load_contract(path)


@pytest.mark.slow
@examples(15)
@given(batches=BATCHES)
def test_what_is_shown_is_the_newest_table_of_each_region(contract: Contract, batches: Deliveries) -> None:
    mart = Mart(contract)
    last: dict[tuple[str, dt.date], Table] = {}
    for batch in batches:
        mart.deliver(batch)
        last |= {(region, day): table for region, day, table in batch}
    newest = {region: max(day for name, day in last if name == region) for region, _ in last}
    assert mart.all == sorted(
        (happened, region, name, amount)
        for region, day in newest.items()
        for name, (happened, amount) in last[region, day].items()
    )
    assert mart.deliver([(region, day, last[region, day]) for region, day in newest.items()]) == set()


def test_only_days_with_other_rows_are_restated(contract: Contract) -> None:
    mart = Mart(contract)
    first = {"a": (EVENTS[0], 1), "b": (EVENTS[1], 1), "c": (EVENTS[2], 1)}
    assert mart.deliver([("east", DELIVERED[1], first)]) == set(EVENTS)
    # b is gone, c has moved to another day, and another region knows nothing of it.
    assert mart.deliver([("west", DELIVERED[1], {"b": (EVENTS[1], 5)})]) == {EVENTS[1]}
    assert mart.deliver([("east", DELIVERED[2], {"a": (EVENTS[0], 1), "c": (EVENTS[1], 1)})]) == set(EVENTS[1:])
    # Older than what is shown.
    assert mart.deliver([("east", DELIVERED[0], {"z": (EVENTS[0], 9)})]) == set()


def test_a_whole_table_without_a_row_is_rejected_and_deletes_nothing(open_shop: OpenShop) -> None:
    shop = open_shop(CONTRACT)
    day, header = DELIVERED[0], "id,amount,happened\n"
    shop.deliver("east", {"a.csv": f"{header}a,1,2024-03-01\n".encode()}, day)
    assert shop.load(Window.of_day(day), ["east"])["east"].touched == (EVENTS[0],)
    shop.deliver("east", {"a.csv": header.encode()}, DELIVERED[1])
    report = shop.load(Window.of_day(DELIVERED[1]), ["east"])["east"]
    assert report.status == "rejected"
    assert "It is a whole table (snapshot) without a sound row, which would delete all." in (report.rejection or "")
    assert shop.raw("id") == ["a"]


@pytest.mark.parametrize(
    ("of", "to", "says"),
    [
        ("  - {property: eventTime, value: happened}\n", "", "without eventTime each day has the table of that day"),
        ("{property: snapshot", "{property: allowedLatenessDays, value: 3}\n  - {property: snapshot", "neither late"),
        ("value: whole", "value: part", "write one of whole"),
    ],
)
def test_a_snapshot_that_contradicts_itself_is_refused(open_shop: OpenShop, of: str, to: str, says: str) -> None:
    with pytest.raises(ContractError, match=says):
        open_shop(CONTRACT.replace(of, to))
