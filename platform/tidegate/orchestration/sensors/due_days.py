"""The sensor that has due days built and published: first the new ones, and then those that must be restated.

The ledger says which days are due. This module decides when their turn comes: not while their own deliveries are being
loaded, and restatements in batches once the loads under way have ended. At a contract's deadline it also enters the
waivers by which a day may go on without what did not come.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import dagster as dg
from dagster import DagsterInstance

from tidegate.contract.model import Contract
from tidegate.errors import LakeBusyError, TidegateError
from tidegate.home import Home
from tidegate.intake.not_loaded_yet import Watch
from tidegate.intake.removed_regions import regions_that_left, withdraw_regions_that_left
from tidegate.lake.connect import Lake
from tidegate.ledger.entries import utc_now
from tidegate.ledger.known import incomplete_days
from tidegate.ledger.waivers import Waiver, grant, standing_waivers
from tidegate.orchestration.history.breaker import Pace
from tidegate.orchestration.history.contacts import health_of
from tidegate.orchestration.history.recent_runs import RunOfDays, runs_under_way
from tidegate.orchestration.names import BUILD_JOBS
from tidegate.orchestration.partitions import ended_days
from tidegate.orchestration.sensors.arrivals import deadline_of
from tidegate.orchestration.sensors.build_requests import Builds, waited_long_enough
from tidegate.orchestration.sensors.ticks import LOOK_SECONDS, hurried_lake, sensor_of_what_is_due, within
from tidegate.publishing.due_days import DueDay, days_due_for_any
from tidegate.publishing.gate import held_days
from tidegate.publishing.reading_back import without_days_behind
from tidegate.window import ONE_DAY, Cadence, Window, windows_of

WHY_WAIVED = "It had not come by its deadline, and its contract says `onMissing: publish_without`."


def build_due_sensor(home: Home) -> dg.SensorDefinition:
    return sensor_of_what_is_due(
        home,
        "days_due",
        BUILD_JOBS[Cadence.daily],
        "Builds and publishes days whose deliveries are all in; restates those that later ones touched.",
        lambda instance, now: look_for_due_days(home, instance, now),
    )


def look_for_due_days(home: Home, instance: DagsterInstance, now: dt.datetime) -> dg.SensorResult:
    """One tick at `now` (UTC): the builds to launch, or why there are none."""
    under_way = runs_under_way(instance)
    done = " ".join(filter(None, [_withdraw_regions(home), _waive_late_regions(home, instance, under_way, now)]))
    builds = Builds.of(home, instance, Cadence.daily)
    with home.lake() as lake:
        due = days_due_for_any(lake.con, home.products_of(Cadence.daily))
        without = _names_by_day(lake)
    ready = [day for day in due if _may_be_built(day, home, under_way, builds, now)]
    requests = list(builds.requests(_after_days_behind(ready, home, under_way), without))
    if requests:
        return dg.SensorResult(run_requests=requests[: home.settings.chunk_days])
    waiting = f"{len(due)} due days wait for runs under way or for their next attempt." if due else "No day is due."
    return dg.SensorResult(skip_reason=" ".join(filter(None, [done, waiting, _held_sentence(home, now)])))


def _held_sentence(home: Home, now: dt.datetime) -> str:
    """Which of the newest ended days are held: that none is due does not mean that all is well."""
    ended = ended_days(home.settings, now)
    newest = Window(max(ended.start, ended.end - ONE_DAY * home.settings.look_back_days), ended.end)
    with home.lake() as lake:
        held = held_days(lake.con, newest, home.products_of(Cadence.daily))
    if not held:
        return ""
    days = ", ".join(map(str, windows_of(held)))
    return f"Held: {days}. Why is in `tidegate status` and, once they were tried, on their pages in `serving`."


def _may_be_built(due: DueDay, home: Home, under_way: Sequence[RunOfDays], builds: Builds, now: dt.datetime) -> bool:
    if any(run.builds(due.day) for run in under_way):
        return False
    loads = [run for run in under_way if any(map(run.loads_any, home.contracts))]
    if any(due.day in run.days for run in loads):
        return False
    if due.restates and loads and not waited_long_enough(due, now):
        return False
    return builds.may_go(due, now)


def _after_days_behind(ready: Sequence[DueDay], home: Home, under_way: Sequence[RunOfDays]) -> list[DueDay]:
    """Without days that read back to one that is built before them: they are built once, after it."""
    reach = home.requirements_of(Cadence.daily).reach
    chosen = set(without_days_behind([due.day for due in ready], reach))
    return [
        due
        for due in ready
        if due.day in chosen
        and not any(run.builds(due.day - ONE_DAY * back) for back in range(1, reach + 1) for run in under_way)
    ]


def _names_by_day(lake: Lake) -> dict[dt.date, list[str]]:
    found: dict[dt.date, list[str]] = {}
    for waived in standing_waivers(lake.con):
        found.setdefault(waived.day, []).append(str(waived))
    return found


def _withdraw_regions(home: Home) -> str:
    """Take what regions delivered that left their contract out of raw; returns a sentence about them."""
    with home.lake() as lake:
        left = [contract for contract in home.contracts.values() if regions_that_left(lake.con, contract)]
    if not left:
        return ""
    try:
        with hurried_lake(home) as lake:
            for contract in left:
                withdraw_regions_that_left(lake, contract, "days_due")
    except LakeBusyError:
        return "The lake is busy, so regions that left their contract are withdrawn at the next tick."
    return f"Withdrew regions that {', '.join(contract.label for contract in left)} no longer has."


# --- waivers


def _waive_late_regions(home: Home, instance: DagsterInstance, under_way: Sequence[RunOfDays], now: dt.datetime) -> str:
    """Enter the waivers by which days become whole; returns a sentence about them."""
    contracts = [contract for contract in home.contracts.values() if contract.on_missing == "publish_without"]
    if not contracts:
        return ""
    ended = ended_days(home.settings, now)
    with home.lake() as lake:
        lacking = [
            (day, missing)
            for product in home.products_of(Cadence.daily)
            for day, missing in incomplete_days(
                lake.con, product.deliveries, product.delivery_days, product.beside
            ).items()
        ]
    waived = {
        (source, region, day)
        for day, missing in lacking
        if day in ended and all(_may_be_waived(home, instance, *place, day, under_way, now) for place in missing)
        for source, region in missing
    }
    waivers = [Waiver(*delivery, WHY_WAIVED, utc_now()) for delivery in sorted(waived)]
    if not waivers:
        return ""
    try:
        with hurried_lake(home) as lake:
            lake.unit_of_work(lambda con: grant(con, waivers))
    except LakeBusyError:
        return "The lake is busy, so days that may go on without a late region wait for the next tick."
    names = ", ".join(f"{waiver.source}/{waiver.region} {waiver.partition_day}" for waiver in waivers)
    return f"Past the deadline, and their contracts let the day go on without them: {names}."


def _may_be_waived(
    home: Home,
    instance: DagsterInstance,
    source: str,
    region: str,
    day: dt.date,
    under_way: Sequence[RunOfDays],
    now: dt.datetime,
) -> bool:
    contract = home.contracts[source]
    deadline = deadline_of(contract, day)
    if contract.on_missing != "publish_without" or deadline is None or now < deadline:
        return False
    if any(run.loads(source, region, day) for run in under_way):
        return False
    return not _will_come_soon(home, instance, contract, region, day)


def _will_come_soon(home: Home, instance: DagsterInstance, contract: Contract, region: str, day: dt.date) -> bool:
    """Whether the delivery stands at its source, or can be had from one that answers."""
    watch = Watch(home.lake, contract, home.outside, Window.of_day(day))
    try:
        if watch.can_look_at(region):
            return within(LOOK_SECONDS, contract.source, lambda: watch.is_there(region, day))
        return not health_of(instance, contract.source, Pace.of(home.settings)).breaker.failures
    except TidegateError:
        # Out of reach is as good as not there: it will restate the day when it comes.
        return False
