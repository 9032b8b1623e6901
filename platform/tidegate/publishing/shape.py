"""The shape of tables that hold many days: none is half of one shape and half of another.

A column that is added is null on the days that were there before. One that is removed, renamed or of another type would
have old values on some days and new ones, or none, on others, so it changes for all days at once, or not at all.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.errors import ColumnTypeError, TidegateError
from tidegate.lake.sql import in_window, literal, qualified, quoted
from tidegate.lake.tables import change_types, ensure_table, table_columns, types_not_wider
from tidegate.publishing.requirements import Mart
from tidegate.window import Cadence, Window, windows_of

Columns = Mapping[str, str]

# What to do about it.
APPLY = (
    "See what the change does to all days, then have it done to all of them in one moment: tidegate plan, then "
    "tidegate apply. Or put the column back as it was."
)
HALF_PUBLISHED = "Published now, the table would be half of each shape. Nothing was published"


@dataclass(frozen=True)
class ChangeOfShape:
    """How the columns of a table with days differ from those that the project has, so that runs over a part of its days
    are held. `retyped`: the type there and the project's."""

    table: tuple[str, str]
    removed: Sequence[str]
    added: Sequence[str]
    retyped: Mapping[str, tuple[str, str]]

    def sentence(self, products: Iterable[str]) -> str:
        """Which columns, what it does to these products, and what to do about it."""
        name = ".".join(self.table)
        new = f" (new: {', '.join(self.added)})" if self.added else ""
        said = [f"{name} has {', '.join(self.removed)}, which the project no longer has{new}."] if self.removed else []
        said += [
            f"The column {column} of {name} holds {before} and should become {after}, which is not a wider type."
            for column, (before, after) in self.retyped.items()
        ]
        held = f"Partitions of {', '.join(products)} that are run are held; consumers keep the last good version."
        return " ".join([*said, held, APPLY])


def changes_of_shape(
    con: DuckDBPyConnection, project: Mapping[tuple[str, str], Columns]
) -> dict[tuple[str, str], ChangeOfShape]:
    """What would change for all days at once, of these tables as the project has them; read only.

    A column that the project no longer has matters where it is shown; the other layers keep it.
    """
    found = {}
    for table, columns in table_columns(con, project).items():
        wanted = project[table]
        known = {name.lower() for name in wanted}
        removed = [name for name in columns if name.lower() not in known] if table[0] == "serving" else []
        retyped = types_not_wider(con, columns, wanted) if spelled(wanted) != columns else {}
        if removed or retyped:
            there = {name.lower() for name in columns}
            added = [name for name in wanted if name.lower() not in there]
            found[table] = ChangeOfShape(table, removed, added, retyped)
    return found


def spelled(columns: Columns) -> dict[str, str]:
    """The columns with their types as DuckDB spells them; one spelled otherwise only costs a second look."""
    return {name: sql_type.upper().replace(", ", ",") for name, sql_type in columns.items()}


def fit_model_table(
    con: DuckDBPyConnection,
    table: tuple[str, str],
    columns: Columns,
    partitioned_by: str | None,
    day_column: str,
    window: Window | None,
) -> None:
    """Have the table of a model that is about to be built over `window`.

    Raises TidegateError where the type of a column changed and the table holds days that are not in the window.
    """
    try:
        ensure_table(con, *table, columns, partitioned_by)
    except ColumnTypeError as error:
        _refuse_a_part(
            f"{_changes(table, error.columns)}, and the table holds other days",
            _days_of_table_besides(con, table, day_column, window),
            "Built now, the table would be half of each. Nothing was built",
        )
        if partitioned_by in error.columns:
            # DuckLake cannot, and breaks down over attempts.
            raise
        # All days are about to be built; those that fail keep their rows.
        change_types(con, table, error.columns)


def fit_published_tables(
    con: DuckDBPyConnection, marts: Iterable[Mart], days: Collection[dt.date], cadence: Cadence
) -> None:
    """Take the columns that a mart's model no longer has out of its tables, and have in `serving` the types of its
    candidates, where `days` are all of its published ones.

    Raises TidegateError where they are not.
    """
    for mart in marts:
        tables = table_columns(con, [(schema, mart.name) for schema in ("marts", "serving")])
        removed = {table: _removed_columns(mart, columns) for table, columns in tables.items()}
        if gone := removed.get(("serving", mart.name)):
            _refuse_a_part(
                f"The model {mart.name} no longer has {', '.join(gone)}, which serving.{mart.name} has on other "
                "published days",
                _days_published_besides(con, mart, days, cadence),
                HALF_PUBLISHED,
            )
        for table, columns in removed.items():
            for column in columns:
                con.execute(f"alter table {qualified(*table)} drop column {quoted(column)}")
        _fit_types(con, mart, tables, days, cadence)


def _removed_columns(mart: Mart, columns: Columns) -> list[str]:
    """The columns of a table that the mart's model has not."""
    known = {column.lower() for column in mart.columns}
    return [column for column in columns if known and column.lower() not in known]


def _fit_types(
    con: DuckDBPyConnection,
    mart: Mart,
    tables: Mapping[tuple[str, str], Columns],
    days: Collection[dt.date],
    cadence: Cadence,
) -> None:
    serving = ("serving", mart.name)
    candidates, served = tables.get(("marts", mart.name), {}), tables.get(serving, {})
    types = {name: sql_type for name, sql_type in candidates.items() if served.get(name, sql_type) != sql_type}
    if not types:
        return
    try:
        ensure_table(con, *serving, types, partitioned_by=None)
    except ColumnTypeError as error:
        _refuse_a_part(
            f"{_changes(serving, error.columns)}, and other days are published",
            _days_published_besides(con, mart, days, cadence),
            HALF_PUBLISHED,
        )
        # A day that was rolled back goes on to show what it did, as far as that fits the new type.
        change_types(con, serving, error.columns)


def _changes(table: tuple[str, str], columns: Columns) -> str:
    listed = ", ".join(f"{name} should become {sql_type}" for name, sql_type in columns.items())
    return f"Of {'.'.join(table)}, {listed}, which is not a wider type"


def _days_published_besides(
    con: DuckDBPyConnection, mart: Mart, days: Collection[dt.date], cadence: Cadence
) -> list[dt.date]:
    rows = con.execute(
        "select distinct partition_day from ops.publications where superseded_by is null and rows > 0 "
        f"and mart = {literal(mart.name)} and cadence = {literal(cadence)} "
        f"and partition_day not in (select unnest({literal(sorted(days))}::date[])) order by partition_day"
    ).fetchall()
    return [day for (day,) in rows]


def _days_of_table_besides(
    con: DuckDBPyConnection, table: tuple[str, str], day_column: str, window: Window | None
) -> list[dt.date]:
    besides = f"not ({in_window(day_column, window)})" if window else "true"
    rows = con.execute(
        f"select distinct {quoted(day_column)}::date as day from {qualified(*table)} where {besides} order by day"
    ).fetchall()
    return [day for (day,) in rows]


def _refuse_a_part(what: str, others: list[dt.date], why: str) -> None:
    if others:
        raise TidegateError(
            f"{what}: {', '.join(map(str, windows_of(others)))}. {why}; consumers keep the last good version. {APPLY}"
        )
