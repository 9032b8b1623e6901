"""What stands at a source and is not in the ledger: deliveries that wait to be loaded.

A look compares what is there with what the ledger says was loaded, by content and not by time: clocks that disagree,
old modification times and equal ones lose nothing, and what was loaded by hand is not loaded again. Whether a delivery
that waits is asked for, and how often, belongs to the sensors.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from tidegate.contract.model import Contract
from tidegate.lake.connect import Lake
from tidegate.ledger.known import Known, known_deliveries
from tidegate.ledger.names import Partition
from tidegate.machine.background import read_in_batches
from tidegate.sources.origin import Announcing, Arrival, Explaining, Landing, Origin, Outside
from tidegate.sources.places import origin_of
from tidegate.window import Window

# Deliveries compared with the ledger by one query of about 20 ms. A look holds two such batches of a region in memory.
BATCH = 2_000

# Regions listed side by side when they are far: a listing of S3 mostly waits for its next page. The client keeps ten
# connections. Listing folders is work, which threads only make longer.
REGIONS_AT_ONCE = 8

# Of folders that hold years, one look sees the newest days and some of the older ones, in turns: a look at ten years
# took 1.7 s of CPU a region. Corrections are of the newest days; one of any other is seen after 18 looks then.
NEWEST_DAYS = 60
OLDER_DAYS_AT_ONCE = 200

# How a delivery is named that can only be had by asking for it.
NOT_RECORDED = "unreported"


@dataclass(frozen=True)
class Waiting:
    """A delivery that is not in the ledger as it stands at its source, or was read before its day had ended. `known` is
    what the ledger has of it."""

    region: str
    day: dt.date
    listing: str
    known: Known | None


def turns_of(open_days: Window) -> int:
    """After how many looks all of these days were looked at."""
    older = len(open_days.days) - NEWEST_DAYS
    return max(1, -(-older // OLDER_DAYS_AT_ONCE))


def days_of_turn(open_days: Window, turn: int) -> list[dt.date]:
    """The days of which a look sees what landed. The older ones of a turn follow each other, so that they are loaded
    together."""
    days, older = open_days.days, turn % turns_of(open_days) * OLDER_DAYS_AT_ONCE
    return sorted({*days[older : older + OLDER_DAYS_AT_ONCE], *days[-NEWEST_DAYS:]})


# Whether a waiting delivery may be asked for now.
Wanted = Callable[[Waiting], bool]


class Watch:
    """Looks at one source, region by region. `lake` opens the lake, for as long as the ledger is asked.

    `open_days` are those that have a partition.
    """

    def __init__(
        self, lake: Callable[[], AbstractContextManager[Lake]], contract: Contract, outside: Outside, open_days: Window
    ) -> None:
        self._lake = lake
        self._contract = contract
        self._open = open_days
        self.origins = {region.name: origin_of(contract, region, outside) for region in contract.regions}

    def look(
        self, asked_days: Iterable[dt.date], wanted: Wanted, limit: int, turn: int | None = None
    ) -> dict[dt.date, list[Waiting]]:
        """The waiting deliveries of the oldest `limit` days that have wanted ones. Servers are asked for `asked_days`;
        of what landed all days are looked at, or those of a turn and `asked_days`.

        In memory that does not grow with what is there. Raises SourceDownError and TidegateError when a region cannot
        be looked at.
        """
        found: dict[dt.date, list[Waiting]] = {}
        for waiting in self._waiting(sorted(set(asked_days)), turn):
            if len(found) == limit and waiting.day > max(found):
                # However many wait, what came of earlier loads is looked up only for those that could be among them.
                continue
            if wanted(waiting) and self._all_regions_are_there(waiting):
                found.setdefault(waiting.day, []).append(waiting)
                if len(found) > limit:
                    del found[max(found)]
        return found

    def _waiting(self, days: list[dt.date], turn: int | None) -> Iterator[Waiting]:
        landings = {name: origin for name, origin in self.origins.items() if isinstance(origin, Landing)}
        # A folder of fewer days is listed at once, which takes less than asking for each of them.
        in_turns = turn is not None and turns_of(self._open) > 1
        yield from self._unloaded(landings, {*days_of_turn(self._open, turn or 0), *days} if in_turns else None)
        for name, origin in self.origins.items():
            if name not in landings:
                yield from self._unlisted(name, origin, days)

    def can_look_at(self, region: str) -> bool:
        """Whether it can be told what stands at the region's source without asking for it."""
        return isinstance(self.origins[region], Landing | Announcing)

    def can_explain(self, region: str) -> bool:
        """Whether the region's source may know why a delivery is not there."""
        return isinstance(self.origins[region], Explaining)

    def why_not_there(self, region: str, day: dt.date) -> str | None:
        origin = self.origins[region]
        return origin.why_not_there(day) if isinstance(origin, Explaining) else None

    def is_there(self, region: str, day: dt.date) -> bool:
        """Whether a whole delivery stands at its source, or can be asked for."""
        origin = self.origins[region]
        match origin:
            case Landing():
                arrival = origin.arrival(day)
                return arrival is not None and arrival.complete
            case Announcing():
                return day in origin.ready_days([day])
        return True

    def _unloaded(self, landings: Mapping[str, Landing], days: Collection[dt.date] | None) -> Iterator[Waiting]:
        """Deliveries that can be loaded, being whole and of days that have a partition, and that are not."""
        loadable = {region: self._loadable(landing, days) for region, landing in landings.items()}
        at_once = REGIONS_AT_ONCE if any(landing.is_far for landing in landings.values()) else 1
        for region, batch in read_in_batches(loadable, BATCH, at_once):
            known = self._known(Partition(region, arrival.day) for arrival in batch)
            for arrival in batch:
                entry = known.get(Partition(region, arrival.day))
                if _waits(entry, arrival.fingerprint):
                    yield Waiting(region, arrival.day, arrival.fingerprint, entry)

    def _loadable(self, landing: Landing, days: Collection[dt.date] | None) -> Iterator[Arrival]:
        return (arrival for arrival in landing.arrivals(days) if arrival.complete and arrival.day in self._open)

    def _unlisted(self, region: str, origin: Origin, days: list[dt.date]) -> Iterator[Waiting]:
        known = self._known(Partition(region, day) for day in days)
        ready = origin.ready_days(days) if isinstance(origin, Announcing) else None
        for day in days:
            entry = known.get(Partition(region, day))
            listing = _asked_again(entry) if ready is None else ready.get(day)
            if listing is None and entry and entry.is_outlived:
                # That nothing more came of the day is known once it was asked for.
                listing = NOT_RECORDED
            if listing is not None and _waits(entry, listing):
                yield Waiting(region, day, listing, entry)

    def _known(self, partitions: Iterable[Partition]) -> dict[Partition, Known]:
        with self._lake() as lake:
            return known_deliveries(lake.con, self._contract.source, partitions)

    def _all_regions_are_there(self, waiting: Waiting) -> bool:
        """Whether nothing speaks against loading it alone: the contract may want every region to be there first."""
        if self._contract.readiness.rule != "all_regions":
            return True
        others = [region.name for region in self._contract.regions if region.name != waiting.region]
        loaded = self._known(Partition(other, waiting.day) for other in others)
        return all(Partition(other, waiting.day) in loaded or self.is_there(other, waiting.day) for other in others)


def _waits(known: Known | None, listing: str) -> bool:
    return known is None or known.listing != listing or known.is_outlived


def _asked_again(known: Known | None) -> str | None:
    """An origin that tells nothing is asked until it gave a sound delivery of its own, of the whole day."""
    is_had = known and known.verdict == "accepted" and not known.stands_in and not known.is_interim
    return None if is_had else NOT_RECORDED
