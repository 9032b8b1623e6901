"""The whole day with customers over HTTP: the CRM up, down and up again, and down from the start."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from tests.support.runs.home import NewHome, TemporaryHome

from tidegate.cli.read_status import read_status
from tidegate.contract.judging.assess import FRESHNESS
from tidegate.demo.crm import Crm, Snapshots
from tidegate.demo.crm_faults import Fault
from tidegate.demo.shop import write_shop
from tidegate.demo.trade import Shop
from tidegate.ledger.deliveries import StandingIn
from tidegate.orchestration.asset_keys import raw_key
from tidegate.orchestration.history.breaker import Breaker, Pace
from tidegate.orchestration.history.contacts import health_of
from tidegate.orchestration.names import load_job
from tidegate.orchestration.outcomes import RunOutcome
from tidegate.settings import CHECKOUT
from tidegate.window import ONE_DAY, Window

pytestmark = pytest.mark.slow

FIRST_DAY = dt.date(2024, 3, 1)
NEXT_DAY = FIRST_DAY + ONE_DAY
SHOP = Shop(FIRST_DAY, orders_per_day=30, seed=7)


@pytest.fixture
def crm(monkeypatch: pytest.MonkeyPatch) -> Iterator[Crm]:
    with Crm(Snapshots(SHOP, page_size=10)) as crm:
        monkeypatch.setenv("CRM_URL", crm.url)
        yield crm


@pytest.fixture
def contracts(tmp_path: Path) -> Path:
    """Files of orders and payments, and the example's customers with little time."""
    folder = tmp_path / "contracts"
    folder.mkdir()
    for source in ("orders", "payments"):
        shutil.copy(CHECKOUT / "contracts" / f"{source}.odcs.yaml", folder)
    customers = (CHECKOUT / "examples/unattended/contracts/customers.odcs.yaml").read_text()
    (folder / "customers.odcs.yaml").write_text(customers.replace("value: 600}", "value: 10}"))
    return folder


def shop_home(new_home: NewHome, contracts: Path) -> TemporaryHome:
    home = new_home(contracts=contracts, start_date=FIRST_DAY)
    landing = Path(home.settings.landing)
    write_shop(landing, first_day=FIRST_DAY, days=2, orders_per_day=SHOP.orders_per_day, seed=7, dirt=False)
    shutil.rmtree(landing / "customers")
    return home


def stands_in_for(home: TemporaryHome, day: dt.date) -> object:
    rows = home.query(
        "select max_by(coalesce(stands_in_for::varchar, 'itself'), rowid) from ops.deliveries "
        f"where source = 'customers' and partition_day = '{day}'"
    )
    return rows[0][0]


def freshness(home: TemporaryHome, outcomes: list[RunOutcome]) -> list[tuple[str | None, bool, dg.AssetCheckSeverity]]:
    """What Dagster has of the check in the first of these runs."""
    records = home.runner.instance.get_records_for_run(
        outcomes[0].run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION
    ).records
    found = [record.event_log_entry.dagster_event.asset_check_evaluation_data for record in records]  # type: ignore[union-attr]
    return [
        (check.partition, check.passed, check.severity)
        for check in found
        if check.asset_key == raw_key("customers", "crm") and check.check_name == FRESHNESS and check.partition
    ]


def customers(home: TemporaryHome, day: dt.date) -> int:
    return int(str(home.query(f"select count(*) from raw.customers where _delivered_on = '{day}'")[0][0]))


def test_a_day_goes_on_without_the_crm_and_is_made_good_when_it_returns(
    new_home: NewHome, contracts: Path, crm: Crm
) -> None:
    home = shop_home(new_home, contracts)
    home.run(FIRST_DAY)
    crm.break_by(Fault.ERRORS)
    without = home.run(NEXT_DAY)

    assert [outcome.published for outcome in without] == [(NEXT_DAY,)]
    assert freshness(home, without) == [(str(NEXT_DAY), False, dg.AssetCheckSeverity.WARN)]
    assert stands_in_for(home, NEXT_DAY) == str(FIRST_DAY)
    assert customers(home, NEXT_DAY) == customers(home, FIRST_DAY) == SHOP.customers_on(0)
    assert read_status(home.home).stand_ins == [StandingIn("customers", "crm", NEXT_DAY, FIRST_DAY)]

    crm.fix()
    with_it = home.run(NEXT_DAY)
    assert [outcome.published for outcome in with_it] == [(NEXT_DAY,)]
    assert freshness(home, with_it) == [(str(NEXT_DAY), True, dg.AssetCheckSeverity.WARN)]
    assert stands_in_for(home, NEXT_DAY) == "itself"
    assert customers(home, NEXT_DAY) == SHOP.customers_on(1) > SHOP.customers_on(0)
    assert read_status(home.home).stand_ins == []


def test_a_first_day_without_the_crm_is_held_with_its_sentence(new_home: NewHome, contracts: Path, crm: Crm) -> None:
    home = shop_home(new_home, contracts)
    crm.break_by(Fault.HTML)
    [outcome] = home.run(FIRST_DAY)

    assert outcome.published == ()
    told, *rest = outcome.held[FIRST_DAY]
    assert told.startswith("customers: customers/crm 2024-03-01 is missing: ")
    assert "it answered with an HTML page where JSON is expected" in told
    assert told.endswith("run again when the source is back.")
    assert "no delivery was loaded" not in " ".join(rest)


def test_a_day_that_the_source_refuses_is_no_outage_of_the_source(
    new_home: NewHome, contracts: Path, crm: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A 404 failed the run, and three of them opened the breaker: no other day was asked for any more."""
    home = shop_home(new_home, contracts)
    pace = Pace.of(home.settings)

    def load() -> Breaker:
        outcome = home.runner.run(Window.of_day(FIRST_DAY), job=load_job("customers"))
        assert not outcome.succeeded
        return health_of(home.runner.instance, "customers", pace).breaker

    monkeypatch.setenv("CRM_URL", f"{crm.url}/elsewhere")
    assert load() == Breaker()
    crm.break_by(Fault.ERRORS)
    monkeypatch.setenv("CRM_URL", crm.url)
    assert load().failures == 1
