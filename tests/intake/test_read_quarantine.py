"""Looking into quarantine, and loading from it what was fixed."""

from __future__ import annotations

import datetime as dt

from tests.support.intake.shop import DAY, SALES, Shop, csv, row

from tidegate.contract.model import Contract
from tidegate.contract.reading.odcs import load_contract
from tidegate.intake.load import DeliveryReport, load_deliveries
from tidegate.intake.read_quarantine import QuarantineCount, QuarantinedRow, list_quarantine, show
from tidegate.lake.sql import literal
from tidegate.ledger.deliveries import good_deliveries, newest_deliveries, standing_deliveries
from tidegate.ledger.known import days_without_rejected
from tidegate.ledger.names import Partition
from tidegate.window import ONE_DAY, Window

BOTH_DAYS = Window(DAY, DAY + ONE_DAY * 2)


def deliver_dirt(shop: Shop) -> None:
    shop.deliver("north", csv(row(1), row(2, price="-1"), row(3, price="-2"), "broken", row(9)))
    shop.deliver("south", csv(row(4), row(5, price="free")), DAY + ONE_DAY)
    shop.deliver("west", csv(row(6)))
    shop.load(BOTH_DAYS)


def test_quarantine_is_listed_by_delivery_and_reason(shop: Shop) -> None:
    deliver_dirt(shop)

    assert [(count.region, count.day, count.rows, count.reason) for count in list_quarantine(shop.lake.con)] == [
        ("north", DAY, 2, "price_below_minimum"),
        ("north", DAY, 1, "too few fields"),
        ("north", DAY, 1, "unparsable_line"),
        ("south", DAY + ONE_DAY, 1, "invalid_price"),
    ]
    assert list_quarantine(shop.lake.con, "sales", "south", Window.of_day(DAY)) == []
    assert list_quarantine(shop.lake.con, "sales", "south", BOTH_DAYS) == [
        QuarantineCount("sales", "south", DAY + ONE_DAY, "invalid_price", 1)
    ]
    assert list_quarantine(shop.lake.con, "unheard_of") == []


def test_quarantined_rows_are_shown_with_their_place(shop: Shop) -> None:
    deliver_dirt(shop)

    assert show(shop.lake.con, "sales", reason="unparsable_line") == [
        QuarantinedRow("north", DAY, "sales.csv", 5, ("unparsable_line", "too few fields"), "broken")
    ]
    assert len(show(shop.lake.con, "sales", limit=2)) == 2
    assert show(shop.lake.con, "unheard_of") == []


def test_nothing_is_in_quarantine_before_anything_was_loaded(shop: Shop) -> None:
    assert list_quarantine(shop.lake.con) == []


def again(shop: Shop, contract: Contract, window: Window, regions: list[str] | None = None) -> list[DeliveryReport]:
    """What a replay is: the same days once more, by the contract and the files as they are now."""
    reports = load_deliveries(shop.lake, contract, window, regions, outside=shop.outside, run_id="a-replay")
    return [report for report in reports if report.status != "missing"]


def test_replay_judges_by_the_contract_as_it_is_now_from_the_archive(shop: Shop) -> None:
    deliver_dirt(shop)
    for file in shop.folder("north").iterdir():
        file.unlink()
    shop.contract.path.write_text(SALES.replace("minimum: 0", "minimum: -1"))
    fixed = load_contract(shop.contract.path)
    reports = again(shop, fixed, BOTH_DAYS, ["north", "south"])

    assert [(report.region, report.rows_loaded) for report in reports] == [("north", 3), ("south", 1)]
    assert shop.raw("sale_id", "_region = 'north'") == ["s1", "s2", "s9"]
    assert len(show(shop.lake.con, "sales", "north")) == 2


def test_replay_takes_a_mended_file_from_landing(shop: Shop) -> None:
    deliver_dirt(shop)
    shop.deliver("north", csv(row(1), row(2), row(3)))
    reports = again(shop, shop.contract, BOTH_DAYS, ["north"])

    assert [report.region for report in reports] == ["north"]
    assert shop.raw("sale_id", "_region = 'north'") == ["s1", "s2", "s3"]
    assert list_quarantine(shop.lake.con, "sales", "north") == []


def test_replay_loads_a_rejected_delivery_once_the_contract_allows_it(shop: Shop) -> None:
    shop.load_one("north", csv(row(1), *(row(n, price="-1") for n in range(2, 9))))
    assert shop.raw() == []
    shop.contract.path.write_text(SALES.replace("value: 74", "value: 90"))
    fixed = load_contract(shop.contract.path)
    [report] = again(shop, fixed, Window.of_day(DAY), ["north"])

    assert (report.status, report.day) == ("accepted", dt.date(2024, 3, 1))
    assert shop.raw() == ["s1"]
    assert shop.quarantined("reasons") == [["price_below_minimum"]] * 7


def test_rejecting_the_very_bytes_that_raw_holds_leaves_their_accepted_entry_and_rows(shop: Shop) -> None:
    first = shop.load_one("north", csv(row(1), row(2), row(3, price="-1")))
    shop.contract.path.write_text(SALES.replace("value: 74", "value: 0"))
    [second] = again(shop, load_contract(shop.contract.path), Window.of_day(DAY), ["north"])

    assert (first.status, second.status, second.fingerprint) == ("accepted", "rejected", first.fingerprint)
    [standing] = standing_deliveries(shop.lake.con, Window.of_day(DAY))
    [newest] = newest_deliveries(shop.lake.con, "sales", Window.of_day(DAY))
    assert (standing.rows_read, standing.rows_loaded, newest.verdict, newest.rows_loaded) == (3, 2, "rejected", 0)
    assert good_deliveries(shop.lake.con, "sales", Window.of_day(DAY)) == {Partition("north", DAY): standing.archive}
    # Each of the two accounts for its rows.
    for entry in (standing, newest):
        kept_out = shop.quarantined(where=f"_verdict = '{entry.verdict}'")
        assert len(kept_out) == entry.rows_quarantined == entry.rows_read - entry.rows_loaded
    assert len(shop.raw()) == standing.rows_loaded
    # Shown is what the newest says: each row once.
    assert sorted((count.reason, count.rows) for count in list_quarantine(shop.lake.con)) == [
        ("delivery_rejected", 2),
        ("price_below_minimum", 1),
    ]
    again(shop, shop.contract, Window.of_day(DAY), ["north"])
    [newest] = newest_deliveries(shop.lake.con, "sales", Window.of_day(DAY))
    assert (newest.verdict, len(shop.quarantined())) == ("accepted", 1)


def test_a_rejected_delivery_names_the_days_whose_rows_it_took_with_it(shop: Shop) -> None:
    days = [DAY - ONE_DAY * ago for ago in range(3)]
    report = shop.load_one("north", csv(*(row(n, day=day) for n, day in enumerate(days)), *["broken"] * 9))

    assert f"With it wait 2 sound rows of {days[2]}..{days[1]}, which lack them." in (report.rejection or "")
    assert days_without_rejected(shop.lake.con) == []
    published = f"select unnest({literal(days)}::date[]) as partition_day, 'daily' as cadence"
    shop.lake.con.execute(f"insert into ops.publications by name {published}")
    assert days_without_rejected(shop.lake.con) == [(day, f"sales/north {DAY}") for day in days[:0:-1]]
    shop.load_one("north", csv(*(row(n, day=day) for n, day in enumerate(days))))
    assert days_without_rejected(shop.lake.con) == []
