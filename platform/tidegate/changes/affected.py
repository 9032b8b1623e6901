"""What a change of logic affects: the models that differ from what published partitions were built with."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.home import Home
from tidegate.publishing.older_logic import older_models
from tidegate.publishing.retire import PublishedMart, marts_without_model
from tidegate.window import Cadence, Window


@dataclass(frozen=True)
class Affected:
    """Models, by name, whose logic differs from what some published partition was built with, and these partitions;
    and the published marts that no model makes any more."""

    models: frozenset[str]
    partitions: Mapping[Cadence, Sequence[dt.date]]
    unmade: Sequence[PublishedMart]

    def __bool__(self) -> bool:
        return bool(self.partitions or self.unmade)


def find_affected(
    con: DuckDBPyConnection, home: Home, days: Window | None = None, *, everything: bool = False
) -> Affected:
    """What differs from the project as it is now, of the partitions on these days or of all; with `everything`, all
    that is published counts, whatever it was built with."""
    older = older_models(con, home.products, home.dbt.logic(), days, everything=everything)
    partitions: dict[Cadence, dict[dt.date, None]] = {}
    for each in older:
        partitions.setdefault(each.cadence, {})[each.day] = None
    # Where only some days are asked for, a mart is not taken from the others.
    unmade = [] if days else marts_without_model(con, home.published_marts)
    return Affected(
        frozenset(each.model for each in older), {cadence: list(of) for cadence, of in partitions.items()}, unmade
    )
