"""Everything that happened to a partition, in order: deliveries, builds, checks, publications, rollbacks, changes."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import in_window, literal, sql_file
from tidegate.window import Cadence, Window


@dataclass(frozen=True)
class Event:
    """One thing that happened, `at` (UTC, naive): a `delivery`, `waiver`, `build`, `check`, `publication`, `rollback`,
    `change` or `output`. `subject` is what it happened to, `run` which run did it, empty where none did."""

    at: dt.datetime
    what: str
    run: str
    subject: str
    said: str


def history_of(con: DuckDBPyConnection, day: dt.date, cadence: Cadence) -> list[Event]:
    """What the ledger knows of a partition, oldest first. Of a day that is also what other days' deliveries brought of
    it; of a Monday or month its own builds and publications."""
    about = Window.of_day(day) if cadence is Cadence.daily else None
    query = sql_file(
        "tidegate.provenance",
        "history.sql",
        day=literal(day),
        cadence=literal(cadence),
        days=in_window("partition_day", about) if about else "false",
        touched=f"list_contains(touched, {literal(day)})" if about else "false",
    )
    return [Event(at, what, run or "", subject, said) for at, what, run, subject, said in con.execute(query).fetchall()]
