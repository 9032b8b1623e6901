"""What a change of logic affects: the models that differ from what published partitions were built with, and the
contracts that differ from what deliveries were judged by."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.changes.contracts import contracts_that_changed
from tidegate.changes.reading import partitions_made_of
from tidegate.home import Home
from tidegate.ledger.contents import Kind
from tidegate.publishing.older_logic import OlderModel, older_models
from tidegate.publishing.retire import PublishedMart, marts_without_model
from tidegate.transform.parsed.members import RAW, Model
from tidegate.window import Cadence, Window


@dataclass(frozen=True)
class Affected:
    """Models, by name, whose logic differs from what some published partition was built with, and these partitions;
    the published marts that no model makes any more; and by source whose deliveries another state of its contract
    judged, the hash of the contract's logic. `reading`: the models that read such a source, or one of these models,
    themselves or through others."""

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
    # Where only some days are asked for, a mart is not taken from the others.
    unmade = [] if days else marts_without_model(con, home.published_marts)
    contracts = contracts_that_changed(con, home, days)
    return Affected(
        models=frozenset(each.model for each in older),
        partitions=_partitions(con, home, older, days),
        unmade=unmade,
        contracts=contracts,
        reading=_reading(home, contracts, {each.model for each in older}),
    )


def _partitions(
    con: DuckDBPyConnection, home: Home, older: Sequence[OlderModel], days: Window | None
) -> dict[Cadence, list[dt.date]]:
    """Those of these models, and those that are made of them: production may have built one with the logic of now, of
    days of the older."""
    found: dict[Cadence, set[dt.date]] = {}
    contents: dict[tuple[Kind, str], set[dt.date]] = {}
    for each in older:
        found.setdefault(each.cadence, set()).add(each.day)
        if each.cadence is Cadence.daily:
            contents.setdefault((Kind.day, ""), set()).add(each.day)
        if each.is_mart:
            contents.setdefault((Kind.mart, each.model), set()).add(each.day)
    for cadence, behind in partitions_made_of(con, home, contents).items():
        asked = [day for day in behind if days is None or days.start <= day < days.end]
        found.setdefault(cadence, set()).update(asked)
    return {cadence: sorted(of_cadence) for cadence, of_cadence in found.items() if of_cadence}


def _reading(home: Home, sources: Collection[str], models: Collection[str]) -> frozenset[str]:
    """The models behind published marts that read one of these sources or models, themselves or through others, and
    with them all models of a product that shows other contents then: it is due as a whole."""
    of_sources = _readers(home, [u for u, each in home.graph.sources.items() if _is_raw(each) and each.name in sources])
    of_models = _readers(home, [u for u, each in home.graph.models.items() if each.name in models])
    found: set[str] = set()
    for product in home.products:
        other_contents = of_sources if product.cadence is Cadence.daily else of_sources | of_models
        found |= product.models & of_models if other_contents.isdisjoint(product.models) else product.models
    return frozenset(found)


def _readers(home: Home, unique_ids: Collection[str]) -> frozenset[str]:
    """The names of these models, and of those that read one of these."""
    return frozenset(home.graph.models[unique_id].name for unique_id in home.graph.with_descendants(unique_ids))


def _is_raw(source: Model) -> bool:
    return source.schema == RAW
