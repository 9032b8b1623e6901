"""Where deliveries come from: one `Origin` for each region of a contract, whatever kind of server it has.

An origin finds a day's delivery and captures its bytes in the archive, unchanged. Reading, judging and committing
them is the same for all kinds and belongs to `intake`. How each kind is found is in `dropped`,
`http.source` and `postgres.source`, and which kind a contract calls for in `places`.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from tidegate.archive.archive import Archive
from tidegate.archive.manifest import Captured
from tidegate.errors import TidegateError

if TYPE_CHECKING:
    from tidegate.storage.s3 import S3Client


class Origin(Protocol):
    """Where one region's deliveries come from."""

    def capture(self, archive: Archive, source: str, day: dt.date) -> Captured | None:
        """Copy the day's delivery into the archive; None when nothing was delivered.

        Raises IncompleteError for a delivery that is not whole yet, SourceDownError when the source cannot be
        reached, which may heal, and TidegateError for what cannot. OSError is what keeping the bytes may raise.
        """
        ...

    def describe(self, day: dt.date) -> str:
        """The place of the day's delivery, for messages: a folder, an address without secrets, a query."""
        ...


@dataclass(frozen=True)
class Arrival:
    """What landing holds for a region and day, told from its listing alone.

    `changed_at` (UTC) is when anything of it changed last. `fingerprint` tells the names, sizes and times (in S3:
    ETags) of its data files, so it is the same as long as nothing of them changes. One that is not `complete` may
    become so without any further change, when the rule is that nothing changes.
    """

    region: str
    day: dt.date
    changed_at: dt.datetime
    complete: bool
    fingerprint: str


@runtime_checkable
class Landing(Origin, Protocol):
    """An origin that deliveries are dropped into, by nobody's asking.

    `is_far`: every question to it takes its time on a network, so that several days are best captured at once.
    """

    is_far: bool

    def arrivals(self, days: Collection[dt.date] | None = None) -> Iterator[Arrival]:
        """Everything that is there now, or what is there of some days, in no promised order, in memory that does not
        grow with its number.

        A region's server may be listed day by day only. Raises SourceDownError and TidegateError as `capture` does.
        """
        ...

    def arrival(self, day: dt.date) -> Arrival | None:
        """What is there now for one day; None when nothing is."""
        ...


@runtime_checkable
class Announcing(Origin, Protocol):
    """An origin that is asked whether days are ready, and says so."""

    def ready_days(self, days: Iterable[dt.date]) -> dict[dt.date, str]:
        """Those of `days` that are ready, each with what it says of the day, the same as long as that does not change.

        Raises SourceDownError and TidegateError as `capture` does.
        """
        ...


@runtime_checkable
class Explaining(Origin, Protocol):
    """An origin that may know why a delivery is not there."""

    def why_not_there(self, day: dt.date) -> str | None:
        """A sentence that begins with the region; None where nothing is known. Raises as `capture` does."""
        ...


@runtime_checkable
class Asked(Origin, Protocol):
    """An origin that tells nothing before it is asked for a delivery."""

    def ask(self, day: dt.date) -> None:
        """Begin to ask for the day's delivery, and keep nothing of it. Raises as `capture` does."""
        ...


def listing_of(origin: Origin, day: dt.date) -> str | None:
    """What stands at the origin for the day, told without fetching it; None where that cannot be told."""
    match origin:
        case Landing():
            arrival = origin.arrival(day)
            return arrival.fingerprint if arrival else None
        case Announcing():
            return origin.ready_days([day]).get(day)
    return None


def _no_s3_client() -> S3Client:
    raise TidegateError("There is no S3 client here. Nothing was changed.")


@dataclass(frozen=True)
class Outside:
    """What lies outside of a home, and how it is reached. `landing` and `archive` are folders or
    addresses of object stores."""

    landing: str
    archive: str
    # Not shown: it holds every secret that this process was given.
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    # Making one takes a second, so it is asked for when S3 is met.
    s3_client: Callable[[], S3Client] = _no_s3_client

    def variable(self, name: str, used_for: str) -> str:
        """The value of an environment variable that a contract names. Raises TidegateError when it is not set."""
        if value := self.environment.get(name, ""):
            return value
        raise TidegateError(
            f"The environment variable {name}, {used_for}, is not set. Nothing was changed. "
            "Set it where Tidegate runs, and run again."
        )
