"""Deliveries that are whole tables: what the newest no longer has is deleted, in whatever order they come."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.examples import examples
from tests.support.intake.fixtures import OpenShop
from tests.support.intake.staged import Row, Staged

from tidegate.contract.model import Contract
from tidegate.contract.reading.odcs import load_contract
from tidegate.errors import ContractError
from tidegate.ledger.names import Partition
from tidegate.window import Window

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


def staged(contract: Contract) -> Staged:
    return Staged(contract, 'rows_of_newest_snapshot("delivered", "happened")', "happened, _region, id, amount")


def rows_of(batch: list[tuple[str, dt.date, Table]]) -> dict[Partition, list[Row]]:
    return {
        Partition(region, day): [
            (name, amount, happened, region, day, "orders.csv", "f") for name, (happened, amount) in table.items()
        ]
        for region, day, table in batch
    }


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
    mart = staged(contract)
    last: dict[tuple[str, dt.date], Table] = {}
    for batch in batches:
        mart.deliver(rows_of(batch))
        last |= {(region, day): table for region, day, table in batch}
    newest = {region: max(day for name, day in last if name == region) for region, _ in last}
    assert mart.all == sorted(
        (happened, region, name, amount)
        for region, day in newest.items()
        for name, (happened, amount) in last[region, day].items()
    )
    assert mart.deliver(rows_of([(region, day, last[region, day]) for region, day in newest.items()])) == set()


def test_only_days_with_other_rows_are_restated(contract: Contract) -> None:
    mart = staged(contract)
    first = {"a": (EVENTS[0], 1), "b": (EVENTS[1], 1), "c": (EVENTS[2], 1)}
    assert mart.deliver(rows_of([("east", DELIVERED[1], first)])) == set(EVENTS)
    # b is gone, c has moved to another day, and another region knows nothing of it.
    assert mart.deliver(rows_of([("west", DELIVERED[1], {"b": (EVENTS[1], 5)})])) == {EVENTS[1]}
    assert mart.deliver(rows_of([("east", DELIVERED[2], {"a": (EVENTS[0], 1), "c": (EVENTS[1], 1)})])) == set(
        EVENTS[1:]
    )
    # Older than what is shown.
    assert mart.deliver(rows_of([("east", DELIVERED[0], {"z": (EVENTS[0], 9)})])) == set()


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
