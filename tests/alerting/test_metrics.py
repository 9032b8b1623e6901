"""Metrics say what the ledger and Dagster's record do, at any time; Prometheus itself reads them and their rules."""

from __future__ import annotations

import datetime as dt
import json
import re
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.alerting.receivers import Receiver, http_receiver
from tests.alerting.sick import Sick
from tests.support.runs.today import TODAY, at, days_ago
from tests.support.runs.watched import NOW
from tests.support.servers import free_port
from tests.support.waiting import wait_for

from tidegate.alerting.metrics.family import Family
from tidegate.alerting.metrics.gather import gather
from tidegate.alerting.metrics.serve import page, serve
from tidegate.alerting.operations import FailingSource, Operations, SensorTicks
from tidegate.alerting.trouble import Kind
from tidegate.ledger.alerts import AlertRecord, record_alerts
from tidegate.ledger.entries import utc_now
from tidegate.ledger.runs import PipelineRun, record_pipeline_runs
from tidegate.settings import CHECKOUT
from tidegate.window import Cadence, Window

DEPLOY = CHECKOUT / "deploy"
MINUTE = dt.timedelta(minutes=1)

Values = dict[tuple[str, ...], float]


def metrics(sick: Sick, now: dt.datetime = NOW) -> list[Family]:
    with sick.home.lake() as lake:
        return gather(sick.home, lake, sick.operations, now)


def values(sick: Sick, name: str, now: dt.datetime = NOW) -> Values:
    (found,) = (each for each in metrics(sick, now) if each.name == f"tidegate_{name}")
    return {tuple(labels.values()): value for labels, value in found.samples}


def trouble(sick: Sick) -> None:
    """A home in which something of everything happened."""
    now = utc_now()
    sick.contract("orders", published_by=dt.time(6))
    sick.promise(dt.time(9))
    day = Window.of_day(days_ago(2))
    sick.deliver(day.days)
    sick.watched.publish(day)
    sick.deliver([days_ago(1)], "customers", verdict="rejected", reason="rejected.")
    sick.operations = Operations(
        sources={"customers": FailingSource("customers", 3, "open")},
        daemon_seen_at=NOW - MINUTE,
        sensors=[SensorTicks("days_due", NOW, NOW - 2 * MINUTE)],
        unfinished={"queued": 2, "started": 1},
    )
    run = PipelineRun("r", "daily", None, None, "success", now, now, 7.0, 3)
    alert = AlertRecord("a", "mail", "s", "trigger", "d", "HIGH", "{}", "waiting", 2, "no", now, now)
    with sick.home.lake() as lake:
        lake.unit_of_work(lambda con: record_pipeline_runs(con, [run]))
        lake.unit_of_work(lambda con: record_alerts(con, [alert]))
    sick.kinds = frozenset({Kind.rejected})
    sick.look()


@pytest.mark.slow
def test_products_and_sources(sick: Sick) -> None:
    trouble(sick)
    product = next(each.product for each in sick.home.products_of(Cadence.daily) if each.are_made_of("customers"))
    at_eight = at(TODAY, dt.time(8))
    assert values(sick, "product_deadline_seconds", at_eight)[product, "daily"] == 3600
    assert values(sick, "product_deadline_seconds", at(TODAY, dt.time(10)))[product, "daily"] == -3600
    assert values(sick, "product_published_partitions")[product, "daily"] == 1
    assert values(sick, "product_newest_age_seconds", at_eight)[product, "daily"] == 32 * 3600
    assert values(sick, "product_held_partitions")[product,] == 1
    regions = len(sick.home.contracts["orders"].regions)
    assert values(sick, "source_rows_loaded_total")["orders",] == 10 * regions
    assert values(sick, "source_deliveries_rejected_total") == {("customers",): 1, ("orders",): 0}
    assert values(sick, "source_lateness_seconds", at_eight) == {("orders",): 2 * 3600}
    assert values(sick, "source_breaker_open") == {("customers",): 1, ("orders",): 0}


def test_a_day_that_is_published_early_is_waited_for_no_more(sick: Sick) -> None:
    trouble(sick)
    week = Window(days_ago(9), TODAY)
    sick.deliver(week.days)
    sick.watched.publish(week)
    product = next(iter(sick.home.products_of(Cadence.daily))).product
    assert values(sick, "product_deadline_seconds", at(TODAY, dt.time(8)))[product, "daily"] == 25 * 3600


@pytest.mark.slow
def test_the_platform(sick: Sick) -> None:
    trouble(sick)
    assert values(sick, "runs_total") == {("daily", "success"): 1}
    assert values(sick, "run_newest_seconds") == {("daily", "success"): 7}
    assert values(sick, "runs_unfinished") == {("queued",): 2, ("started",): 1}
    assert values(sick, "daemon_heartbeat_age_seconds") == {(): 60}
    assert values(sick, "sensor_tick_age_seconds") == {("days_due",): 120}
    assert sum(values(sick, "incidents").values()) == 1
    assert values(sick, "alerts_failed_total") == {("mail",): 2}
    assert values(sick, "alerts_waiting") == {("mail",): 1}
    sizes = [values(sick, name)[()] for name in ("lake_files", "lake_bytes", "lake_snapshots", "catalog_bytes")]
    assert min(sizes) > 0


def test_where_the_ledger_cannot_be_read_the_server_says_so(sick: Sick) -> None:
    said: list[str] = []

    def fail() -> list[Family]:
        raise OSError("no disk")

    assert "tidegate_up 0.0" in page(fail, said.append)
    assert said == ["OSError: no disk"]


def queries() -> list[str]:
    board = json.loads((DEPLOY / "grafana" / "tidegate.json").read_text())
    return [target["expr"] for panel in board["panels"] for target in panel["targets"]]


def test_rules_and_dashboard_name_metrics_that_there_are(sick: Sick) -> None:
    trouble(sick)
    known = {each.name for each in metrics(sick)}
    rules = yaml.safe_load((DEPLOY / "prometheus" / "tidegate.rules.yml").read_text())["groups"][0]["rules"]
    named = {
        name for text in (*queries(), *(rule["expr"] for rule in rules)) for name in re.findall(r"tidegate_\w+", text)
    }
    assert named <= known
    page_text = (CHECKOUT / "docs" / "on-call.md").read_text().lower()
    for rule in rules:
        heading = rule["annotations"]["runbook"].partition("#")[2].replace("-", " ")
        assert f"## {heading}\n" in page_text


@contextmanager
def prometheus(folder: Path, port: int, telling: int | None = None) -> Iterator[str]:
    """The address of a real Prometheus that scrapes a port every second. Telling an Alertmanager, its rules wait for
    nothing."""
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    rules = yaml.safe_load((DEPLOY / "prometheus" / "tidegate.rules.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["scrape_configs"][0]["static_configs"] = [{"targets": [f"127.0.0.1:{port}"]}]
    config["rule_files"] = [str(folder / "rules.yml")]
    if telling:
        config["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{telling}"]}]}]}
        for rule in rules["groups"][0]["rules"]:
            rule["for"] = "0s"
    (folder / "rules.yml").write_text(yaml.safe_dump(rules))
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    listens = free_port()
    command = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    with subprocess.Popen(
        [*command, f"--web.listen-address=127.0.0.1:{listens}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield f"http://127.0.0.1:{listens}/api/v1/query"
        finally:
            process.terminate()


@contextmanager
def alertmanager(folder: Path, receiver: Receiver) -> Iterator[int]:
    """The port of a real Alertmanager that tells a webhook, at once."""
    route = {"receiver": "it", "group_by": ["alertname"], "group_wait": "0s", "group_interval": "1s"}
    receivers = [{"name": "it", "webhook_configs": [{"url": receiver.url}]}]
    (folder / "alertmanager.yml").write_text(yaml.safe_dump({"route": route, "receivers": receivers}))
    subprocess.run(["amtool", "check-config", str(folder / "alertmanager.yml")], check=True, capture_output=True)
    listens = free_port()
    # Without a cluster, whose port would be a fixed one.
    command = ["prometheus-alertmanager", f"--config.file={folder}/alertmanager.yml", "--cluster.listen-address="]
    command += [f"--storage.path={folder}/alerts", f"--web.listen-address=127.0.0.1:{listens}"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield listens
        finally:
            process.terminate()


def asked(address: str, query: str) -> list[Any]:
    with urllib.request.urlopen(f"{address}?{urllib.parse.urlencode({'query': query})}") as answer:
        found: list[Any] = json.load(answer)["data"]["result"]
    return found


def found(address: str, query: str) -> list[Any]:
    """What a query finds, once it finds something."""

    def ask() -> list[Any]:
        try:
            return asked(address, query)
        except OSError:
            # It is starting.
            return []

    return wait_for(f"An answer to {query}", ask)


@pytest.mark.system
def test_prometheus_scrapes_it_and_every_query_of_the_dashboard_finds_data(sick: Sick, tmp_path: Path) -> None:
    trouble(sick)
    port = serve(lambda: metrics(sick, dt.datetime.now(dt.UTC)), print, "127.0.0.1", 0)
    with prometheus(tmp_path, port) as address:
        # An increase needs two scrapes.
        found(address, "count_over_time(tidegate_up[1m]) > 2")
        assert [query for query in queries() if not found(address, query)] == []
        alerts = {each["metric"]["alertname"] for each in found(address, "ALERTS")}
    assert "TidegateSourceFailing" in alerts


def told(receiver: Receiver, status: str, name: str) -> list[dict[str, Any]]:
    """The alerts of a rule that arrived with a status, once there are any."""

    def arrived() -> list[dict[str, Any]]:
        alerts = [alert for body in list(receiver.bodies) for alert in body["alerts"]]
        return [each for each in alerts if (each["status"], each["labels"]["alertname"]) == (status, name)]

    return wait_for(f"The arrival of {name} as {status}", arrived)


@pytest.mark.system
def test_alertmanager_tells_what_a_rule_says_and_when_it_is_over(sick: Sick, tmp_path: Path) -> None:
    trouble(sick)
    port = serve(lambda: metrics(sick, dt.datetime.now(dt.UTC)), print, "127.0.0.1", 0)
    with http_receiver() as receiver, alertmanager(tmp_path, receiver) as telling, prometheus(tmp_path, port, telling):
        (firing, *_) = told(receiver, "firing", "TidegateSourceFailing")
        assert (firing["labels"]["source"], firing["labels"]["severity"]) == ("customers", "warning")
        assert firing["annotations"]["runbook"] == "docs/on-call.md#a-source-is-failing"
        sick.operations = Operations(daemon_seen_at=NOW)
        (over, *_) = told(receiver, "resolved", "TidegateSourceFailing")
    assert over["labels"] == firing["labels"]


@pytest.mark.system
def test_every_rule_is_sound_and_fires() -> None:
    folder = DEPLOY / "prometheus"
    rules = yaml.safe_load((folder / "tidegate.rules.yml").read_text())["groups"][0]["rules"]
    tests = yaml.safe_load((folder / "tidegate.tests.yml").read_text())["tests"]
    tested = {each["alertname"] for test in tests for each in test["alert_rule_test"]}
    assert tested == {rule["alert"] for rule in rules}
    for command in ("check config prometheus.yml", "check rules tidegate.rules.yml", "test rules tidegate.tests.yml"):
        subprocess.run(["promtool", *command.split()], cwd=folder, check=True, capture_output=True)


@pytest.mark.system
def test_promtool_finds_nothing_wrong_with_the_metrics(sick: Sick) -> None:
    trouble(sick)
    text = page(lambda: metrics(sick), print)
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
