"""What tests ask a lake and write into it, and the platform does not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from duckdb import DuckDBPyConnection

from tidegate.lake.content import Content, content_of
from tidegate.lake.overwrite import insert_sorted
from tidegate.lake.sql import in_window, literal, qualified, quoted
from tidegate.ledger.checks import CheckRecord
from tidegate.ledger.contents import Kind
from tidegate.ledger.deliveries import DeliveryRecord, newest_deliveries
from tidegate.ledger.entries import of_window, read_entries
from tidegate.ledger.made_of import Reads, inputs_query, made_of_relation
from tidegate.window import Window


def overwrite_window(
    con: DuckDBPyConnection,
    table: tuple[str, str],
    day_column: str,
    window: Window,
    select_sql: str,
    where_extra: Mapping[str, str] | None = None,
) -> int:
    """Replace the window's rows, only those with the values of `where_extra`, by the rows of `select_sql`.

    Returns how many rows are there now.
    """
    inside = in_window(day_column, window)
    for column, value in (where_extra or {}).items():
        inside += f" and {quoted(column)} = {literal(value)}"
    con.execute(f"delete from {qualified(*table)} where {inside}")
    return insert_sorted(con, table, day_column, select_sql, inside)


def day_content(con: DuckDBPyConnection, schema: str, table: str, day_column: str, day: dt.date) -> Content:
    """The content of one day of a table."""
    condition = f"{quoted(day_column)} = {literal(day)}"
    return content_of(con, f"select * from {qualified(schema, table)} where {condition}")


def checks_of_day(con: DuckDBPyConnection, day: dt.date) -> list[CheckRecord]:
    """The newest result of every check of a day."""
    condition = of_window(Window.of_day(day))
    return read_entries(con, CheckRecord, "check_results", condition, newest_of="asset, check_name, partition_day")


def rejected_deliveries(con: DuckDBPyConnection, window: Window | None = None) -> list[DeliveryRecord]:
    """The deliveries whose newest verdict is rejected."""
    return [row for row in newest_deliveries(con, None, window) if row.verdict == "rejected"]


def stale_days(con: DuckDBPyConnection, source: str = "orders") -> list[dt.date]:
    """Days that were built, and of which deliveries of the source have changed what they are made of."""
    built = (
        "select '' as thing, partition_day as partition, max_by(contents_seen, rowid) as seen, '' as made_by "
        "from ops.builds where status in ('built', 'failed') and cadence = 'daily' group by all"
    )
    inputs = inputs_query(built, made_of_relation({"": [Reads(Kind.delivery, source)]}))
    rows = con.execute(f"select distinct partition from ({inputs}) where differs order by all").fetchall()
    return [day for (day,) in rows]
