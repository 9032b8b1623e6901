"""All schedules: a day at its end if all of it is there, a Monday or month when its days have ended, and maintenance of
the lake weekly.

Sensors load and publish what comes, whenever it comes. The daily schedule is for the day whose deliveries are all there
at its end, and catches up on earlier ones that are unpublished though nothing is missing; never on more than set. The
weekly and monthly ones do not wait for unpublished days: a check counts them, and the partition is built again when
they come.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator

import dagster as dg
from dagster import DagsterInstance

from tidegate.errors import TidegateError
from tidegate.home import Home
from tidegate.intake.not_loaded_yet import Watch
from tidegate.ledger.known import known_deliveries
from tidegate.ledger.names import Partition
from tidegate.ledger.publications import published_days
from tidegate.orchestration.history.breaker import Pace
from tidegate.orchestration.history.contacts import health_of
from tidegate.orchestration.history.recent_runs import runs_under_way
from tidegate.orchestration.names import BUILD_JOBS, DAILY_JOB, MAINTENANCE_JOB
from tidegate.orchestration.partitions import ended_days, ended_partitions, named_by_days, partition_tags
from tidegate.orchestration.sensors.ticks import schedule_status
from tidegate.publishing.due.partitions import due_partitions
from tidegate.publishing.periods import periods_with_a_day_so_far, periods_with_days
from tidegate.publishing.requirements import GateRequirements
from tidegate.window import ONE_DAY, Cadence, Window, windows_of

Runs = list[dg.RunRequest] | dg.SkipReason


def build_schedules(home: Home) -> list[dg.ScheduleDefinition]:
    """All schedules of a home."""
    daily = _schedule_of_partitions(
        home,
        "daily",
        DAILY_JOB,
        "0 0 * * *",
        "Runs the day that ended, and unpublished days before it, when all of their deliveries are there.",
        runs_of_ended_days,
    )
    longer = [_schedule_of_periods(home, cadence) for cadence in home.longer_cadences]
    return [daily, *longer, _maintenance_schedule(home)]


def _schedule_of_periods(home: Home, cadence: Cadence) -> dg.ScheduleDefinition:
    return _schedule_of_partitions(
        home,
        str(cadence),
        BUILD_JOBS[cadence],
        cadence.cron(6),
        f"Builds and publishes the {cadence} marts whose days have ended, and {cadence.noun} before that are not.",
        lambda home, instance, now: runs_of_periods(home, instance, cadence, now),
    )


def _schedule_of_partitions(
    home: Home,
    name: str,
    job: str,
    cron: str,
    description: str,
    runs: Callable[[Home, DagsterInstance, dt.datetime], Runs],
) -> dg.ScheduleDefinition:
    """A schedule that asks for the `runs` of its moment, by the clock of the platform's time zone."""

    @dg.schedule(
        name=name,
        job_name=job,
        cron_schedule=cron,
        execution_timezone=home.settings.timezone,
        default_status=schedule_status(home.settings),
        description=description,
    )
    def runs_now(context: dg.ScheduleEvaluationContext) -> Runs:
        return runs(home, context.instance, context.scheduled_execution_time)

    return runs_now


def _maintenance_schedule(home: Home) -> dg.ScheduleDefinition:
    return dg.ScheduleDefinition(
        name="weekly_maintenance",
        job_name=MAINTENANCE_JOB,
        # Sunday, when the fewest loads are expected, and well before the week is looked at on Monday.
        cron_schedule="0 3 * * 0",
        execution_timezone=home.settings.timezone,
        default_status=schedule_status(home.settings),
        description="Merges the lake's small files and drops what nobody needs any more.",
    )


def runs_of_ended_days(home: Home, instance: DagsterInstance, now: dt.datetime) -> Runs:
    """The runs to launch at `now`, oldest days first, or what they wait for."""
    look = _Look(home, instance, now)
    unpublished = [
        (day, product, list(look.awaited(product, day))) for day in look.days for product in look.unpublished(day)
    ]
    ready = {day for day, product, awaited in unpublished if not awaited and look.has_something_to_do(product, day)}
    if ready:
        windows = [chunk for window in windows_of(ready) for chunk in window.chunks(home.settings.chunk_days)]
        return _requests(windows, home.settings.zone.day_of(now))
    missing = {(name, day) for day, _, awaited in unpublished for name in awaited}
    if missing:
        named = named_by_days(sorted(missing))
        return dg.SkipReason(f"Waiting for {named}. Each is loaded, and its day published, when it arrives.")
    return dg.SkipReason("Every ended day is published, held by its checks, or under way.")


def runs_of_periods(home: Home, instance: DagsterInstance, cadence: Cadence, now: dt.datetime) -> Runs:
    """The runs to launch at `now`: the newest partition, and those before it that are caught up on."""
    existing = ended_partitions(home.settings, cadence, now)
    earliest = cadence.partition_of(home.settings.zone.day_of(now) - ONE_DAY * home.settings.catch_up_days)
    partitions = Window(max(existing.start, min(earliest, existing.last)), existing.end, cadence)
    under_way = runs_under_way(instance)
    with home.lake() as lake:
        behind = home.days_behind(cadence)
        # What is about a day that was not read to its end waits for that.
        left_alone = {*published_days(lake.con, partitions), *periods_with_a_day_so_far(lake.con, partitions, behind)}
        ready = [
            partition
            for partition in periods_with_days(lake.con, partitions, behind)
            if partition not in left_alone and not any(run.builds(partition, cadence) for run in under_way)
        ]
    if not ready:
        return dg.SkipReason(
            f"Every {cadence.singular} is published, under way, or without a published day that it is made of."
        )
    return _requests(windows_of(ready, cadence), home.settings.zone.day_of(now))


def _requests(windows: Iterable[Window], today: dt.date) -> list[dg.RunRequest]:
    return [dg.RunRequest(run_key=f"{today} {window}", tags=partition_tags(window)) for window in windows]


class _Look:
    """What stands at the sources and in the ledger for the newest ended days."""

    def __init__(self, home: Home, instance: DagsterInstance, now: dt.datetime) -> None:
        self._under_way = runs_under_way(instance)
        self._products = home.products_of(Cadence.daily)
        required = home.requirements_of(Cadence.daily).deliveries
        self._contracts = {source: home.contracts[source] for source, _ in required}
        pace = Pace.of(home.settings)
        self._down = {source for source in self._contracts if health_of(instance, source, pace).breaker.is_open(now)}
        ended = ended_days(home.settings, now)
        self._window = Window(max(ended.start, ended.end - ONE_DAY * (1 + home.settings.catch_up_days)), ended.end)
        self._watches = {name: Watch(home.lake, c, home.outside, ended) for name, c in self._contracts.items()}
        with home.lake() as lake:
            self._published = {
                product.product: set(published_days(lake.con, self._window, beside=product.beside, only_whole=True))
                for product in self._products
            }
            self._due = {
                product.product: {due.day for due in due_partitions(lake.con, product)} for product in self._products
            }
            self._known = {
                source: known_deliveries(
                    lake.con,
                    source,
                    [Partition(region.name, day) for region in contract.regions for day in self._window.days],
                )
                for source, contract in self._contracts.items()
            }

    @property
    def days(self) -> list[dt.date]:
        """Those that no run is at, oldest first."""
        return [day for day in self._window.days if not any(day in run.days for run in self._under_way)]

    def unpublished(self, day: dt.date) -> list[GateRequirements]:
        """The products that are not published on the day."""
        return [product for product in self._products if day not in self._published[product.product]]

    def has_something_to_do(self, product: GateRequirements, day: dt.date) -> bool:
        """Whether anything of the day is still to be loaded, or it is due; else its checks hold it, and still would."""
        expected = product.are_required_on(day)
        return day in self._due[product.product] or not all(self._is_in(*place, day) for place in expected)

    def awaited(self, product: GateRequirements, day: dt.date) -> Iterator[str]:
        """What of the day is neither loaded nor there to be loaded."""
        for source, region in sorted(product.are_required_on(day)):
            if not self._is_in(source, region, day) and not self._is_there(source, region, day):
                yield f"{source}/{region}"

    def _is_in(self, source: str, region: str, day: dt.date) -> bool:
        known = self._known[source].get(Partition(region, day))
        return known is not None and known.verdict == "accepted" and not known.is_interim

    def _is_there(self, source: str, region: str, day: dt.date) -> bool:
        # What was rejected still would be; a fixed delivery is its sensor's to see.
        known = self._known[source].get(Partition(region, day))
        if source in self._down or (known and not known.is_outlived):
            return False
        try:
            return self._watches[source].is_there(region, day)
        except TidegateError:
            return False
