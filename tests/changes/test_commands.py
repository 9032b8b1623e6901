"""The commands that change logic, as somebody types them: each in a process of its own, and killed at any moment."""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.support.examples import THOROUGH
from tests.support.runs.changing import ALL_DOUBLED, DAILY_VISITS, filled_crowd, shown, with_project
from tests.support.runs.home import TemporaryHome
from tests.support.runs.processes import Process, run_tidegate, start_reader, start_tidegate

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

DOUBLED = {"daily_visits.sql": DAILY_VISITS.replace("sum(visitors)", "2 * sum(visitors)")}

# Commands are killed so often in all, and one of them so often before it may end.
KILLS, KILLS_OF_ONE = (20, 5) if THOROUGH else (6, 2)
DONE_ALREADY = "has the logic that the project has now|was taken back already"
# A command is in the midst of its work until its files have changed about so often; the shortest takes a few changes at
# least, and its first kill comes within these.
STEPS, FIRST_STEPS = 40, 3


@pytest.fixture
def doubled(tmp_path: Path) -> Iterator[TemporaryHome]:
    """A home with published days whose project counts visitors twice since."""
    home = with_project(filled_crowd(tmp_path / "crowd"), DOUBLED)
    yield home
    home.close()


def tidegate(home: TemporaryHome, *words: str) -> str:
    home.close()
    done = run_tidegate(home.environment, *words)
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
    (change,) = json.loads(tidegate(home, "changes", "--format", "json"))
    assert (change["change_id"][:8], change["partitions"], change["reason"]) == (applied[1], 6, "a reason")
    assert "older logic" not in tidegate(home, "status")
    said = tidegate(home, "rollback", "--change", applied[1], "--reason", "wrong")
    assert f"Change {applied[1]} is taken back" in said
    assert visitors(home) == OLD


def sizes_of(home: TemporaryHome) -> dict[str, int]:
    """The files by which a command on the lake can be seen to get on: its catalog, data and leases."""
    config = home.home.lake_config
    assert config.catalog_file is not None
    found: dict[str, int] = {}
    for folder in (config.catalog_file.parent, config.lease_folder):
        for place, _, names in os.walk(folder):
            with suppress(FileNotFoundError):
                found |= {f"{place}/{name}": Path(place, name).stat().st_size for name in names}
    return found


def killed_at_step(home: TemporaryHome, process: Process, step: int) -> bool:
    """Kill the process once its files have changed so often; whether it did not end before."""
    seen, steps = sizes_of(home), 0
    while not process.ended_within(0.002):
        if (now := sizes_of(home)) != seen:
            seen, steps = now, steps + 1
        if steps >= step:
            process.kill()
            return True
    return False


def carried_through(home: TemporaryHome, chance: random.Random, most: int, log: Path, *words: str) -> int:
    """Type the command until it ends, and kill it at most so often; how often it was."""
    home.close()
    for kills in range(most):
        step = chance.randint(0, STEPS if kills else FIRST_STEPS)
        if not killed_at_step(home, start_tidegate(home, log, *words), step):
            most = kills
            break
    ended = start_tidegate(home, log, *words)
    # One that was killed after its commit has nothing left to do.
    assert ended.exit_code() == 0 or re.search(DONE_ALREADY, ended.printed()), ended.printed()
    return most


def test_killed_at_any_moment_and_typed_again_it_ends_the_same_while_a_reader_never_sees_a_part(
    tmp_path: Path,
) -> None:
    """Figures are doubled; that is taken back, and taking it back is taken back, until the commands were killed often
    enough."""
    chance = random.Random(7)
    always = filled_crowd(tmp_path / "always", ALL_DOUBLED)
    home = filled_crowd(tmp_path / "crowd")
    with home.home.lake() as one, always.home.lake() as other:
        old, new = shown(one), shown(other)
    home = with_project(home, ALL_DOUBLED)
    kills = dict.fromkeys(("plan", "apply", "rollback"), 0)
    changes = 0
    with start_reader(home, shown, tmp_path / "reader.log") as reader:
        while sum(kills.values()) < KILLS or changes % 2 == 0:
            for words in (("rollback", "--change", newest_change(home)),) if changes else (("plan",), ("apply",)):
                most = min(KILLS_OF_ONE, KILLS - sum(kills.values()))
                log = tmp_path / f"{changes}-{words[0]}.log"
                kills[words[0]] += carried_through(home, chance, most, log, *words)
            changes += 1
            with home.home.lake() as lake:
                assert shown(lake) == (new if changes % 2 else old)
        assert all(kills.values()), kills
        assert home.contents() == always.contents()
        assert home.query("select count(*) from ops.changes") == [(changes,)], "each was done once"
        tidegate(home, "maintain")
        assert home.query("select schema_name from duckdb_schemas() where starts_with(schema_name, 'plan_')") == []
        assert "All that is published has the logic" in tidegate(home, "plan")
        reads, seen = reader.stop()
    assert reads > KILLS
    assert seen == {old, new}
    always.close()
    home.close()


def newest_change(home: TemporaryHome) -> str:
    return str(home.query("select max_by(change_id, made_at) from ops.changes")[0][0])
