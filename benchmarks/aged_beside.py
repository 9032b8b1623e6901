"""What grows beside the ledger, as it stands after years: the deliveries that nobody took out of landing, and Dagster's
index of events, of which the newest of each partition stays for ever. Entered as `aged` does with the ledger.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from duckdb import DuckDBPyConnection

from benchmarks.growth import REGION, write_again
from tidegate.home import Home
from tidegate.lake.sql import rows_relation
from tidegate.sources.origin import Landing
from tidegate.sources.places import origin_of

# By table of the index, where its events are, and what must not be there twice.
OF_PARTITIONS = {
    "event_logs": ("event", "asset_key, dagster_event_type"),
    "asset_check_executions": ("evaluation_event", "asset_key, check_name"),
}


def fill_landing(home: Home, newest: dt.date, days: Sequence[dt.date]) -> None:
    """Deliver what the newest day delivered for these days, too."""
    landing = Path(str(home.settings.landing))
    for folder in (landing / "orders" / REGION, landing / "customers"):
        for day in days:
            if not (folder / str(day)).exists():
                write_again(folder, newest, day)


def enter_listings(home: Home, con: DuckDBPyConnection) -> None:
    """Have the ledger know what stands in landing as it stands there."""
    types = {"source": "varchar", "region": "varchar", "day": "date", "listing": "varchar"}
    con.execute(f"create temp table landed as {rows_relation(types, list(_landed(home)))}")
    con.execute(
        "update ops.deliveries set listing = landed.listing from landed where deliveries.source = landed.source "
        "and deliveries.region = landed.region and partition_day = day"
    )
    con.execute("drop table landed")


def _landed(home: Home) -> Iterator[tuple[str, str, dt.date, str]]:
    for source, contract in home.contracts.items():
        for region in contract.regions:
            origin = origin_of(contract, region, home.outside)
            if isinstance(origin, Landing):
                for arrival in origin.arrivals():
                    yield source, region.name, arrival.day, arrival.fingerprint


def enter_events(index: Path, newest: dt.date, days: Sequence[dt.date]) -> None:
    """Enter in Dagster's index what it keeps of the partition of the newest day for these days, too."""
    with closing(sqlite3.connect(index)) as con, con:
        for table, (event, one) in OF_PARTITIONS.items():
            _enter(con, table, event, one, newest, days)


def _enter(con: sqlite3.Connection, table: str, event: str, one: str, newest: dt.date, days: Sequence[dt.date]) -> None:
    columns = [name for _, name, *_ in con.execute(f"pragma table_info({table})") if name != "id"]
    made = "dagster_event_type = 'ASSET_MATERIALIZATION'" if table == "event_logs" else "true"
    # Once, since no index has the partition alone.
    con.execute(
        f"create temp table kept as select * from {table} where id in "
        f"(select max(id) from {table} where partition = ? and {made} group by {one})",
        [str(newest)],
    )
    # As if it had run when it ended.
    then = dict.fromkeys(("timestamp", "create_timestamp"), "date(:day, '+1 day') || ' 00:00:00.000000'")
    changed = {"partition": ":day", event: f"replace({event}, :newest, :day)", **then}
    values = ", ".join(changed.get(name, name) for name in columns)
    con.executemany(
        f"insert into {table} ({', '.join(columns)}) select {values} from kept",
        [{"day": str(day), "newest": str(newest)} for day in days],
    )
    con.execute("drop table kept")
