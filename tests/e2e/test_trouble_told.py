"""A region that is late, a disk that is nearly full and a daemon that is dead, each for real: told once, to the right
people, with the right severity, and again when it is over."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from tests.alerting.receivers import TOKEN, Receiver, http_receiver
from tests.support.runs.daemon import daemon
from tests.support.runs.home import CONTRACTS, NewHome, TemporaryHome
from tests.support.runs.landing import Line
from tests.support.runs.today import TODAY, ZONE, at, days_ago
from tests.support.waiting import wait_for

from tidegate.alerting import find_platform
from tidegate.alerting.config import load_alerting
from tidegate.alerting.round import alerting_round
from tidegate.intake.load import load_deliveries
from tidegate.orchestration.history.opening import dagster_record
from tidegate.orchestration.history.operations import operations_in
from tidegate.window import Window

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

YESTERDAY, BEFORE = days_ago(1), days_ago(2)
# It is nine in the morning or later in the tests' zone.
DEADLINE = '\nslaProperties: [{property: timeOfAvailability, value: "06:00"}]\n'

# Who is told of what; of nothing else is anybody told.
ROUTES = [
    {"kinds": "late", "to": "pager"},
    {"kinds": "disk", "to": "chat"},
    {"kinds": "daemon", "to": ["pager", "chat"]},
]


@dataclass
class Told:
    """A home, and what its pager and its chat were sent."""

    home: TemporaryHome
    pager: Receiver
    chat: Receiver

    def round(self, now: dt.datetime | None = None) -> None:
        """A round of alerting, as `tidegate alerts send` makes it, now or at another moment."""
        home, now = self.home.home, now or dt.datetime.now(dt.UTC)
        with home.lake() as lake, dagster_record(home.settings) as record:
            config = load_alerting(home.settings.alerting)
            alerting_round(home, lake, config, operations_in(record, home, now), now)

    @property
    def paged(self) -> list[tuple[str, str]]:
        return [(body["event_action"], body["dedup_key"]) for body in self.pager.bodies]

    def severity_of(self, key: str) -> object:
        ((severity,),) = self.home.query(f"select distinct severity from ops.incidents where key = '{key}'")
        return severity


@pytest.fixture
def told(new_home: NewHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    contracts = shutil.copytree(CONTRACTS, tmp_path / "contracts")
    orders = contracts / "orders.odcs.yaml"
    orders.write_text(orders.read_text() + DEADLINE)
    with http_receiver() as pager, http_receiver() as chat:
        for name, value in {"PAGER_KEY": TOKEN, "CHAT_URL": chat.url}.items():
            monkeypatch.setenv(name, value)
        channels = {
            "pager": {"type": "pagerduty", "key_variable": "PAGER_KEY", "address": pager.url.rpartition("/")[0]},
            "chat": {"type": "slack", "url_variable": "CHAT_URL"},
        }
        alerting = tmp_path / "alerting.yml"
        alerting.write_text(yaml.safe_dump({"channels": channels, "routes": ROUTES}))
        home = new_home(
            contracts=contracts, alerting=alerting, start_date=BEFORE, timezone=ZONE, look_back_days=2, tick_seconds=2
        )
        assert home.environment, "makes the record of Dagster"
        yield Told(home, pager, chat)


def test_a_late_region_is_paged_once_and_over_when_it_is_loaded(told: Told) -> None:
    landing, home = told.home.landing, told.home.home

    def load(day: dt.date, *regions: str) -> None:
        for region in regions:
            landing.orders(day, region, [Line(f"{region}-{day}", day)])
        with home.lake() as lake:
            load_deliveries(lake, home.contracts["orders"], Window.of_day(day), outside=home.outside, run_id="run")

    load(BEFORE, "north", "south")
    load(YESTERDAY, "north")
    told.round(at(TODAY, dt.time(5)))
    assert told.paged == [], "its deadline has not passed"
    for _ in range(3):
        told.round()
    assert told.paged == [("trigger", "tidegate/late/orders")]
    summary = told.pager.bodies[0]["payload"]["summary"]
    # HIGH of itself; the products that wait for it have missed their deadlines.
    assert told.severity_of("late/orders") == "CRITICAL"
    assert told.pager.bodies[0]["payload"]["custom_details"]["partitions"] == [str(YESTERDAY)], summary
    load(YESTERDAY, "south")
    for _ in range(2):
        told.round()
    assert told.paged == [("trigger", "tidegate/late/orders"), ("resolve", "tidegate/late/orders")]
    assert told.chat.bodies == []


def new_disk_works() -> bool:
    made = subprocess.run([*NAMESPACE, "mount -t tmpfs none /mnt"], capture_output=True, check=False)
    return made.returncode == 0


NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-ec"]


@pytest.mark.skipif(
    sys.platform != "linux" or not shutil.which("unshare") or not new_disk_works(),
    reason="needs unprivileged user namespaces, for a small disk of its own",
)
def test_a_disk_that_is_nearly_full_is_posted_once_and_over_when_there_is_room(told: Told) -> None:
    """The outputs lie on a disk of 16 MB, which then grows."""
    outputs = Path(told.home.settings.outputs)
    outputs.mkdir(parents=True, exist_ok=True)
    send = f"{Path(sys.executable).with_name('tidegate')} alerts send"
    full, has_room = 'mount -t tmpfs -o size=16m none "$DISK"', 'mount -o remount,size=40g "$DISK"'
    subprocess.run(
        [*NAMESPACE, "; ".join([full, send, send, has_room, send, send])],
        env={**os.environ, **told.home.environment, "DISK": str(outputs)},
        check=True,
    )
    assert told.severity_of(f"disk/{outputs}") == "HIGH"
    of_it = [str(body) for body in told.chat.bodies if str(outputs) in str(body)]
    assert len(of_it) == 2
    assert "0.0 of 0 GB are left on the disk of outputs" in of_it[0]
    assert [key for _, key in told.paged if "disk" in key] == []
    states = told.home.query(f"select state from ops.incidents where key = 'disk/{outputs}' order by rowid")
    assert states == [("open",), ("resolved",)]


def test_a_daemon_that_was_killed_is_told_once_and_over_when_it_runs_again(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with daemon(told.home, tmp_path / "first.log") as process:
        with dagster_record(told.home.settings) as record:
            wait_for("the daemon's first heartbeat", record.daemon_seen_at)
        # Its code server as well: it would end the tick that it is at, and find no silence.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    told.round()
    assert [action for action in told.paged if "daemon" in action[1]] == [], "it was seen just now"
    # Nobody waits ten minutes here.
    monkeypatch.setattr(find_platform, "SILENCE", dt.timedelta(0))
    for _ in range(3):
        told.round()
    assert [each for each in told.paged if "daemon" in each[1]] == [("trigger", "tidegate/daemon")]
    assert told.severity_of("daemon") == "HIGH"
    with daemon(told.home, tmp_path / "second.log"):
        wait_for("the end of it", lambda: ("resolve", "tidegate/daemon") in told.paged)
    assert [each for each in told.paged if "daemon" in each[1]] == [
        ("trigger", "tidegate/daemon"),
        ("resolve", "tidegate/daemon"),
    ]
    assert len([body for body in told.chat.bodies if "daemon" in str(body).lower()]) == 2
