"""Whose days the lake's days are: a lake with data keeps the time zone that it was filled in.

In another zone every row near midnight would be of another day, and every published day another one.
"""

from __future__ import annotations

from duckdb import DuckDBPyConnection

from tidegate.errors import TidegateError
from tidegate.lake.config import LakeConfig
from tidegate.lake.sql import literal
from tidegate.ledger.entries import utc_now
from tidegate.zones import UTC

TIMEZONE = "timezone"


def keep_timezone(con: DuckDBPyConnection, config: LakeConfig) -> None:
    """Have the lake's days be of its settings' time zone, inside the caller's transaction.

    Raises TidegateError where it holds days of another one.
    """
    refuse_other_timezone(con, config)
    if timezone_of(con) != config.timezone:
        con.execute(f"delete from ops.kept_settings where name = {literal(TIMEZONE)}")
        con.execute(
            "insert into ops.kept_settings "
            f"values ({literal(TIMEZONE)}, {literal(config.timezone)}, {literal(utc_now())})"
        )


def refuse_other_timezone(con: DuckDBPyConnection, config: LakeConfig) -> None:
    """Raise TidegateError where the lake holds days of another time zone than its settings'."""
    kept, wanted = timezone_of(con), config.timezone
    if kept != wanted and _holds_days(con):
        raise TidegateError(
            f"TIDEGATE_TIMEZONE is {wanted}, and the days of the lake at {config.catalog} are in {kept}: with days in "
            f"{wanted}, rows near midnight would fall on other days than in the published data. Nothing was changed. "
            f"Set TIDEGATE_TIMEZONE to {kept} again. If the days are to be in {wanted}, set TIDEGATE_HOME to a new, "
            "empty folder and backfill all days there, from the same landing folder or a copy of the archive."
        )


def timezone_of(con: DuckDBPyConnection) -> str:
    """The zone whose days the lake's days are. One that was made before there was a choice has those of UTC."""
    row = con.execute(f"select value from ops.kept_settings where name = {literal(TIMEZONE)}").fetchone()
    return str(row[0]) if row else UTC.name


def _holds_days(con: DuckDBPyConnection) -> bool:
    row = con.execute("select exists (from ops.deliveries) or exists (from ops.builds)").fetchone()
    return bool(row and row[0])
