"""What must hold before a partition of a product is published: its deliveries, models and checks; what it is made of.

Read from the project by `transform.parsed.products`. Whether it holds is for `gate` to ask the ledger.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field

from tidegate.delivery_days import ALL_DAYS
from tidegate.lake.comments import Comments
from tidegate.ledger.contents import Kind, Seed
from tidegate.ledger.made_of import Reads
from tidegate.ledger.required import DaysOfPlaces, Place
from tidegate.publishing.due.made_of import DaysBehind
from tidegate.publishing.promises import Promise
from tidegate.window import Cadence, Length
from tidegate.zones import UTC, Zone

# Of marts that no dbt group has.
DEFAULT_PRODUCT = "default"


@dataclass(frozen=True)
class Mart:
    """A table of `marts`, the column that holds its day, and all that its model has; none where that is not known."""

    name: str
    day_column: str
    columns: tuple[str, ...] = field(default=(), compare=False, repr=False)
    # What its columns mean; None where that is not known.
    comments: Comments | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class GateRequirements:
    """What must hold for a partition of a product before its marts are published.

    `deliveries` are (source, region), `models` the names that builds record, `blocking_checks` (asset, check).
    """

    deliveries: frozenset[tuple[str, str]]
    models: frozenset[str]
    blocking_checks: frozenset[tuple[str, str]]
    marts: tuple[Mart, ...]
    cadence: Cadence = Cadence.daily
    # On which days a delivery is required; one that is not named, on all.
    delivery_days: DaysOfPlaces = field(default_factory=dict, hash=False)
    # The first partition: days before it are built no more, whatever comes for them.
    starts: dt.date = dt.date.min
    # Days before a day of their own that models read, one behind the other.
    reach: int = 0
    # Whose marts they are: published together, and held together.
    product: str = DEFAULT_PRODUCT
    # The marts of the other products: what is published of them is no affair of this one.
    beside: frozenset[str] = frozenset()
    # The published days that they are made of; None where they are made of deliveries.
    behind: DaysBehind | None = None
    # The sources of which models read rows of the days that they reach back to.
    read_back: frozenset[str] = frozenset()
    # The seeds that they are made of.
    seeds: tuple[Seed, ...] = ()
    # Who answers for the product, and by when it is published.
    promise: Promise = field(default_factory=Promise)
    # Whose days the partitions are.
    zone: Zone = UTC

    @property
    def names(self) -> frozenset[str]:
        """The names of the marts."""
        return frozenset(mart.name for mart in self.marts)

    @property
    def reads(self) -> list[Reads]:
        """What a partition of the product is made of."""
        sources = sorted({source for source, _ in self.deliveries})
        reads = [
            Reads(Kind.delivery, source, begins_before=self.reach if source in self.read_back else 0)
            for source in sources
        ]
        if self.reach:
            reads.append(Reads(Kind.day, "", begins_before=self.reach, ends_after=Length()))
        reads += [Reads(Kind.seed, seed.name, None, None) for seed in self.seeds]
        return reads + (self.behind.reads if self.behind else [])

    def are_made_of(self, source: str) -> bool:
        """Whether the marts need the source."""
        return any(source == required for required, _ in self.deliveries)

    def goes_on(self, partition: dt.date, now: dt.datetime) -> bool:
        """Whether it is a day that has not ended: what is published of it is so far."""
        return self.cadence is Cadence.daily and partition >= self.zone.day_of(now)

    def are_required_on(self, day: dt.date) -> frozenset[Place]:
        return frozenset(place for place in self.deliveries if day in self.delivery_days.get(place, ALL_DAYS))


def together(products: Sequence[GateRequirements]) -> GateRequirements:
    """What several products of one cadence need, at least one, as if they were one."""
    first, *others = products
    for each in others:
        first = dataclasses.replace(
            first,
            deliveries=first.deliveries | each.deliveries,
            models=first.models | each.models,
            blocking_checks=first.blocking_checks | each.blocking_checks,
            marts=tuple(sorted({*first.marts, *each.marts}, key=str)),
            delivery_days={**first.delivery_days, **each.delivery_days},
            reach=max(first.reach, each.reach),
            behind=each.behind if first.behind is None else first.behind.with_those_of(each.behind),
            read_back=first.read_back | each.read_back,
            seeds=tuple(dict.fromkeys((*first.seeds, *each.seeds))),
        )
    return dataclasses.replace(first, beside=first.beside - first.names)
