"""What a change of logic affects: the models that differ from what published partitions were built with, and the
contracts that differ from what deliveries were judged by."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.changes.contracts import contracts_that_changed
from tidegate.home import Home
from tidegate.publishing.older_logic import older_models
from tidegate.publishing.retire import PublishedMart, marts_without_model
from tidegate.transform.parsed.graph import RAW
from tidegate.window import Cadence, Window


@dataclass(frozen=True)
class Affected:
    """Models, by name, whose logic differs from what some published partition was built with, and these partitions;
    the published marts that no model makes any more; and by source whose deliveries another state of its contract
    judged, the hash of the contract's logic, with the models that read such a source, themselves or through others."""

    models: frozenset[str]
    partitions: Mapping[Cadence, Sequence[dt.date]]
    unmade: Sequence[PublishedMart]
    contracts: Mapping[str, str]
    reading: frozenset[str]

    def __bool__(self) -> bool:
        return bool(self.partitions or self.unmade or self.contracts)

    @property
    def built(self) -> frozenset[str]:
        """The models that a plan builds."""
        return self.models | self.reading


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
    contracts = contracts_that_changed(con, home, days)
    return Affected(
        models=frozenset(each.model for each in older),
        partitions={cadence: list(of) for cadence, of in partitions.items()},
        unmade=unmade,
        contracts=contracts,
        reading=_reading(home, contracts),
    )


def _reading(home: Home, sources: Collection[str]) -> frozenset[str]:
    """The models behind published marts that read one of these sources, themselves or through others."""
    of_raw = [each.unique_id for each in home.graph.sources.values() if each.schema == RAW and each.name in sources]
    reading = {home.graph.models[unique_id].name for unique_id in home.graph.with_descendants(of_raw)}
    behind = {model for cadence in Cadence for product in home.products_of(cadence) for model in product.models}
    return frozenset(reading & behind)
