"""From what goes wrong in a home to what arrives at its receivers: once, at the right ones, and when it is over."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
from tests.alerting.receivers import TOKEN, Receiver, http_receiver
from tests.alerting.sick import Sick
from tests.support.runs.today import days_ago
from tests.support.runs.watched import LATER, NOW

from tidegate.alerting.config import Alerting
from tidegate.alerting.operations import FailingSource, Operations
from tidegate.alerting.round import Outcome, alerting_round
from tidegate.alerting.trouble import Kind
from tidegate.alerting.watching import acknowledge
from tidegate.orchestration.asset_keys import source_key
from tidegate.orchestration.instance.dagster_home import make_instance, open_instance
from tidegate.orchestration.sensors.alerting import Memory, tell_of_trouble
from tidegate.window import Cadence, Window

FAILING = Operations(sources={"customers": FailingSource("customers", 3, "The breaker of customers is open.")})


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with http_receiver() as made:
        monkeypatch.setenv("RECEIVER", made.url)
        monkeypatch.setenv("PAGER_KEY", TOKEN)
        yield made


def alerting(receiver: Receiver, **fields: Any) -> Alerting:
    channels = {
        "pager": {"type": "pagerduty", "key_variable": "PAGER_KEY", "address": receiver.url.rpartition("/")[0]},
        "hook": {"type": "webhook", "url_variable": "RECEIVER"},
    }
    return Alerting.model_validate({"channels": channels, "routes": [{"to": "pager"}], **fields})


def round_of(sick: Sick, config: Alerting, now: dt.datetime = NOW) -> Outcome:
    with sick.home.lake() as lake:
        return alerting_round(sick.home, lake, config, sick.operations, now, sick.kinds)


def actions(receiver: Receiver) -> list[tuple[str, str]]:
    return [(body["event_action"], body["dedup_key"]) for body in receiver.bodies]


def test_two_hundred_days_that_fail_at_once_are_one_page_and_its_end(sick: Sick, receiver: Receiver) -> None:
    config = alerting(receiver)
    days = Window(days_ago(220), days_ago(20)).days
    sick.deliver(days, "orders", verdict="rejected", reason="orders/north rejected.")
    sick.kinds = frozenset({Kind.rejected})
    for _ in range(3):
        round_of(sick, config)
    assert actions(receiver) == [("trigger", "tidegate/rejected/orders")]
    assert len(receiver.bodies[0]["payload"]["custom_details"]["partitions"]) == 200
    sick.deliver(days, "orders")
    for _ in range(3):
        round_of(sick, config)
    assert [action for action, _ in actions(receiver)] == ["trigger", "resolve"]


def test_an_acknowledgement_reaches_the_pager_and_ends_the_repeats(sick: Sick, receiver: Receiver) -> None:
    config = alerting(receiver, repeat_minutes={"HIGH": 10})
    sick.operations, sick.kinds = FAILING, frozenset({Kind.source})
    round_of(sick, config, NOW - dt.timedelta(hours=5))
    with sick.home.lake() as lake:
        lake.unit_of_work(lambda con: acknowledge(con, "source/customers", "ada"))
    round_of(sick, config, NOW - dt.timedelta(hours=4))
    round_of(sick, config, NOW - dt.timedelta(hours=3))
    sick.operations = Operations()
    round_of(sick, config)
    assert [action for action, _ in actions(receiver)] == ["trigger", "acknowledge", "resolve"]


def test_a_partition_is_ready_once_for_each_content(sick: Sick, receiver: Receiver) -> None:
    config = alerting(receiver, routes=[], ready=[{"to": "hook"}], reports="https://reports.example.com/")
    sick.kinds = frozenset()
    day = Window.of_day(days_ago(1))
    sick.deliver(day.days)
    sick.watched.publish(day)
    with sick.home.lake() as lake:
        for mart, figures in (("daily_sales", "3 as total_orders"), ("daily_sales_by_region", "1234.5 as net_revenue")):
            row = f"select date '{day.start}' as order_date, {figures}"
            lake.con.execute(f"insert into serving.{mart} by name {row}")
    products = {each.product for each in sick.home.products_of(Cadence.daily) if each.marts}
    for _ in range(2):
        round_of(sick, config)
    assert {(body["event"], body["product"], body["partition"]) for body in receiver.bodies} == {
        ("ready", product, str(day.start)) for product in products
    }
    told = len(receiver.bodies)
    (sales,) = [body for body in receiver.bodies if body["rows"].get("daily_sales") is not None]
    assert (sales["figures"]["Net revenue"], sales["figures"]["Total orders"]) == ("1234.5000", "3")
    assert "Net revenue 1,234.50" in sales["lines"][0]
    assert sales["link"] == f"https://reports.example.com/daily/{day.start}/brief.html"
    assert not sales["restated"]
    # The same content again is the same notice.
    sick.deliver(day.days, fingerprint="another")
    sick.watched.publish(day)
    round_of(sick, config)
    assert len(receiver.bodies) == told
    with sick.home.lake() as lake:
        lake.unit_of_work(
            lambda con: con.execute("update ops.publications set content_hash = 'x' where superseded_by is null")
        )
    round_of(sick, config)
    assert len(receiver.bodies) == 2 * told
    assert len({body["dedup_key"] for body in receiver.bodies}) == 2 * told


def test_a_heartbeat_goes_out_while_all_that_sends_it_works(sick: Sick, receiver: Receiver) -> None:
    config = alerting(receiver, routes=[], heartbeat={"url_variable": "RECEIVER"})
    sick.kinds = frozenset({Kind.daemon})
    assert round_of(sick, config).heart == "Heartbeat sent."
    sick.operations = Operations(daemon_seen_at=NOW - dt.timedelta(hours=1))
    assert "No heartbeat" in round_of(sick, config).heart
    assert receiver.pings == 1
    receiver.status, sick.operations = 500, Operations()
    said = round_of(sick, config).heart
    assert "was not taken" in said
    assert TOKEN not in said


@pytest.mark.slow
def test_the_pages_of_assets_show_incidents(sick: Sick) -> None:
    make_instance(sick.home.settings)
    sick.deliver([days_ago(1)], "customers", verdict="rejected", reason="customers/crm rejected.")
    with open_instance(sick.home.settings) as instance:
        first = tell_of_trouble(sick.home, instance, None, NOW)
        again = tell_of_trouble(sick.home, instance, first.cursor, NOW + dt.timedelta(seconds=30))
    events = [each for each in first.asset_events if each.asset_key == source_key("customers")]
    assert [(each.description, each.metadata["incident"].value) for each in events] == [
        ("opened: customers/crm rejected.", "rejected/customers")
    ]
    assert list(again.asset_events) == []
    # What the daemon does with it: it takes no enum that is not Dagster's.
    assert dg.serialize_value(events[0])


def test_the_sensor_looks_at_all_when_the_ledger_changed_and_by_the_clock(sick: Sick, receiver: Receiver) -> None:
    file = sick.home.settings.alerting
    assert not file.exists()
    make_instance(sick.home.settings)
    with open_instance(sick.home.settings) as instance:
        first = tell_of_trouble(sick.home, instance, None, NOW)
    memory = Memory.read(first.cursor, NOW)
    soon, later = NOW + dt.timedelta(seconds=90), NOW + dt.timedelta(minutes=6)
    assert Kind.held not in memory.kinds(memory.snapshot, soon)
    assert Kind.held in memory.kinds(memory.snapshot + 1, soon)
    assert Kind.held not in memory.kinds(memory.snapshot + 1, NOW + dt.timedelta(seconds=30))
    assert Kind.held in memory.kinds(memory.snapshot, later)
    assert memory.awake_since == NOW
    # After a night without the daemon it has just woken.
    assert Memory.read(first.cursor, LATER).awake_since == LATER
