"""What came of a run: what it published, and why the rest is held. The ledger and the run's events say it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import dagster as dg
from dagster import DagsterInstance, DagsterRunStatus
from dagster_shared.error import SerializableErrorInfo
from duckdb import DuckDBPyConnection

from tidegate.home import Home
from tidegate.ledger.outputs import OutputRecord
from tidegate.ledger.publications import days_published_by
from tidegate.ledger.rollbacks import rollbacks_ended_by, sentences_of_rollbacks
from tidegate.machine.disk import is_disk_trouble
from tidegate.orchestration.history.instance_record import InstanceRecord
from tidegate.orchestration.history.run_ledger import enter_finished_runs
from tidegate.orchestration.names import REASON_TAG, RESTATEMENT, TRANSFORM
from tidegate.publishing.gate import closed_for_any
from tidegate.window import Window


@dataclass(frozen=True)
class RunOutcome:
    """What one run did. `held` says in sentences why each unpublished day was not published, `rolled_back` why a
    published one goes on to show an earlier publication, and `rollbacks_ended` what one showed until now. `broke`: a
    step failed of something that is no finding about data."""

    run_id: str
    window: Window
    published: tuple[dt.date, ...]
    held: Mapping[dt.date, tuple[str, ...]] = field(default_factory=dict)
    restates: bool = False
    rolled_back: Mapping[dt.date, str] = field(default_factory=dict)
    rollbacks_ended: Mapping[dt.date, str] = field(default_factory=dict)
    broke: bool = False

    @property
    def succeeded(self) -> bool:
        return not self.held


class RunResult(Protocol):
    """What a run tells of itself, be it executed here or on another machine."""

    @property
    def run_id(self) -> str: ...
    @property
    def dagster_run(self) -> dg.DagsterRun: ...
    @property
    def all_events(self) -> Sequence[dg.DagsterEvent]: ...


@dataclass(frozen=True)
class OutputsOutcome:
    """What one run made of published partitions, and in sentences what it could not make."""

    run_id: str
    window: Window
    made: Sequence[OutputRecord]
    complaints: Sequence[str] = ()


def outcome_of(home: Home, instance: DagsterInstance, window: Window, result: RunResult) -> RunOutcome:
    """What a run that ended did to its window."""
    with home.lake() as lake:
        enter_finished_runs(InstanceRecord(instance), lake)
        with lake.one_moment() as con:
            published = published_by(home, con, [result.run_id], window)
            rollbacks = sentences_of_rollbacks(con, window)
            ended = rollbacks_ended_by(con, result.run_id, window)
            unpublished = [day for day in window.days if day not in published]
            closed = closed_for_any(con, window.days, home.products_of(window.cadence)) if unpublished else {}
    explained, crashes = failures(result)
    reasons = {
        day: _with_causes(day, why, [*explained.values(), *_reported(result)]) for day, why in closed.items() if why
    }
    # The gate knows of a build that began, not of one that was refused.
    began = any(result.run_id in sentence for sentences in closed.values() for sentence in sentences)
    refused = [why for step, why in explained.items() if step.endswith(TRANSFORM) and not began]
    others = [why for why in explained.values() if why not in refused]
    # A run that was stopped holds no day: it only did not get to them.
    held = {day: (*crashes, *refused, *reasons.get(day, others)) for day in unpublished if not _was_stopped(result)}
    restates = result.dagster_run.tags.get(REASON_TAG) == RESTATEMENT
    rolled_back = {day: sentence for (day, _), sentence in rollbacks.items() if day in published}
    until_now = {each.partition_day: each.sentence for each in ended}
    days = tuple(sorted(published))
    return RunOutcome(result.run_id, window, days, held, restates, rolled_back, until_now, broke=bool(held and crashes))


def published_by(home: Home, con: DuckDBPyConnection, run_ids: Collection[str], window: Window) -> set[dt.date]:
    """The partitions of the window of which these runs published every product."""
    of_products = [
        days_published_by(con, run_ids, window, product.beside) for product in home.products_of(window.cadence)
    ]
    return set.intersection(*of_products)


def _with_causes(day: dt.date, closed: Sequence[str], explained: Sequence[str]) -> tuple[str, ...]:
    """Why the gate is closed; of deliveries that are not there, why they were not to be had. Before it, what the gate
    cannot know: that a step had no room to write."""
    no_room = [text for text in explained if is_disk_trouble(text) and " is missing: " not in text]
    lines = [line for text in explained for line in text.splitlines() if f" {day} is missing: " in line]
    missing = {f" {line.partition(' ')[0]} {day}: no delivery ": line for line in lines}
    reasons = [_with_cause(why, missing) for why in closed]
    unnamed = [line for line in missing.values() if not any(line in reason for reason in reasons)]
    return (*no_room, *unnamed, *reasons)


def _with_cause(why: str, missing: Mapping[str, str]) -> str:
    """The gate's reason, or in its place that of the delivery that it lacks, under the same products."""
    for lacks, cause in missing.items():
        products, found, _ = f" {why}".partition(lacks)
        if found:
            return f"{products} {cause}".strip()
    return why


def _reported(result: RunResult) -> list[str]:
    """What steps that did not fail say of deliveries that they could not load."""
    observed = [
        event.asset_observation_data.asset_observation for event in result.all_events if event.is_asset_observation
    ]
    return [each.description for each in observed if each.description and each.asset_key.path[0] == "raw"]


def _was_stopped(result: RunResult) -> bool:
    return result.dagster_run.status is DagsterRunStatus.CANCELED


def failures(result: RunResult) -> tuple[dict[str, str], list[str]]:
    """What failed steps say themselves, by step, and what broke the others."""
    explained, crashes = {}, []
    for event in result.all_events:
        if event.is_step_failure and not _was_stopped(result):
            data = event.step_failure_data
            if data.user_failure_data and data.user_failure_data.description:
                explained[str(event.step_key)] = data.user_failure_data.description
            else:
                cause = _cause(data.error)
                crashes.append(f"Step {event.step_key} failed: {cause} See run {result.run_id} in the UI.")
    return explained, crashes


def _cause(error: SerializableErrorInfo | None) -> str:
    """The words of the error that began it; Dagster wraps it in its own."""
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message.strip() if error else "unknown error."
