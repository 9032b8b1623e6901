"""Which models read days that they do not declare, found by trying: from a query alone nobody can see what it reads.

A model's query is run over one partition with only the days of its parents in sight that it declares, then with all
days before them as well, then with all after. Where the rows differ, it reads what it may not. A read that makes no
difference to that partition is not found. A model in Python sees no other days than those it declares; of it is tried
whether it makes the same rows of a partition alone as among others, and again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import duckdb
from duckdb import DuckDBPyConnection

from tidegate.errors import TidegateError
from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake
from tidegate.lake.content import Content, content_of
from tidegate.lake.reading.sight import Sight, hide_behind_views, show
from tidegate.settings import Settings
from tidegate.transform.invoke import NodeResult
from tidegate.transform.parsed.graph import Graph
from tidegate.transform.parsed.members import OPS, RAW, Model
from tidegate.transform.parsed.project import DbtProject
from tidegate.transform.python_models.model import PythonModel
from tidegate.transform.python_models.repeatable import NotRepeatable, differences, partitions_around
from tidegate.transform.python_models.trouble import PythonModelError
from tidegate.transform.statements import sql_over
from tidegate.window import ONE_DAY, Cadence, Window


@dataclass(frozen=True)
class UndeclaredRead:
    """A model whose rows of a partition depend on days `before`, or `after`, those that it declares."""

    model: Model
    partition: dt.date
    side: str

    @property
    def sentence(self) -> str:
        declare = ", or write in its YAML how many days back it reads, as reaches_back_days" * (self.side == "before")
        return (
            f"{self.model.asset} ({self.model.file}) reads days {self.side} those that it declares: its rows of "
            f"{self.partition} are others when these days are hidden, and they are not built again when these change. "
            f"Nothing was changed. Keep a condition on the day of everything that it reads{declare}."
        )


@dataclass(frozen=True)
class _Query:
    """A model's SQL over a window of one partition."""

    model: Model
    window: Window
    sql: str


@dataclass(frozen=True)
class Checked:
    """The models that have rows on a day, the Monday of its week or its month; those without, of which nothing can be
    seen there; and what is read undeclared."""

    models: tuple[str, ...]
    without_rows: tuple[str, ...]
    reads: tuple[UndeclaredRead, ...]
    not_repeatable: tuple[NotRepeatable, ...]


def check_reads(settings: Settings, day: dt.date) -> Checked:
    """Check all models of the project on the lake as it is, which stays so.

    Raises TidegateError where there is no lake, and for a model that cannot be run on it.
    """
    with Lake.open(LakeConfig.of(settings), read_only=True) as lake:
        project = DbtProject(settings)
        graph = Graph(project.manifest())
        queries = [
            query
            for cadence in Cadence
            for query in _queries(project, lake.config, graph, Window.of_day(cadence.partition_of(day), cadence))
        ]
        readable = _put_behind_views(lake, graph)
        rows, not_repeatable = _try_python(lake.con, (query for query in queries if query.model.in_python))
        reads = []
        for query in (query for query in queries if not query.model.in_python):
            declared = _declared_by(query, readable, project.allowed_lateness)
            rows[query.model.asset], sides = _try(lake.con, query, declared)
            reads += [UndeclaredRead(query.model, query.window.start, side) for side in sides]
    return Checked(
        tuple(asset for asset, count in rows.items() if count),
        tuple(asset for asset, count in rows.items() if not count),
        tuple(reads),
        tuple(not_repeatable),
    )


def _queries(project: DbtProject, config: LakeConfig, graph: Graph, window: Window) -> list[_Query]:
    models = graph.models_of(window.cadence)
    compiled = sql_over(project, config, models, window)
    return [_Query(model, window, _sql(model, compiled[model.unique_id])) for model in models]


def _sql(model: Model, compiled: str | NodeResult) -> str:
    if isinstance(compiled, NodeResult):
        raise _cannot_run(model, compiled.message)
    return compiled


def _put_behind_views(lake: Lake, graph: Graph) -> dict[str, Model]:
    """The tables that the lake has, by unique id, without the ledger's, which have no day that a model could declare.
    What was never built or loaded reads as empty."""
    tables = {(table.schema, table.name): table.columns for table in graph.tables.values() if table.columns}
    there = hide_behind_views(lake, tables)
    return {
        unique_id: table
        for unique_id, table in graph.tables.items()
        if (table.schema, table.name) in there and table.schema != OPS
    }


def _declared_by(query: _Query, readable: Mapping[str, Model], lateness: Mapping[str, int | None]) -> list[Sight]:
    """What the model may see of the tables that it reads."""
    return [
        Sight(table.schema, table.name, table.day_column, *_declared_days(query.model, table, query.window, lateness))
        for table in (readable[parent] for parent in query.model.parents if parent in readable)
    ]


def _declared_days(
    model: Model, table: Model, window: Window, lateness: Mapping[str, int | None]
) -> tuple[dt.date, dt.date | None]:
    first = window.start - ONE_DAY * model.reaches_back
    if table.schema == RAW:
        # Rows of the window come on its days, or late.
        late = lateness.get(table.name)
        return first, None if late is None else window.end + ONE_DAY * late
    if model.cadence is not table.cadence:
        # Of the days that its partition is about, and those before.
        return first, model.cadence.days_about(window.start).end
    return first, window.end


def _try_python(con: DuckDBPyConnection, queries: Iterable[_Query]) -> tuple[dict[str, int], list[NotRepeatable]]:
    """By asset, how many rows the models in Python have around the partition; and those that are not repeatable."""
    rows: dict[str, int] = {}
    found: list[NotRepeatable] = []
    for query in queries:
        model = partitions_around(PythonModel.compiled(query.sql), query.window.start)
        try:
            rows[query.model.asset], of_model = differences(con, model)
        except (duckdb.Error, PythonModelError) as error:
            raise _cannot_run(query.model, str(error)) from error
        found += of_model
    return rows, found


def _try(con: DuckDBPyConnection, query: _Query, declared: Sequence[Sight]) -> tuple[int, list[str]]:
    """How many rows the query has at most, and the sides on which it reads more than is declared."""
    # In one transaction, what the clock says is always the same.
    con.begin()
    try:
        as_declared = _content(con, query.sql, declared)
        sides = {
            "before": _content(con, query.sql, [replace(sight, first=None) for sight in declared]),
            "after": _content(con, query.sql, [replace(sight, end=None) for sight in declared]),
        }
    except duckdb.Error as error:
        raise _cannot_run(query.model, str(error)) from error
    finally:
        con.rollback()
    rows = max(content.rows for content in (as_declared, *sides.values()))
    return rows, [side for side, content in sides.items() if content != as_declared]


def _content(con: DuckDBPyConnection, sql: str, seen: Iterable[Sight]) -> Content:
    for sight in seen:
        show(con, sight)
    return content_of(con, f"{sql}\n")


def _cannot_run(model: Model, why: str) -> TidegateError:
    return TidegateError(
        f"{model.asset} ({model.file}) cannot be checked: {why.strip()} Nothing was changed. "
        "Build a day of it first (tidegate run), and correct the model where that fails."
    )
