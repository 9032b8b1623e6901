"""What a project's edit is told by until it is applied, beside `tidegate status`: the check of each serving asset."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
from tests.support.runs.changing import DAILY_VISITS, DAYS, filled_crowd, with_project
from tests.support.runs.home import TemporaryHome

from tidegate.asked_days import window_of
from tidegate.changes.plan import make_plan
from tidegate.changes.switching import Decision
from tidegate.orchestration.asset_keys import serving_key
from tidegate.orchestration.assets.current_logic import LOGIC
from tidegate.orchestration.changes import apply_and_report, take_back_and_report
from tidegate.orchestration.names import PLAN_JOB, PLAN_STEP

DECISION = Decision("tester", "because")
DOUBLED = {"daily_visits.sql": DAILY_VISITS.replace("sum(visitors)", "2 * sum(visitors)")}
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
def test_a_plan_is_made_in_the_ui_and_shown_on_its_run_and_on_each_mart(tmp_path: Path) -> None:
    home = with_project(filled_crowd(tmp_path / "crowd"), DOUBLED)
    before = home.contents("serving")
    asked = {"from": str(DAYS.start), "to": str(DAYS.days[2])}
    job = home.definitions.get_job_def(PLAN_JOB)
    run = job.execute_in_process(
        instance=home.runner.instance, run_config={"ops": {PLAN_STEP: {"config": asked}}}, raise_on_error=False
    )
    assert run.success
    (step,) = [event for event in run.all_events if event.event_type is dg.DagsterEventType.STEP_OUTPUT]
    page = str(step.step_output_data.metadata["plan"].value)
    assert "| visitors | 3 | +36 |" in page and "tidegate apply" in page
    newest = home.runner.instance.fetch_observations(KEY.asset_key, limit=1).records[0].asset_observation
    assert newest is not None
    assert (newest.metadata["plan"].value, newest.metadata["differ"].value) == (page, 3)
    assert home.contents("serving") == before
    # It is the plan that the command would make of these days, and can be applied.
    window = window_of(*asked.values())
    planned = make_plan(home.home, window)
    assert planned is not None
    apply_and_report(home.home, home.runner.instance, DECISION, window)
    refused = job.execute_in_process(
        instance=home.runner.instance,
        run_config={"ops": {PLAN_STEP: {"config": {"from": "yesterday"}}}},
        raise_on_error=False,
    )
    assert not refused.success
    home.close()


@pytest.mark.slow
def test_the_check_of_a_mart_says_which_days_stand_on_older_logic(tmp_path: Path) -> None:
    crowd = filled_crowd(tmp_path / "crowd")
    assert newest(crowd).passed
    home = with_project(crowd, DOUBLED)
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
