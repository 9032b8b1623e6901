"""What Dagster recorded becomes what alerting looks at: failing sources, runs that were killed, runs under way."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator

import pytest
from dagster import DagsterRunStatus
from tests.alerting.sick import Sick
from tests.support.runs.today import days_ago
from tests.support.runs.watched import Watched

from tidegate.alerting.operations import Operations
from tidegate.orchestration.history.contacts import contact
from tidegate.orchestration.history.instance_record import InstanceRecord
from tidegate.orchestration.history.operations import operations_in
from tidegate.orchestration.instance.dagster_home import make_instance, open_instance
from tidegate.orchestration.sensors.run_keeper import end_as_died
from tidegate.window import Window

DAYS = Window(days_ago(3), days_ago(1))


@pytest.fixture
def watched(sick: Sick) -> Iterator[Watched]:
    make_instance(sick.home.settings)
    with open_instance(sick.home.settings) as instance:
        instance.wipe()
        yield dataclasses.replace(sick.watched, instance=instance)


def operations(watched: Watched) -> Operations:
    return operations_in(InstanceRecord(watched.instance), watched.home, dt.datetime.now(dt.UTC))


def test_a_killed_run_is_lost_until_a_later_one_makes_up_for_it(watched: Watched) -> None:
    run = watched.run("daily_build", DAYS)
    found = operations(watched)
    assert (found.lost_runs, found.under_way) == ([], frozenset(DAYS.days))
    assert found.unfinished["started"] == 1
    end_as_died(watched.instance, run)
    (lost,) = operations(watched).lost_runs
    assert (lost.job, lost.days) == ("daily_build", tuple(DAYS.days))
    assert "process died" in lost.why
    watched.run("daily_build", DAYS, DagsterRunStatus.SUCCESS)
    assert operations(watched).lost_runs == []


def test_a_source_fails_once_its_breaker_is_open(watched: Watched) -> None:
    failures = watched.home.settings.breaker_failures
    for _ in range(failures):
        assert operations(watched).sources == {}
        watched.instance.report_runless_asset_event(contact("customers", "password=s3cret was refused"))
    (failing,) = operations(watched).sources.values()
    assert (failing.source, failing.failures) == ("customers", failures)
    watched.instance.report_runless_asset_event(contact("customers", None))
    assert operations(watched).sources == {}
