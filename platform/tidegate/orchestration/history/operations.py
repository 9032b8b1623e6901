"""How the platform runs, from Dagster's record, as `alerting` looks at it. Dagster is not imported."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator

from tidegate.addresses import without_secrets
from tidegate.alerting.operations import FailingSource, LostRun, Operations, SensorTicks
from tidegate.home import Home
from tidegate.orchestration.history.breaker import Pace
from tidegate.orchestration.history.health import troubled_sources
from tidegate.orchestration.history.record import DagsterRecord, FinishedRun
from tidegate.orchestration.names import (
    ALERTING,
    DUE_SENSORS,
    FAILURE,
    JOB_OF_CHOSEN_ASSETS,
    LINEAGE,
    OUTPUT_SENSORS,
    RUN_KEEPER,
    UNFINISHED,
    arrivals_sensor,
    cadence_of,
)
from tidegate.orchestration.partitions import window_of_tags

# Runs that failed longer ago are made up for, or their days are held or due, which is reported as that.
LOST_WITHIN = dt.timedelta(days=1)

# More of them in a day are of one cause.
RUNS_LOOKED_AT = 200


def operations_in(
    record: DagsterRecord, home: Home, now: dt.datetime, awake_since: dt.datetime | None = None
) -> Operations:
    """One look at `now`, which has an offset."""
    breakers = troubled_sources(record, list(home.contracts), Pace.of(home.settings))
    known, unfinished = sensor_names(home), record.unfinished_runs()
    counts = Counter(run.status.lower() for run in unfinished)
    return Operations(
        sources={
            source: FailingSource(source, breaker.failures, breaker.sentence(source, now))
            for source, breaker in breakers.items()
            if breaker.open_until
        },
        lost_runs=list(_lost_runs(record, now)),
        daemon_seen_at=record.daemon_seen_at(),
        sensors=[
            SensorTicks(each.name, each.ticked_at, each.succeeded_at, _first_line(each.error))
            for each in record.sensors()
            if each.is_on and each.name in known
        ],
        unfinished={status.lower(): counts[status.lower()] for status in UNFINISHED},
        under_way=frozenset(day for run in unfinished for day in window_of_tags(run.tags, cadence_of(run.job)).days),
        awake_since=awake_since,
    )


def sensor_names(home: Home) -> set[str]:
    """The sensors of the home's definitions. The record keeps those of a source that is gone."""
    return {
        *(arrivals_sensor(source) for source in home.contracts),
        *(name for cadence in home.cadences for name in (DUE_SENSORS[cadence], OUTPUT_SENSORS[cadence])),
        RUN_KEEPER,
        ALERTING,
        *([LINEAGE] if home.settings.openlineage else []),
    }


def _lost_runs(record: DagsterRecord, now: dt.datetime) -> Iterator[LostRun]:
    """Runs that were killed or took too long, and that no newer run of the same job and days made up for."""
    done: set[tuple[str, str]] = set()
    for run in record.finished_runs(now - LOST_WITHIN, limit=RUNS_LOOKED_AT):
        days = window_of_tags(run.tags, cadence_of(run.job))
        newest = (run.job, str(days))
        if newest in done:
            continue
        done.add(newest)
        if run.status == FAILURE and (why := record.why_lost(run.run_id)) is not None:
            yield LostRun(run.run_id, _job(run), tuple(days.days), run.over_at, without_secrets(why))


def _job(run: FinishedRun) -> str:
    return "assets" if run.job.startswith(JOB_OF_CHOSEN_ASSETS) else run.job


def _first_line(text: str) -> str:
    return without_secrets(text.strip().partition("\n")[0])
