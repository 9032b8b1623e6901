"""The tables that dbt builds in, seen from outside of dbt: creating them, and counting their rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

from duckdb import DuckDBPyConnection

from tidegate.lake.connect import Lake
from tidegate.lake.sql import in_window, literal, qualified, quoted
from tidegate.lake.tables import table_columns
from tidegate.publishing.shape import fit_model_table, spelled
from tidegate.transform.parsed.graph import Graph
from tidegate.transform.parsed.members import Model
from tidegate.window import Window


def create_missing_tables(lake: Lake, graph: Graph, models: Collection[Model], window: Window | None = None) -> None:
    """Create the tables of models and of what they read that are not there, and fit those of models to their columns.

    dbt would create a model's table on its first run, and two first runs at once would collide. What nothing was
    loaded into, built or published yet reads as empty instead of failing every model behind it. Raises TidegateError
    where a column's type changes for days that are not in the window, which is about to be built.
    """
    if not models:
        return
    read = graph.read_by(models)
    there = table_columns(lake.con, [(table.schema, table.name) for table in (*models, *read)])
    lacking = [table for table in models if spelled(table.columns) != there.get((table.schema, table.name))]
    lacking += [table for table in read if table.columns and (table.schema, table.name) not in there]
    if lacking:
        lake.unit_of_work(lambda con: _fit(con, lacking, window))


def _fit(con: DuckDBPyConnection, tables: Collection[Model], window: Window | None) -> None:
    for table in tables:
        name = (table.schema, table.name)
        fit_model_table(con, name, table.columns, table.partitioned_by, table.day_column, window)


def rows_by_day(con: DuckDBPyConnection, models: Collection[Model], window: Window) -> dict[str, dict[dt.date, int]]:
    """Rows of each model, by unique id, on each day of the window that has any."""
    found: dict[str, dict[dt.date, int]] = {model.unique_id: {} for model in models}
    counts = " union all ".join(_count(model, window) for model in models)
    for unique_id, day, rows in con.execute(counts).fetchall() if counts else ():
        found[unique_id][day] = rows
    return found


def _count(model: Model, window: Window) -> str:
    day = quoted(model.day_column)
    return (
        f"select {literal(model.unique_id)}, {day}, count(*) from {qualified(model.schema, model.name)} "
        f"where {in_window(model.day_column, window)} group by {day}"
    )
