"""What the ledger remembers, which entry is the newest, and which days are owed a restatement."""

from __future__ import annotations

import dataclasses
import datetime as dt
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from duckdb import DuckDBPyConnection
from tests.support.lake.queries import checks_of_day, rejected_deliveries, stale_days

from tidegate.ledger import publications
from tidegate.ledger.builds import begin_build, finish_build
from tidegate.ledger.checks import record_checks
from tidegate.ledger.deliveries import (
    DeliveryRecord,
    delivered_days,
    deliveries_by_verdict,
    newest_deliveries,
    record_deliveries,
)
from tidegate.ledger.entries import utc_now
from tidegate.ledger.runs import PipelineRun, record_pipeline_runs
from tidegate.ledger.upkeep.maintenance import maintain_until
from tidegate.ledger.upkeep.opening import open_lake
from tidegate.window import ONE_DAY, Window

if TYPE_CHECKING:
    from tests.support.lake.shop import Home, Shop

    from tidegate.lake.connect import Lake

DAY = dt.date(2024, 6, 1)
NEXT = DAY + ONE_DAY
ONE = Window.of_day(DAY)
HOSTILE = '\'; drop table ops.deliveries; -- "größe" \n'


def enter(lake: Lake, *rows: DeliveryRecord) -> None:
    lake.unit_of_work(lambda con: record_deliveries(con, rows))


def begin(lake: Lake, build_id: str, *days: dt.date) -> None:
    lake.unit_of_work(lambda con: begin_build(con, build_id, days, ["daily_sales"], "run-1"))


def finish(lake: Lake, build_id: str, *failed_days: dt.date) -> None:
    lake.unit_of_work(lambda con: finish_build(con, build_id, failed_days))


def build(lake: Lake, build_id: str, *days: dt.date) -> None:
    begin(lake, build_id, *days)
    finish(lake, build_id)


def test_a_delivery_comes_back_as_it_was_entered(shop: Shop) -> None:
    row = shop.delivery(
        DAY,
        HOSTILE,
        reason=HOSTILE,
        verdict="accepted",
        touched=(DAY, NEXT),
        bytes=2**40,
        fingerprint=HOSTILE,
    )
    enter(shop.lake, row)
    assert newest_deliveries(shop.lake.con, "orders", ONE) == [row]
    assert newest_deliveries(shop.lake.con, None, ONE) == [row]
    assert newest_deliveries(shop.lake.con, "customers", ONE) == []
    assert newest_deliveries(shop.lake.con, None, Window.of_day(NEXT)) == []


def test_a_nul_that_came_with_a_broken_file_is_replaced(shop: Shop) -> None:
    enter(shop.lake, shop.delivery(DAY, reason="line 3: a\0b", fingerprint="x\0"))
    enter(shop.lake, shop.delivery(DAY, reason="line 3: a\0b", fingerprint="x\0"))
    assert [row.reason for row in newest_deliveries(shop.lake.con, None, ONE)] == [
        "line 3: a\N{REPLACEMENT CHARACTER}b"
    ]
    assert shop.lake.con.execute("select count(*) from ops.deliveries").fetchone() == (1,)


def test_the_same_bytes_again_replace_the_entry(shop: Shop) -> None:
    for run_id in ("run-1", "run-2"):
        enter(shop.lake, shop.delivery(DAY, run_id=run_id), shop.delivery(NEXT, run_id=run_id))
    rows = shop.lake.con.execute("select partition_day, run_id from ops.deliveries order by all").fetchall()
    assert rows == [(DAY, "run-2"), (NEXT, "run-2")]


def test_the_delivery_committed_last_is_the_newest_whatever_the_clocks_say(shop: Shop) -> None:
    earlier = utc_now() - dt.timedelta(hours=1)
    enter(shop.lake, shop.delivery(DAY, fingerprint="a", verdict="rejected", reason="broken", touched=()))
    enter(shop.lake, shop.delivery(DAY, fingerprint="b", started_at=earlier, finished_at=earlier))
    assert [row.fingerprint for row in newest_deliveries(shop.lake.con, None, ONE)] == ["b"]
    # The first file once more: it is the newest again.
    enter(shop.lake, shop.delivery(DAY, fingerprint="a", verdict="rejected", reason="broken", touched=()))
    assert [row.fingerprint for row in rejected_deliveries(shop.lake.con)] == ["a"]
    assert deliveries_by_verdict(shop.lake.con) == {"rejected": 1}


@pytest.mark.slow
def test_the_newest_stays_the_newest_through_maintenance(shop: Shop) -> None:
    for number in range(15):
        enter(shop.lake, *(shop.delivery(DAY + ONE_DAY * i, fingerprint=f"{number}") for i in range(12)))
    build(shop.lake, "build-1", DAY)
    window = Window(DAY, DAY + ONE_DAY * 12)
    before = newest_deliveries(shop.lake.con, None, window)
    for _ in range(2):
        now = dt.datetime.now(dt.UTC)
        maintain_until(shop.lake, now, now)
        assert newest_deliveries(shop.lake.con, None, window) == before
        assert {row.fingerprint for row in before} == {"14"}
        assert stale_days(shop.lake.con) == []
    enter(shop.lake, shop.delivery(NEXT, touched=(DAY, NEXT), fingerprint="late"))
    assert stale_days(shop.lake.con) == [DAY]


def built_then_touched(shop: Shop) -> list[dt.date]:
    build(shop.lake, "b", DAY)
    enter(shop.lake, shop.delivery(NEXT, touched=(DAY, NEXT)))
    return [DAY]


def touched_then_built(shop: Shop) -> list[dt.date]:
    enter(shop.lake, shop.delivery(NEXT, touched=(DAY, NEXT)))
    build(shop.lake, "b", DAY, NEXT)
    return []


def never_built(shop: Shop) -> list[dt.date]:
    enter(shop.lake, shop.delivery(DAY))
    return []


def rejected_after_the_build(shop: Shop) -> list[dt.date]:
    build(shop.lake, "b", DAY)
    enter(shop.lake, shop.delivery(NEXT, verdict="rejected", reason="broken", touched=(DAY,)))
    return []


def touched_and_built_again(shop: Shop) -> list[dt.date]:
    built_then_touched(shop)
    build(shop.lake, "b2", DAY)
    return []


def same_bytes_again_before_the_restatement(shop: Shop) -> list[dt.date]:
    built_then_touched(shop)
    # Loading the same bytes again changes nothing, so it touches nothing; the day is owed still.
    enter(shop.lake, shop.delivery(NEXT, touched=()))
    return [DAY]


def same_bytes_again_after_the_restatement(shop: Shop) -> list[dt.date]:
    touched_and_built_again(shop)
    enter(shop.lake, shop.delivery(NEXT, touched=()))
    return []


def same_bytes_rejected_under_a_stricter_contract(shop: Shop) -> list[dt.date]:
    built_then_touched(shop)
    enter(shop.lake, shop.delivery(NEXT, verdict="rejected", reason="broken", touched=()))
    return [DAY]


def two_deliveries_touch_one_day(shop: Shop) -> list[dt.date]:
    build(shop.lake, "b", DAY, NEXT)
    enter(shop.lake, shop.delivery(NEXT, touched=(DAY,)), shop.delivery(NEXT, "us-east", touched=(NEXT, DAY)))
    return [DAY, NEXT]


def the_restatement_was_killed(shop: Shop) -> list[dt.date]:
    built_then_touched(shop)
    begin(shop.lake, "killed", DAY)
    return [DAY]


def the_restatement_failed(shop: Shop) -> list[dt.date]:
    built_then_touched(shop)
    begin(shop.lake, "failed", DAY)
    finish(shop.lake, "failed", DAY)
    return []


def touched_while_being_built(shop: Shop) -> list[dt.date]:
    begin(shop.lake, "b", DAY)
    enter(shop.lake, shop.delivery(NEXT, touched=(DAY,)))
    finish(shop.lake, "b")
    return [DAY]


@pytest.mark.parametrize(
    "story",
    [
        built_then_touched, touched_then_built, never_built, rejected_after_the_build, touched_and_built_again,
        same_bytes_again_before_the_restatement, same_bytes_again_after_the_restatement,
        same_bytes_rejected_under_a_stricter_contract, two_deliveries_touch_one_day,
        the_restatement_was_killed, the_restatement_failed, touched_while_being_built,
    ],
)  # fmt: skip
def test_days_owed_a_restatement(shop: Shop, story: Callable[[Shop], list[dt.date]]) -> None:
    assert story(shop) == stale_days(shop.lake.con)


def test_a_delivery_entered_before_a_build_and_committed_after_is_not_forgotten(shop: Shop) -> None:
    """By times it would be: it finished before the build began. The build could not see it."""
    build(shop.lake, "b", DAY)
    other = shop.home.open()
    entered, begun = threading.Event(), threading.Event()
    attempts = []

    def load(con: DuckDBPyConnection) -> None:
        attempts.append(1)
        record_deliveries(con, [shop.delivery(NEXT, touched=(DAY,))])
        entered.set()
        begun.wait(10)

    # On its own connection and without a turn, as on Postgres, where units of work overlap.
    thread = threading.Thread(target=lambda: other._patiently("load", lambda: other._transaction(load)))
    thread.start()
    entered.wait(10)
    begin(shop.lake, "b2", DAY)
    begun.set()
    thread.join()
    finish(shop.lake, "b2")
    assert stale_days(shop.lake.con) == [DAY]


def test_a_build_begins_and_ends(shop: Shop) -> None:
    lake = shop.lake
    begin(lake, "b", DAY, NEXT)
    begin(lake, "other", DAY)
    lake.unit_of_work(lambda con: finish_build(con, "b", [NEXT], [HOSTILE, "x"]))
    rows = lake.con.execute(
        "select build_id, partition_day, status, models, finished_at is null from ops.builds order by all"
    ).fetchall()
    assert rows == [
        ("b", DAY, "built", [HOSTILE, "x"], False),
        ("b", NEXT, "failed", [HOSTILE, "x"], False),
        ("other", DAY, "building", ["daily_sales"], True),
    ]


def test_checks_of_a_day_are_the_newest_of_each(shop: Shop) -> None:
    first = [shop.check(DAY, "raw/orders/eu-west", name, "a", passed=False) for name in ("x", "y")]
    again = shop.check(DAY, "raw/orders/eu-west", "x", "b", observed=HOSTILE, description=HOSTILE)
    elsewhere = shop.check(NEXT, "raw/orders/eu-west", "x", "c")
    shop.lake.unit_of_work(lambda con: record_checks(con, first))
    shop.lake.unit_of_work(lambda con: record_checks(con, [again, elsewhere]))
    assert checks_of_day(shop.lake.con, DAY) == [again, first[1]]


def test_runs_are_replaced(shop: Shop) -> None:
    started = PipelineRun(HOSTILE, "daily", DAY, None, "started", utc_now(), None, None, None)
    ended = dataclasses.replace(started, status="succeeded", seconds=1.5)
    shop.lake.unit_of_work(lambda con: record_pipeline_runs(con, [started]))
    shop.lake.unit_of_work(lambda con: record_pipeline_runs(con, [ended]))
    assert shop.lake.con.execute("select run_id, status from ops.pipeline_runs").fetchall() == [(HOSTILE, "succeeded")]


def test_nothing_to_record_is_nothing(shop: Shop) -> None:
    def work(con: DuckDBPyConnection) -> None:
        record_deliveries(con, [])
        record_checks(con, [])
        record_pipeline_runs(con, [])
        begin_build(con, "b", [], [], "run-1")

    shop.lake.unit_of_work(work)
    assert publications.published_days(shop.lake.con) == []
    assert publications.newest_published_day(shop.lake.con) is None
    assert delivered_days(shop.lake.con) == []


def test_status_is_told_from_the_ledger(shop: Shop) -> None:
    window = Window(DAY, DAY + 3 * ONE_DAY)
    shop.publish(window)
    enter(shop.lake, shop.delivery(NEXT, fingerprint="bad", verdict="rejected", reason="broken"))
    con = shop.lake.con
    assert deliveries_by_verdict(con) == {"accepted": 5, "rejected": 1}
    assert [(row.partition_day, row.region) for row in rejected_deliveries(con, window)] == [(NEXT, "eu-west")]
    assert rejected_deliveries(con, Window.of_day(DAY)) == []
    assert publications.published_days(con, Window(NEXT, NEXT + ONE_DAY)) == [NEXT]
    assert publications.published_days(con) == window.days
    assert publications.newest_published_day(con) == window.days[-1]
    assert delivered_days(con, Window.of_day(DAY)) == [DAY]


def test_a_year_of_deliveries_and_checks_is_entered(shop: Shop) -> None:
    days = [DAY + ONE_DAY * i for i in range(365)]
    checks = [shop.check(day, "raw/orders/eu-west", f"check {i}", "x") for day in days for i in range(20)]
    shop.deliver(Window(days[0], days[-1] + ONE_DAY))
    shop.lake.unit_of_work(lambda con: record_checks(con, checks))
    entered = "select count(*) from ops.deliveries union all select count(*) from ops.check_results"
    assert shop.lake.con.execute(entered).fetchall() == [(2 * 365,), ((2 + 20) * 365,)]


def test_a_lake_from_before_the_ledger_had_a_column_gets_it(home: Home) -> None:
    with home.open() as lake:
        lake.con.execute("alter table ops.deliveries drop column stands_in_for")
    with open_lake(home.config) as lake:
        assert newest_deliveries(lake.con, None, ONE) == []
        assert lake.con.execute("select stands_in_for from ops.deliveries").fetchall() == []
