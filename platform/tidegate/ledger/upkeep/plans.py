"""The tables of plans that are over: applied, or left alone for so long that nobody will apply them."""

from __future__ import annotations

import datetime as dt

from duckdb import DuckDBPyConnection

from tidegate.errors import LakeBusyError
from tidegate.lake.connect import Lake
from tidegate.lake.lease import EVERY_DAY, lease
from tidegate.lake.sql import CATALOG, literal, quoted
from tidegate.ledger.plans import Plan, end_plans, lease_of, plans_with, worked_on


def drop_tables(lake: Lake, plan: Plan) -> None:
    """Drop what a plan has built: the schemas whose names begin with its own prefix."""
    own = [name for name in _schemas(lake.con) if name.startswith(plan.schema_prefix)]
    lake.unit_of_work(lambda con: [con.execute(f"drop schema {quoted(name)} cascade") for name in own])


def drop_what_is_over(lake: Lake, left_since: dt.datetime) -> list[str]:
    """End the plans on which nobody worked since then (with an offset), and drop the tables of all that are over;
    returns their ids."""
    schemas = _schemas(lake.con)
    if not schemas:
        return []
    moment = left_since.astimezone(dt.UTC).replace(tzinfo=None)
    dropped = []
    for plan in plans_with(lake.con, schemas):
        if plan.ended_as is None and worked_on(lake.con, plan) >= moment:
            continue
        try:
            with lease(lake.config, lease_of(plan), [EVERY_DAY]):
                if plan.ended_as != "applied":
                    lake.unit_of_work(lambda con, plan=plan: end_plans(con, [plan.plan_id], "abandoned"))  # type: ignore[misc]
                drop_tables(lake, plan)
        except LakeBusyError:
            # Somebody works on it just now.
            continue
        dropped.append(plan.plan_id)
    return dropped


def _schemas(con: DuckDBPyConnection) -> list[str]:
    rows = con.execute(
        f"select schema_name from duckdb_schemas() where database_name = {literal(CATALOG)} "
        "and starts_with(schema_name, 'plan_') order by schema_name"
    ).fetchall()
    return [name for (name,) in rows]
