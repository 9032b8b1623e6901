"""Partitions of products that were published since a moment, as they stand in `serving`."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import literal, sql_file
from tidegate.ledger.interim import IS_OF_A_WHOLE_DAY
from tidegate.publishing.requirements import GateRequirements
from tidegate.window import Cadence


class Shown(NamedTuple):
    """A mart's partition as it stands in `serving`, and since when it shows this content."""

    rows: int
    content: str
    published_at: dt.datetime
    changed_at: dt.datetime
    is_restated: bool


@dataclass(frozen=True)
class Published:
    """A partition of a product as it stands. Times are naive UTC.

    `content` is a hash over its marts', `rows` those of each. `changed_at` is since when it shows this content:
    publishing the same again does not move it, and coming back to an earlier content does.
    """

    product: str
    cadence: Cadence
    day: dt.date
    content: str
    rows: tuple[tuple[str, int], ...]
    published_at: dt.datetime
    changed_at: dt.datetime
    is_restated: bool


def published_since(
    con: DuckDBPyConnection, products: Iterable[GateRequirements], since: dt.datetime
) -> list[Published]:
    """The partitions of these products of which anything was published since (UTC, naive), as they stand, in order."""
    query = sql_file("tidegate.publishing", "published_since.sql", since=literal(since), is_whole=IS_OF_A_WHOLE_DAY)
    shown: dict[tuple[Cadence, dt.date], dict[str, Shown]] = defaultdict(dict)
    for cadence, day, mart, *standing in con.execute(query).fetchall():
        shown[Cadence(cadence), day][mart] = Shown(*standing)
    by_cadence: dict[Cadence, list[GateRequirements]] = defaultdict(list)
    for product in products:
        by_cadence[product.cadence].append(product)
    return [
        _published(product, day, marts)
        for (cadence, day), marts in shown.items()
        for product in by_cadence[cadence]
        # A product is published whole, so one that lacks a mart is being changed.
        if product.names and product.names <= marts.keys()
    ]


def _published(product: GateRequirements, day: dt.date, shown: dict[str, Shown]) -> Published:
    marts = {name: shown[name] for name in sorted(product.names)}
    contents = hashlib.sha256(repr([(name, mart.content) for name, mart in marts.items()]).encode())
    return Published(
        product.product,
        product.cadence,
        day,
        contents.hexdigest()[:16],
        tuple((name, mart.rows) for name, mart in marts.items()),
        max(mart.published_at for mart in marts.values()),
        max(mart.changed_at for mart in marts.values()),
        is_restated=any(mart.is_restated for mart in marts.values()),
    )
