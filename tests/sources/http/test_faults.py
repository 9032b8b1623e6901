"""A CRM that fails in every way there is: each ends in success, a stand-in or a clear failure, within its time limit.

The CRM is the demo's, real and on a port of its own. Only its customers and its faults are made up.
"""

from __future__ import annotations

import datetime as dt
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.intake.http_shop import CUSTOMERS, DAY, WITH_FALLBACK, limit, open_http_shop_in
from tests.support.intake.shop import Shop

from tidegate.contract.judging.assess import FRESHNESS
from tidegate.contract.reading.odcs import load_contract
from tidegate.demo.crm import Crm, Snapshots
from tidegate.demo.crm_faults import Fault
from tidegate.demo.trade import Shop as DemoShop
from tidegate.intake.load import DeliveryReport
from tidegate.ledger.deliveries import newest_deliveries
from tidegate.window import ONE_DAY, Window

# Of faults that are still there when it ends; the others are tried as often as may be long before.
TIME_LIMITS = {Fault.HANGS: 3, Fault.SLOW: 2, Fault.BUSY: 2}
# What opening, judging and committing may take on top, on a machine that is busy with other tests.
MARGIN = 20
NEXT_DAY = DAY + ONE_DAY

# What it is told of each fault that stays.
TOLD = {
    Fault.REFUSED: r"it could not be reached \(connection refused\)",
    Fault.HANGS: "it took too long to answer|it was not done within 3 s",
    Fault.RESETS: "the connection broke off in the middle of the answer",
    Fault.SLOW: "it was not done within 2 s",
    Fault.ERRORS: r"it answered 500 \(Internal Server Error\)",
    Fault.BUSY: r"it answered 429 \(Too Many Requests\)",
    Fault.HTML: "it answered with an HTML page where JSON is expected",
    Fault.WRONG_JSON: "its answer is not JSON",
    Fault.WRONG_TOTAL: "records on 4 pages and announced",
    Fault.ENDLESS: "with page 1, and",
}


@pytest.fixture(scope="module")
def crm() -> Iterator[Crm]:
    with Crm(Snapshots(DemoShop(dt.date(2024, 1, 1), orders_per_day=20, seed=7), page_size=10)) as crm:
        yield crm


@pytest.fixture(scope="module")
def shop(crm: Crm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """With a fallback, and a good snapshot of DAY."""
    crm.fix()
    shop = open_http_shop_in(tmp_path_factory.mktemp("fallback"), WITH_FALLBACK, CRM_URL=crm.url)
    assert load(shop, DAY).status == "accepted"
    yield shop
    shop.lake.close()


@pytest.fixture(scope="module")
def bare_shop(crm: Crm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Without a fallback."""
    shop = open_http_shop_in(tmp_path_factory.mktemp("bare"), CUSTOMERS, CRM_URL=crm.url)
    yield shop
    shop.lake.close()


@pytest.fixture(autouse=True)
def sound(crm: Crm) -> None:
    crm.fix()


def load(shop: Shop, day: dt.date) -> DeliveryReport:
    return shop.load(Window.of_day(day))["crm"]


def freshness(report: DeliveryReport) -> tuple[bool, str, bool]:
    check = next(check for check in report.checks if check.name == FRESHNESS)
    return check.passed, check.severity, check.blocking


def snapshot(shop: Shop, day: dt.date) -> list[object]:
    return shop.raw("customer_id, registered_on, email, country", f"_delivered_on = '{day}'")


@pytest.mark.slow
@pytest.mark.parametrize("fault", Fault)
def test_a_fault_that_stays_ends_in_a_clear_failure(crm: Crm, bare_shop: Shop, fault: Fault) -> None:
    crm.break_by(fault)
    limit(bare_shop, TIME_LIMITS.get(fault, 60))
    started = time.monotonic()
    report = load(bare_shop, DAY)

    assert time.monotonic() - started < TIME_LIMITS.get(fault, 0) + MARGIN
    assert report.status == "missing" and report.trouble
    assert re.search(TOLD[fault], str(report.rejection))
    assert str(report.rejection).endswith("What was loaded before stays; run again when the source is back.")


@pytest.mark.slow
@pytest.mark.parametrize("fault", Fault)
def test_a_fault_that_stays_has_the_newest_good_snapshot_stand_in(crm: Crm, shop: Shop, fault: Fault) -> None:
    day = NEXT_DAY + ONE_DAY * list(Fault).index(fault)
    crm.break_by(fault)
    limit(shop, TIME_LIMITS.get(fault, 60))
    report = load(shop, day)

    assert (report.status, report.stands_in_for) == ("accepted", DAY)
    assert freshness(report) == (False, "warning", False)
    assert snapshot(shop, day) == snapshot(shop, DAY)
    entry = newest_deliveries(shop.lake.con, "customers", Window.of_day(day))[0]
    assert (entry.verdict, entry.stands_in_for, entry.touched) == ("accepted", DAY, (day,))

    crm.fix()
    limit(shop, 60)
    genuine = load(shop, day)
    assert (genuine.status, genuine.stands_in_for, genuine.touched) == ("accepted", None, (day,))
    assert freshness(genuine) == (True, "warning", False)
    # Forget it, so that it does not stand in for the next fault's day.
    shop.lake.con.execute(f"delete from ops.deliveries where partition_day = '{day}'")


@pytest.mark.slow
@pytest.mark.parametrize("fault", [fault for fault in Fault if fault not in (Fault.REFUSED, Fault.SLOW)])
def test_a_fault_that_passes_is_outlasted(crm: Crm, bare_shop: Shop, fault: Fault) -> None:
    crm.break_by(fault, times=1)
    # For a hanging one, a tenth of it is waited.
    limit(bare_shop, 10)
    assert load(bare_shop, DAY).status == "accepted"


def test_a_crm_that_comes_up_again_is_waited_for(crm: Crm, bare_shop: Shop) -> None:
    crm.break_by(Fault.BUSY)
    limit(bare_shop, 60)
    before = crm.requests

    def come_back() -> None:
        while crm.requests == before:
            time.sleep(0.01)
        crm.fix()

    returning = threading.Thread(target=come_back)
    returning.start()
    assert load(bare_shop, DAY).status == "accepted"
    returning.join()


# --- what stands in, and what does not


@pytest.fixture
def fresh_shop(crm: Crm, tmp_path: Path) -> Iterator[Shop]:
    shop = open_http_shop_in(tmp_path, WITH_FALLBACK, CRM_URL=crm.url)
    yield shop
    shop.lake.close()


def test_a_first_day_has_nothing_to_stand_in_for_it(crm: Crm, fresh_shop: Shop) -> None:
    load(fresh_shop, NEXT_DAY)
    crm.break_by(Fault.ERRORS)
    report = load(fresh_shop, DAY)
    # A later day's snapshot knows customers that this one cannot.
    assert report.status == "missing" and report.trouble


def test_what_the_source_itself_delivered_for_the_day_stays(crm: Crm, fresh_shop: Shop) -> None:
    for day in (DAY, NEXT_DAY):
        load(fresh_shop, day)
    before = fresh_shop.content()
    crm.break_by(Fault.REFUSED)
    again = load(fresh_shop, NEXT_DAY)

    assert (again.status, again.stands_in_for, again.touched) == ("accepted", None, ())
    assert fresh_shop.content() == before


@pytest.mark.slow
def test_a_stand_in_does_not_stand_in_again_and_gives_way_to_a_newer_one(crm: Crm, fresh_shop: Shop) -> None:
    days = [DAY + ONE_DAY * number for number in range(3)]
    load(fresh_shop, days[0])
    crm.break_by(Fault.ERRORS)
    reports = fresh_shop.load_each(Window(days[1], days[2] + ONE_DAY))
    assert {report.stands_in_for for report in reports.values()} == {days[0]}

    crm.fix()
    load(fresh_shop, days[1])
    crm.break_by(Fault.ERRORS)
    assert load(fresh_shop, days[2]).stands_in_for == days[1]
    assert snapshot(fresh_shop, days[2]) == snapshot(fresh_shop, days[1])


@pytest.mark.slow
def test_a_rejected_snapshot_does_not_stand_in(crm: Crm, fresh_shop: Shop, tmp_path: Path) -> None:
    load(fresh_shop, DAY)
    contract = fresh_shop.contract
    more = "    quality:\n      - {metric: rowCount, mustBeGreaterThan: 1000}\ncustomProperties:"
    stricter = tmp_path / "stricter" / contract.path.name
    stricter.parent.mkdir()
    stricter.write_text(
        WITH_FALLBACK.replace("customProperties:\n  - {property: fallback", f"{more}\n  - {{property: fallback")
    )
    fresh_shop.contract = load_contract(stricter)
    assert load(fresh_shop, NEXT_DAY).status == "rejected"

    fresh_shop.contract = contract
    crm.break_by(Fault.ERRORS)
    assert load(fresh_shop, NEXT_DAY).stands_in_for == DAY


def test_who_insists_on_the_source_gets_no_stand_in(crm: Crm, fresh_shop: Shop) -> None:
    load(fresh_shop, DAY)
    crm.break_by(Fault.ERRORS)
    for day in (DAY, NEXT_DAY):
        report = fresh_shop.load(Window.of_day(day), from_landing=True)["crm"]
        assert report.status == "missing" and report.trouble


def test_a_lake_made_anew_takes_a_down_sources_day_from_the_archive(crm: Crm, fresh_shop: Shop, tmp_path: Path) -> None:
    load(fresh_shop, DAY)
    crm.break_by(Fault.ERRORS)
    (tmp_path / "again").mkdir()
    again = open_http_shop_in(tmp_path / "again", WITH_FALLBACK, CRM_URL=crm.url)
    again.outside = fresh_shop.outside
    try:
        report = load(again, DAY)
        assert (report.status, report.stands_in_for) == ("accepted", None)
        assert snapshot(again, DAY) == snapshot(fresh_shop, DAY)
    finally:
        again.lake.close()
