"""The verdict of `tidegate status`, and its exit codes: held is not late, and neither is a failing source."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.runs.changing import DAYS, deliver, new_crowd
from tests.support.runs.home import TemporaryHome
from typer.testing import CliRunner

from tidegate.cli.app import app
from tidegate.cli.read_status import read_status
from tidegate.cli.verdict import Standing, as_plain, verdict_of
from tidegate.orchestration.history.breaker import Breaker

FIRST, SECOND = DAYS.days[:2]


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TemporaryHome]:
    """One day is published, and one held: its file has no column of the contract."""
    home = new_crowd(tmp_path_factory.mktemp("crowd"))
    deliver(home, FIRST, 10)
    home.run(FIRST)
    deliver(home, SECOND, 10)
    file = Path(home.settings.landing) / "visits" / str(SECOND) / "visits.csv"
    file.write_text("nothing,that,is,known\n1,2,3,4\n")
    home.run(SECOND)
    yield home
    home.close()


@pytest.mark.slow
def test_what_is_held_is_named_and_worse_things_count_more(crowd: TemporaryHome) -> None:
    status = read_status(crowd.home)
    verdict = verdict_of(status, {})
    assert verdict.standing is Standing.held
    assert verdict.sentences == (f"Held: 1 day ({SECOND}).", f"Published until {FIRST}: crowds; never weeks.")
    failing = verdict_of(status, {"visits": Breaker(failures=3)})
    assert failing.standing is Standing.broken
    assert failing.sentences[0] == "Broken: the sources visits fail."


@pytest.mark.slow
def test_the_command_leaves_with_the_verdict_and_prints_it_for_programs(crowd: TemporaryHome) -> None:
    environment = {**crowd.environment, "COLUMNS": "200"}
    checked = CliRunner().invoke(app, ["status", "--check"], env=environment)
    assert checked.exit_code == int(Standing.held)
    assert checked.stdout.splitlines() == [f"Held: 1 day ({SECOND}).", f"Published until {FIRST}: crowds; never weeks."]
    shown = CliRunner().invoke(app, ["status", "--format", "json"], env=environment)
    assert shown.exit_code == 0
    found = json.loads(shown.stdout)
    assert found["verdict"]["standing"] == "held"
    assert list(found["status"]["held"]) == [str(SECOND)]
    assert {each["name"] for each in found["status"]["products"]} == {"crowds", "weeks"}


def test_values_become_what_json_can_hold() -> None:
    value = {(FIRST, "daily"): (Standing.late, dt.time(6), frozenset({1}), None, 1.5, Path("/x"))}
    assert as_plain(value) == {f"{FIRST} daily": ["late", "06:00:00", [1], None, 1.5, "/x"]}
