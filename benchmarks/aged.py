"""A home as it stands after years: what the newest whole partition of each cadence left in the ledger, in landing and in
Dagster's index of events, entered again for every partition before it. Not the data of the lake: what asks the others
costs as it would then, and ten years are made in seconds.

TIDEGATE_HOME=HOME python -m benchmarks.aged --from DAY
"""

from __future__ import annotations

import argparse
import datetime as dt

from duckdb import DuckDBPyConnection

from benchmarks.aged_beside import enter_events, enter_listings, fill_landing
from tidegate.home import Home
from tidegate.lake.sql import literal, qualified, quoted
from tidegate.ledger.schema import LEDGER
from tidegate.settings import load_settings
from tidegate.window import Cadence, Window

# Whose names and contents are of one partition: in a copy, they are of the copy's.
NAMES = ("build_id", "publication_id", "fingerprint", "subject", "run_id", "archive")
# The tables with rows of partitions, and those of them that tell the cadence of each.
BY_PARTITION = ("deliveries", "builds", "check_results", "publications", "outputs")
WITH_CADENCE = ("builds", "publications", "outputs")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from", dest="first", type=dt.date.fromisoformat, required=True)
    first = parser.parse_args().first
    home = Home(load_settings())
    with home.lake() as lake:
        oldest, newest = _published(lake.con, Cadence.daily)
        if not oldest or not newest:
            raise SystemExit("No day is published: there is nothing to enter again.")
        days = Window(first, oldest).days
        lake.unit_of_work(lambda con: age(con, first))
        fill_landing(home, newest, days)
        lake.unit_of_work(lambda con: enter_listings(home, con))
    enter_events(home.settings.dagster_home / "history" / "runs" / "index.db", newest, days)


def age(con: DuckDBPyConnection, first: dt.date) -> None:
    """Enter the partitions from `first` up to the oldest published one of each cadence."""
    for cadence in Cadence:
        oldest, newest = _published(con, cadence)
        if oldest and newest:
            _copy(con, newest, Window(cadence.after(first, 1), oldest, cadence))


def _published(con: DuckDBPyConnection, cadence: Cadence) -> tuple[dt.date | None, dt.date | None]:
    row = con.execute(
        "select min(partition_day), max(partition_day) from ops.publications "
        f"where superseded_by is null and cadence = {literal(cadence)}"
    ).fetchone()
    return (row[0], row[1]) if row else (None, None)


def _copy(con: DuckDBPyConnection, newest: dt.date, partitions: Window) -> None:
    daily = partitions.cadence is Cadence.daily
    con.execute(f"create temp table target as select unnest({literal(partitions.days)}::date[]) as target")
    builds = f"select build_id from ops.builds where {_of(newest, partitions.cadence)}"
    fingerprints = f"select fingerprint from ops.deliveries where partition_day = {literal(newest)} and {daily}"
    _enter_contents(con, newest, partitions.cadence)
    for table in BY_PARTITION:
        if table == "deliveries" and not daily:
            continue
        of_cadence = _of(newest, partitions.cadence) if table in WITH_CADENCE else f"partition_day = {literal(newest)}"
        if table == "check_results":
            of_cadence += f" and subject in ({builds} union all {fingerprints})"
        _insert(con, table, of_cadence, "partition_day")
    con.execute("drop table target")


def _of(newest: dt.date, cadence: Cadence) -> str:
    return f"partition_day = {literal(newest)} and cadence = {literal(cadence)}"


def _enter_contents(con: DuckDBPyConnection, newest: dt.date, cadence: Cadence) -> None:
    """What there is of the partition: of a day all that its deliveries and models hold, and of each what is shown."""
    marts = f"select mart from ops.publications where {_of(newest, cadence)}"
    kinds = "kind in ('delivery', 'day', 'report') or " if cadence is Cadence.daily else ""
    _insert(con, "contents", f"day = {literal(newest)} and ({kinds}kind = 'mart' and subject in ({marts}))", "day")


def _insert(con: DuckDBPyConnection, table: str, condition: str, day: str) -> None:
    entered = {
        day: "target",
        # Made of all that was entered before it.
        "contents_seen": "(select max(rowid) from ops.contents)",
        **{name: f"{quoted(name)} || '-' || target" for name in NAMES if table != "contents"},
    }
    columns = LEDGER[table]
    values = ", ".join(f"{entered.get(name, quoted(name))} as {quoted(name)}" for name in columns)
    con.execute(
        f"insert into {qualified('ops', table)} by name "
        f"select {values} from (select *, rowid as entry from ops.{table} where {condition}) cross join target "
        "order by target, entry"
    )


if __name__ == "__main__":
    main()
