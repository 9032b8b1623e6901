"""With the daemon, trouble reaches the pager once, and so does its end; no secret is anywhere."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from tests.alerting.receivers import TOKEN, Receiver, http_receiver
from tests.support.runs.daemon import daemon
from tests.support.runs.home import NewHome, TemporaryHome
from tests.support.runs.today import ZONE, days_ago
from tests.support.waiting import wait_for

from tidegate.demo.crm import Crm, Snapshots
from tidegate.demo.crm_faults import Fault
from tidegate.demo.trade import Shop
from tidegate.settings import CHECKOUT

pytestmark = pytest.mark.slow

YESTERDAY = days_ago(1)


def contracts_in(folder: Path) -> Path:
    """Of customers alone, which are given up on soon."""
    shutil.copytree(CHECKOUT / "examples" / "unattended" / "contracts", folder)
    customers = folder / "customers.odcs.yaml"
    customers.write_text(customers.read_text().replace("timeLimitSeconds, value: 600", "timeLimitSeconds, value: 2"))
    (folder / "payments.odcs.yaml").unlink()
    return folder


def alerting_in(folder: Path, pager: Receiver) -> Path:
    file = folder / "alerting.yml"
    file.write_text(
        yaml.safe_dump(
            {
                "channels": {
                    "pager": {
                        "type": "pagerduty",
                        "key_variable": "PAGER_KEY",
                        "address": pager.url.rpartition("/")[0],
                    },
                    "chat": {"type": "slack", "url_variable": "CHAT_URL"},
                },
                "routes": [{"kinds": "source", "to": ["pager", "chat"]}],
                "heartbeat": {"url_variable": "CHAT_URL", "every_minutes": 1},
            }
        )
    )
    return file


@pytest.mark.timeout(600)
def test_a_source_that_is_down_is_paged_once_and_over_when_it_is_back(
    new_home: NewHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with http_receiver() as pager, http_receiver() as chat, Crm(Snapshots(Shop(YESTERDAY, 80, 7))) as crm:
        for name, value in {"CRM_URL": crm.url, "PAGER_KEY": TOKEN, "CHAT_URL": chat.url}.items():
            monkeypatch.setenv(name, value)
        home = new_home(
            contracts=contracts_in(tmp_path / "contracts"),
            alerting=alerting_in(tmp_path, pager),
            start_date=YESTERDAY,
            timezone=ZONE,
            tick_seconds=2,
            breaker_failures=2,
            breaker_pause_seconds=10,
        )
        crm.break_by(Fault.ERRORS)
        with daemon(home, tmp_path / "daemon.log"):
            wait_for("the page", lambda: pager.bodies)
            wait_for("the post", lambda: chat.bodies)
            wait_for("the heartbeat", lambda: chat.pings)
            crm.fix()
            wait_for("the end", lambda: len(pager.bodies) > 1)
            wait_for("the end in the chat", lambda: len(chat.bodies) > 1)
        said = [(body["event_action"], body["dedup_key"]) for body in pager.bodies]
        assert said == [("trigger", "tidegate/source/customers"), ("resolve", "tidegate/source/customers")]
        assert len(chat.bodies) == 2
    incidents = home.query("select key, state from ops.incidents where kind = 'source' order by rowid")
    assert incidents[0] == ("source/customers", "open")
    assert incidents[-1] == ("source/customers", "resolved")
    assert files_with(TOKEN, home, tmp_path) == []


def files_with(secret: str, home: TemporaryHome, beside: Path) -> list[Path]:
    """The files of a home and of its daemon, logs and databases among them, that hold a text."""
    files = {path for folder in (home.settings.home, beside) for path in folder.rglob("*") if path.is_file()}
    return sorted(path for path in files if secret.encode() in path.read_bytes())
