"""The ledger's version, and the ordered steps that bring an older one up to it.

Tables and columns that are missing are always created first (`schema`). A step changes what the rows of older versions
say, or only adds. It runs in the transaction that enters it, so it runs once, and it may be repeated after another
writer's commit. What only adds is done whenever the lake is opened to be written, since nothing of before is other then
and an older Tidegate is refused anyway. What changes rows is done when somebody asks for it (`tidegate upgrade`), with
a backup before: only that leads back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.errors import TidegateError
from tidegate.lake.sql import literal, qualified, sql_file
from tidegate.ledger.calendar import make_calendar_view
from tidegate.ledger.entries import utc_now
from tidegate.ledger.made_of import make_view
from tidegate.ledger.schema import create_tables, lacking


@dataclass(frozen=True)
class Step:
    """What brings a ledger from the version before this one to it."""

    name: str
    run: Callable[[DuckDBPyConnection], object]
    changes_rows: bool = True


def _builds_have_a_cadence(con: DuckDBPyConnection) -> None:
    con.execute("update ops.builds set cadence = 'daily' where cadence is null")


def _contents_are_entered(con: DuckDBPyConnection) -> None:
    """Enter what was delivered and published until now, and which builds and outputs were made of all of it.

    Those that were not have seen nothing, and are due.
    """
    con.execute(sql_file("tidegate.ledger", "contents_until_now.sql"))
    newest = literal(_count(con, "ops.contents") - 1)
    if _has_column(con, "builds", "deliveries_seen"):
        con.execute(sql_file("tidegate.ledger", "contents_seen_by_builds.sql", newest=newest))
    con.execute(f"update ops.outputs set contents_seen = {newest} where inputs_hash <> ''")


def _has_column(con: DuckDBPyConnection, table: str, column: str) -> bool:
    names = con.execute(f"select column_name from (describe {qualified('ops', table)})").fetchall()
    return (column,) in names


def _count(con: DuckDBPyConnection, table: str) -> int:
    row = con.execute(f"select count(*) from {table}").fetchone()
    return int(row[0]) if row else 0


# Only ever added to, at the end: a lake's version is how many of them it has seen.
STEPS = (
    Step("builds from before there were weekly marts are daily", _builds_have_a_cadence),
    Step("what there is to be made of is entered whenever it changes", _contents_are_entered),
    Step("the view ops.due says which inputs differ", make_view, changes_rows=False),
    Step("the view serving.calendar says the state of each partition", make_calendar_view, changes_rows=False),
    Step("the view serving.calendar says which days go on", make_calendar_view, changes_rows=False),
)


def is_behind(con: DuckDBPyConnection) -> bool:
    """Whether the ledger lacks a table, a column or a step."""
    return bool(lacking(con)) or version_of(con) < len(STEPS)


def pending_steps(con: DuckDBPyConnection) -> tuple[Step, ...]:
    """The steps that the ledger, whatever it lacks, has not seen."""
    return STEPS[0 if "migrations" in lacking(con).tables else version_of(con) :]


def wants_an_upgrade(con: DuckDBPyConnection) -> bool:
    """Whether rows would be changed by bringing the ledger up to this version. A new one has none."""
    return not lacking(con).has_none and any(step.changes_rows for step in pending_steps(con))


def migrate(con: DuckDBPyConnection) -> None:
    """Bring the ledger up to this version. Call it inside a unit of work."""
    create_tables(con)
    seen = version_of(con)
    for version, step in enumerate(STEPS[seen:], seen + 1):
        step.run(con)
        con.execute(
            "insert into ops.migrations (version, name, applied_at) "
            f"values ({version}, {literal(step.name)}, {literal(utc_now())})"
        )


def version_of(con: DuckDBPyConnection) -> int:
    """The version of a ledger whose tables are all there. Raises TidegateError for one that is newer than this code."""
    row = con.execute("select coalesce(max(version), 0) from ops.migrations").fetchone()
    version = int(row[0]) if row else 0
    if version > len(STEPS):
        raise TidegateError(
            f"The lake's ledger has version {version}, and this Tidegate knows versions up to {len(STEPS)}: a newer "
            "Tidegate has written to it. Nothing was changed. Install that version here too, or set TIDEGATE_HOME or "
            "TIDEGATE_LAKE_CATALOG to the lake that you mean."
        )
    return version
