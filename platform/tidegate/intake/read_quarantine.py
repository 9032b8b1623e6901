"""Reading the quarantine: which rows are in it, and why. A load writes it, in `commit`.

Rows leave it when their delivery is loaded again, under a contract or from a file that was fixed.
Of a region's day the newest delivery is shown: the table also keeps the broken rows of the accepted one before it.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import in_window, literal, qualified
from tidegate.lake.tables import table_columns, tables_in
from tidegate.window import Window


@dataclass(frozen=True)
class QuarantineCount:
    """So many rows of one delivery have this reason. A row with several reasons counts for each."""

    source: str
    region: str
    day: dt.date
    reason: str
    rows: int


@dataclass(frozen=True)
class QuarantinedRow:
    """One row in quarantine. `raw` is the line as it was, or the row's values as JSON."""

    region: str
    day: dt.date
    file: str
    line: int | None
    reasons: tuple[str, ...]
    raw: str


def list_quarantine(
    con: DuckDBPyConnection, source: str | None = None, region: str | None = None, window: Window | None = None
) -> list[QuarantineCount]:
    """The quarantined rows by delivery and reason, of one source or of all."""
    wanted = [name for name in quarantined_sources(con) if source in (None, name)]
    return [count for name in wanted for count in _counts(con, name, _condition(region, window, None))]


def show(
    con: DuckDBPyConnection,
    source: str,
    region: str | None = None,
    window: Window | None = None,
    reason: str | None = None,
    limit: int = 20,
) -> list[QuarantinedRow]:
    """The quarantined rows themselves, by day, region and place in the file; at most `limit`."""
    if source not in quarantined_sources(con):
        return []
    rows = con.execute(
        f"select _region, _delivered_on, _file, _line, reasons, raw from ({_of_newest_deliveries(con, source)}) "
        f"where {_condition(region, window, reason)} "
        f"order by _delivered_on, _region, _file, _line nulls last, raw limit {literal(limit)}"
    ).fetchall()
    return [QuarantinedRow(r, day, file, line, tuple(why), raw) for r, day, file, line, why, raw in rows]


def _counts(con: DuckDBPyConnection, source: str, condition: str) -> list[QuarantineCount]:
    rows = con.execute(
        "select _region, _delivered_on, reason, count(*) "
        f"from (select *, unnest(reasons) as reason from ({_of_newest_deliveries(con, source)}) where {condition}) "
        "group by all order by _delivered_on, _region, count(*) desc, reason"
    ).fetchall()
    return [QuarantineCount(source, region, day, reason, n) for region, day, reason, n in rows]


def _of_newest_deliveries(con: DuckDBPyConnection, source: str) -> str:
    """Where a delivery was rejected after one that was accepted, only the rejected one's rows."""
    table = qualified("quarantine", source)
    if "_verdict" not in table_columns(con, [("quarantine", source)])["quarantine", source]:
        # Nothing was loaded since the table has had the column.
        return f"select * from {table}"
    rejected = f"select _region, _delivered_on from {table} where _verdict = 'rejected'"
    return f"select * from {table} where _verdict = 'rejected' or (_region, _delivered_on) not in ({rejected})"


def _condition(region: str | None, window: Window | None, reason: str | None) -> str:
    conditions = ["true"]
    if region is not None:
        conditions.append(f"_region = {literal(region)}")
    if window is not None:
        conditions.append(in_window("_delivered_on", window))
    if reason is not None:
        conditions.append(f"list_contains(reasons, {literal(reason)})")
    return " and ".join(conditions)


def quarantined_sources(con: DuckDBPyConnection) -> list[str]:
    """The sources of which rows were ever kept out."""
    return tables_in(con, "quarantine")
