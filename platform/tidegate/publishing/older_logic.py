"""Which published partitions stand on older logic than the project has now.

Nothing follows from it but that people are told so, until somebody plans and applies the change.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import in_window, literal, rows_relation, sql_file
from tidegate.publishing.requirements import GateRequirements
from tidegate.window import Cadence, Window

PROJECT = {"product": "varchar", "cadence": "varchar", "model": "varchar", "is_mart": "boolean", "logic": "varchar"}

# What each model has now, by its name.
Logic = Mapping[str, str]


@dataclass(frozen=True)
class OlderModel:
    """A model behind a published partition, whose logic there is not what the project has now.

    `logic` is what it has there, None where a model came later and is not there at all, and `changed_at` when the
    newest logic was first built with (UTC, naive), None where it never was.
    """

    cadence: Cadence
    day: dt.date
    model: str
    is_mart: bool
    logic: str | None
    changed_at: dt.datetime | None


@dataclass(frozen=True)
class OlderLogic:
    """The published partitions of a mart that were built with other logic than the project has now."""

    mart: str
    cadence: Cadence
    days: Sequence[dt.date]
    changed_at: dt.datetime | None

    @property
    def sentence(self) -> str:
        """How many there are, and since when."""
        since = f" (changed {self.changed_at:%Y-%m-%d})" if self.changed_at else ""
        stand = "stands" if len(self.days) == 1 else "stand"
        return f"{self.cadence.counted(len(self.days))} of {self.mart} {stand} on older logic{since}."


def older_models(
    con: DuckDBPyConnection,
    products: Iterable[GateRequirements],
    logic: Logic,
    days: Window | None = None,
    *,
    everything: bool = False,
) -> list[OlderModel]:
    """These models, by partition, of those on these days or of all; with `everything`, all that is published counts,
    whatever it was built with.

    A partition whose build recorded no logic is not said to differ.
    """
    project = [
        (product.product, product.cadence, model, model in product.names, logic[model])
        for product in products
        for model in sorted(product.models)
    ]
    query = sql_file(
        "tidegate.publishing",
        "older_logic.sql",
        project=rows_relation(PROJECT, project),
        within=in_window("partition_day", days) if days else "true",
        everything=literal(everything),
    )
    return [OlderModel(Cadence(cadence), *rest) for cadence, *rest in con.execute(query).fetchall()]


def on_older_logic(
    con: DuckDBPyConnection, products: Iterable[GateRequirements], logic: Logic, days: Window | None = None
) -> list[OlderLogic]:
    """The marts of these products with such partitions, by name."""
    found: dict[tuple[str, Cadence], list[OlderModel]] = {}
    for each in older_models(con, products, logic, days):
        if each.is_mart and each.logic is not None:
            found.setdefault((each.model, each.cadence), []).append(each)
    return [
        OlderLogic(mart, cadence, [each.day for each in of_mart], of_mart[0].changed_at)
        for (mart, cadence), of_mart in sorted(found.items())
    ]
