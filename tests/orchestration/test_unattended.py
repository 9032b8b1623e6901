"""Left to its sensors, a home publishes what comes, restates what is corrected, and outlives a source that is down.

Everything is real but the daemon: folders, lake, dbt, an API over HTTP, Dagster's runs.
"""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import DagsterEventType, DagsterInstance, DagsterRunStatus, RunsFilter
from tests.support.runs.home import CONTRACTS, NewHome
from tests.support.runs.landing import Line, sound_lines
from tests.support.runs.machine import Machine
from tests.support.runs.today import ZONE, at, days_ago

from tidegate.demo.crm import Crm, Snapshots
from tidegate.demo.crm_faults import Fault
from tidegate.demo.trade import Shop
from tidegate.orchestration.asset_keys import raw_key
from tidegate.orchestration.history.breaker import Pace
from tidegate.orchestration.history.contacts import health_of

pytestmark = pytest.mark.slow

FIRST, SECOND, THIRD = days_ago(3), days_ago(2), days_ago(1)

CUSTOMERS_SERVER = "  - {server: crm, type: local"
CRM_SERVER = """  - server: crm
    type: api
    location: "{base}/customers?as_of={day}"
    customProperties:
      - {property: baseUrlVariable, value: CRM_URL}
      - {property: records, value: customers}
      - {property: timeLimitSeconds, value: 2}
"""


@pytest.fixture
def machine(new_home: NewHome, instance: DagsterInstance) -> Machine:
    return Machine(new_home(start_date=FIRST, timezone=ZONE, look_back_days=3), instance)


def published(machine: Machine) -> dict[dt.date, object]:
    rows = machine.temporary.query("select order_date, total_orders from serving.daily_sales")
    return {day: orders for day, orders in rows if isinstance(day, dt.date)}


def test_three_days_publish_by_themselves_in_exactly_the_runs_that_are_needed(machine: Machine) -> None:
    landing = machine.temporary.landing
    landing.day(FIRST)
    landing.customers(SECOND)
    landing.orders(SECOND, "north", sound_lines(SECOND, "north"))
    assert machine.settle() == [
        ("load_customers", f"{FIRST}..{SECOND}"),
        ("load_orders", str(FIRST)),
        ("load_orders", str(SECOND)),
        ("daily_build", str(FIRST), "first"),
    ]
    assert list(published(machine)) == [FIRST]

    # The region that was late, and a third day with a line of the first.
    landing.orders(SECOND, "south", sound_lines(SECOND, "south"))
    landing.day(THIRD)
    landing.orders(THIRD, "north", [*sound_lines(THIRD, "north"), Line("late", FIRST)])
    assert sorted(machine.settle()) == [
        ("daily_build", str(FIRST), "restatement"),
        ("daily_build", f"{SECOND}..{THIRD}", "first"),
        ("load_customers", str(THIRD)),
        ("load_orders", str(SECOND)),
        ("load_orders", str(THIRD)),
    ]
    assert published(machine) == {FIRST: 5, SECOND: 4, THIRD: 4}

    # The same file once more, and one with a line less.
    landing.orders(SECOND, "north", sound_lines(SECOND, "north"))
    assert machine.settle() == [("load_orders", str(SECOND))]
    landing.orders(SECOND, "north", sound_lines(SECOND, "north", lines=2))
    assert machine.settle() == [("load_orders", str(SECOND)), ("daily_build", str(SECOND), "restatement")]
    assert published(machine) == {FIRST: 5, SECOND: 3, THIRD: 4}

    assert machine.settle() == []
    reasons = machine.temporary.query(
        "select reason, cause from ops.pipeline_runs where job = 'daily_build' order by started_at desc limit 1"
    )
    assert reasons == [("restatement", f"orders/north {SECOND}")]


def test_a_rejected_delivery_is_tried_once_and_does_not_count_against_its_source(machine: Machine) -> None:
    landing = machine.temporary.landing
    landing.day(FIRST)
    landing.day(SECOND)
    landing.spoil(FIRST, "north")
    both = f"{FIRST}..{SECOND}"
    assert machine.settle() == [
        ("load_customers", both),
        ("load_orders", both),
        ("daily_build", str(SECOND), "first"),
    ]
    assert_nothing_of_it_looks_good(machine)
    retried = {DagsterEventType.STEP_UP_FOR_RETRY, DagsterEventType.STEP_RESTARTED}
    for run in machine.instance.get_runs():
        assert not machine.instance.all_logs(run.run_id, of_type=retried)
    assert health_of(machine.instance, "orders", Pace.of(machine.temporary.settings)).breaker.failures == 0
    assert machine.settle() == []
    landing.orders(FIRST, "north", sound_lines(FIRST, "north"))
    assert machine.settle() == [("load_orders", str(FIRST)), ("daily_build", str(FIRST), "first")]
    assert machine.temporary.gate_in(machine.instance, FIRST) == {(True, "")}


def assert_nothing_of_it_looks_good(machine: Machine) -> None:
    """Neither the load, nor the raw partition, nor the day in `serving`; what came with it does."""
    (load,) = machine.instance.get_runs(RunsFilter(job_name="load_orders"))
    assert load.status is DagsterRunStatus.FAILURE
    shown = {region: raw_partitions(machine, region) for region in ("north", "south")}
    good, bad = frozenset({SECOND}), frozenset({FIRST})
    assert shown == {"north": (good, bad), "south": (good | bad, frozenset())}
    ((may_be_published, why),) = machine.temporary.gate_in(machine.instance, FIRST)
    assert not may_be_published
    assert f"orders/north {FIRST} rejected: " in why
    assert machine.temporary.gate_in(machine.instance, SECOND) == {(True, "")}
    assert f"Held: {FIRST}." in machine.told["days_due"]


def raw_partitions(machine: Machine, region: str) -> tuple[frozenset[dt.date], frozenset[dt.date]]:
    return machine.temporary.partitions_in(machine.instance, raw_key("orders", region))


@pytest.fixture
def crm() -> Iterator[Crm]:
    with Crm(Snapshots(Shop(FIRST, orders_per_day=20, seed=7))) as crm:
        yield crm


def with_crm(folder: Path) -> Path:
    """The contracts, with the customers behind an API and their newest snapshot to stand in for it."""
    shutil.copytree(CONTRACTS, folder)
    file = folder / "customers.odcs.yaml"
    lines = file.read_text().splitlines(keepends=True)
    text = "".join(CRM_SERVER if line.startswith(CUSTOMERS_SERVER) else line for line in lines)
    file.write_text(text + "  - {property: fallback, value: last_good}\n")
    return folder


def test_a_source_that_is_down_is_stood_in_for_probed_and_replaced(
    new_home: NewHome, instance: DagsterInstance, crm: Crm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_URL", crm.url)
    contracts = with_crm(tmp_path / "contracts")
    settings = {"breaker_failures": 2, "breaker_pause_seconds": 600, "look_back_days": 1}
    machine = Machine(new_home(start_date=FIRST, timezone=ZONE, contracts=contracts, **settings), instance)
    landing = machine.temporary.landing
    for region in ("north", "south"):
        for day in (SECOND, THIRD):
            landing.orders(day, region, [Line(f"{region}-{day}", day, customer_id="")])
    machine.ahead = at(THIRD, dt.time(1)) - dt.datetime.now(dt.UTC)
    assert ("daily_build", str(SECOND), "first") in machine.settle()

    crm.break_by(Fault.ERRORS)
    machine.ahead = dt.timedelta()
    ran = machine.settle()
    assert ran.count(("load_customers", str(THIRD))) == 2
    assert ("daily_build", str(THIRD), "first") in ran
    assert standing_in(machine) == [(THIRD, SECOND)]
    assert "breaker of customers is open after 2 failures" in machine.told["customers"]

    crm.fix()
    requests = crm.requests
    machine.ahead = dt.timedelta(seconds=500)
    assert machine.settle() == []
    assert crm.requests == requests
    machine.ahead = dt.timedelta(seconds=700)
    assert machine.settle() == [("load_customers", str(THIRD)), ("daily_build", str(THIRD), "restatement")]
    assert standing_in(machine) == []
    assert health_of(instance, "customers", Pace.of(machine.temporary.settings)).breaker.failures == 0


def standing_in(machine: Machine) -> list[tuple[object, ...]]:
    return machine.temporary.query(
        "select partition_day, stands_in_for from ops.deliveries where source = 'customers' "
        "qualify row_number() over (partition by partition_day order by rowid desc) = 1 and stands_in_for is not null"
    )
