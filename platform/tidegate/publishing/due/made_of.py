"""What derived things are made of: published days behind a partition, and the ingredients of outputs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from tidegate.lake.sql import rows_relation
from tidegate.ledger.contents import Kind
from tidegate.ledger.made_of import Reads
from tidegate.window import Cadence, Length


@dataclass(frozen=True)
class DaysBehind:
    """What a partition of `cadence` is made of: `marts` as published on the days that it is about and the `reach` days
    before its own; those among them that are in `newest`, on the newest of these days alone."""

    cadence: Cadence
    marts: frozenset[str]
    newest: frozenset[str]
    reach: int

    @property
    def reads(self) -> list[Reads]:
        begins_before, ends_after = self.cadence.begins_before(self.reach), self.cadence.ends_after
        return [
            Reads(Kind.mart, mart, begins_before, ends_after, only_newest=mart in self.newest)
            for mart in sorted(self.marts)
        ]

    def with_those_of(self, other: DaysBehind | None) -> DaysBehind:
        """What both are made of, for the same cadence."""
        if other is None:
            return self
        return DaysBehind(
            self.cadence, self.marts | other.marts, self.newest | other.newest, max(self.reach, other.reach)
        )

    def read_by(self, partitions: Iterable[dt.date]) -> str:
        """A query for (partition, first, last): the days that each of these partitions is made of."""
        days = {partition: self.cadence.days_about(partition, self.reach) for partition in partitions}
        rows = [(partition, window.start, window.last) for partition, window in days.items()]
        return rows_relation({"partition": "date", "first": "date", "last": "date"}, rows)


@dataclass(frozen=True)
class Ingredient:
    """Publications that an output is made of: of these marts and this cadence, so many days before the output's own.
    Without what is not `needed`, it is made all the same."""

    marts: tuple[str, ...]
    cadence: str
    days_before: tuple[int, ...] = (0,)
    needed: bool = True


@dataclass(frozen=True)
class OutputKind:
    """A kind of output with one for each partition of its cadence that an ingredient is published on, from when each
    of its `marts`, those that it needs, was published for the first time.

    `name` is the asset's: `exports/daily_sales`. `tells_of`: the days, as so many before the output's own, of which it
    tells what was delivered and how often they changed. `revision` is raised when other things are made of the same
    ingredients, which then makes all of them due. Of one that `is_one` there is but one, of the newest partition that
    any ingredient is published on, or else of the newest day that something is reported of: it is of everything, and
    `watches` what else it reports.
    """

    name: str
    cadence: str
    ingredients: tuple[Ingredient, ...]
    tells_of: tuple[int, ...] = ()
    revision: int = 1
    is_one: bool = False
    watches: tuple[Reads, ...] = ()

    @property
    def marts(self) -> frozenset[str]:
        return frozenset(mart for ingredient in self.ingredients for mart in ingredient.marts if ingredient.needed)

    @property
    def reads(self) -> list[Reads]:
        return [
            *(
                _on_day(Kind.mart, mart, days)
                for ingredient in self.ingredients
                for mart in ingredient.marts
                for days in ingredient.days_before
            ),
            *(_on_day(Kind.report, "", days) for days in self.tells_of),
            *self.watches,
        ]


def _on_day(kind: Kind, subject: str, days_before: int) -> Reads:
    return Reads(kind, subject, days_before, Length(days=1 - days_before))
