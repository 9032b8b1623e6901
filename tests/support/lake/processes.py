"""What tests do in a process of its own: `python processes.py COMMAND CATALOG DATA SPILL PATIENCE ...`.

A command prints a line when it gets somewhere and waits for a line before it goes on. It is a program and not a
test: it must be killable at any point.
"""

from __future__ import annotations

import datetime as dt
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from duckdb import DuckDBPyConnection
from tests.support.lake.backups import back_up, put_back
from tests.support.lake.foreign import HEAVY, INSIDE, adopted
from tests.support.lake.queries import overwrite_window

from tidegate.lake.adopting import overwrite_by_files
from tidegate.lake.config import LakeConfig
from tidegate.lake.lease import lease
from tidegate.lake.sql import literal
from tidegate.lake.tables import ensure_table
from tidegate.ledger.upkeep.opening import make_lake, open_lake
from tidegate.publishing.promote import promote
from tidegate.publishing.requirements import GateRequirements, Mart
from tidegate.storage.folder import FolderStorage
from tidegate.window import Window

ROWS = 200


def say(line: object) -> None:
    print(line, flush=True)


def told() -> None:
    sys.stdin.readline()


def make_at_once(config: LakeConfig) -> None:
    """Make the lake, or open it, when told to."""
    say("ready")
    told()
    with make_lake(config) as lake:
        say(len(lake.con.execute("select * from duckdb_tables() where schema_name = 'ops'").fetchall()))


def write_partition(con: DuckDBPyConnection, day: dt.date, writer: str) -> None:
    ensure_table(con, "raw", "orders", {"day": "date", "writer": "varchar", "n": "bigint"}, "day")
    rows = f"select {literal(day)} as day, {literal(writer)} as writer, i as n from range({ROWS}) as r(i)"
    overwrite_window(con, ("raw", "orders"), "day", Window.of_day(day), rows)


def overwrite_at_once(config: LakeConfig, day: str, writer: str, times: str) -> None:
    """Overwrite one partition under its lease, again and again, when told to."""
    with open_lake(config) as lake:
        say("ready")
        told()
        for _ in range(int(times)):
            with lease(config, "raw/orders", [dt.date.fromisoformat(day)]):
                lake.unit_of_work(lambda con: write_partition(con, dt.date.fromisoformat(day), writer))
        say("done")


def stop_before_commit(config: LakeConfig, day: str, writer: str) -> None:
    """Write a partition and stand still between the last statement and the commit."""

    def work(con: DuckDBPyConnection) -> None:
        write_partition(con, dt.date.fromisoformat(day), writer)
        say("written")
        told()

    with open_lake(config) as lake, lease(config, "raw/orders", [dt.date.fromisoformat(day)], "run-7"):
        lake.unit_of_work(work)


def stop_before_files_are_in_use(config: LakeConfig, folder: str) -> None:
    """Register foreign files as those of a day, and stand still before the commit."""
    with open_lake(config) as lake:
        files = adopted(lake, folder)

        def work(con: DuckDBPyConnection) -> None:
            overwrite_by_files(con, HEAVY, INSIDE, files)
            say("registered")
            told()

        lake.unit_of_work(work, [HEAVY])
        say("done")


def hold_lease(config: LakeConfig, resource: str, days: str) -> None:
    """Hold a lease until told to let go."""
    with lease(config, resource, [dt.date.fromisoformat(day) for day in days.split(",")], "run-7"):
        say("held")
        told()


def hold_turn(config: LakeConfig) -> None:
    with open_lake(config) as lake, lake.turn():
        say("held")
        told()


def hold_many_leases(config: LakeConfig, days: str) -> None:
    """Hold more leases than the process may have open files to begin with."""
    import resource

    resource.setrlimit(resource.RLIMIT_NOFILE, (128, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    first = dt.date(2020, 1, 1)
    with lease(config, "raw/orders", [first + dt.timedelta(days=i) for i in range(int(days))]):
        say("held")


def poll_serving(config: LakeConfig, expected_days: str) -> None:
    """Read both marts at once until told to stop, and say how often what was seen was whole."""
    import threading

    stopped = threading.Event()

    def wait_for_the_end() -> None:
        told()
        stopped.set()

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    seen = set()
    reads = 0
    with open_lake(config, read_only=True) as lake:
        while not stopped.is_set():
            seen.add(one_look(lake.con))
            reads += 1
            if reads == 1:
                say("reading")
    wrong = sorted(str(look) for look in seen if not is_whole(look, int(expected_days)))
    say(f"{len(seen)} {wrong}")


def one_look(con: DuckDBPyConnection) -> tuple[int, ...]:
    row = con.execute(
        "select (select count(*) from serving.daily_sales), (select min(total_orders) from serving.daily_sales), "
        "(select max(total_orders) from serving.daily_sales), "
        "(select count(*) from serving.daily_sales_by_region), "
        "(select min(net_revenue) from serving.daily_sales_by_region), "
        "(select max(net_revenue) from serving.daily_sales_by_region)"
    ).fetchone()
    assert row is not None
    return tuple(int(value) for value in row)


def is_whole(look: tuple[int, ...], days: int) -> bool:
    """All days there, and the figures of one build in both marts."""
    sales, low, high, regions, region_low, region_high = look
    return sales == days and regions % days == 0 and low == high == region_low == region_high


def promote_when_told(config: LakeConfig, first: str, last: str) -> None:
    """Promote days that require nothing, when told to."""
    marts = tuple(Mart(name, "order_date") for name in ("daily_sales", "daily_sales_by_region"))
    with open_lake(config) as lake:
        say("ready")
        told()
        nothing = GateRequirements(frozenset(), frozenset(), frozenset(), marts)
        promotion = promote(lake, Window.of_keys(first, last), nothing, "run-8")
        say(len(promotion.published))


def commit_often(config: LakeConfig, times: str) -> None:
    """Make small commits that take no turn, as another tool would."""
    with open_lake(config) as lake:
        say("ready")
        told()
        done = 0
        while done < int(times):
            try:
                lake.con.execute("insert into ops.pipeline_runs (run_id) values ('x')")
                done += 1
            except Exception as error:  # noqa: BLE001 - counted by the test through the result
                assert "locked" in str(error), error
            time.sleep(0.005)
        say("done")


def commit_pairs(config: LakeConfig) -> None:
    """Enter a row into each of two tables, in one commit, again and again."""
    with open_lake(config) as lake:
        for name in ("a", "b"):
            lake.con.execute(f"create table raw.{name} (n bigint)")
        say("ready")
        told()
        number = 0
        while True:
            inserts = f"insert into raw.a values ({number}); insert into raw.b values ({number})"
            lake.unit_of_work(lambda con, inserts=inserts: con.execute(inserts))  # type: ignore[misc]
            number += 1
            if number == 1:
                say("began")


def back_up_step_by_step(config: LakeConfig, place: str) -> None:
    """Make a backup, and wait to be told before each file that is put into its place."""
    storage = StepByStep(Path(place))
    back_up(config, storage)
    say("done")


def restore_step_by_step(config: LakeConfig, place: str) -> None:
    """Restore a backup, and wait to be told before each data file that is put into its place."""
    put_back(config, FolderStorage(Path(place)), data=StepByStep(Path(config.data)))
    say("done")


class StepByStep(FolderStorage):
    def put(self, drafts: Mapping[str, Path], settled: bool = True) -> None:
        # After it is written, and before it has its name.
        say("put")
        told()
        super().put(drafts, settled)


COMMANDS = {
    command.__name__: command
    for command in (
        make_at_once, overwrite_at_once, stop_before_commit, stop_before_files_are_in_use, hold_lease, hold_turn,
        hold_many_leases, poll_serving, promote_when_told, commit_often, commit_pairs, back_up_step_by_step,
        restore_step_by_step,
    )
}  # fmt: skip

if __name__ == "__main__":
    name, catalog, data, spill, patience, *arguments = sys.argv[1:]
    COMMANDS[name](LakeConfig(catalog, data, 1, "500MB", Path(spill), float(patience)), *arguments)
