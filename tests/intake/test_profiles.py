"""Deliveries beside the source's past: what the ledger keeps of them, and a verdict that the order does not change."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.intake.shop import DAY, HEADER, SALES, Shop, csv, open_shop_in, row

from tidegate.ledger.deliveries import newest_deliveries
from tidegate.ledger.names import Partition
from tidegate.ledger.profiles import profile_rows
from tidegate.window import ONE_DAY, Window

STRICT = (
    SALES.replace("customProperties:\n", "customProperties:\n  - {property: anomaly, value: reject}\n", 1)
    .replace('  - {server: south, type: local, path: "sales/south/{day}", format: auto}\n', "")
    .replace('  - {server: west, type: local, path: "sales/west/{day}", format: auto}\n', "")
)
# Five of each weekday before the day.
FIRST = DAY - 35 * ONE_DAY
PAST, TODAY = Window(FIRST, DAY), Window.of_day(DAY)


def deliver(shop: Shop, window: Window, rows: int) -> None:
    for day in window.days:
        lines = [row(n, price=f"{10 + n}.00", day=day) for n in range(rows)]
        shop.deliver("north", csv(*lines, header=HEADER), day)


def verdicts(shop: Shop) -> dict[Partition, str]:
    return {each.partition: each.verdict for each in newest_deliveries(shop.lake.con, "sales", None)}


@pytest.fixture
def strict(tmp_path: Path) -> Shop:
    return open_shop_in(tmp_path, STRICT)


@pytest.mark.slow
def test_a_delivery_that_is_unusual_is_rejected_in_whatever_order_the_past_arrives(strict: Shop) -> None:
    deliver(strict, PAST, rows=40)
    deliver(strict, TODAY, rows=3)
    # Nothing is known: it is let in, and once the past is loaded, it is judged again.
    assert strict.load(TODAY)["north"].status == "accepted"
    strict.load(Window(FIRST + 7 * ONE_DAY, DAY))
    assert verdicts(strict)[Partition("north", DAY)] == "accepted"
    strict.load(Window(FIRST, FIRST + 7 * ONE_DAY))
    assert verdicts(strict)[Partition("north", DAY)] == "rejected"
    newest = newest_deliveries(strict.lake.con, "sales", TODAY)
    assert "3 rows are unusual: 40 on this weekday" in str(newest[0].reason)
    # What was loaded while nothing was known stays, as the last good version does.
    assert len(strict.raw(where=f"_delivered_on = date '{DAY}'")) == 3
    # The same the other way round, when the past is loaded first.
    assert strict.load(TODAY)["north"].status == "rejected"

    # The past turns out to be as small: what was rejected beside it is loaded, though nobody delivers it again.
    deliver(strict, PAST, rows=4)
    strict.load(PAST)
    assert verdicts(strict)[Partition("north", DAY)] == "accepted"
    assert set(verdicts(strict).values()) == {"accepted"}


@pytest.mark.slow
def test_the_ledger_keeps_a_profile_of_what_the_contract_let_in(strict: Shop) -> None:
    deliver(strict, TODAY, rows=4)
    strict.load(TODAY)
    kept = profile_rows(strict.lake.con, "sales", DAY, DAY + ONE_DAY)
    assert {each.column_name: (each.row_count, each.nulls) for each in kept} == {
        None: (4, None), "sale_id": (4, 0), "line": (4, 0), "note": (4, 4), "price": (4, 0), "sold_at": (4, 0),
    }  # fmt: skip
    strict.load(TODAY)
    assert profile_rows(strict.lake.con, "sales", DAY, DAY + ONE_DAY) == kept

    strict.deliver("north", csv("no", "file", "of ours", header="x"), DAY)
    assert strict.load(TODAY)["north"].status == "rejected"
    assert profile_rows(strict.lake.con, "sales", DAY, DAY + ONE_DAY) == kept

    deliver(strict, TODAY, rows=5)
    strict.load(TODAY)
    assert [each.row_count for each in profile_rows(strict.lake.con, "sales", DAY, DAY + ONE_DAY)] == [5] * 6
