"""What a product promises beside its data: who answers for it, by when a partition is published, where alarms go,
and what its runs need.

Read from the project by `transform.parsed.groups`. Here is what the ledger says of it: which promise is broken now.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from duckdb import DuckDBPyConnection

from tidegate.ledger.publications import published_days
from tidegate.needs import NOTHING_SPECIAL, Needs
from tidegate.window import Cadence, Window
from tidegate.zones import Zone

if TYPE_CHECKING:
    from tidegate.publishing.requirements import GateRequirements

# No source pauses longer than some holidays.
PARTITIONS_AHEAD = 31


@dataclass(frozen=True)
class Owner:
    """Who answers for a product: a name, email addresses, or both."""

    name: str | None = None
    emails: tuple[str, ...] = ()

    def __str__(self) -> str:
        addresses = ", ".join(self.emails)
        return f"{self.name} ({addresses})" if self.name and addresses else self.name or addresses


@dataclass(frozen=True)
class Promise:
    """What the dbt group of a product says. `deadline` is a time of the platform's clock, on the first day after those
    that a partition is about. Marts without a group have no owner, and promise nothing."""

    owner: Owner | None = None
    deadline: dt.time | None = None
    alert_channel: str | None = None
    needs: Needs = NOTHING_SPECIAL


@dataclass(frozen=True)
class Overdue:
    """A partition of a product that is not published though its deadline, in UTC, has passed."""

    partition: dt.date
    cadence: Cadence
    deadline: dt.datetime


def overdue_partition(
    con: DuckDBPyConnection, product: GateRequirements, zone: Zone, now: dt.datetime
) -> Overdue | None:
    """The newest partition that should be published at `now`, where it is not."""
    for partition, deadline in _deadlines(product, zone, now):
        if deadline <= now:
            there = _is_published(con, product, partition)
            return None if there else Overdue(partition, product.cadence, deadline)
    return None


def missed_or_near(
    con: DuckDBPyConnection, product: GateRequirements, zone: Zone, now: dt.datetime, margin: dt.timedelta
) -> bool:
    """Whether the newest partition whose deadline has passed, or passes within `margin`, is not published."""
    return overdue_partition(con, product, zone, now + margin) is not None


def next_deadline(
    con: DuckDBPyConnection, product: GateRequirements, zone: Zone, now: dt.datetime
) -> dt.datetime | None:
    """The deadline, in UTC, of the partition that is to be published next: of an overdue one, it has passed."""
    if product.promise.deadline is None:
        return None
    if overdue := overdue_partition(con, product, zone, now):
        return overdue.deadline
    partition = product.cadence.after(product.cadence.about(zone.day_of(now)), -1)
    for _ in range(PARTITIONS_AHEAD):
        deadline = deadline_of(product, partition, zone)
        if (
            deadline
            and is_waited_for(product, partition)
            and deadline > now
            and not _is_published(con, product, partition)
        ):
            return deadline
        partition = product.cadence.after(partition, 1)
    return None


def _is_published(con: DuckDBPyConnection, product: GateRequirements, partition: dt.date) -> bool:
    partitions = Window.of_day(partition, product.cadence)
    return bool(published_days(con, partitions, beside=product.beside, only_whole=True))


def is_waited_for(product: GateRequirements, partition: dt.date) -> bool:
    """Whether the partition should be published: anything that it is made of is delivered for it."""
    return bool(product.are_required_on(partition)) or not product.deliveries


def deadline_of(product: GateRequirements, partition: dt.date, zone: Zone) -> dt.datetime | None:
    """Until when the partition is promised, in UTC; None of a product that promises no time."""
    if product.promise.deadline is None:
        return None
    return zone.at(product.cadence.days_about(partition).end, product.promise.deadline)


def _deadlines(product: GateRequirements, zone: Zone, now: dt.datetime) -> Iterator[tuple[dt.date, dt.datetime]]:
    """The partitions that are waited for and the deadline of each, newest first."""
    cadence = product.cadence
    partition = cadence.after(cadence.about(zone.day_of(now)), -1)
    while partition >= product.starts:
        if is_waited_for(product, partition):
            deadline = deadline_of(product, partition, zone)
            if deadline is None:
                return
            yield partition, deadline
        partition = cadence.after(partition, -1)
