"""One sensor per source: it looks at the source and asks for a load of every delivery that waits there.

A tick compares what stands at the source with what the ledger has, so a restart, a killed run or a wrong clock loses
nothing, and what is loaded already is not asked for. All that it remembers is what it reported as overdue, and, of a
source that has delivered for years, whose turn it is among the older days.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import dagster as dg
from dagster import DagsterInstance

from tidegate.contract.model import Contract
from tidegate.errors import LakeBusyError, TidegateError
from tidegate.home import Home
from tidegate.intake.not_loaded_yet import Waiting, Watch, turns_of
from tidegate.ledger.known import days_lacking, known_deliveries, still_awaited
from tidegate.ledger.names import Partition
from tidegate.ledger.required import DaysOfPlaces, Place
from tidegate.orchestration.asset_keys import raw_key
from tidegate.orchestration.history.breaker import Pace
from tidegate.orchestration.history.contacts import breaker_observation, contact, health_of
from tidegate.orchestration.history.health import Health
from tidegate.orchestration.history.recent_runs import Attempts, RunOfDays, digest, runs_under_way
from tidegate.orchestration.names import REQUEST_TAG, arrivals_sensor, load_job
from tidegate.orchestration.partitions import ended_days, named_by_days, partition_tags, with_open_day
from tidegate.orchestration.sensors.ticks import LOOK_SECONDS, sensor_status, within
from tidegate.window import ONE_DAY, Window, windows_of

# A day that goes on is read for a tenth of the time at most, however large it gets.
PAUSES_OF_A_READ = 9

# More sentences than this are not read.
DAYS_EXPLAINED = 5


@dataclass(frozen=True)
class Overdue:
    """A delivery that its contract's deadline found missing."""

    region: str
    day: dt.date

    def __str__(self) -> str:
        return f"{self.region} {self.day}"


def build_arrival_sensor(home: Home, contract: Contract) -> dg.SensorDefinition:
    """The sensor of one source."""

    @dg.sensor(
        name=arrivals_sensor(contract.source),
        job_name=load_job(contract.source),
        minimum_interval_seconds=home.settings.tick_seconds,
        default_status=sensor_status(home.settings),
        description=f"Loads deliveries of {contract.source} as they come, and tells which are overdue.",
    )
    def arrivals(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        return look_for_arrivals(home, contract, context.instance, context.cursor, dt.datetime.now(dt.UTC))

    return arrivals


def look_for_arrivals(
    home: Home, contract: Contract, instance: DagsterInstance, cursor: str | None, now: dt.datetime
) -> dg.SensorResult:
    """One tick at `now` (UTC): the loads to launch, or why there are none."""
    return _Tick(home, contract, instance, Memory.of(cursor), now).result()


@dataclass(frozen=True)
class Memory:
    """What a tick remembers: region and day of what was reported as overdue and is still missing, and which turn it is
    among the older days."""

    reported: frozenset[str] = frozenset()
    turn: int = 0

    @classmethod
    def of(cls, cursor: str | None) -> Self:
        said: list[str | int] = json.loads(cursor) if cursor else []
        turn = next((each for each in said if isinstance(each, int)), 0)
        return cls(frozenset(each for each in said if isinstance(each, str)), turn)

    @property
    def cursor(self) -> str:
        turn = [self.turn] if self.turn else []
        return json.dumps([*turn, *sorted(self.reported)], separators=(",", ":"))


class _Tick:
    def __init__(
        self, home: Home, contract: Contract, instance: DagsterInstance, memory: Memory, now: dt.datetime
    ) -> None:
        self.home, self.contract, self.instance, self.memory, self.now = home, contract, instance, memory, now
        self.source = contract.source
        self.pace = Pace.of(home.settings)
        self.attempts = Attempts(instance, load_job(self.source), self.pace)
        self.under_way = [run for run in runs_under_way(instance) if run.loads_any(self.source)]
        # The newest ended days are expected of every source.
        self.ended = ended_days(home.settings, now)
        self.days = with_open_day(self.ended) if contract.intraday else self.ended
        self.watch = Watch(home.lake, contract, home.outside, self.days)

    def result(self) -> dg.SensorResult:
        health = health_of(self.instance, self.source, self.pace)
        events = [breaker_observation(self.source, health.breaker, self.now)] if health.unreported else []
        expected = self._expected_days()
        if health.breaker.is_open(self.now) or (health.breaker.wants_a_probe(self.now) and self.under_way):
            return self._nothing_to_ask(health, events, expected, can_look=False)
        try:
            return self._look(health, events, expected)
        except LakeBusyError:
            # Not the source's fault; the tick fails, and the next one looks again.
            raise
        except TidegateError as error:
            events.append(contact(self.source, str(error), listing=True))
            return dg.SensorResult(skip_reason=str(error), cursor=self.memory.cursor, asset_events=events)

    def _look(self, health: Health, events: list[dg.AssetObservation], expected: list[dt.date]) -> dg.SensorResult:
        is_doubtful = health.breaker.failures > 0
        # While it is in doubt whether the source answers, one day is enough to tell.
        limit = 1 if is_doubtful else self.home.settings.chunk_days
        # A probe is due when the breaker says so, however often the same was asked for.
        may_go = self._is_not_under_way if health.breaker.open_until else self._may_be_asked_for
        waiting = within(LOOK_SECONDS, self.source, lambda: self.watch.look(expected, may_go, limit, self.memory.turn))
        if health.listing_failed:
            events.append(contact(self.source, None, listing=True))
        if waiting and not (is_doubtful and self.under_way):
            requests = list(load_requests(self.contract, waiting, self.attempts, self.home.settings.chunk_days))
            return dg.SensorResult(
                run_requests=requests, cursor=self._remember(self.memory.reported), asset_events=events
            )
        return self._nothing_to_ask(health, events, expected)

    def _nothing_to_ask(
        self, health: Health, events: list[dg.AssetObservation], expected: list[dt.date], can_look: bool = True
    ) -> dg.SensorResult:
        """Say why nothing is launched; and of what is overdue, once."""
        missing = self._missing(expected)
        already = [each for each in missing if str(each) in self.memory.reported]
        unreported = [each for each in missing if each not in already and self._is_overdue(each, can_look)]
        why = self._what_origins_say(expected) if can_look else {}
        said = [_overdue_sentence(self.source, unreported), self._state(health), *why.values()]
        return dg.SensorResult(
            skip_reason=" ".join(filter(None, said)),
            cursor=self._remember(map(str, [*already, *unreported])),
            asset_events=[*events, *(_overdue_observation(self.source, each, why.get(each)) for each in unreported)],
        )

    def _remember(self, reported: Iterable[str]) -> str:
        return Memory(frozenset(reported), (self.memory.turn + 1) % turns_of(self.days)).cursor

    def _what_origins_say(self, expected: Iterable[dt.date]) -> dict[Overdue, str]:
        """Why the newest of these days are not there, of regions whose source knows."""
        regions = [region for region in self.contract.regions if self.watch.can_explain(region.name)]
        days = sorted(expected)[-DAYS_EXPLAINED:]
        wanted = [Partition(region.name, day) for region in regions for day in days if day in region.delivers_on]
        if not wanted:
            return {}
        with self.home.lake() as lake:
            known = known_deliveries(lake.con, self.source, wanted)
        lacking = [each for each in wanted if each not in known]
        found = {Overdue(each.region, each.day): self.watch.why_not_there(each.region, each.day) for each in lacking}
        return {each: why for each, why in found.items() if why}

    def _state(self, health: Health) -> str:
        if health.breaker.open_until:
            return health.breaker.sentence(self.source, self.now)
        return f"Loads of {self.source} are under way." if self.under_way else f"Nothing new of {self.source}."

    def _expected_days(self) -> list[dt.date]:
        """The newest ended days, and the one that goes on where it is read meanwhile; and older ones that something was
        delivered for, but not all of this source."""
        first_open = max(self.ended.start, self.ended.end - ONE_DAY * self.home.settings.look_back_days)
        limit = self.home.settings.chunk_days
        with self.home.lake() as lake:
            lacking = days_lacking(lake.con, self.source, *self._required(), limit, self._beside())
        newest = Window(min(first_open, self.ended.end), self.days.end).days
        expected = {*newest, *(day for day in lacking if day in self.days)}
        return sorted(day for day in expected if any(day in region.delivers_on for region in self.contract.regions))

    def _required(self) -> tuple[frozenset[Place], DaysOfPlaces]:
        """What the products need that are made of the source, and the source itself; and on which days."""
        own = {(self.source, region.name): region.delivers_on for region in self.contract.regions}
        products = self.home.products_made_of(self.source)
        if products is None:
            return frozenset(own), own
        return products.deliveries | own.keys(), {**products.delivery_days, **own}

    def _beside(self) -> frozenset[str]:
        """The marts that are not made of the source."""
        products = self.home.products_made_of(self.source)
        return products.beside if products else frozenset()

    def _may_be_asked_for(self, waiting: Waiting) -> bool:
        if not self._is_not_under_way(waiting) or self._is_read_later(waiting):
            return False
        return self.attempts.may_go(failed_loads(self.attempts, self.source, waiting), self.now)

    def _is_not_under_way(self, waiting: Waiting) -> bool:
        return not self._is_under_way(waiting.region, waiting.day)

    def _is_read_later(self, waiting: Waiting) -> bool:
        """Whether it is of the day that goes on, and was read a short while ago, beside how long that took. The day
        before has the least of these pauses for what is still to come of it."""
        if self.contract.intraday is None or waiting.day in self.ended:
            return False
        if (known := waiting.known) is None:
            return self.now < self.contract.zone.at(waiting.day) + self.contract.intraday
        pause = max(self.contract.intraday, PAUSES_OF_A_READ * known.took)
        return self.now < known.loaded_at.replace(tzinfo=dt.UTC) + pause

    def _is_under_way(self, region: str, day: dt.date) -> bool:
        return any(run.loads(self.source, region, day) for run in self.under_way)

    def _missing(self, expected: Iterable[dt.date]) -> list[Overdue]:
        """What should have been loaded by now and never was."""
        due = [day for day in expected if (deadline := self.contract.deadline(day)) and self.now >= deadline]
        regions = self.contract.regions
        wanted = [Partition(region.name, day) for day in due for region in regions if day in region.delivers_on]
        with self.home.lake() as lake:
            awaited = still_awaited(lake.con, self.source, wanted, self._beside())
        return [Overdue(each.region, each.day) for each in awaited]

    def _is_overdue(self, missing: Overdue, can_look: bool) -> bool:
        """Whether the source is to blame: nothing is under way and, as far as one can look, nothing waits."""
        if self._is_under_way(missing.region, missing.day):
            return False
        return not (
            can_look and self.watch.can_look_at(missing.region) and self.watch.is_there(missing.region, missing.day)
        )


def failed_loads(attempts: Attempts, source: str, waiting: Waiting) -> list[RunOfDays]:
    """Earlier loads of a delivery, since its newest entry in the ledger: they left it waiting."""
    known = waiting.known
    return attempts.failed_attempts(
        waiting.day,
        lambda run: run.loads(source, waiting.region, waiting.day),
        since=known.loaded_at if known else None,
        but=known.run_id if known else "",
    )


def load_requests(
    contract: Contract, waiting: Mapping[dt.date, Sequence[Waiting]], attempts: Attempts, chunk_days: int
) -> Iterator[dg.RunRequest]:
    """A run for every row of consecutive days of which the same regions wait, cut into chunks, oldest first."""
    regions = {day: frozenset(each.region for each in found) for day, found in waiting.items()}
    chunks = [
        (chunk, chosen)
        for chosen in set(regions.values())
        for window in windows_of([day for day in regions if regions[day] == chosen])
        for chunk in window.chunks(chunk_days)
    ]
    for chunk, chosen in sorted(chunks, key=lambda each: each[0]):
        yield _load_request(contract, chunk, chosen, waiting, attempts)


def _load_request(
    contract: Contract,
    window: Window,
    regions: frozenset[str],
    waiting: Mapping[dt.date, Sequence[Waiting]],
    attempts: Attempts,
) -> dg.RunRequest:
    found = [each for day in window.days for each in waiting[day]]
    key = f"{contract.source}:{window}:{_fingerprint(contract.source, found, attempts)}"
    every_region = len(regions) == len(contract.regions)
    return dg.RunRequest(
        run_key=key,
        tags={**partition_tags(window), REQUEST_TAG: key},
        asset_selection=None if every_region else [raw_key(contract.source, region) for region in sorted(regions)],
    )


def _fingerprint(source: str, found: Iterable[Waiting], attempts: Attempts) -> str:
    """Of what is there, and of what ran for it before: Dagster answers to a run key once and never again."""
    state = []
    for each in sorted(found, key=lambda each: (each.day, each.region)):
        entry = each.known.entry if each.known else None
        state.append((each.region, str(each.day), each.listing, entry, _newest_load(source, each, attempts)))
    return digest(state)


def _newest_load(source: str, waiting: Waiting, attempts: Attempts) -> str:
    return attempts.newest(waiting.day, lambda run: run.loads(source, waiting.region, waiting.day))


def _overdue_sentence(source: str, overdue: Sequence[Overdue]) -> str:
    """One sentence for the person on call, whatever the number of days; none for nothing."""
    if not overdue:
        return ""
    missing = named_by_days((each.region, each.day) for each in overdue)
    return (
        f"Overdue: {source} has not delivered {missing}. The days are held, unless the contract lets them go without. "
        "Ask the source for them; once they are there they are loaded and published automatically."
    )


def _overdue_observation(source: str, overdue: Overdue, why: str | None) -> dg.AssetObservation:
    return dg.AssetObservation(
        raw_key(source, overdue.region),
        partition=overdue.day.isoformat(),
        description=" ".join(filter(None, [_overdue_sentence(source, [overdue]), why])),
        metadata={"overdue": True},
    )
