"""What building a plan costs, by the ledger's own history, before anything is built: rows to read, time and disk."""

from __future__ import annotations

import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.changes.beside import Partitions
from tidegate.home import Home
from tidegate.lake.sql import literal, sql_file
from tidegate.lake.tables import bytes_by_table
from tidegate.transform.build import rows_to_read
from tidegate.window import Cadence, windows_of

# Older builds were of fewer rows, perhaps on another machine.
BUILDS = 100


@dataclass(frozen=True)
class Cost:
    """At most what it takes: builds of the history made all models, and a plan makes some. `seconds` is None without
    any such build. `bytes` are for as long as the plan stands, models that are new not counted."""

    partitions: Mapping[Cadence, int]
    rows: int
    seconds: float | None
    bytes: int


def estimate_cost(con: DuckDBPyConnection, home: Home, models: Collection[str], partitions: Partitions) -> Cost:
    """What building these models for these partitions costs."""
    rows, seconds = 0, 0.0
    known = True
    for cadence, days in partitions.items():
        chunks = [chunk for window in windows_of(days, cadence) for chunk in window.chunks(home.settings.chunk_days)]
        made = [model for model in home.graph.models_of(cadence) if model.name in models]
        rows += sum(rows_to_read(con, home.graph, made, chunk) for chunk in chunks)
        of_cadence = seconds_of([len(chunk.days) for chunk in chunks], _history(con, cadence))
        known = known and of_cadence is not None
        seconds += of_cadence or 0
    counted = {cadence: len(days) for cadence, days in partitions.items()}
    return Cost(counted, rows, seconds if known else None, _bytes(con, home, models, partitions))


def seconds_of(chunks: Sequence[int], history: Sequence[tuple[int, float]]) -> float | None:
    """How long builds of so many partitions each take, after builds of (partitions, seconds).

    A build takes some time to start and some for each partition. Where all were of one size, nobody can tell these
    apart: then each chunk takes as long as so many of those builds.
    """
    if not history:
        return None
    sizes, times = [size for size, _ in history], [seconds for _, seconds in history]
    if len(set(sizes)) > 1:
        slope, start = statistics.linear_regression(sizes, times)
        if slope >= 0 and start >= 0:
            return sum(start + slope * partitions for partitions in chunks)
    size, usual = statistics.median(sizes), statistics.median(times)
    return sum(usual * max(1, partitions / size) for partitions in chunks)


def _history(con: DuckDBPyConnection, cadence: Cadence) -> list[tuple[int, float]]:
    query = sql_file("tidegate.changes", "cost.sql", cadence=literal(cadence), newest=literal(BUILDS))
    return con.execute(query).fetchall()


def _bytes(con: DuckDBPyConnection, home: Home, models: Collection[str], partitions: Partitions) -> int:
    """As many of each table's bytes as the partitions are of all that were built."""
    sizes = bytes_by_table(con)
    built = dict(
        con.execute("select cadence, count(distinct partition_day) from ops.builds group by cadence").fetchall()
    )
    found = 0.0
    for cadence, days in partitions.items():
        share = min(1.0, len(days) / (built.get(cadence) or len(days)))
        of_models = (sizes.get((m.schema, m.name), 0) for m in home.graph.models_of(cadence) if m.name in models)
        found += share * sum(of_models)
    return int(found)
