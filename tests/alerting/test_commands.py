"""The commands of incidents and alerts: what reads changes nothing, what somebody says goes into the ledger."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.alerting.receivers import TOKEN, Receiver, http_receiver
from tests.alerting.sick import Sick
from tests.support.runs.today import days_ago
from typer.testing import CliRunner, Result

from tidegate.cli import app
from tidegate.orchestration.instance.dagster_home import make_instance


class Shell:
    """Runs commands on a home, as somebody at a terminal does."""

    def __init__(self, sick: Sick, alerting: Path) -> None:
        self.sick, self.alerting = sick, alerting
        settings = sick.home.settings
        self._environment = {
            f"TIDEGATE_{name.upper()}": str(value)
            for name in settings.model_fields_set
            if (value := getattr(settings, name)) is not None
        } | {"TIDEGATE_ALERTING": str(alerting)}

    def __call__(self, command: str, code: int = 0) -> str:
        self.sick.home.close()
        result: Result = CliRunner(env=self._environment).invoke(app, command.split())
        assert result.exit_code == code, (result.output, result.exception)
        return result.output


@pytest.fixture
def shell(sick: Sick, tmp_path: Path) -> Shell:
    make_instance(sick.home.settings)
    sick.deliver([days_ago(1)], "customers", verdict="rejected", reason=f"customers/crm {days_ago(1)} rejected.")
    return Shell(sick, tmp_path / "alerting.yml")


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with http_receiver() as made:
        monkeypatch.setenv("RECEIVER", made.url)
        yield made


def rows(shell: Shell) -> list[tuple[object, ...]]:
    with shell.sick.home.lake() as lake:
        return lake.con.execute("select key, state, handled_by, reason from ops.incidents order by rowid").fetchall()


@pytest.mark.slow
def test_looking_changes_nothing_and_what_somebody_says_is_kept(shell: Shell) -> None:
    found = json.loads(shell("incidents list --format json"))
    assert "rejected/customers" in [each["key"] for each in found]
    assert rows(shell) == []
    assert "There is no open incident held/nothing." in shell("incidents ack held/nothing", code=1)
    assert rows(shell) == []
    # What is found can be acknowledged, whether or not a sensor has entered it.
    assert "is acknowledged by" in shell("incidents ack rejected/customers --reason asked")
    assert "open incidents" in shell("alerts send")
    shown = shell("incidents show rejected/customers")
    assert "acknowledged by" in shown
    assert "docs/on-call.md#a-delivery-was-rejected" in shown
    assert "until 2090-01-01 00:00:00 UTC" in shell("incidents silence rejected/customers --until 2090-01-01T00:00:00Z")
    assert [(state, reason) for key, state, _, reason in rows(shell) if key == "rejected/customers"] == [
        ("open", None),
        ("acknowledged", "asked"),
        ("silenced", None),
    ]
    assert "is over already" in shell("incidents silence rejected/customers --until 2020-01-01", code=1)
    assert "Incidents, the most severe first: " in shell("status")


def test_a_file_is_checked_and_tried(shell: Shell, receiver: Receiver) -> None:
    assert "nobody is told of anything" in shell("alerts check")
    shell.alerting.write_text("channels: {hook: {type: webhook, url_variable: RECEIVER, token_variable: UNSET_TOKEN}}")
    assert "These environment variables are not set here: UNSET_TOKEN." in shell("alerts check", code=1)
    assert "hook: The environment variable UNSET_TOKEN is not set" in shell("alerts test", code=1)
    shell.alerting.write_text("channels: {hook: {type: webhook, url_variable: RECEIVER}}")
    assert "hook: webhook" in shell("alerts check")
    hook = shell.alerting.read_text()
    shell.alerting.write_text(hook + "\nroutes: [{to: hook, products: saels, sources: orders}]")
    assert "routes[0] names the product 'saels', which the project has not. It has: " in shell("alerts check", code=1)
    shell.alerting.write_text(hook)
    assert "hook: sent." in shell("alerts test --channel hook")
    assert [body["event"] for body in receiver.bodies] == ["test"]
    assert "There is no channel mail. In alerting.yml: hook." in shell("alerts test --channel mail", code=1)
    receiver.status = 500
    said = shell("alerts test", code=1)
    assert "hook: Its server answered 500." in said
    assert TOKEN not in said
    shell.alerting.write_text(f"channels: {{hook: {{type: webhook, url_variable: '{receiver.url}'}}}}")
    said = shell("alerts check", code=1)
    assert "is not the name of an environment variable" in said
    assert TOKEN not in said
