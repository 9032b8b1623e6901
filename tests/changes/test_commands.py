"""The commands that change logic, as somebody types them: each in a process of its own, and killed at any moment."""

from __future__ import annotations

import json
import random
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.runs.changing import DAILY_VISITS, DAYS, MONDAY, fill, new_crowd, with_project
from tests.support.runs.home import TemporaryHome
from tests.support.runs.processes import start_tidegate

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

DOUBLED = {"daily_visits.sql": DAILY_VISITS.replace("sum(visitors)", "2 * sum(visitors)")}
# Plans and applies are killed so often.
KILLS = 8


@pytest.fixture
def doubled(tmp_path: Path) -> Iterator[TemporaryHome]:
    """A home with published days whose project counts visitors twice since."""
    home = with_project(fill(new_crowd(tmp_path / "crowd")), DOUBLED)
    yield home
    home.close()


def tidegate(home: TemporaryHome, *words: str) -> str:
    home.close()
    done = subprocess.run(["tidegate", *words], env=home.environment, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def visitors(home: TemporaryHome) -> list[tuple[object, ...]]:
    return home.query("select visitors from serving.daily_visits order by visit_date")


OLD = [(11 + number,) for number in range(5)]
NEW = [(2 * (11 + number),) for number in range(5)]


def test_plan_apply_changes_and_rollback(doubled: TemporaryHome) -> None:
    home = doubled
    said = tidegate(home, "plan")
    assert "5 days: 0 identical, 5 differ." in said
    assert "To publish it, all in one moment: tidegate apply" in said
    assert "| visitors | 5 | +65 |" in tidegate(home, "plan", "--format", "markdown")
    plan = json.loads(tidegate(home, "plan", "--format", "json"))
    assert (plan["changes_nothing"], plan["models"]) == (False, ["daily_visits", "weekly_visits"])
    assert visitors(home) == OLD
    assert "5 days of daily_visits stand on older logic" in tidegate(home, "status")

    applied = re.search(r"Applied as change (\w+): 6 partitions", tidegate(home, "apply", "--reason", "a reason"))
    assert applied is not None
    assert visitors(home) == NEW
    assert "a reason" in tidegate(home, "changes")
    assert "older logic" not in tidegate(home, "status")
    said = tidegate(home, "rollback", "--change", applied[1], "--reason", "wrong")
    assert f"Change {applied[1]} is taken back" in said
    assert visitors(home) == OLD


def test_killed_at_any_moment_and_typed_again_it_ends_the_same_and_leaves_nothing(
    doubled: TemporaryHome, tmp_path: Path
) -> None:
    home, chance = doubled, random.Random(7)
    for number in range(KILLS):
        words = ("plan",) if number < KILLS // 2 else ("apply", "--reason", "again and again")
        process = start_tidegate(home, tmp_path / f"{number}.log", *words)
        end = time.monotonic() + chance.uniform(1, 8)
        while time.monotonic() < end and not process.ended_within(0.1):
            # Whatever was applied, it was all of it.
            assert visitors(home) in (OLD, NEW)
        process.kill()
        if number == KILLS // 2 - 1:
            tidegate(home, "plan")
    if visitors(home) == OLD:
        tidegate(home, "plan")
        tidegate(home, "apply")
    assert visitors(home) == NEW
    assert home.query(f"select visitors from serving.weekly_visits where as_of_date = '{MONDAY}'") == [
        (2 * (11 + 12 + 13),)
    ]
    assert home.query("select count(*) from ops.changes") == [(1,)]
    tidegate(home, "maintain")
    left = "select schema_name from duckdb_schemas() where starts_with(schema_name, 'plan_')"
    assert home.query(left) == []
    assert "All that is published has the logic" in tidegate(home, "plan")
    assert [row[0] for row in home.query("select visit_date from serving.daily_visits order by 1")] == list(DAYS.days)
