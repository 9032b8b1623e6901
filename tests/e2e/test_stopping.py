"""Ctrl-C and SIGTERM: the first ends a backfill after its current step, the second at once; nothing is half done."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from dagster import DagsterRunStatus
from tests.support.runs.home import FIRST_DAY, NewHome, TemporaryHome
from tests.support.runs.processes import Process, start_tidegate

from tidegate.ledger.upkeep.opening import open_lake
from tidegate.orchestration.history.recent_runs import runs_under_way
from tidegate.orchestration.sensors.run_keeper import end_lost_runs
from tidegate.window import ONE_DAY, Window

pytestmark = pytest.mark.slow

DAYS = Window(FIRST_DAY, FIRST_DAY + ONE_DAY * 3)
BACKFILL = ("backfill", "--from", str(DAYS.start), "--to", str(DAYS.last))
LOOKING_SECONDS = 0.01


def wait_until(happened: Callable[[], bool], process: Process) -> None:
    while not happened():
        assert not process.ended_within(LOOKING_SECONDS), process.printed()


def runs_by_status(home: TemporaryHome) -> dict[DagsterRunStatus, int]:
    statuses = [run.status for run in home.runner.instance.get_runs()]
    return {status: statuses.count(status) for status in statuses}


def days_published(home: TemporaryHome) -> int:
    published = "select count(distinct partition_day) from ops.publications where cadence = 'daily'"
    ((count,),) = home.query(published)
    assert isinstance(count, int)
    return count


@contextmanager
def writers_waiting(home: TemporaryHome) -> Iterator[None]:
    """Hold the lock that every writer of the lake's catalog needs."""
    file = home.home.lake_config.catalog_file
    assert file is not None
    with closing(sqlite3.connect(file, isolation_level=None)) as catalog:
        catalog.execute("begin immediate")
        yield


def test_ctrl_c_ends_a_backfill_after_its_step_and_twice_at_once_and_it_goes_on_from_there(
    new_home: NewHome, tmp_path: Path
) -> None:
    home = new_home(chunk_days=1)
    for day in DAYS.days:
        home.landing.day(day)
    assert home.runner.instance, "makes Dagster's instance"

    with home.home.lake(), open_lake(home.home.lake_config, read_only=True) as lake:
        process = start_tidegate(home, tmp_path / "first.log", *BACKFILL)
        # Between loading the second day and building it.
        loaded = f"select count(*) = 3 from ops.deliveries where partition_day = '{FIRST_DAY + ONE_DAY}'"
        wait_until(lambda: lake.con.execute(loaded).fetchone() == (True,), process)
        process.signal(signal.SIGINT)
        assert process.exit_code() == 130, process.printed()
    told = " ".join(process.printed().split())
    assert "Ending after the current step." in told
    # The signal may come so late that the second day's last step is under way, and publishes it.
    published = days_published(home)
    assert published in (1, 2)
    assert f"{published} day{'s' * (published > 1)} published, 0 held." in told
    assert f"{published} are published and {3 - published} are left" in told
    assert f"tidegate {' '.join(BACKFILL)} --resume" in told
    assert runs_under_way(home.runner.instance) == []
    ended = runs_by_status(home)
    assert ended[DagsterRunStatus.SUCCESS] in (1, published)
    assert ended.get(DagsterRunStatus.CANCELED, 0) == 2 - ended[DagsterRunStatus.SUCCESS]

    # The catalog is kept from its writers meanwhile, so the run cannot end before it is told to.
    with writers_waiting(home):
        process = start_tidegate(home, tmp_path / "second.log", *BACKFILL, "--resume")
        wait_until(lambda: bool(runs_under_way(home.runner.instance)), process)
        process.signal(signal.SIGTERM)
        wait_until(lambda: "Ending after the current step." in process.printed(), process)
        process.signal(signal.SIGTERM)
        assert process.exit_code() == 130, process.printed()
    assert "Traceback" not in process.printed()
    end_lost_runs(home.home, home.runner.instance)
    assert runs_under_way(home.runner.instance) == []

    outcomes = list(home.runner.backfill(DAYS, resume=True))
    assert all(outcome.succeeded for outcome in outcomes)
    assert days_published(home) == 3
    assert DAYS.days[0] not in {day for outcome in outcomes for day in outcome.published}
