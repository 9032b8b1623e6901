"""Old runs are forgotten, and the UI shows partitions, checks and sources as before."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterInstance, DagsterRunStatus, RunsFilter
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value
from dagster._core.test_utils import create_run_for_test
from tests.support.runs.home import FIRST_DAY, NewHome, TemporaryHome

from tidegate.orchestration.history.breaker import Pace
from tidegate.orchestration.history.contacts import contact, health_of
from tidegate.orchestration.history.health import CONTACTS_LOOKED_AT
from tidegate.orchestration.history.recent_runs import statuses_of
from tidegate.orchestration.instance import retention
from tidegate.orchestration.instance.dagster_home import make_instance, open_instance
from tidegate.orchestration.instance.retention import forget_old_runs, forget_partitions, forget_runs
from tidegate.orchestration.names import BACKFILL_OF_UI_TAG, DAILY_JOB, UNFINISHED
from tidegate.settings import load_settings
from tidegate.window import ONE_DAY, Window

pytestmark = pytest.mark.slow

BAD_DAY = FIRST_DAY + ONE_DAY
DAYS = Window(FIRST_DAY, FIRST_DAY + ONE_DAY * 2)
LATER = dt.timedelta(minutes=1)


@pytest.fixture(scope="module")
def home(new_module_home: NewHome) -> TemporaryHome:
    """A good day, which ran twice, and one that is held; a source that did not answer. What a test forgets, no other
    needs."""
    home = new_module_home()
    for day in DAYS.days:
        home.landing.day(day)
    home.landing.spoil(BAD_DAY, "north")
    home.backfill(DAYS)
    home.run(FIRST_DAY)
    for _ in range(CONTACTS_LOOKED_AT + 5):
        home.runner.instance.report_runless_asset_event(contact("orders", "Nobody answered."))
    return home


def forget_all(home: TemporaryHome) -> int:
    return forget_runs(home.runner.instance, dt.datetime.now(dt.UTC) + LATER)


def shown(home: TemporaryHome) -> dict[object, object]:
    """What the UI shows of assets: how each partition stands, what it was made with, what each check said of it."""
    instance = home.runner.instance
    found: dict[object, object] = {"breaker": health_of(instance, "orders", Pace.of(home.settings))}
    graph = home.definitions.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        if partitions := graph.get(key).partitions_def:
            # As the UI finds it out when nobody looked before.
            instance.event_log_storage.wipe_asset_cached_status(key)
            status = get_and_update_asset_status_cache_value(instance, key, partitions)
            assert status is None or not status.deserialize_in_progress_partition_subsets(partitions)
            found[key] = status and (
                set(status.deserialize_materialized_partition_subsets(partitions).get_partition_keys()),
                set(status.deserialize_failed_partition_subsets(partitions).get_partition_keys()),
            )
        found[key, "made"] = newest_made(instance, key)
    for check in graph.asset_check_keys:
        history = instance.event_log_storage.get_asset_check_execution_history(check, limit=1000)
        newest = {record.partition: record for record in reversed(history)}
        found[check] = {partition: (record.status, record.event) for partition, record in newest.items()}
    return found


def newest_made(instance: DagsterInstance, key: dg.AssetKey) -> dict[str | None, object]:
    records = instance.fetch_materializations(key, limit=1000, ascending=True).records
    return {record.partition_key: record.asset_materialization for record in records}


def files_of_runs(home: TemporaryHome) -> set[str]:
    return {path.stem for path in (home.settings.dagster_home / "history" / "runs").glob("*-*.db")}


def test_the_files_of_finished_runs_are_small(home: TemporaryHome) -> None:
    instance = home.runner.instance
    before = {run.run_id: instance.all_logs(run.run_id) for run in instance.get_runs()}
    runs = home.settings.dagster_home / "history" / "runs"
    assert list(runs.glob("*-*.db-wal"))

    forget_runs(instance, dt.datetime.now(dt.UTC) - dt.timedelta(days=1))

    assert not list(runs.glob("*-*.db-wal"))
    assert {run.run_id: instance.all_logs(run.run_id) for run in instance.get_runs()} == before


def test_what_the_ledger_lacks_of_an_old_run_is_entered_first(home: TemporaryHome) -> None:
    ran = {run.run_id for run in home.runner.instance.get_runs()}
    home.query("delete from ops.pipeline_runs")

    assert forget_old_runs(home.home, home.runner.instance) == 0

    assert {run_id for (run_id,) in home.query("select run_id from ops.pipeline_runs")} == ran


def test_how_partitions_checks_and_sources_stand_outlives_the_runs_though_it_is_interrupted(
    home: TemporaryHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, instance = shown(home), home.runner.instance
    held = instance.get_runs(RunsFilter(statuses=[DagsterRunStatus.FAILURE]))
    assert held
    assert any(str(BAD_DAY) in value[1] for value in before.values() if isinstance(value, tuple))

    for step in ("_drop_superseded", "_still_needed", "_delete_runs", "_forget_events_of_no_run"):
        with monkeypatch.context() as patch:
            patch.setattr(retention, step, killed)
            with pytest.raises(KeyboardInterrupt):
                forget_all(home)
        assert shown(home) == before
    forget_all(home)

    assert shown(home) == before
    # Of the run for which a day is shown as failed only its row is left, as of others.
    assert {run.run_id for run in held} <= {run.run_id for run in instance.get_runs()}
    assert files_of_runs(home) == set()
    assert list((home.settings.dagster_home / "storage").iterdir()) == []
    assert forget_all(home) == 0


def killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_an_old_day_is_run_again_like_any_other(home: TemporaryHome) -> None:
    forget_all(home)
    home.landing.day(BAD_DAY)

    assert all(outcome.succeeded for outcome in home.run(BAD_DAY))

    forget_all(home)
    assert home.partitions_in_serving()["daily_sales"] == (frozenset(DAYS.days), frozenset())


def test_what_is_under_way_or_young_stays(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path)
    make_instance(settings)
    instance = open_instance(settings)
    backfills = {status: PartitionBackfill(status.value, status, False, {}, 0.0) for status in BulkActionStatus}
    for backfill in backfills.values():
        instance.add_backfill(backfill)
    # A queued one needs a server that launches it.
    statuses = [status for status in statuses_of(UNFINISHED) if status is not DagsterRunStatus.QUEUED]
    under_way = [create_run_for_test(instance, job_name=DAILY_JOB, status=status) for status in statuses]
    counted, uncounted = (
        create_run_for_test(
            instance, job_name=DAILY_JOB, status=DagsterRunStatus.SUCCESS, tags={BACKFILL_OF_UI_TAG: status.value}
        )
        for status in (BulkActionStatus.REQUESTED, BulkActionStatus.COMPLETED_SUCCESS)
    )

    assert forget_runs(instance, dt.datetime.now(dt.UTC) - LATER) == 0
    assert forget_runs(instance, dt.datetime.now(dt.UTC) + LATER) == 1

    kept = {run.run_id for run in (*under_way, counted)}
    assert {run.run_id for run in instance.get_runs()} == kept
    assert instance.get_run_by_id(uncounted.run_id) is None
    assert instance.get_run_tags([BACKFILL_OF_UI_TAG]) == [(BACKFILL_OF_UI_TAG, {BulkActionStatus.REQUESTED.value})]


def test_what_was_recorded_of_partitions_ends_but_for_the_newest_of_each_asset_and_check(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path)
    make_instance(settings)
    instance = open_instance(settings)
    key, check = dg.AssetKey("a"), dg.AssetCheckKey(dg.AssetKey("a"), "c")
    for day in ("2024-01-01", "2024-01-02", "2024-01-03"):
        instance.report_runless_asset_event(dg.AssetMaterialization(key, partition=day))
        result = dg.AssetCheckEvaluation(key, "c", passed=True, metadata={}, partition=day)
        instance.report_runless_asset_event(result)
    instance.report_runless_asset_event(dg.AssetObservation(key))
    now = dt.datetime.now(dt.UTC)

    assert forget_partitions(instance, now - LATER) == 0
    assert instance.get_materialized_partitions(key) == {"2024-01-01", "2024-01-02", "2024-01-03"}
    # Of each of the two older days an event and a result.
    assert forget_partitions(instance, now + LATER) == 4
    assert forget_partitions(instance, now + LATER) == 0

    assert instance.get_materialized_partitions(key) == {"2024-01-03"}
    history = instance.event_log_storage.get_asset_check_execution_history(check, limit=10)
    assert [record.partition for record in history] == ["2024-01-03"]
    assert len(instance.fetch_observations(key, limit=10).records) == 1
