"""What a change of logic affects: the models that differ from what published partitions were built with."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.home import Home
from tidegate.lake.sql import in_window, literal, rows_relation, sql_file
from tidegate.publishing.retire import PublishedMart, marts_without_model
from tidegate.window import Cadence, Window

PROJECT = {"product": "varchar", "cadence": "varchar", "model": "varchar", "is_mart": "boolean", "logic": "varchar"}


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
    that is published counts, whatever it was built with.

    A partition whose build recorded no logic is not said to differ.
    """
    logic = home.dbt.logic()
    project = [
        (product.product, cadence.value, model, model in product.names, logic[model])
        for cadence in Cadence
        for product in home.products_of(cadence)
        for model in sorted(product.models)
    ]
    query = sql_file(
        "tidegate.changes",
        "affected.sql",
        project=rows_relation(PROJECT, project),
        within=in_window("partition_day", days) if days else "true",
        everything=literal(everything),
    )
    partitions: dict[Cadence, dict[dt.date, None]] = {}
    models: set[str] = set()
    for cadence, day, model in con.execute(query).fetchall():
        partitions.setdefault(Cadence(cadence), {})[day] = None
        models.add(model)
    # Where only some days are asked for, a mart is not taken from the others.
    unmade = [] if days else marts_without_model(con, home.published_marts)
    return Affected(frozenset(models), {cadence: list(of) for cadence, of in partitions.items()}, unmade)
