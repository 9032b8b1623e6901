"""Which days of which tables sample partitions are, and read: no more of a lake is copied."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from duckdb import DuckDBPyConnection

from tidegate.changes.proposal.sample import Sample
from tidegate.home import Home
from tidegate.publishing.due.made_of import DaysBehind
from tidegate.transform.parsed.members import SERVING
from tidegate.window import ONE_DAY, Cadence, Window

Table = tuple[str, str]


def days_read(con: DuckDBPyConnection, homes: Sequence[Home], sample: Sample) -> Mapping[Table, Collection[dt.date]]:
    """Of each table of models, and of marts as they are published, what one of these homes' projects has the sample
    read."""
    published = _published(con)
    found: dict[Table, set[dt.date]] = defaultdict(set)
    for home in homes:
        for cadence, partitions in sample.partitions.items():
            own = {*partitions, *days_before(partitions, _reach(home, cadence))}
            for model in home.graph.models_of(cadence):
                found[model.schema, model.name] |= own
                found[SERVING, model.name] |= own
            for product in home.products_of(cadence):
                for mart, days in _behind(product.behind, partitions, published) if product.behind else ():
                    found[SERVING, mart] |= days
    return found


def days_before(partitions: Collection[dt.date], reach: int) -> set[dt.date]:
    """The days, so many, before each of these."""
    return {day for each in partitions for day in Window(each - ONE_DAY * reach, each).days} if reach else set()


def _reach(home: Home, cadence: Cadence) -> int:
    return max((product.reach for product in home.products_of(cadence)), default=0)


def _behind(
    behind: DaysBehind, partitions: Collection[dt.date], published: Mapping[str, Collection[dt.date]]
) -> Iterator[tuple[str, set[dt.date]]]:
    """The published days that partitions of a longer cadence are made of, by mart."""
    for mart in behind.marts:
        for partition in partitions:
            days = behind.cadence.days_about(partition, behind.reach)
            shown = {day for day in published.get(mart, ()) if day in days}
            yield mart, {max(shown)} if shown and mart in behind.newest else shown


def _published(con: DuckDBPyConnection) -> dict[str, list[dt.date]]:
    """The days of each daily mart that `serving` shows."""
    rows = con.execute(
        "select mart, list(partition_day) from ops.publications "
        f"where superseded_by is null and cadence = '{Cadence.daily}' group by mart"
    ).fetchall()
    return dict(rows)
