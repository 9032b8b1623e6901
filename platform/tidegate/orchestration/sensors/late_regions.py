"""What is done about regions before days are asked for: those that left their contract are withdrawn, and at a
contract's deadline the waivers are entered by which a day may be published without those that did not come."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from functools import cache

from dagster import DagsterInstance

from tidegate.contract.model import Contract
from tidegate.errors import LakeBusyError, TidegateError
from tidegate.home import Home
from tidegate.intake.not_loaded_yet import Watch
from tidegate.intake.regions import regions_that_left
from tidegate.intake.removed_regions import withdraw_regions_that_left
from tidegate.ledger.entries import utc_now
from tidegate.ledger.known import incomplete_days
from tidegate.ledger.waivers import Waiver, grant
from tidegate.orchestration.history.breaker import Pace
from tidegate.orchestration.history.contacts import health_of
from tidegate.orchestration.history.recent_runs import RunOfDays
from tidegate.orchestration.partitions import ended_days
from tidegate.orchestration.sensors.ticks import LOOK_SECONDS, hurried_lake, within
from tidegate.window import Cadence, Window

WHY_WAIVED = "It had not come by its deadline, and its contract says `onMissing: publish_without`."


def withdraw_regions(home: Home) -> str:
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


def waive_late_regions(home: Home, instance: DagsterInstance, under_way: Sequence[RunOfDays], now: dt.datetime) -> str:
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
    # What answers is asked of Dagster once, however many days lack it.
    answers = cache(lambda source: not health_of(instance, source, Pace.of(home.settings)).breaker.failures)
    waived = {
        (source, region, day)
        for day, missing in lacking
        if day in ended and all(_may_be_waived(home, answers, *place, day, under_way, now) for place in missing)
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
    answers: Callable[[str], bool],
    source: str,
    region: str,
    day: dt.date,
    under_way: Sequence[RunOfDays],
    now: dt.datetime,
) -> bool:
    contract = home.contracts[source]
    deadline = contract.deadline(day)
    if contract.on_missing != "publish_without" or deadline is None or now < deadline:
        return False
    if any(run.loads(source, region, day) for run in under_way):
        return False
    return not _will_come_soon(home, answers, contract, region, day)


def _will_come_soon(home: Home, answers: Callable[[str], bool], contract: Contract, region: str, day: dt.date) -> bool:
    """Whether the delivery stands at its source, or can be had from one that answers."""
    watch = Watch(home.lake, contract, home.outside, Window.of_day(day))
    try:
        if watch.can_look_at(region):
            return within(LOOK_SECONDS, contract.source, lambda: watch.is_there(region, day))
        return answers(contract.source)
    except TidegateError:
        # Out of reach is as good as not there: it will restate the day when it comes.
        return False
