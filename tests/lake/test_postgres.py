"""A Postgres catalog is only another value: what could differ is shown on a real server."""

from __future__ import annotations

import dataclasses
import datetime as dt
import threading
from typing import TYPE_CHECKING

import pytest
from duckdb import DuckDBPyConnection
from tests.support.lake.queries import stale_days

from tidegate.errors import LakeBusyError, LakeMissingError
from tidegate.lake.connect import Lake
from tidegate.lake.lease import lease
from tidegate.lake.reading.query import run_query
from tidegate.lake.reading.travel import snapshot_at
from tidegate.lake.tables import ensure_table
from tidegate.ledger import publications
from tidegate.ledger.builds import begin_build, finish_build
from tidegate.ledger.checks import record_checks
from tidegate.ledger.deliveries import record_deliveries
from tidegate.ledger.schema import LEDGER
from tidegate.ledger.upkeep.maintenance import maintain
from tidegate.publishing.rollback import Decision, roll_back
from tidegate.window import ONE_DAY, Window

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from tests.support.lake.shop import Home, Shop

DAY = dt.date(2024, 6, 1)
NEXT = DAY + ONE_DAY
THREE = Window(DAY, DAY + 3 * ONE_DAY)


@pytest.fixture
def bare_home(database: str, bare_home: Home) -> Home:
    bare_home.config = dataclasses.replace(bare_home.config, catalog=f"postgres:{database}")
    return bare_home


def all_told(home: Home, command: str, *arguments: list[object]) -> list[str]:
    """Start processes that do a command, one per list of arguments, let them go at once; what each said last."""
    processes = [home.start(command, *listed) for listed in arguments]
    for process in processes:
        process.wait_for("ready")
    for process in processes:
        process.tell("go")
    return [process.result() for process in processes]


def test_there_is_no_lake_yet(bare_home: Home) -> None:
    for read_only in (True, False):
        with pytest.raises(LakeMissingError, match=r"There is no lake at postgres:.* tidegate init$"):
            bare_home.open(read_only)


def test_processes_that_make_a_lake_at_once_all_get_it(bare_home: Home) -> None:
    assert all_told(bare_home, "make_at_once", [], [], [], []) == [str(len(LEDGER))] * 4
    tables = bare_home.open().con.execute("select table_name from duckdb_tables() where schema_name = 'ops'").fetchall()
    assert sorted(tables) == sorted((name,) for name in LEDGER)


def test_two_writers_of_a_new_partition_leave_one_copy(home: Home) -> None:
    """Without the lease both commit and the partition is there twice: each deletes nothing and inserts."""
    columns = {"day": "date", "writer": "varchar", "n": "bigint"}
    home.open().unit_of_work(lambda con: ensure_table(con, "raw", "orders", columns, "day"))
    for day in THREE.days:
        assert all_told(home, "overwrite_at_once", [day, "a", 1], [day, "b", 1]) == ["done", "done"]
    rows = home.open(read_only=True).con.execute(
        "select day, count(*), count(distinct n), count(distinct writer) from raw.orders group by day order by day"
    )
    assert rows.fetchall() == [(day, 200, 200, 1) for day in THREE.days]


def test_writers_of_different_partitions_both_get_through(home: Home) -> None:
    assert all_told(home, "overwrite_at_once", [DAY, "a", 4], [NEXT, "b", 4]) == ["done", "done"]
    rows = home.open().con.execute(
        "select day, min(writer), max(writer), count(*) from raw.orders group by 1 order by 1"
    )
    assert rows.fetchall() == [(DAY, "a", "a", 200), (NEXT, "b", "b", 200)]


def test_a_writer_killed_before_its_commit_leaves_nothing(home: Home) -> None:
    lake = home.open()
    victim = home.start("stop_before_commit", DAY, "new")
    victim.wait_for("written")
    victim.kill()
    assert all_told(home, "overwrite_at_once", [DAY, "again", 1]) == ["done"]
    assert lake.con.execute("select distinct writer, count(*) from raw.orders group by 1").fetchall() == [
        ("again", 200)
    ]


def test_a_lease_waits_is_told_for_whom_and_is_freed_by_death(home: Home) -> None:
    holder = home.start("hold_lease", "raw/orders", f"{DAY},{NEXT}")
    holder.wait_for("held")
    impatient = dataclasses.replace(home.config, patience=0.2)
    with (
        pytest.raises(LakeBusyError, match=r"raw/orders 2024-06-02: run run-7, process \d+ on .* after 0.2 s"),
        lease(impatient, "raw/orders", [NEXT, NEXT + ONE_DAY]),
    ):
        pass
    with lease(impatient, "raw/orders", [NEXT + ONE_DAY]), lease(impatient, "raw/customers", [NEXT]):
        pass
    holder.kill()
    with lease(home.config, "raw/orders", [DAY, NEXT]):
        pass


def test_hostile_resources_and_no_days_are_fine(home: Home) -> None:
    for resource in ("", "'; drop table x; --", "a\0b", "größe", "x" * 500, "\udc80"):
        with lease(home.config, resource, [DAY], run_id="'; drop \0 ü \\"), lease(home.config, resource, []):
            pass


def test_days_are_published_and_kept_through_maintenance(shop: Shop) -> None:
    first = shop.publish(THREE, rows=20)
    again = shop.promote(THREE)
    hashes = [[row.content_hash for rows in found.published.values() for row in rows] for found in (first, again)]
    assert hashes[0] == hashes[1]
    snapshot = first.published[DAY][0].lake_snapshot
    shop.build(THREE, factor=2, rows=20)
    shop.promote(THREE)
    maintain(shop.lake, 0)
    assert shop.served() == [(day, 2, 40) for day in THREE.days]
    old = shop.lake.con.execute(f"select total_orders from serving.daily_sales at (version => {snapshot})")
    assert old.fetchall() == [(1,), (1,), (1,)]
    assert stale_days(shop.lake.con) == []


def test_the_lake_is_read_as_it_was(shop: Shop) -> None:
    first = shop.publish(THREE).published[DAY][0].lake_snapshot
    then = dt.datetime.now(dt.UTC)
    shop.publish(THREE, factor=2)
    assert snapshot_at(shop.lake.config, then) == ledger_entered(first)
    sales = "select total_orders from serving.daily_sales"
    assert run_query(shop.lake.config, sales, then).rows == [(1,), (1,), (1,)]
    assert run_query(shop.lake.config, sales).rows == [(2,), (2,), (2,)]


def test_a_day_is_rolled_back_and_stays_so(shop: Shop) -> None:
    first = shop.publish(THREE, rows=20).published[DAY][0]
    shop.publish(THREE, factor=2, rows=20)
    decision = Decision(DAY, first.publication_id, "kim", "wrong")
    rolled_back = roll_back(shop.lake, lambda cadence: [shop.requirements], decision)
    maintain(shop.lake, 0)
    shop.build(THREE, factor=2, rows=20)
    assert list(shop.promote(THREE).rolled_back) == [DAY]
    assert shop.served() == [(DAY, 1, 20), *((day, 2, 40) for day in THREE.days[1:])]
    assert rolled_back.published[DAY][0].content_hash == first.content_hash
    assert shop.publish(THREE, factor=3, rows=20).rolled_back == {}
    assert shop.served() == [(day, 3, 60) for day in THREE.days]


def ledger_entered(snapshot: int | None) -> int:
    """The commit that entered a promote's snapshot, the next one."""
    assert snapshot is not None
    return snapshot + 1


def test_a_reader_never_sees_a_half(shop: Shop) -> None:
    shop.publish(THREE, factor=1, rows=20)
    reader = shop.home.start("poll_serving", 3)
    reader.wait_for("reading")
    for factor in range(2, 4):
        shop.build(THREE, factor=factor, rows=20 if factor % 2 else 3)
        shop.promote(THREE)
        maintain(shop.lake, 30)
    reader.tell("stop")
    assert reader.result().split(" ", 1)[1] == "[]"


def test_two_processes_that_promote_one_window_leave_one_copy(shop: Shop) -> None:
    shop.build(THREE, factor=3, rows=20)
    days: list[object] = [DAY, THREE.days[-1]]
    assert all_told(shop.home, "promote_when_told", days, days) == ["3", "3"]
    assert shop.served() == [(day, 3, 60) for day in THREE.days]
    assert len(publications.newest_publications(shop.lake.con)) == 6


def test_a_delivery_entered_before_a_build_and_committed_after_is_not_forgotten(shop: Shop) -> None:
    """Units of work overlap on Postgres, so by times the delivery would count as seen by the build."""
    other = shop.home.open()
    entered, begun = threading.Event(), threading.Event()

    def load(con: DuckDBPyConnection) -> None:
        record_deliveries(con, [shop.delivery(NEXT, touched=(DAY,))])
        entered.set()
        begun.wait(20)

    thread = threading.Thread(target=other.unit_of_work, args=(load,))
    thread.start()
    entered.wait(20)
    build_id = "b"
    shop.lake.unit_of_work(lambda con: begin_build(con, build_id, [DAY], ["daily_sales"], "run-1"))
    begun.set()
    thread.join()
    shop.lake.unit_of_work(lambda con: finish_build(con, build_id))
    assert stale_days(shop.lake.con) == [DAY]
    shop.build(Window.of_day(DAY))
    assert stale_days(shop.lake.con) == []


def test_row_ids_stay_unique_when_writers_commit_at_once(shop: Shop) -> None:
    """The newest entry is told by row ids, so no two may be given the same."""
    lakes = [shop.home.open() for _ in range(3)]

    def enter(lake: Lake, number: int) -> None:
        for i in range(8):
            checks = [shop.check(DAY, f"raw/{number}", f"{i}", "x") for _ in range(1 + 20 * (i % 2))]
            lake.unit_of_work(lambda con, checks=checks: record_checks(con, checks))  # type: ignore[misc]

    threads = [threading.Thread(target=enter, args=(lake, i)) for i, lake in enumerate(lakes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    count = shop.lake.con.execute("select count(*), count(distinct rowid) from ops.check_results").fetchone()
    assert count == (3 * (4 * 1 + 4 * 21),) * 2
