"""Alerts reach real servers by their own protocols, at least once; a channel that is down loses and floods nothing."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.alerting.receivers import TOKEN, Receiver, http_receiver, smtp_receiver
from tests.support.examples import THOROUGH
from tests.support.lake.shop import Home, bare_home, home, lake

from tidegate.alerting.channels.chat import COLOURS, GREEN
from tidegate.alerting.config import Alerting
from tidegate.alerting.message import Event, Message
from tidegate.alerting.people import People
from tidegate.alerting.routing import Switchboard
from tidegate.alerting.sending import send_waiting
from tidegate.lake.connect import Lake
from tidegate.ledger.alerts import AlertRecord, alerts_since, record_alerts, waiting_alerts
from tidegate.ledger.entries import utc_now
from tidegate.settings import CHECKOUT

__all__ = ["bare_home", "home", "lake"]

LONG_AGO = dt.datetime(2000, 1, 1)  # noqa: DTZ001 - as the ledger keeps it


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with http_receiver() as made:
        monkeypatch.setenv("RECEIVER", made.url)
        yield made


def config_of(kind: str, **fields: object) -> Alerting:
    channel = {"type": kind, "url_variable": "RECEIVER", **fields}
    return Alerting.model_validate({"channels": {"it": {k: v for k, v in channel.items() if v is not None}}})


def enter(lake: Lake, config: Alerting, *messages: Message) -> list[AlertRecord]:
    board = Switchboard(config, People(), utc_now())
    alerts = [board.alert("it", each.dedup_key, each, board.now) for each in messages]
    lake.unit_of_work(lambda con: record_alerts(con, alerts))
    return alerts


def message(number: int = 0, event: Event = Event.trigger, severity: str = "HIGH") -> Message:
    return Message(
        event, severity, f"shop/held/{number}", f"HIGH: <held> & {number}", ("It is held.", "Fix it."), "http://x/y"
    )


def said_of(lake: Lake) -> list[tuple[str, str, int, str | None]]:
    return [(each.event, each.state, each.attempts, each.error) for each in alerts_since(lake.con, LONG_AGO)]


def test_slack(lake: Lake, receiver: Receiver) -> None:
    config = config_of("slack")
    enter(lake, config, message(), message(event=Event.resolve))
    assert send_waiting(lake, config) == 2
    begun, over = receiver.bodies
    assert begun["text"] == "HIGH: &lt;held&gt; &amp; 0"
    assert begun["attachments"][0]["text"] == "It is held.\nFix it.\nhttp://x/y"
    assert begun["attachments"][0]["color"] != over["attachments"][0]["color"]
    assert send_waiting(lake, config) == 0


def test_pagerduty_has_one_incident_from_trigger_to_resolve(
    lake: Lake, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAGER_KEY", TOKEN)
    config = config_of("pagerduty", url_variable=None, key_variable="PAGER_KEY", address=receiver.url)
    enter(
        lake, config, *(message(event=each) for each in (Event.trigger, Event.repeat, Event.acknowledge, Event.resolve))
    )
    send_waiting(lake, config)
    assert [body["event_action"] for body in receiver.bodies] == ["trigger", "trigger", "acknowledge", "resolve"]
    assert {body["dedup_key"] for body in receiver.bodies} == {"shop/held/0"}
    assert {body["routing_key"] for body in receiver.bodies} == {TOKEN}
    assert receiver.bodies[0]["payload"]["severity"] == "error"


def test_teams_and_a_webhook(lake: Lake, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_TOKEN", TOKEN)
    enter(lake, config_of("teams"), message(1))
    send_waiting(lake, config_of("teams"))
    config = config_of("webhook", token_variable="HOOK_TOKEN")
    (alert,) = enter(lake, config, message(2))
    send_waiting(lake, config)
    card, hook = receiver.bodies
    assert card["attachments"][0]["content"]["body"][0]["text"] == "HIGH: <held> & 1"
    assert (hook["event"], hook["dedup_key"], hook["id"]) == ("trigger", "shop/held/2", alert.alert_id)
    assert receiver.headers[1]["Idempotency-Key"] == alert.alert_id
    assert receiver.headers[1]["Authorization"] == f"Bearer {TOKEN}"


@pytest.mark.slow
def test_what_apprise_knows(lake: Lake, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECEIVER", receiver.url.replace("http://", "json://"))
    enter(lake, config_of("apprise"), message())
    assert send_waiting(lake, config_of("apprise")) == 1
    assert receiver.bodies[0]["title"] == "HIGH: <held> & 0"


def test_mail_is_one_thread_and_the_same_mail_when_it_is_sent_twice(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_of(
        "email", url_variable=None, smtp_variable="SMTP", sender="tide@example.com", to=["ann@example.com"]
    )
    with smtp_receiver() as (address, mails):
        monkeypatch.setenv("SMTP", address)
        enter(lake, config, message(), message(event=Event.resolve))
        assert send_waiting(lake, config) == 2
        assert [mail["Subject"] for mail in mails] == ["HIGH: <held> & 0"] * 2
        assert len({mail["References"] for mail in mails}) == 1
        assert len({mail["Message-ID"] for mail in mails}) == 2
        monkeypatch.setenv("SMTP", address.replace(TOKEN, "another"))
        enter(lake, config, message(1))
        assert send_waiting(lake, config) == 0
    (waiting,) = waiting_alerts(lake.con)
    assert waiting.error == "Its server rejected the login."


def again_at_once(lake: Lake) -> None:
    """Let the pauses of failed attempts pass."""
    lake.con.execute(f"update ops.alerts set not_before = timestamp '{LONG_AGO}' where not alert_id like 'digest-%'")


def test_a_channel_that_is_down_loses_nothing_and_floods_nothing(lake: Lake, receiver: Receiver) -> None:
    config = config_of("slack", per_hour=10)
    receiver.status = 503
    enter(lake, config, *map(message, range(47)))
    assert send_waiting(lake, config) == 0
    # One attempt tells that it is down, and the next waits.
    assert Counter(attempts for _, _, attempts, _ in said_of(lake)) == {0: 46, 1: 1}
    assert {error for *_, error in said_of(lake) if error} == {"Its server answered 503."}
    receiver.status = 200
    again_at_once(lake)
    assert send_waiting(lake, config) == 11
    assert len(receiver.bodies) == 11
    assert receiver.bodies[-1]["text"] == "[tidegate] and 37 more"
    assert waiting_alerts(lake.con) == []
    # Within the same hour there is no room, but what ends something goes.
    enter(lake, config, message(100), message(0, Event.resolve))
    assert send_waiting(lake, config) == 1
    assert [alert.event for alert in waiting_alerts(lake.con)] == ["trigger"]


def test_nothing_is_said_of_an_incident_after_its_end(lake: Lake, receiver: Receiver) -> None:
    """Else it would stand open at the pager for ever."""
    config = config_of("slack", per_hour=2)
    receiver.status = 503
    enter(lake, config, message())
    send_waiting(lake, config)
    receiver.status = 200
    # The pause of what failed is not over, and its end is there.
    enter(lake, config, message(event=Event.resolve))
    assert send_waiting(lake, config) == 0
    again_at_once(lake)
    assert send_waiting(lake, config) == 2
    colours = [body["attachments"][0]["color"] for body in receiver.bodies]
    assert colours == [COLOURS["HIGH"], GREEN]
    # A repeat that the hour has no room for is not told after the end either.
    enter(lake, config, message(1), message(1, Event.repeat), message(2), message(1, Event.resolve))
    assert send_waiting(lake, config) == 3
    assert [body["text"] for body in receiver.bodies[2:]] == [
        "HIGH: &lt;held&gt; &amp; 1",
        "HIGH: &lt;held&gt; &amp; 1",
        "[tidegate] and 1 more",
    ]
    assert waiting_alerts(lake.con) == []


def test_what_was_only_counted_has_no_end_and_what_is_news_overtakes_what_waits(lake: Lake, receiver: Receiver) -> None:
    config = config_of("slack", per_hour=2)
    enter(lake, config, *map(message, range(40)))
    enter(lake, config, *(message(number, Event.resolve) for number in range(40)))
    # Two of them, their ends, and one that counts the others.
    assert send_waiting(lake, config) == 5
    assert receiver.bodies[-1]["text"] == "[tidegate] and 38 more"
    assert waiting_alerts(lake.con) == []
    config = config_of("slack")
    (quiet,) = enter(lake, config, message(100, severity="MEDIUM"))
    tomorrow = dataclasses.replace(quiet, not_before=utc_now() + dt.timedelta(hours=9))
    lake.unit_of_work(lambda con: record_alerts(con, [tomorrow]))
    enter(lake, config, message(100, Event.update))
    assert send_waiting(lake, config) == 1
    assert waiting_alerts(lake.con) == []


def test_each_partition_that_is_ready_reaches_a_webhook(lake: Lake, receiver: Receiver) -> None:
    config = config_of("webhook", per_hour=1)
    enter(lake, config, *(message(number, Event.ready) for number in range(5)), message(6))
    assert send_waiting(lake, config) == 6


def test_a_channel_that_cannot_work_keeps_no_other_waiting(
    lake: Lake, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BAD", f"smtp://u:{TOKEN}@host:port")
    monkeypatch.setenv("BAD_TOKEN", f"{TOKEN}-ö")
    config = Alerting.model_validate(
        {
            "channels": {
                "mail": {"type": "email", "smtp_variable": "BAD", "sender": "a@example.com", "to": "b@example.com"},
                "hook": {"type": "webhook", "url_variable": "RECEIVER", "token_variable": "BAD_TOKEN"},
                "it": {"type": "slack", "url_variable": "RECEIVER"},
            }
        }
    )
    board = Switchboard(config, People(), utc_now())
    alerts = [board.alert(name, "s", message(), board.now) for name in ("gone", "mail", "hook", "it")]
    lake.unit_of_work(lambda con: record_alerts(con, alerts))
    assert send_waiting(lake, config) == 1
    said = {each.channel: (each.state, each.error or "") for each in alerts_since(lake.con, LONG_AGO)}
    assert said["it"] == ("sent", "")
    # It was taken out of the file, so nothing waits for it.
    assert said["gone"] == ("dropped", "")
    assert [(said[name][0], TOKEN in said[name][1]) for name in ("mail", "hook")] == [("waiting", False)] * 2


def test_a_digest_is_one_message(lake: Lake, receiver: Receiver) -> None:
    config = config_of("slack")
    board = Switchboard(config, People(), utc_now())
    alerts = [board.alert("it", "s", message(number), board.now, in_digest=True) for number in range(3)]
    lake.unit_of_work(lambda con: record_alerts(con, alerts))
    assert send_waiting(lake, config) == 1
    assert receiver.bodies[0]["text"] == "[tidegate] 3 things to know"
    assert waiting_alerts(lake.con) == []


@pytest.mark.slow
def test_no_secret_is_in_the_ledger_or_said(
    lake: Lake, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], caplog: Any
) -> None:
    """Whatever a server answers, and however the address is wrong."""
    caplog.set_level("DEBUG")
    gone = receiver.url.replace("127.0.0.1", "nowhere.invalid")
    for kind in ("slack", "teams", "webhook", "apprise"):
        for address in (receiver.url, gone, f"no-address-{TOKEN}", f"ftp://{TOKEN}@h"):
            receiver.status = 500
            monkeypatch.setenv("RECEIVER", address)
            enter(lake, config_of(kind), message())
            send_waiting(lake, config_of(kind))
            again_at_once(lake)
    kept = json.dumps(lake.con.execute("select * from ops.alerts").fetchall(), default=str)
    assert "Its server answered 500." in kept
    assert [where for where in (kept, "".join(capfd.readouterr()), caplog.text) if TOKEN in where] == []


# Sends what waits in a lake; killed at any moment.
SENDER = """
import sys
from pathlib import Path
from tidegate.alerting.channels.chat import COLOURS, GREEN
from tidegate.alerting.config import Alerting
from tidegate.alerting.sending import send_waiting
from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake

catalog, data, spill = sys.argv[1:]
config = Alerting.model_validate(
    {"channels": {"it": {"type": "webhook", "url_variable": "RECEIVER", "per_hour": 10000}}}
)
with Lake.open(LakeConfig(catalog, data, 1, "500MB", Path(spill), patience=30.0)) as lake:
    print("begins", flush=True)
    send_waiting(lake, config)
"""


@pytest.mark.slow
def test_a_sender_that_is_killed_at_any_moment_sends_at_least_once(home: Home, receiver: Receiver) -> None:
    alerts: list[AlertRecord] = []
    with home.open() as lake:
        alerts = enter(lake, config_of("webhook"), *map(message, range(60)))
    rng, killed = random.Random(7), 0
    arguments = [home.config.catalog, home.config.data, str(home.config.spill)]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT / "platform")}

    def run(wait: Callable[[], object]) -> int:
        with subprocess.Popen(
            [sys.executable, "-c", SENDER, *arguments], stdout=subprocess.PIPE, text=True, env=environment
        ) as process:
            assert process.stdout
            # On a machine that is busy, an empty line came first.
            assert "begins\n" in iter(process.stdout.readline, "")
            wait()
            process.send_signal(signal.SIGKILL)
        return process.returncode

    # At moments of the sending, which takes some 50 ms an alert.
    while killed < (20 if THOROUGH else 8):
        killed += run(lambda: time.sleep(rng.uniform(0, 0.15))) == -signal.SIGKILL
    subprocess.run([sys.executable, "-c", SENDER, *arguments], env=environment, check=True)
    with home.open() as lake:
        assert waiting_alerts(lake.con) == []
    keys = Counter(headers["Idempotency-Key"] for headers in receiver.headers)
    assert keys.keys() == {alert.alert_id for alert in alerts}
    # Twice only where it was killed between sending and marking.
    assert sum(keys.values()) - len(keys) <= killed
    by_key = {body["id"]: body["dedup_key"] for body in receiver.bodies}
    assert by_key == {alert.alert_id: alert.dedup_key for alert in alerts}
