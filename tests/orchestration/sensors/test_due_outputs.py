"""Outputs are made by themselves when what is published differs from what they were made of, and only then."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterEventType, DagsterRunStatus, ExecuteInProcessResult
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value
from tests.support.runs.home import TemporaryHome
from tests.support.runs.today import TODAY
from tests.support.runs.watched import DAY, NEXT, NOW, THIRD, Watched, delivery, requests_of, said

from tidegate.lake.sql import literal
from tidegate.orchestration.names import BUILD_JOBS, ONLY_DUE_TAG, OUTPUT_JOBS
from tidegate.orchestration.partition_definitions import partitions_of
from tidegate.orchestration.partitions import partition_tags, window_of_tags
from tidegate.orchestration.runs import QUIET
from tidegate.orchestration.sensors.due_outputs import look_for_due_outputs
from tidegate.outputs.pages.quality_files import QUALITY
from tidegate.window import ONE_DAY, ONE_WEEK, Cadence, Window

DAYS = Window(DAY, THIRD + ONE_DAY)
DAILY = OUTPUT_JOBS[Cadence.daily]
EXPORT = dg.AssetKey(["exports", "daily_sales"])
BRIEF = dg.AssetKey(["reports", "daily_brief"])
MONDAY = TODAY - ONE_DAY * TODAY.weekday()


@pytest.fixture
def watched(watched: Watched) -> Watched:
    """As elsewhere, with nothing in the store."""
    root = Path(watched.home.settings.outputs)
    root.unlink() if root.is_file() else shutil.rmtree(root, ignore_errors=True)
    return watched


def publish(watched: Watched, window: Window, orders: int = 1) -> None:
    """Days with so many orders in each."""
    regions = [("orders", "north"), ("orders", "south"), ("customers", "crm")]
    watched.write(
        [delivery(source, region, day, f"{region} {orders}", "1") for day in window.days for source, region in regions]
    )
    days = ", ".join(map(literal, window.days))
    measures = "total_returns, units_sold, gross_revenue, returned_amount, net_revenue, total_discount"
    watched.publish(
        window,
        lambda con: con.execute(
            f"delete from marts.daily_sales where order_date in ({days});"
            f"insert into marts.daily_sales (order_date, total_orders, {measures}) "
            f"select unnest([{days}]), {orders}, 0, 1, 10, 0, 10, 0"
        ),
    )


def look(watched: Watched, now: dt.datetime = NOW, cadence: Cadence = Cadence.daily) -> dg.SensorResult:
    return look_for_due_outputs(watched.home, watched.instance, cadence, now)


def asked(watched: Watched, now: dt.datetime = NOW) -> list[str]:
    return [str(window_of_tags(request.tags)) for request in requests_of(look(watched, now))]


def execute(watched: Watched, tags: dict[str, str], job: str = DAILY) -> ExecuteInProcessResult:
    return watched.temporary.definitions.resolve_job_def(job).execute_in_process(
        instance=watched.instance, tags=tags, run_config=QUIET, raise_on_error=False
    )


def make_what_is_asked(watched: Watched) -> list[ExecuteInProcessResult]:
    return [execute(watched, dict(request.tags)) for request in requests_of(look(watched))]


def made(watched: Watched, result: ExecuteInProcessResult) -> set[tuple[str, dt.date]]:
    """Kind and day of what a run materialized."""
    records = watched.instance.get_records_for_run(
        result.run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION
    ).records
    found = [record.event_log_entry.asset_materialization for record in records]
    return {(m.asset_key.to_user_string(), dt.date.fromisoformat(str(m.partition))) for m in found if m}


def exported(watched: Watched, day: dt.date) -> dict[str, object]:
    content: dict[str, object] = json.loads(
        (Path(watched.home.settings.outputs) / "exports" / "daily_sales" / str(day) / "latest.json").read_text()
    )
    return content


def statuses(watched: Watched, asset: dg.AssetKey) -> tuple[set[str], set[str]]:
    """The partitions that the UI shows as materialized and as failed."""
    partitions = partitions_of(watched.home, Cadence.daily)
    status = get_and_update_asset_status_cache_value(watched.instance, asset, partitions)
    assert status is not None
    failed = status.deserialize_failed_partition_subsets(partitions)
    there = status.deserialize_materialized_partition_subsets(partitions)
    return set((there - failed).get_partition_keys()), set(failed.get_partition_keys())


@pytest.mark.slow
def test_what_is_published_is_exported_and_told_of_and_then_no_more(watched: Watched) -> None:
    assert said(look(watched)) == "No output is due."
    publish(watched, DAYS)
    assert asked(watched) == [str(DAYS)]
    (result,) = make_what_is_asked(watched)
    assert result.success
    kinds = {kind for kind, _ in made(watched, result)}
    assert kinds == {maker.kind.name for maker in watched.home.makers_of(Cadence.daily)}
    of_days = kinds - {QUALITY}
    assert made(watched, result) == {(kind, day) for kind in of_days for day in DAYS.days} | {(QUALITY, DAYS.last)}
    for day in DAYS.days:
        assert exported(watched, day)["run_id"] == result.run_id
    assert said(look(watched)) == "No output is due."
    publish(watched, DAYS)
    assert said(look(watched)) == "No output is due."


@pytest.mark.slow
def test_the_ui_shows_what_was_made_and_the_brief_itself(watched: Watched) -> None:
    publish(watched, Window.of_day(DAY))
    make_what_is_asked(watched)
    export, brief = (watched.instance.get_latest_materialization_event(asset) for asset in (EXPORT, BRIEF))
    assert export is not None and brief is not None
    metadata = export.asset_materialization.metadata  # type: ignore[union-attr]
    assert metadata["dagster/partition_row_count"].value == 1
    assert metadata["pointer"].value == str(
        Path(watched.home.settings.outputs) / "exports" / "daily_sales" / str(DAY) / "latest.json"
    )
    shown = brief.asset_materialization.metadata["brief"]  # type: ignore[union-attr]
    assert isinstance(shown, dg.MarkdownMetadataValue)
    assert "data:image/svg+xml;base64," in str(shown.value)


@pytest.mark.slow
def test_a_restated_day_is_made_again_and_what_looks_back_at_it_too(watched: Watched) -> None:
    window = Window(DAY, DAY + 8 * ONE_DAY)
    publish(watched, window)
    make_what_is_asked(watched)
    publish(watched, Window.of_day(DAY), orders=2)
    assert asked(watched) == [f"{DAY}..{DAY + ONE_WEEK}"]
    (result,) = make_what_is_asked(watched)
    assert made(watched, result) == {
        ("exports/daily_sales", DAY), ("reports/daily_brief", DAY), ("reports/daily_brief", DAY + ONE_WEEK),
        (QUALITY, DAY + ONE_WEEK),
    }  # fmt: skip
    assert asked(watched) == []


@pytest.mark.slow
def test_a_day_that_changes_back_is_another_request(watched: Watched) -> None:
    keys = set()
    for orders in (1, 2, 1):
        publish(watched, Window.of_day(DAY), orders)
        (request,) = requests_of(look(watched))
        assert requests_of(look(watched))[0].run_key == request.run_key
        keys.add(request.run_key)
        execute(watched, dict(request.tags))
    assert len(keys) == 3


def test_an_output_waits_for_runs_that_make_it_or_its_day(watched: Watched) -> None:
    publish(watched, Window.of_day(DAY))
    for job in (DAILY, BUILD_JOBS[Cadence.daily]):
        run = watched.run(job, Window.of_day(DAY))
        assert asked(watched) == []
        watched.end(run, DagsterRunStatus.SUCCESS)
    other = watched.run(DAILY, Window.of_day(NEXT))
    assert asked(watched) == [str(DAY)]
    watched.end(other, DagsterRunStatus.SUCCESS)


def test_a_run_of_outputs_keeps_no_day_from_being_built(watched: Watched) -> None:
    """It reads; only what builds or publishes the day stands in the way."""
    from tidegate.orchestration.history.recent_runs import RunOfDays

    run = RunOfDays.of(watched.run(DAILY, Window.of_day(DAY)))
    assert run.makes("exports/daily_sales", DAY)
    assert not run.makes("exports/daily_sales", NEXT)
    assert not run.builds(DAY)
    by_hand = RunOfDays("1", "assets", Window.of_day(DAY), frozenset({EXPORT}), False, False, None)
    assert by_hand.makes("exports/daily_sales", DAY)
    assert not by_hand.makes("reports/daily_brief", DAY)
    assert not by_hand.builds(DAY)
    assert not RunOfDays.of(watched.run(OUTPUT_JOBS[Cadence.weekly], Window.of_day(MONDAY, Cadence.weekly))).makes(
        "exports/daily_sales", DAY
    )


@pytest.mark.slow
def test_what_fails_says_why_keeps_what_was_there_and_is_tried_again_after_a_while(watched: Watched) -> None:
    publish(watched, DAYS)
    make_what_is_asked(watched)
    before = exported(watched, NEXT)
    publish(watched, Window.of_day(DAY), orders=2)
    publish(watched, Window.of_day(THIRD), orders=2)
    # A folder stands where the first day's pointer is to be.
    pointer = Path(watched.home.settings.outputs) / "exports" / "daily_sales" / str(DAY) / "latest.json"
    pointer.unlink()
    (pointer / "in the way").mkdir(parents=True)

    (result,) = make_what_is_asked(watched)
    assert not result.success
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    told = str(failure.step_failure_data.user_failure_data.description)  # type: ignore[union-attr]
    assert told.startswith(f"exports/daily_sales {DAY}")
    assert "Is a directory" in told
    assert exported(watched, NEXT) == before
    assert (("reports/daily_brief", DAY)) in made(watched, result), "the others are made"
    there, failed = statuses(watched, EXPORT)
    assert str(DAY) in failed
    assert str(NEXT) in there, "what was not due has not failed"
    assert statuses(watched, BRIEF) == ({str(day) for day in DAYS.days}, set())

    assert asked(watched, dt.datetime.now(dt.UTC)) == [str(DAYS)], "at once for the first time"
    watched.end(watched.run(DAILY, DAYS), DagsterRunStatus.FAILURE)
    assert asked(watched, dt.datetime.now(dt.UTC)) == []
    assert "wait for" in said(look(watched, dt.datetime.now(dt.UTC)))
    shutil.rmtree(pointer)
    later = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=10)
    (request,) = requests_of(look(watched, later))
    assert execute(watched, dict(request.tags)).success
    assert statuses(watched, EXPORT)[1] == set()


@pytest.mark.slow
def test_a_person_makes_outputs_anew_that_are_not_due(watched: Watched) -> None:
    publish(watched, Window.of_day(DAY))
    make_what_is_asked(watched)
    result = execute(watched, partition_tags(Window.of_day(DAY)))
    assert {day for _, day in made(watched, result)} == {DAY}
    assert exported(watched, DAY)["run_id"] == result.run_id
    nothing = execute(watched, partition_tags(Window.of_day(NEXT)))
    assert not nothing.success
    unasked = execute(watched, {**partition_tags(Window.of_day(NEXT)), ONLY_DUE_TAG: "true"})
    assert unasked.success
    assert made(watched, unasked) == set()


@pytest.mark.slow
def test_mondays_have_outputs_of_their_own(watched: Watched) -> None:
    publish(watched, Window.of_day(MONDAY - ONE_DAY))
    week = Window.of_day(MONDAY, Cadence.weekly)
    assert requests_of(look(watched, cadence=Cadence.weekly)) == []
    watched.publish(week)
    run = watched.run(BUILD_JOBS[Cadence.weekly], week)
    assert requests_of(look(watched, cadence=Cadence.weekly)) == []
    watched.end(run, DagsterRunStatus.SUCCESS)
    (request,) = requests_of(look(watched, cadence=Cadence.weekly))
    result = execute(watched, dict(request.tags), OUTPUT_JOBS[Cadence.weekly])
    assert result.success
    weekly = {maker.kind.name for maker in watched.home.makers_of(Cadence.weekly)}
    assert weekly >= {"exports/customer_rfm", "exports/segment_summary", "reports/segmentation"}
    assert made(watched, result) == {(kind, MONDAY) for kind in weekly}
    assert requests_of(look(watched, cadence=Cadence.weekly)) == []


@pytest.mark.slow
def test_dagster_is_asked_as_often_for_many_due_days_as_for_one(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_of_dagster: list[dg.RunsFilter] = []
    get_run_records = watched.instance.get_run_records

    def counted(filters: dg.RunsFilter) -> Sequence[dg.RunRecord]:
        asked_of_dagster.append(filters)
        return get_run_records(filters)

    monkeypatch.setattr(watched.instance, "get_run_records", counted)
    counts = []
    for window in (Window.of_day(DAY), Window(DAY, DAY + 100 * ONE_DAY)):
        publish(watched, window)
        assert requests_of(look(watched))
        counts.append(len(asked_of_dagster))
        asked_of_dagster.clear()
    assert counts == [counts[0]] * 2


def test_the_jobs_of_days_make_no_outputs(module_home: TemporaryHome) -> None:
    """A held day in a chunk keeps no other day's outputs back, and a day takes no longer for them."""
    for job in ("daily", "daily_build", "weekly"):
        keys = module_home.definitions.resolve_job_def(job).asset_layer.executable_asset_keys
        assert not [key for key in keys if key.path[0] in ("exports", "reports")]
