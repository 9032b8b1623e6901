"""`make dev` on a home of its own, and what a test asks of it without a browser.

Starting, asking and stopping the server belongs here; what a person does with mouse and keyboard is `pages`.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.runs.processes import run_tidegate
from tests.support.waiting import wait_for

# First and last day of each stretch of partitions, by status.
Stretches = dict[str, list[tuple[str, str]]]

CHECKOUT = Path(__file__).resolve().parents[3]
# `make dev` may have to install first; a start with everything in place takes about 15 s.
START_SECONDS = 300
STOP_SECONDS = 20

FINISHED_RUN = {"SUCCESS", "FAILURE", "CANCELED"}
FINISHED_BACKFILL = {"COMPLETED_SUCCESS", "COMPLETED_FAILED", "FAILED", "CANCELED"}


@dataclass(frozen=True)
class Ui:
    """Dagster's UI, as programs ask it."""

    url: str

    def graphql(self, query: str, **variables: Any) -> dict[str, Any]:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = json.load(response)
        assert "errors" not in answer, answer["errors"]
        data: dict[str, Any] = answer["data"]
        return data

    def is_up(self) -> bool:
        """Whether the code location is loaded and every daemon has given a sign of life."""
        try:
            answer = self.graphql("""{
                workspaceOrError { ... on Workspace { locationEntries { loadStatus } } }
                instance { daemonHealth { allDaemonStatuses { healthy required } } } }""")
        except OSError:
            return False
        locations = answer["workspaceOrError"]["locationEntries"]
        daemons = answer["instance"]["daemonHealth"]["allDaemonStatuses"]
        loaded = bool(locations) and all(location["loadStatus"] == "LOADED" for location in locations)
        return loaded and all(daemon["healthy"] for daemon in daemons if daemon["required"])


@dataclass(frozen=True)
class Server(Ui):
    """A running `make dev`: its address and its home."""

    home: Path
    settings: Mapping[str, str]

    def query(self, sql: str) -> list[dict[str, Any]]:
        """What `tidegate query` says, in a process of its own, as a consumer would ask."""
        done = run_tidegate(_environment(self.home, self.settings), "query", sql, "--format", "json")
        assert done.returncode == 0, done.stderr
        rows: list[dict[str, Any]] = json.loads(done.stdout)
        return rows

    def finished_run(self, run_id: str) -> str:
        """The status with which a run ended."""
        query = "query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"

        def ended() -> str | None:
            status: str = self.graphql(query, id=run_id)["runOrError"]["status"]
            return status if status in FINISHED_RUN else None

        return wait_for(f"The end of run {run_id}", ended)

    def finished_backfill(self, backfill_id: str) -> dict[str, Any]:
        """A backfill once the daemon is done with it: its status and its runs' ids."""
        query = """query($id: String!) { partitionBackfillOrError(backfillId: $id) {
            ... on PartitionBackfill { status runs(limit: 100) { id } } } }"""

        def ended() -> dict[str, Any] | None:
            backfill: dict[str, Any] = self.graphql(query, id=backfill_id)["partitionBackfillOrError"]
            return backfill if backfill["status"] in FINISHED_BACKFILL else None

        return wait_for(f"The end of backfill {backfill_id}", ended)

    def partitions_by_status(self, asset: str) -> Stretches:
        """An asset's partitions; a missing day is in no stretch."""
        query = """query($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
            assetPartitionStatuses { ... on TimePartitionStatuses { ranges { status startKey endKey } } } } } }"""
        answer = self.graphql(query, key={"path": asset.split("/")})
        return _by_status(answer["assetNodeOrError"]["assetPartitionStatuses"]["ranges"])

    def check_partitions_by_status(self, asset: str, check: str) -> Stretches:
        """The same of one of an asset's checks."""
        query = """query($key: AssetKeyInput!, $check: String!) { assetNodeOrError(assetKey: $key) {
            ... on AssetNode { assetCheckOrError(checkName: $check) { ... on AssetCheck {
                partitionStatuses { ... on AssetCheckTimePartitionStatuses { ranges { status startKey endKey } } }
            } } } } }"""
        answer = self.graphql(query, key={"path": asset.split("/")}, check=check)
        return _by_status(answer["assetNodeOrError"]["assetCheckOrError"]["partitionStatuses"]["ranges"])

    def events_of(self, run_id: str) -> list[dict[str, Any]]:
        """What a run recorded: steps, materialized assets, evaluated checks."""
        query = """query($id: ID!) { logsForRun(runId: $id) { ... on EventConnection { events {
            __typename
            ... on MessageEvent { stepKey }
            ... on MaterializationEvent { assetKey { path } partition }
            ... on AssetCheckEvaluationEvent { evaluation { checkName assetKey { path } } }
        } } } }"""
        events: list[dict[str, Any]] = self.graphql(query, id=run_id)["logsForRun"]["events"]
        return events


def _by_status(ranges: list[dict[str, str]]) -> Stretches:
    stretches: Stretches = {}
    for part in ranges:
        stretches.setdefault(part["status"], []).append((part["startKey"], part["endKey"]))
    return stretches


@contextmanager
def make_dev(home: Path, **settings: str) -> Iterator[Server]:
    """`make dev` as a person starts it, with these settings; every process of it is gone afterwards."""
    port = _free_port()
    log = home.with_suffix(".log")
    with log.open("w") as output:
        process = subprocess.Popen(
            ["make", "dev", f"PORT={port}"],
            cwd=CHECKOUT,
            env=_environment(home, settings),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_as_in_the_background,
        )
    try:
        server = Server(f"http://127.0.0.1:{port}", home, settings)
        wait_for("`make dev`", lambda: _up_or_broken(server, process, log), START_SECONDS)
        yield server
        _end_by_sigterm(process)
    finally:
        _kill_group(process)


def _as_in_the_background() -> None:
    """What a script's shell does to what it starts there."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Dagster, in the tests' own process, has it follow the other: whoever runs the tests may ignore that one.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _up_or_broken(server: Server, process: subprocess.Popen[bytes], log: Path) -> bool:
    assert process.poll() is None, f"`make dev` ended with {process.returncode}:\n{log.read_text()[-4000:]}"
    return server.is_up()


def _end_by_sigterm(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM to make alone, as a service manager sends it, ends Dagster's processes as well."""
    process.terminate()
    process.wait(STOP_SECONDS)
    wait_for("The end of every process of `make dev`", lambda: _is_gone(process), STOP_SECONDS)


def _is_gone(process: subprocess.Popen[bytes]) -> bool:
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return True
    return False


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _environment(home: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without settings of its own, which would lead to another home. What other tests parsed
    is found there: parsing takes as long as the start itself."""
    of_another = (name for name in os.environ if name.startswith(("TIDEGATE_", "DAGSTER_")))
    left_out = set(of_another) - {"TIDEGATE_PARSED"}
    kept = {name: value for name, value in os.environ.items() if name not in left_out}
    # What a person launches is what is tested; nothing else shall run beside it.
    return {**kept, "TIDEGATE_HOME": str(home), "TIDEGATE_UNATTENDED": "false", **settings}


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
