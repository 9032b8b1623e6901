"""A whole home is destroyed after its backup, restored, and goes on to the same end, by the commands that one types."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from tests.support.runs.home import FIRST_DAY, NewHome, TemporaryHome
from tests.support.runs.processes import run_tidegate
from tests.support.s3_server import Bucket

from tidegate.lake.extensions import connect_with
from tidegate.lake.sql import literal
from tidegate.window import ONE_DAY, Window

pytestmark = pytest.mark.slow

DAYS = Window(FIRST_DAY, FIRST_DAY + 2 * ONE_DAY)
NEXT_DAY = DAYS.end


def tidegate(environment: Mapping[str, str], *words: str) -> str:
    result = run_tidegate(environment, *words)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def there_and_back(home: TemporaryHome, place: str, destroy: Callable[[], None]) -> None:
    """Back up, go on, destroy all but landing, restore, and go on again."""
    for day in (*DAYS.days, NEXT_DAY):
        home.landing.day(day, lines=30)
    home.backfill(DAYS)
    before = home.contents()
    tidegate(home.environment, "backup", "--to", place)
    home.run(NEXT_DAY)
    after = home.contents()
    environment = home.environment
    home.close()
    shutil.rmtree(home.settings.home)
    destroy()

    tidegate(environment, "restore", place)
    assert home.contents() == before
    home.close()
    assert "Nothing is lost." in tidegate(environment, "repair", "--dry-run")
    home.run(NEXT_DAY)
    assert home.contents() == after
    # Dagster's record is there, and knows the days.
    days = frozenset({*DAYS.days, NEXT_DAY})
    assert all(materialized == days for materialized, _ in home.partitions_in_serving().values())


def test_in_folders(new_home: NewHome, tmp_path: Path) -> None:
    there_and_back(new_home(landing=str(tmp_path / "landing")), str(tmp_path / "place"), lambda: None)


def test_on_postgres_and_s3(new_home: NewHome, tmp_path: Path, database: str, bucket: Bucket) -> None:
    def destroy() -> None:
        for key in (*bucket.keys("lake/"), *bucket.keys("archive/")):
            bucket.delete(key)
        with connect_with(["postgres_scanner"]) as con:
            con.execute(f"attach {literal(database)} as server (type postgres)")
            for statement in ("drop schema public cascade", "create schema public"):
                con.execute(f"call postgres_execute('server', {literal(statement)})")

    home = new_home(
        landing=str(tmp_path / "landing"),
        archive=f"{bucket.url}/archive",
        lake_data=f"{bucket.url}/lake",
        lake_catalog=f"postgres:{database}",
    )
    there_and_back(home, f"{bucket.url}/backups", destroy)
