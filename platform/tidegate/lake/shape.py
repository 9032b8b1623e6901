"""The shape of what is published: no table of `serving` is half of one shape and half of another.

A column that is added is null on the days that were published before. One that is removed or renamed would leave old
values on some days and null on others, so it goes for all published days at once, or not at all.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable

from duckdb import DuckDBPyConnection

from tidegate.errors import TidegateError
from tidegate.lake.gate import Mart
from tidegate.lake.overwrite import table_columns
from tidegate.lake.sql import literal, qualified, quoted
from tidegate.window import Cadence, windows_of


def drop_removed_columns(
    con: DuckDBPyConnection, marts: Iterable[Mart], days: Collection[dt.date], cadence: Cadence
) -> None:
    """Take the columns that a mart's model no longer has out of its tables, where `days` are all of its published ones.

    Raises TidegateError where they are not.
    """
    for mart in marts:
        removed = _removed_columns(con, mart)
        if removed["serving"]:
            _refuse_a_part(mart, removed["serving"], _days_published_besides(con, mart, days, cadence))
        for schema, columns in removed.items():
            for column in columns:
                con.execute(f"alter table {qualified(schema, mart.name)} drop column {quoted(column)}")


def _removed_columns(con: DuckDBPyConnection, mart: Mart) -> dict[str, list[str]]:
    """By schema, the columns that the mart's tables have and its model does not."""
    known = {column.lower() for column in mart.columns}
    tables = table_columns(con, [(schema, mart.name) for schema in ("marts", "serving")])
    return {
        schema: [column for column in tables.get((schema, mart.name), {}) if known and column.lower() not in known]
        for schema in ("marts", "serving")
    }


def _days_published_besides(
    con: DuckDBPyConnection, mart: Mart, days: Collection[dt.date], cadence: Cadence
) -> list[dt.date]:
    rows = con.execute(
        "select distinct partition_day from ops.publications where superseded_by is null and rows > 0 "
        f"and mart = {literal(mart.name)} and cadence = {literal(cadence)} "
        f"and partition_day not in (select unnest({literal(sorted(days))}::date[])) order by partition_day"
    ).fetchall()
    return [day for (day,) in rows]


def _refuse_a_part(mart: Mart, columns: Collection[str], others: list[dt.date]) -> None:
    if others:
        raise TidegateError(
            f"The model {mart.name} no longer has {', '.join(columns)}, which serving.{mart.name} has on other "
            f"published days: {', '.join(map(str, windows_of(others)))}. Published now, the table would be half of "
            "each shape. Nothing was published; consumers keep the last good version. Put the column back, or give "
            "the model a new name, or publish all of its days in one run: "
            "TIDEGATE_CHUNK_DAYS=10000 tidegate backfill --from FIRST --to LAST."
        )
