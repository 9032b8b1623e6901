"""The products of a project, and what stands behind each: pure, from the graph of the manifest.

A product is a dbt group of marts. What must hold of it, with its contracts, is put together in `home`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from tidegate.ledger.contents import Seed
from tidegate.publishing.due.made_of import DaysBehind
from tidegate.publishing.promises import Promise
from tidegate.publishing.requirements import Mart
from tidegate.transform.parsed.graph import Graph
from tidegate.transform.parsed.members import RAW, SERVING, Model
from tidegate.window import Cadence


@dataclass(frozen=True)
class Product:
    """What a partition of a product needs to be published: the marts, and behind them sources, models and blocking
    checks."""

    name: str
    marts: tuple[Mart, ...]
    sources: frozenset[str]
    models: frozenset[str]
    blocking_checks: frozenset[tuple[str, str]]
    # Days before its own that a partition is made of, models that read back behind one another added up.
    reach: int
    # The marts of the other products of the cadence.
    beside: frozenset[str]
    # The published days that they are made of; None of days.
    behind: DaysBehind | None
    # The sources that models read back to days before their own.
    read_back: frozenset[str]
    seeds: tuple[Seed, ...]
    promise: Promise


def products_of(graph: Graph, cadence: Cadence) -> list[Product]:
    """The products with marts of a cadence, by name, each with all of that cadence that stands behind them."""
    names = sorted({model.product for model in graph.models_of(cadence) if model.is_mart})
    return [_product(graph, name, cadence) for name in names]


def _product(graph: Graph, name: str, cadence: Cadence) -> Product:
    of_cadence = [model for model in graph.models_of(cadence) if model.is_mart]
    marts = [mart for mart in of_cadence if mart.product == name]
    behind = graph.with_ancestors(mart.unique_id for mart in marts)
    models = [graph.models[unique_id] for unique_id in behind]
    assets = {model.asset for model in models} | graph.assets_without_cadence(behind)
    checks = [test for test in graph.tests.values() if test.blocking and test.asset in assets]
    return Product(
        name=name,
        marts=tuple(sorted((_mart(graph, mart) for mart in marts), key=str)),
        sources=frozenset(source.name for source in graph.sources_of(models) if source.schema == RAW),
        models=frozenset(model.name for model in models),
        blocking_checks=frozenset((check.asset, check.name) for check in checks),
        reach=_reach(graph, [mart.unique_id for mart in marts]),
        beside=frozenset(mart.name for mart in of_cadence if mart.product != name),
        behind=_days_behind(graph, cadence, models) if cadence is not Cadence.daily else None,
        read_back=frozenset(
            source.name
            for source in graph.sources_of(model for model in models if model.reaches_back)
            if source.schema == RAW
        ),
        seeds=graph.seeds_behind(behind),
        promise=graph.promises.get(name, Promise()),
    )


def _mart(graph: Graph, mart: Model) -> Mart:
    return Mart(mart.name, mart.day_column, tuple(mart.columns), graph.comments_of(mart.unique_id))


def _days_behind(graph: Graph, cadence: Cadence, models: Sequence[Model]) -> DaysBehind:
    return DaysBehind(
        cadence=cadence,
        marts=frozenset(source.name for source in graph.sources_of(models) if source.schema == SERVING),
        newest=frozenset(mart for model in models for mart in model.reads_newest),
        reach=max((model.reaches_back for model in models), default=0),
    )


def _reach(graph: Graph, marts: list[str]) -> int:
    @cache
    def reach_of(unique_id: str) -> int:
        model = graph.models.get(unique_id)
        return model.reaches_back + max(map(reach_of, model.parents), default=0) if model else 0

    return max(map(reach_of, marts), default=0)
