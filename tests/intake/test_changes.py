"""Rows that are changes end in the same rows, in whatever order they come, repeated, and split into any deliveries."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.examples import examples
from tests.support.intake.fixtures import OpenShop
from tests.support.intake.staged import Row, Staged, staging

from tidegate.contract.model import Changes, Contract
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
  - {server: shop, type: local, path: "orders/{day}", format: json}
schema:
  - name: orders
    properties:
      - {name: id, logicalType: string, primaryKey: true}
      - {name: op, logicalType: string}
      - {name: lsn, logicalType: integer}
      - {name: amount, logicalType: integer, required: true, logicalTypeOptions: {minimum: 0}}
      - {name: happened, logicalType: date}
customProperties:
  - {property: eventTime, value: happened}
  - {property: operation, value: op}
  - {property: orderedBy, value: lsn}
  - {property: maxQuarantinedPercent, value: 100}
"""

EVENTS = [dt.date(2024, 3, 1), dt.date(2024, 3, 2), dt.date(2024, 3, 3)]
DELIVERED = [dt.date(2024, 3, 3), dt.date(2024, 3, 4), dt.date(2024, 3, 5)]


@dataclass(frozen=True)
class Change:
    id: str
    lsn: int
    # None: deleted, and nothing else is said.
    happened: dt.date | None


def truth(changes: Sequence[Change]) -> list[tuple[object, ...]]:
    last = {each.id: each for each in sorted(changes, key=lambda each: each.lsn)}
    return sorted((each.happened, each.id, each.lsn) for each in last.values() if each.happened)


MACRO = """rows_after_changes("delivered", ["id"], "lsn", "lower(op) = 'd'", "happened")"""


def rows_of(day: dt.date, changes: Sequence[Change]) -> dict[Partition, list[Row]]:
    return {
        Partition("shop", day): [
            (each.id, "u" if each.happened else "D", each.lsn, each.lsn, each.happened, "shop", day, "orders.json", "f")
            for each in changes
        ]
    }


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Change], list[tuple[dt.date, list[Change]]]]:
    """Changes, and deliveries of a day each that hold all of them, some repeatedly; a day may come again with more."""
    changes = [
        Change(draw(st.sampled_from("abc")), lsn, draw(st.none() | st.sampled_from(EVENTS)))
        for lsn in range(1, draw(st.integers(1, 7)) + 1)
    ]
    spread = [(draw(st.sampled_from(DELIVERED)), each) for each in changes for _ in range(draw(st.integers(1, 2)))]
    held: dict[dt.date, list[Change]] = {day: [] for day in DELIVERED}
    deliveries = []
    for day, each in draw(st.permutations(spread)):
        held[day].append(each)
        if draw(st.booleans()):
            deliveries.append((day, list(held[day])))
    # Whatever was gathered and not delivered yet.
    deliveries += [(day, list(held[day])) for day in draw(st.permutations(DELIVERED)) if held[day]]
    return changes, deliveries


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> Contract:
    path = tmp_path_factory.mktemp("contracts") / "orders.odcs.yaml"
    path.write_text(CONTRACT)
    return load_contract(path)


@pytest.mark.slow
@examples(12)
@given(history=histories())
def test_any_order_of_changes_ends_in_the_same_rows(
    contract: Contract, history: tuple[list[Change], list[tuple[dt.date, list[Change]]]]
) -> None:
    changes, deliveries = history
    mart = Staged(contract, MACRO, "happened, id, amount")
    for day, held in deliveries:
        mart.deliver(rows_of(day, held))
    assert mart.all == truth(changes)


def test_a_deleted_row_leaves_its_day_and_restates_it(open_shop: OpenShop) -> None:
    shop = open_shop(CONTRACT)
    kept = '{"id": "a", "op": "c", "lsn": 1, "amount": 1, "happened": "2024-03-01"}'
    gone = '{"id": "b", "op": "c", "lsn": 2, "amount": 2, "happened": "2024-03-01"}'
    deleted = '{"id": "b", "op": "d", "lsn": 3}'

    def load(day: dt.date, *lines: str) -> tuple[dt.date, ...]:
        shop.deliver("shop", {"orders.json": "\n".join(lines).encode()}, day)
        report = shop.load(Window.of_day(day))["shop"]
        assert (report.status, report.rows_loaded) == ("accepted", len(lines)), report.rejection
        return report.touched

    def shown() -> list[tuple[object, ...]]:
        return shop.lake.con.execute(f"select id, amount from ({staging(MACRO, EVENTS[0])}) order by all").fetchall()

    load(DELIVERED[0], kept, gone)
    assert shown() == [("a", 1), ("b", 2)]
    # In the same delivery, which has grown.
    assert EVENTS[0] in load(DELIVERED[0], kept, gone, deleted)
    assert shown() == [("a", 1)]
    # What was before the deletion, once more.
    load(DELIVERED[2], gone)
    assert shown() == [("a", 1)]


def test_of_what_is_deleted_only_key_operation_and_order_are_judged(open_shop: OpenShop) -> None:
    shop = open_shop(CONTRACT)
    lines = [
        '{"id": "a", "op": "d", "lsn": 1}',
        '{"id": "b", "op": "DELETE", "lsn": 2, "amount": -5, "happened": "2031-01-01"}',
        '{"op": "d", "lsn": 3}',
        '{"id": "c", "op": "d"}',
        '{"id": "d", "lsn": 5, "amount": 1, "happened": "2024-03-01"}',
        '{"id": "e", "op": "u", "lsn": 6, "amount": -1, "happened": "2024-03-01"}',
    ]
    shop.deliver("shop", {"orders.json": "\n".join(lines).encode()}, DELIVERED[0])
    shop.load(Window.of_day(DELIVERED[0]))
    assert shop.quarantined() == [["amount_below_minimum"], ["missing_id"], ["missing_lsn"], ["missing_op"]]


def test_the_example_of_the_docs_loads(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "contracts.md").read_text(encoding="utf-8")
    (example,) = re.findall(
        r"^```yaml\n(apiVersion[^`]*?property: operation,[^`]*?property: deletes[^`]*)^```", page, re.MULTILINE
    )
    path = tmp_path / "accounts.odcs.yaml"
    path.write_text(example)
    assert load_contract(path).changes == Changes("op", "lsn", ("d", "delete"))


@pytest.mark.parametrize(
    ("of", "to", "says"),
    [
        ("  - {property: orderedBy, value: lsn}\n", "", "which column tells the later"),
        ("orderedBy, value: lsn", "orderedBy, value: op", "is of type string"),
        ("operation, value: op", "operation, value: lsn", "is of type integer"),
        (", primaryKey: true", "", "no column is the key"),
        ("{property: operation", "{property: allowedLatenessDays, value: 3}\n  - {property: operation", "however late"),
        ("orderedBy, value: lsn", "orderedBy, value: lsm", "'lsm' is not a column"),
    ],
)
def test_changes_that_could_not_be_ordered_are_refused(open_shop: OpenShop, of: str, to: str, says: str) -> None:
    with pytest.raises(ContractError, match=says):
        open_shop(CONTRACT.replace(of, to))
