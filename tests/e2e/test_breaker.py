"""A source that is down is left alone for a while and asked again, whoever restarts the daemon meanwhile."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from dagster import RunRecord
from tests.support.runs.daemon import daemon
from tests.support.runs.home import NewHome
from tests.support.runs.today import ZONE, days_ago
from tests.support.waiting import wait_for

from tidegate.demo.crm import Crm, Snapshots
from tidegate.demo.crm_faults import Fault
from tidegate.demo.trade import Shop
from tidegate.orchestration.history.breaker import Breaker, Pace
from tidegate.orchestration.history.contacts import health_of
from tidegate.orchestration.names import OUTPUT_JOBS
from tidegate.settings import CHECKOUT

pytestmark = pytest.mark.slow

YESTERDAY = days_ago(1)


@pytest.mark.timeout(600)
def test_a_breaker_opens_probes_and_closes_across_a_restart_of_the_daemon(
    new_home: NewHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contracts = tmp_path / "contracts"
    shutil.copytree(CHECKOUT / "examples" / "unattended" / "contracts", contracts)
    customers = contracts / "customers.odcs.yaml"
    customers.write_text(customers.read_text().replace("timeLimitSeconds, value: 600", "timeLimitSeconds, value: 2"))
    # Of orders nothing comes, and payments are optional.
    (contracts / "payments.odcs.yaml").unlink()
    pace = {"breaker_failures": 2, "breaker_pause_seconds": 10}
    home = new_home(contracts=contracts, start_date=YESTERDAY, timezone=ZONE, tick_seconds=2, **pace)

    with Crm(Snapshots(Shop(YESTERDAY, 80, 7))) as crm:
        monkeypatch.setenv("CRM_URL", crm.url)
        crm.break_by(Fault.ERRORS)

        def breaker() -> Breaker:
            return health_of(home.runner.instance, "customers", Pace.of(home.settings)).breaker

        def opened(times: int) -> Callable[[], Breaker | None]:
            return lambda: state if (state := breaker()).openings >= times else None

        def asked() -> list[RunRecord]:
            """The runs that load, the newest first; pages of quality are made beside them."""
            records = home.runner.instance.get_run_records()
            return [each for each in records if each.dagster_run.job_name not in OUTPUT_JOBS.values()]

        with daemon(home, tmp_path / "first.log"):
            first = wait_for("the breaker's opening", opened(1))
        assert (first.failures, len(asked())) == (2, 2)
        assert first.open_until is not None

        with daemon(home, tmp_path / "second.log"):
            # The new daemon knows: one probe when it is due, and a longer pause after it failed.
            second = wait_for("the breaker's second opening", opened(2))
            assert second.open_until is not None
            probe, *before = asked()
            assert len(before) == 2
            assert probe.create_timestamp.replace(tzinfo=dt.UTC) >= first.open_until
            crm.fix()
            closed = wait_for("the breaker's closing", lambda: state if not (state := breaker()).failures else None)
        assert closed == Breaker()
        assert home.query(f"select count(*) from raw.customers where _delivered_on = '{YESTERDAY}'") != [(0,)]
