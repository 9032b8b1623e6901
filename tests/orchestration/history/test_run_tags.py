"""Whoever launches a run, with whatever tags: it is for partitions that exist, and it ends some day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import cached_property

import dagster as dg
import pytest
from dagster import DagsterInstance
from tests.support.runs.home import TemporaryHome
from tests.support.runs.today import TODAY, days_ago

from tidegate.orchestration.assembly import build_definitions
from tidegate.orchestration.names import BUILD_JOBS, MAINTENANCE_JOB, OUTPUT_JOBS, load_job
from tidegate.orchestration.runs import QUIET
from tidegate.window import ONE_DAY, Cadence

# Dagster calls checks per partition a preview.
pytestmark = pytest.mark.filterwarnings("ignore::dagster.PreviewWarning")

DAILY, WEEKLY = load_job("customers"), OUTPUT_JOBS[Cadence.weekly]
TUESDAY = TODAY - ONE_DAY * (TODAY.weekday() + 6)


class Launcher:
    def __init__(self, home: TemporaryHome, instance: DagsterInstance) -> None:
        self._home, self._instance = home, instance

    @cached_property
    def _definitions(self) -> dg.Definitions:
        return build_definitions(home=self._home.home)

    def refused(self, job: str, **tags: object) -> str:
        """What the run that was launched with these tags of Dagster's failed with."""
        result = self._definitions.resolve_job_def(job).execute_in_process(
            instance=self._instance,
            tags={f"dagster/{name}": str(value) for name, value in tags.items()},
            run_config=QUIET,
            raise_on_error=False,
        )
        assert not result.success
        (failure,) = (event.step_failure_data for event in result.all_events if event.is_step_failure)
        assert failure.user_failure_data, failure.error
        return failure.user_failure_data.description or ""


@pytest.fixture(scope="module")
def launcher(module_home: TemporaryHome) -> Iterator[Launcher]:
    with DagsterInstance.ephemeral() as instance:
        yield Launcher(module_home, instance)


def between(first: dt.date, last: dt.date) -> dict[str, object]:
    return {"asset_partition_range_start": first, "asset_partition_range_end": last}


@pytest.mark.parametrize(
    ("job", "tags", "why"),
    [
        (DAILY, {}, "This run has no partition"),
        (DAILY, {"partition": "2099-01-01"}, "2099-01-01 has not ended yet"),
        (DAILY, {"partition": TODAY}, f"{TODAY} has not ended yet"),
        (DAILY, between(days_ago(2), TODAY), f"{TODAY} has not ended yet"),
        (DAILY, {"partition": days_ago(11)}, "it is before the first partition"),
        (DAILY, between(days_ago(2), days_ago(3)), "the first of a range first"),
        (WEEKLY, {"partition": TUESDAY}, "partitions are Mondays"),
        (WEEKLY, {"partition": TUESDAY - ONE_DAY + dt.timedelta(weeks=2)}, "has not ended yet"),
        (BUILD_JOBS[Cadence.weekly], {}, "Select one or more Mondays"),
    ],
)
def test_a_run_of_what_is_no_partition_is_refused(
    launcher: Launcher, job: str, tags: dict[str, object], why: str
) -> None:
    told = launcher.refused(job, **tags)
    assert why in told
    assert "Nothing was changed." in told


@pytest.mark.parametrize("limit", ["0", "-1", "never", "inf", "nan"])
def test_a_run_that_nothing_would_end_is_refused(launcher: Launcher, limit: str) -> None:
    assert f"max_runtime: {limit}" in launcher.refused(MAINTENANCE_JOB, max_runtime=limit)
    assert "Nothing was changed." in launcher.refused(MAINTENANCE_JOB, max_runtime_seconds=limit)
