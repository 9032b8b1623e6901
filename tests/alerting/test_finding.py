"""Each kind of trouble, caused in a home: found once, of the right severity, for the right products, and gone after."""

from __future__ import annotations

import dataclasses
import datetime as dt
import shutil
from typing import NamedTuple

import pytest
from tests.alerting.sick import Sick
from tests.support.runs.today import TODAY, at, days_ago
from tests.support.runs.watched import NOW, built_check

from tidegate.alerting.find_platform import SILENCE
from tidegate.alerting.operations import FailingSource, LostRun, Operations, SensorTicks
from tidegate.alerting.severities import Severities
from tidegate.alerting.trouble import Kind, Severity
from tidegate.ledger.alerts import AlertRecord, record_alerts
from tidegate.ledger.builds import begin_build, finish_build
from tidegate.ledger.entries import utc_now
from tidegate.publishing.due.partitions import due_for_any
from tidegate.window import ONE_DAY, Cadence, Window

MINUTE = dt.timedelta(minutes=1)
DAY = days_ago(9)
WEEK = Window(DAY, DAY + 7 * ONE_DAY)


def test_where_nothing_happened_nothing_is_wrong(sick: Sick) -> None:
    assert sick.changes() == []
    sick.deliver(WEEK.days)
    sick.watched.publish(WEEK)
    assert sick.changes() == []


@pytest.mark.slow
def test_two_hundred_days_that_fail_at_once_are_one_incident(sick: Sick) -> None:
    days = Window(days_ago(220), days_ago(20)).days
    sick.deliver(days, verdict="rejected", reason="orders/north rejected: 3 of 4 rows broke the contract.")
    assert sick.changes() == [("opened", "rejected/customers"), ("opened", "rejected/orders")]
    incident = sick.found()["rejected/orders"]
    assert (len(incident.partitions), incident.severity, incident.source) == (200, Severity.medium, "orders")
    assert set(incident.products) == {product.product for product in sick.home.products_of(Cadence.daily)}
    assert "broke the contract. So it is for 200 partitions." in incident.sentence
    sick.deliver(days)
    assert sick.changes() == [("resolved", "rejected/customers"), ("resolved", "rejected/orders")]


def fail_to_build(sick: Sick, window: Window, model: str, said: str) -> None:
    models = sick.home.requirements_of(Cadence.daily).models
    with sick.home.lake() as lake:
        lake.unit_of_work(lambda con: begin_build(con, f"b {said}", window.days, models, "a run"))
        lake.unit_of_work(lambda con: finish_build(con, f"b {said}", failed_models=[model], errors={model: said}))


@pytest.mark.slow
def test_days_that_a_model_holds_are_an_incident_of_the_model(sick: Sick) -> None:
    sick.deliver(WEEK.days)
    # All in and not built yet: its turn comes.
    assert sick.changes() == []
    fail_to_build(sick, WEEK, "stg_orders", "division by zero")
    held = {key: each for key, each in sick.found().items() if key.startswith("held/")}
    assert any("division by zero" in each.sentence for each in held.values())
    assert {days for each in held.values() for days in each.partitions} == set(WEEK.days)
    assert all(each.severity == Severity.medium and each.products for each in held.values())
    # A new delivery of each day has them built again: that resolves nothing yet.
    sick.deliver(WEEK.days, fingerprint="another")
    with sick.home.lake() as lake:
        assert due_for_any(lake.con, sick.home.products_of(Cadence.daily))
    assert [change for change, _ in sick.changes() if change == "resolved"] == []
    sick.watched.publish(WEEK)
    assert {change for change, _ in sick.changes()} == {"resolved"}
    assert sick.found() == {}


def test_a_delivery_is_late_from_its_deadline_on_until_it_is_there(sick: Sick) -> None:
    sick.contract("orders", published_by=dt.time(6))
    assert sick.changes(at(TODAY, dt.time(5))) == [("opened", "late/orders")]
    late = sick.found(at(TODAY, dt.time(6)))["late/orders"]
    assert late.partitions == (days_ago(2), days_ago(1))
    assert late.severity == Severity.high
    assert f"orders has not delivered north, south {days_ago(2)}..{days_ago(1)} by 06:00" in late.sentence
    # A source that does not answer is late with everything, which is one trouble.
    sick.operations = Operations(sources={"orders": FailingSource("orders", 3, "The breaker of orders is open.")})
    assert sick.changes(at(TODAY, dt.time(7))) == [("opened", "source/orders"), ("resolved", "late/orders")]
    sick.operations = Operations()
    sick.deliver([days_ago(2), days_ago(1)], "orders")
    assert sick.changes(at(TODAY, dt.time(8))) == [("resolved", "source/orders")]


def test_what_holds_nothing_up_is_not_critical_before_its_deadline_is_near(sick: Sick) -> None:
    sick.promise(dt.time(9))
    sick.deliver(Window(days_ago(20), TODAY).days)
    sick.watched.publish(Window(days_ago(20), TODAY))
    sick.deliver([days_ago(1)], "customers", verdict="rejected", reason=f"customers/crm {days_ago(1)} rejected.")
    sick.kinds = frozenset({Kind.rejected, Kind.overdue})
    assert sick.found(at(TODAY, dt.time(7)))["rejected/customers"].severity == Severity.medium


def test_what_holds_up_an_unpublished_day_is_critical_once_its_deadline_is_near(sick: Sick) -> None:
    sick.promise(dt.time(9))
    sick.deliver(Window(days_ago(30), TODAY).days)
    sick.watched.publish(Window(days_ago(30), TODAY))
    sick.deliver([TODAY], "customers", verdict="rejected", reason=f"customers/crm {TODAY} rejected.")
    sick.kinds = frozenset({Kind.rejected, Kind.overdue})
    tomorrow = TODAY + ONE_DAY
    assert sick.found(at(tomorrow, dt.time(7)))["rejected/customers"].severity == Severity.medium
    found = sick.found(at(tomorrow, dt.time(8)))["rejected/customers"]
    assert found.severity == Severity.critical
    # With a cause that says so, nobody is told of the missed deadline beside it; a product without one is overdue.
    overdue = {each.products for each in sick.found(at(tomorrow, dt.time(10))).values() if each.kind == Kind.overdue}
    assert all(not set(found.products).issuperset(products) for products in overdue)


def test_a_day_that_is_due_for_long_is_reported_as_not_healing(sick: Sick) -> None:
    sick.deliver([DAY])
    assert "not_healing/daily" not in sick.found()
    found = sick.found(NOW + dt.timedelta(hours=3))["not_healing/daily"]
    assert found.partitions == (DAY,)
    assert found.severity == Severity.low


def test_a_share_in_quarantine_above_the_usual_one(sick: Sick) -> None:
    days = Window(days_ago(15), days_ago(3)).days
    sick.deliver(days, rows_read=100, rows_quarantined=2, rows_loaded=98)
    sick.kinds = frozenset({Kind.quarantine})
    assert sick.changes() == []
    sick.deliver([days_ago(3)], "orders", rows_read=100, rows_quarantined=9, rows_loaded=91)
    assert sick.changes() == [("opened", "quarantine/orders")]
    assert "9.0% of the rows" in sick.found()["quarantine/orders"].sentence
    sick.deliver([days_ago(2)], "orders", rows_read=100, rows_quarantined=2, rows_loaded=98)
    assert sick.changes() == [("resolved", "quarantine/orders")]


def test_a_warning_that_comes_back_every_day(sick: Sick) -> None:
    def warn(day: dt.date, passed: bool) -> None:
        found = built_check("marts/daily_sales", "revenue_is_usual", day, "build")
        sick.enter(
            "check_results",
            [dataclasses.replace(found, passed=passed, blocking=False, severity="warning", observed="7")],
        )

    sick.kinds = frozenset({Kind.warning})
    for day in WEEK.days[:2]:
        warn(day, passed=False)
    assert sick.changes() == []
    warn(WEEK.days[2], passed=False)
    assert sick.changes() == [("opened", "warning/marts/daily_sales/revenue_is_usual")]
    warn(WEEK.days[3], passed=True)
    assert sick.changes() == [("resolved", "warning/marts/daily_sales/revenue_is_usual")]


def test_a_source_a_run_the_daemon_and_a_sensor(sick: Sick) -> None:
    sick.operations = Operations(
        sources={"customers": FailingSource("customers", 3, "The breaker of customers is open.")},
        lost_runs=[LostRun("12345678-9", "daily_build", (DAY,), NOW, "The run's process died.")],
        daemon_seen_at=NOW - MINUTE,
        sensors=[
            SensorTicks("good", NOW, NOW),
            SensorTicks("silent", NOW - 2 * SILENCE, NOW - 2 * SILENCE),
            SensorTicks("failing", NOW, NOW - 2 * SILENCE, "KeyError: 'x'"),
        ],
    )
    found = sick.found()
    assert {key: each.severity for key, each in found.items()} == {
        "source/customers": Severity.high,
        "run/daily_build": Severity.low,
        "sensor/silent": Severity.low,
        "sensor/failing": Severity.low,
    }
    assert "The run's process died." in found["run/daily_build"].sentence
    assert found["sensor/failing"].sentence.endswith("UTC: KeyError: 'x'")
    # After a long break nobody has ticked yet.
    sick.operations = Operations(daemon_seen_at=NOW, sensors=sick.operations.sensors, awake_since=NOW - MINUTE)
    assert {change for change, _ in sick.changes()} == {"resolved"}
    sick.operations = Operations(daemon_seen_at=NOW - 2 * SILENCE)
    assert sick.changes() == [("opened", "daemon")]


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_a_disk_that_is_about_to_fill(sick: Sick, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk of the machine is outside of the test."""
    sick.kinds = frozenset({Kind.disk})
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(100 << 30, 0, 90 << 30))
    assert sick.changes() == []
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(100 << 30, 0, 4 << 30))
    (found,) = sick.found().values()
    assert found.sentence.startswith("4.3 of 107 GB are left on the disk of the home and ")
    assert found.severity == Severity.high


def test_maintenance_that_was_not_done(sick: Sick) -> None:
    sick.kinds = frozenset({Kind.maintenance})
    sick.deliver([DAY])
    assert sick.changes() == []
    assert sick.changes(NOW + dt.timedelta(days=39)) == []
    assert sick.changes(NOW + dt.timedelta(days=41)) == [("opened", "maintenance")]


def test_an_alert_that_could_not_be_sent(sick: Sick) -> None:
    now = utc_now()
    alert = AlertRecord(
        "a", "slack", "held/x", "trigger", "d", "HIGH", "{}", "waiting", 3, "It answered 500.", now, now
    )
    with sick.home.lake() as lake:
        lake.unit_of_work(lambda con: record_alerts(con, [alert]))
    (found,) = sick.found().values()
    assert (found.key, found.severity) == ("alert/slack", Severity.low)
    assert "It answered 500." in found.sentence


def test_a_product_may_say_how_severe_each_kind_is(sick: Sick) -> None:
    product = next(iter(sick.home.products_of(Cadence.daily))).product
    sick.severities = Severities(
        by_kind={Kind.rejected: Severity.low}, by_product={product: {Kind.rejected: Severity.high}}
    )
    sick.deliver([DAY], "customers", verdict="rejected", reason="rejected.")
    sick.kinds = frozenset({Kind.rejected})
    assert {each.severity for each in sick.found().values()} == {Severity.high}
