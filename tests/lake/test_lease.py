"""One holder at a time, across processes, and nobody for ever."""

from __future__ import annotations

import dataclasses
import datetime as dt
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tidegate.errors import LakeBusyError
from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake
from tidegate.lake.extensions import connect_with
from tidegate.lake.lease import forget_unused, lease
from tidegate.lake.sql import literal

if TYPE_CHECKING:
    from tests.support.lake.shop import Home

DAY = dt.date(2024, 6, 1)
NEXT = dt.date(2024, 6, 2)


def patient(home: Home, seconds: float) -> None:
    home.config = dataclasses.replace(home.config, patience=seconds)


def test_another_process_waits_and_is_told_for_whom(home: Home) -> None:
    holder = home.start("hold_lease", "raw/orders", f"{DAY},{NEXT}")
    holder.wait_for("held")
    patient(home, 0.2)
    with (
        pytest.raises(LakeBusyError, match=r"raw/orders 2024-06-02: run run-7, process \d+ on .* after 0.2 s"),
        lease(home.config, "raw/orders", [NEXT]),
    ):
        pass
    patient(home, 10)
    holder.tell("let go")
    with lease(home.config, "raw/orders", [NEXT, DAY]):
        assert holder.result() == ""


def test_other_days_and_resources_are_free(home: Home) -> None:
    holder = home.start("hold_lease", "raw/orders", DAY)
    holder.wait_for("held")
    patient(home, 0.2)
    with lease(home.config, "raw/orders", [NEXT]), lease(home.config, "raw/customers", [DAY]):
        pass


def test_a_killed_holder_frees_its_days(home: Home) -> None:
    holder = home.start("hold_lease", "raw/orders", DAY)
    holder.wait_for("held")
    holder.kill()
    patient(home, 5)
    with lease(home.config, "raw/orders", [DAY]):
        pass


def test_threads_of_one_process_exclude_each_other(home: Home) -> None:
    patient(home, 10)
    inside: list[int] = []
    most: list[int] = []

    def work() -> None:
        with lease(home.config, "raw/orders", [DAY]):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.01)
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1, 1, 1, 1]


def lock_files(home: Home) -> list[str]:
    return sorted(path.name for path in home.config.lease_folder.glob("*/*"))


def test_lock_files_that_nobody_used_for_long_go_and_others_stay(home: Home) -> None:
    holder = home.start("hold_lease", "raw/orders", DAY)
    holder.wait_for("held")
    with lease(home.config, "raw/orders", [NEXT]):
        pass
    mine = home.config.lease_folder / "mine" / "2024.lock"
    mine.parent.mkdir()
    mine.touch()
    now = dt.datetime.now(dt.UTC)

    forget_unused(home.config, now - dt.timedelta(hours=1))
    assert len(lock_files(home)) == 5
    forget_unused(home.config, now + dt.timedelta(hours=1))
    assert lock_files(home) == ["2024-06-01.holder", "2024-06-01.lock", "2024.lock"]

    patient(home, 0.1)
    with pytest.raises(LakeBusyError, match="run-7"), lease(home.config, "raw/orders", [DAY]):
        pass


def test_a_lease_is_one_holders_while_lock_files_are_deleted(home: Home) -> None:
    patient(home, 30)
    inside: list[int] = []
    most: list[int] = []
    left = threading.Event()

    def work() -> None:
        for _ in range(50):
            with lease(home.config, "raw/orders", [DAY]):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    def forget() -> None:
        while not left.is_set():
            forget_unused(home.config, dt.datetime.now(dt.UTC) + dt.timedelta(hours=1))

    threads = [threading.Thread(target=work) for _ in range(3)]
    forgetting = threading.Thread(target=forget)
    for thread in (forgetting, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    left.set()
    forgetting.join()
    assert most == [1] * 150


def test_an_exception_lets_go(home: Home) -> None:
    patient(home, 0.2)
    with pytest.raises(ValueError, match="a bug"), lease(home.config, "raw/orders", [DAY, NEXT]):
        raise ValueError("a bug")
    with lease(home.config, "raw/orders", [DAY, NEXT]):
        pass


def test_a_lease_that_was_not_to_be_had_leaves_none_behind(home: Home) -> None:
    holder = home.start("hold_lease", "raw/orders", NEXT)
    holder.wait_for("held")
    patient(home, 0.1)
    with pytest.raises(LakeBusyError), lease(home.config, "raw/orders", [DAY, NEXT]):
        pass
    with lease(home.config, "raw/orders", [DAY]):
        pass


def test_a_day_named_twice_is_taken_once(home: Home) -> None:
    patient(home, 0.2)
    with lease(home.config, "raw/orders", [DAY, dt.datetime(2024, 6, 1, 12, tzinfo=dt.UTC), DAY]):
        pass


HOSTILE = [
    "../../escape", "/etc/passwd", "..", ".", "", "a/../../b", "a\0b", "x" * 500, "raw/größe", "C:\\x", "a\nb",
    "con", "raw/orders", "raw_orders", "RAW/orders", "\udc80",
]  # fmt: skip


def test_hostile_names_stay_in_the_folder_and_apart(home: Home) -> None:
    patient(home, 0.2)
    for resource in HOSTILE:
        with lease(home.config, resource, [DAY]):
            pass
    found = [path.relative_to(home.config.lease_folder) for path in home.config.lease_folder.rglob("*.lock")]
    locks = [path for path in found if path != Path("turn.lock")]
    assert len(locks) == len(HOSTILE)
    assert {len(path.parts) for path in locks} == {2}
    # Nothing was put anywhere else.
    everything = {path.name for path in home.config.lease_folder.parent.parent.iterdir()}
    assert everything == {"lake", "spill", home.config.checked_extensions.name}


def test_a_day_that_is_none_is_refused(home: Home) -> None:
    with pytest.raises(AttributeError), lease(home.config, "raw/orders", ["../../x"]):  # type: ignore[list-item]
        pass


def test_more_days_than_the_process_may_open_files(home: Home) -> None:
    assert home.start("hold_many_leases", 400).result() == "held"


def test_a_writer_whose_lease_the_server_ended_commits_nothing(database: str, tmp_path: Path) -> None:
    """As after a network that was cut for longer than the server waits: another writer may have the days by now."""
    config = LakeConfig(f"postgres:{database}", str(tmp_path / "data"), 1, "1GB", tmp_path / "spill", 5)
    with Lake.make(config) as lake:
        lake.con.execute("create table rows_of_days (day date)")
        with lease(config, "days", [dt.date(2024, 1, 1)]):
            with connect_with(["postgres_scanner"]) as con:
                con.execute(f"attach {literal(database)} as server (type postgres)")
                con.execute(
                    "call postgres_execute('server', 'select pg_terminate_backend(a.pid) from pg_locks l "
                    "join pg_stat_activity a using (pid) where l.locktype = ''advisory''')"
                )
            with pytest.raises(LakeBusyError, match="ended this run's lease"):
                lake.unit_of_work(lambda con: con.execute("insert into rows_of_days values ('2024-01-01')"))
        assert lake.con.execute("select count(*) from rows_of_days").fetchone() == (0,)
        with lease(config, "days", [dt.date(2024, 1, 1)]):
            lake.unit_of_work(lambda con: con.execute("insert into rows_of_days values ('2024-01-01')"))
        assert lake.con.execute("select count(*) from rows_of_days").fetchone() == (1,)
