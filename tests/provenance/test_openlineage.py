"""Runs told in OpenLineage: of the right tables, once, and again where a receiver was away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from tests.alerting.receivers import TOKEN, Receiver, http_receiver
from tests.support.runs.home import FIRST_DAY, TemporaryHome
from typer.testing import CliRunner

from tidegate.cli import app
from tidegate.errors import TidegateError
from tidegate.orchestration.history.instance_record import InstanceRecord
from tidegate.orchestration.history.run_ledger import enter_finished_runs
from tidegate.orchestration.sensors.lineage import build_lineage_sensors, tell_of_runs

# What the standard, version 2-0-2, requires of an event of a run and of each dataset and facet in it.
FACETS: dict[str, Any] = {
    "type": "object",
    "additionalProperties": {
        "type": "object",
        "required": ["_producer", "_schemaURL"],
        "properties": {"_producer": {"format": "uri"}, "_schemaURL": {"format": "uri"}},
    },
}
NAMED: dict[str, Any] = {
    "type": "object",
    "required": ["namespace", "name"],
    "properties": {"namespace": {"type": "string", "minLength": 1}, "facets": FACETS, "outputFacets": FACETS},
}
RUN_EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["eventTime", "producer", "schemaURL", "run", "job"],
    "properties": {
        "eventTime": {"type": "string", "format": "date-time"},
        "eventType": {"enum": ["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"]},
        "schemaURL": {"pattern": "RunEvent$"},
        "run": {
            "type": "object",
            "required": ["runId"],
            "properties": {"runId": {"type": "string", "format": "uuid"}, "facets": FACETS},
        },
        "job": NAMED,
        "inputs": {"type": "array", "items": NAMED},
        "outputs": {"type": "array", "items": NAMED},
    },
}
CHECKER = jsonschema.Draft202012Validator(RUN_EVENT, format_checker=jsonschema.FormatChecker())


@pytest.fixture
def receiver(crowd: TemporaryHome, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A receiver that the home tells, and the home's runs in its ledger."""
    with crowd.home.lake() as lake:
        enter_finished_runs(InstanceRecord(crowd.runner.instance), lake)
    monkeypatch.setenv("OPENLINEAGE_API_KEY", TOKEN)
    with http_receiver() as receiver:
        place = receiver.url.removesuffix(f"/{TOKEN}")
        object.__setattr__(crowd.home, "settings", crowd.home.settings.at(crowd.settings.home, openlineage=place))
        yield receiver


@pytest.mark.slow
def test_a_run_is_told_once_with_what_it_read_and_wrote(crowd: TemporaryHome, receiver: Receiver) -> None:
    tell_of_runs(crowd.home)
    for body in receiver.bodies:
        CHECKER.validate(body)
    assert {headers["Authorization"] for headers in receiver.headers} == {f"Bearer {TOKEN}"}

    runs = crowd.query("select run_id, job, status from ops.pipeline_runs")
    whole = [body for body in receiver.bodies if "parent" not in body["run"].get("facets", {})]
    assert {(body["run"]["runId"], body["job"]["name"]) for body in whole} == {(run, job) for run, job, _ in runs}
    assert [body["eventType"] for body in whole[:2]] == ["START", "COMPLETE"]

    published = crowd.query("select mart, run_id, sum(rows) from ops.publications group by all")
    for mart, run, rows in published:
        (told,) = [
            body
            for body in receiver.bodies
            if body["job"]["name"].endswith(f".serving.{mart}")
            and body["run"]["facets"]["parent"]["run"]["runId"] == run
            and body["eventType"] == "COMPLETE"
        ]
        (output,) = told["outputs"]
        assert output["name"] == f"serving.{mart}"
        assert output["outputFacets"]["outputStatistics"]["rowCount"] == rows
        columns = [name for (name,) in crowd.query(f"select column_name from (describe serving.{mart})")]
        assert [field["name"] for field in output["facets"]["schema"]["fields"]] == columns
        assert told["inputs"]
    loaded = crowd.query("select distinct source from ops.deliveries")
    assert {f"raw.{source}" for (source,) in loaded} == {
        body["outputs"][0]["name"] for body in receiver.bodies if ".raw." in body["job"]["name"]
    }

    receiver.bodies.clear()
    assert str(tell_of_runs(crowd.home).skip_reason).count("Told of 0 runs")
    assert receiver.bodies == []


def test_a_receiver_that_is_away_is_told_later_and_its_answer_shows_no_key(
    crowd: TemporaryHome, receiver: Receiver
) -> None:
    receiver.status = 503
    with pytest.raises(TidegateError, match="answered 503") as refused:
        tell_of_runs(crowd.home)
    assert TOKEN not in str(refused.value)
    receiver.status = 200
    tell_of_runs(crowd.home)
    assert receiver.bodies


@pytest.mark.slow
def test_events_of_a_run_are_the_same_whenever_they_are_made(crowd: TemporaryHome, receiver: Receiver) -> None:
    environment = crowd.environment
    printed = [CliRunner().invoke(app, ["lineage"], env=environment, catch_exceptions=False).stdout for _ in range(2)]
    assert printed[0] == printed[1]
    for line in printed[0].splitlines():
        CHECKER.validate(json.loads(line))
    tell_of_runs(crowd.home)
    assert [json.loads(line) for line in printed[0].splitlines()] == receiver.bodies


def test_nobody_is_told_where_the_settings_name_nobody(crowd: TemporaryHome) -> None:
    assert build_lineage_sensors(crowd.home) == []
    with pytest.raises(TidegateError, match="TIDEGATE_OPENLINEAGE"):
        tell_of_runs(crowd.home)


def test_a_delivery_is_told_with_its_regions(crowd: TemporaryHome, receiver: Receiver) -> None:
    tell_of_runs(crowd.home)
    (source, run) = crowd.query(
        f"select source, run_id from ops.deliveries where partition_day = '{FIRST_DAY}' order by all limit 1"
    )[0]
    regions = crowd.query(
        f"select distinct region from ops.deliveries where source = '{source}' and run_id = '{run}' order by all"
    )
    told = [
        body
        for body in receiver.bodies
        if body["job"]["name"].endswith(f".raw.{source}") and body["run"]["facets"]["parent"]["run"]["runId"] == run
    ]
    assert {tuple(each["name"] for each in body["inputs"]) for body in told} == {
        tuple(f"{source}/{region}" for (region,) in regions)
    }
