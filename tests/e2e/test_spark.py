"""Real data by either engine, and what a Tidegate leaves that is killed while Spark works for it."""

from __future__ import annotations

import datetime as dt
import signal
import subprocess
from pathlib import Path

import pytest
from tests.e2e.test_online_retail import EVERY_DAY, online_retail_home, slice_into
from tests.support.examples import THOROUGH
from tests.support.online_retail import needs_online_retail
from tests.support.runs.home import Contents, NewHome, TemporaryHome
from tests.support.runs.processes import run_tidegate
from tests.support.servers import free_port
from tests.support.spark import sail, write_project_on_spark
from tests.support.waiting import wait_for

from tidegate.lake.identity import METADATA
from tidegate.orchestration.names import BUILD_JOBS
from tidegate.window import Cadence, Window

pytestmark = [pytest.mark.slow, needs_online_retail]

START_SECONDS = 240.0
# A result is there for a tenth of a second.
OFTEN = 0.005

DAYS = EVERY_DAY if THOROUGH else Window(dt.date(2011, 8, 11), dt.date(2011, 8, 13))

# As an exchange of long ago is called.
OLD = "01900000-0000-7000-8000-000000000000"


@pytest.fixture(scope="module")
def home(new_module_home: NewHome, tmp_path_factory: pytest.TempPathFactory) -> TemporaryHome:
    """One whose sales Spark makes where there is one, of more than some rows as files. It has published the days
    without."""
    folder = tmp_path_factory.mktemp("spark")
    write_project_on_spark(folder / "dbt_project", "spark_files_from_rows: 1000, ")
    home = online_retail_home(new_module_home, dbt_project=folder / "dbt_project")
    slice_into(home, DAYS)
    assert all(outcome.succeeded for outcome in home.backfill(DAYS))
    home.close()
    return home


@pytest.fixture(scope="module")
def by_duckdb(home: TemporaryHome) -> Contents:
    return home.contents()


def with_spark(home: TemporaryHome, address: str) -> TemporaryHome:
    """The same home for whoever has a Spark there."""
    home.close()
    return TemporaryHome(home.settings.model_copy(update={"spark": address}))


@pytest.mark.timeout(5400)
def test_every_day_is_published_the_same_by_either_engine(home: TemporaryHome, by_duckdb: Contents, spark: str) -> None:
    home = with_spark(home, spark)
    for chunk in DAYS.chunks(home.settings.chunk_days):
        assert home.runner.run(chunk, job=BUILD_JOBS[Cadence.daily]).succeeded
    home.close()

    assert home.contents() == by_duckdb
    # Some results were copied, and some have enough rows that their files were taken.
    registered = home.query(f"select count(*) > 0 from {METADATA}.ducklake_data_file where mapping_id is not null")
    assert registered == [(True,)]
    home.close()
    assert of_serving(by_duckdb).keys() >= {("serving", "daily_sales", day) for day in DAYS.days}


def test_a_day_that_spark_makes_stays_as_it_is_while_there_is_none(home: TemporaryHome, by_duckdb: Contents) -> None:
    home = with_spark(home, f"sc://127.0.0.1:{free_port()}")

    (held,) = home.runner.run(Window.of_day(DAYS.start), job=BUILD_JOBS[Cadence.daily]).held.values()
    home.close()

    assert any("no Spark answers" in why for why in held)
    assert home.contents("serving") == of_serving(by_duckdb)


def test_one_that_is_killed_while_spark_works_leaves_nothing_that_maintenance_does_not_delete(
    home: TemporaryHome, by_duckdb: Contents
) -> None:
    exchange = Path(home.settings.lake_data, "exchange")
    day = Window.of_day(DAYS.start)
    with sail() as server:
        home = with_spark(home, server.address)
        command = ["tidegate", "run", "--partition", str(day)]
        process = subprocess.Popen(command, env=home.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for("Spark's result", lambda: any(exchange.glob("*/result")), START_SECONDS, OFTEN)
        # It waits for an answer from now on, of this model or of the next one.
        server.process.send_signal(signal.SIGSTOP)
        wait_for("an exchange", lambda: any(exchange.iterdir()), START_SECONDS)
        process.kill()
        process.wait()
        server.process.send_signal(signal.SIGCONT)

        assert home.contents("serving") == of_serving(by_duckdb)
        (left,) = exchange.iterdir()
        (left.rename(exchange / OLD) / "left.parquet").touch()
        assert home.runner.run(day, job=BUILD_JOBS[Cadence.daily]).succeeded
    home.close()

    assert home.contents() == by_duckdb
    assert run_tidegate(home.environment, "maintain").returncode == 0
    assert not [path for path in exchange.rglob("*") if path.is_file()]


def of_serving(contents: Contents) -> Contents:
    return {key: content for key, content in contents.items() if key[0] == "serving"}
