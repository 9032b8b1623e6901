"""A region that the contract no longer has leaves raw, and with it every figure; nothing of it is lost."""

from __future__ import annotations

import shutil

from tests.support.intake.shop import DAY, SALES, Shop, csv, row

from tidegate.contract.reading.odcs import load_contract
from tidegate.intake.read_quarantine import list_quarantine
from tidegate.intake.regions import regions_that_left
from tidegate.intake.removed_regions import withdraw_regions_that_left
from tidegate.ledger.deliveries import newest_deliveries, standing_deliveries
from tidegate.window import ONE_DAY, Window

BEFORE = DAY - ONE_DAY
NORTH = '  - {server: north, type: local, path: "sales/north/{day}", format: auto}\n'


def change_contract(shop: Shop, contract: str) -> None:
    shop.contract.path.write_text(contract)
    shop.contract = load_contract(shop.contract.path)


def test_a_region_that_is_renamed_is_not_counted_under_both_names(shop: Shop) -> None:
    """And its corrections stand, wherever the new name is in the alphabet."""
    shop.load_one("north", csv(row(1, price="3"), row(2, price="1", day=BEFORE)))
    change_contract(shop, SALES.replace("server: north", "server: zenith"))
    shop.deliver("zenith", csv(row(1, price="4")))
    report = shop.load(regions=["zenith"])["zenith"]

    assert shop.raw("_region, sale_id, price::varchar") == [("zenith", "s1", "4.0000")]
    entries = {entry.region: entry for entry in newest_deliveries(shop.lake.con, "sales", Window.of_day(DAY))}
    withdrawn = entries["north"]
    assert (withdrawn.verdict, withdrawn.touched) == ("withdrawn", (BEFORE, DAY))
    assert (withdrawn.rows_read, withdrawn.rows_loaded, withdrawn.rows_quarantined) == (2, 0, 2)
    assert report.touched == (DAY,)


def test_a_region_that_is_removed_leaves_and_comes_back_from_the_archive(shop: Shop) -> None:
    shop.deliver("north", csv(row(1), row(2, price="-1")))
    shop.deliver("south", csv(row(3)))
    shop.load(regions=["north", "south"])
    before = shop.content()
    shutil.rmtree(shop.folder("north"))

    change_contract(shop, SALES.replace(NORTH, ""))
    assert regions_that_left(shop.lake.con, shop.contract) == ["north"]
    withdraw_regions_that_left(shop.lake, shop.contract, "a-run")
    assert regions_that_left(shop.lake.con, shop.contract) == []
    assert shop.raw("_region, sale_id") == [("south", "s3")]
    assert [entry.region for entry in standing_deliveries(shop.lake.con, None)] == ["south"]
    kept = [(count.region, count.reason, count.rows) for count in list_quarantine(shop.lake.con)]
    assert kept == [("north", "price_below_minimum", 1), ("north", "region_withdrawn", 1)]

    change_contract(shop, SALES)
    assert shop.load(regions=["north"])["north"].touched == (DAY,)
    assert shop.content() == before


def test_what_a_day_does_not_wait_for_does_not_fail_its_load(shop: Shop) -> None:
    properties = "format: auto, customProperties: [{property: firstDay, value: 2024-03-02}]}"
    change_contract(shop, SALES.replace(NORTH, NORTH.replace("format: auto}", properties)))
    statuses = {report.region: report.status for report in shop.load().values()}
    assert statuses == {"north": "not expected", "south": "missing", "west": "missing"}
