"""What a project's edit is told by until it is applied, beside `tidegate status`: the check of each serving asset."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
from tests.support.runs.changing import DAILY_VISITS, DAYS, fill, new_crowd, with_project
from tests.support.runs.home import TemporaryHome

from tidegate.changes.plan import make_plan
from tidegate.changes.switching import Decision
from tidegate.orchestration.asset_keys import serving_key
from tidegate.orchestration.assets.current_logic import LOGIC
from tidegate.orchestration.changes import apply_and_report, take_back_and_report

DECISION = Decision("tester", "because")
KEY = dg.AssetCheckKey(serving_key("daily_visits"), LOGIC)


def newest(home: TemporaryHome) -> dg.AssetCheckEvaluation:
    storage = home.runner.instance.event_log_storage
    (record,) = storage.get_asset_check_execution_history(KEY, limit=1)
    assert record.event is not None and record.event.dagster_event is not None
    evaluation = record.event.dagster_event.asset_check_evaluation_data
    assert (evaluation.partition, evaluation.severity, evaluation.blocking) == (None, dg.AssetCheckSeverity.WARN, False)
    return evaluation


def execute_the_check(home: TemporaryHome) -> None:
    """As somebody does in the UI: the check alone, without a partition."""
    job = home.definitions.resolve_implicit_global_asset_job_def()
    alone = job.get_subset(asset_selection=set(), asset_check_selection={KEY})
    assert alone.execute_in_process(instance=home.runner.instance).success


@pytest.mark.slow
def test_the_check_of_a_mart_says_which_days_stand_on_older_logic(tmp_path: Path) -> None:
    crowd = fill(new_crowd(tmp_path / "crowd"))
    assert newest(crowd).passed
    home = with_project(crowd, {"daily_visits.sql": DAILY_VISITS.replace("sum(visitors)", "2 * sum(visitors)")})
    published = home.query("select count(*) from ops.publications")
    execute_the_check(home)
    assert str(newest(home).description).startswith("5 days of daily_visits stand on older logic. ")
    assert home.query("select count(*) from ops.publications") == published, "a check publishes nothing"

    # Not blocking: the run succeeds.
    assert home.run(DAYS.start)[0].succeeded
    said = newest(home)
    assert not said.passed and said.description is not None
    assert said.description.startswith("4 days of daily_visits stand on older logic (changed ")
    assert said.description.endswith("To see what the newer would change: tidegate plan")
    assert (said.metadata["partitions_on_older_logic"].value, said.metadata["which"].value) == (
        4,
        "2024-03-02..2024-03-05",
    )

    make_plan(home.home)
    change = apply_and_report(home.home, home.runner.instance, DECISION).change
    assert newest(home).passed
    take_back_and_report(home.home, home.runner.instance, change.change_id, DECISION)
    # What was rolled back says so itself.
    assert newest(home).passed
    home.close()
