"""Conservation does not end at raw: a loaded row is on a day that can be run, or is reported as awaited."""

from __future__ import annotations

from tests.support.intake.fixtures import OpenShop
from tests.support.intake.shop import DAY, SALES, Shop, csv, row

from tidegate.intake.rows_without_a_day import AwaitingRows, awaiting_rows
from tidegate.window import ONE_DAY, Window

BEFORE = DAY - ONE_DAY


def test_rows_of_a_day_without_a_delivery_of_its_own_are_awaited_until_it_has_one(shop: Shop) -> None:
    contracts = {"sales": shop.contract}
    shop.load_one("north", csv(row(1), row(2, day=BEFORE), row(3, day=BEFORE)))
    for _ in range(2):
        assert awaiting_rows(shop.lake.con, contracts) == [AwaitingRows("sales", BEFORE, 2)]
        # Loaded again, nothing changes, and they are awaited still.
        shop.load(regions=["north"])

    shop.deliver("south", csv(), BEFORE)
    shop.load(Window.of_day(BEFORE), ["south"])
    assert awaiting_rows(shop.lake.con, contracts) == []


def test_a_row_that_does_not_say_when_it_happened_is_quarantined(open_shop: OpenShop) -> None:
    shop = open_shop(
        SALES.replace(
            "{name: sold_at, logicalType: timestamp, required: true}", "{name: sold_at, logicalType: timestamp}"
        )
    )
    report = shop.load_one("north", csv(row(1), "s2,1,,1.50,"))

    assert shop.contract.required[-1] == "sold_at"
    assert (report.rows_loaded, report.reasons) == (1, {"missing_sold_at": 1})
