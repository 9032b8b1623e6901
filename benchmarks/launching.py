"""Runs in a row as the daemon starts them, all of one day that is published: what each took, and what the process that
they are forked from holds after it. Writes both as a line of JSON each.

TIDEGATE_HOME=HOME TIDEGATE_CODE_SERVER=127.0.0.1:PORT python -m benchmarks.launching --partition DAY --runs N --job JOB --took FILE
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from dagster import DagsterInstance

from benchmarks.processes import BIN
from tidegate.orchestration.instance.dagster_home import open_instance
from tidegate.orchestration.names import DAILY_JOB, DEFINITIONS, PROCESS_TAG
from tidegate.orchestration.partitions import partition_tags
from tidegate.orchestration.private import LOCATION, daemon_seen_at, metadata_of_code_server
from tidegate.orchestration.submitting import follow, submit
from tidegate.settings import Settings, load_settings
from tidegate.window import Window

# A busy machine takes minutes to import what they need.
START_SECONDS = 900
STOP_SECONDS = 30
POLL_SECONDS = 0.2
TICKS_OF_A_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Launch:
    """Seconds of a run: from the request until its process works, and until it ended; CPU of its process."""

    started_after: float
    ended_after: float
    cpu_seconds: float


@dataclass(frozen=True)
class Held:
    """What a process holds: its own memory (what it shares with its parent counts as well), open files, children."""

    resident_bytes: int
    files: int
    threads: int
    children: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--partition", type=dt.date.fromisoformat, required=True)
    parser.add_argument("--runs", type=int, required=True)
    parser.add_argument("--job", default=DAILY_JOB)
    parser.add_argument("--took", type=Path, required=True)
    given = parser.parse_args()
    settings = load_settings()
    with open_instance(settings) as instance, _daemon(settings, instance) as daemon:
        for _ in range(given.runs):
            launched = _launched(settings, instance, daemon, given.job, Window.of_day(given.partition))
            # At once: of two hundred runs that are broken off, those that ended are known.
            with given.took.open("a") as file:
                print(json.dumps({name: asdict(each) for name, each in launched.items()}), file=file)


def _launched(
    settings: Settings, instance: DagsterInstance, daemon: int, job: str, day: Window
) -> dict[str, Launch | Held]:
    before = _cpu_of_ended_runs(daemon)
    run = follow(instance, submit(settings, instance, job, partition_tags(day))).dagster_run
    if not run.is_success:
        raise SystemExit(f"The run {run.run_id} of {job} ended as {run.status.value}.")
    _until("the end of the run's process", lambda: not Path(f"/proc/{run.tags[PROCESS_TAG]}").exists())
    record = instance.get_run_record_by_id(run.run_id)
    assert record and record.start_time and record.end_time
    asked = record.create_timestamp.timestamp()
    # Of two the newer one: the other waits for the last of its runs.
    parent = max(_children(daemon))
    launch = Launch(record.start_time - asked, record.end_time - asked, _cpu_of_ended_runs(daemon) - before)
    return {"launch": launch, "parent": _held(parent), "daemon": _held(daemon)}


@contextlib.contextmanager
def _daemon(settings: Settings, instance: DagsterInstance) -> Iterator[int]:
    """A code server and Dagster's daemon, as a machine that runs unattended has them."""
    host, port = settings.code_server_address
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as started:
        workspace = Path(folder, "workspace.yaml")
        server = {"host": host, "port": port, "location_name": LOCATION}
        workspace.write_text(json.dumps({"load_from": [{"grpc_server": server}]}))
        serve: list[str | Path] = [
            BIN / "dagster",
            "code-server",
            "start",
            "-h",
            host,
            "-p",
            str(port),
            "-m",
            DEFINITIONS,
        ]
        started.enter_context(_process(serve))
        daemon = started.enter_context(_process([BIN / "dagster-daemon", "run", "-w", workspace]))
        _until("the code server's start", lambda: _answers(settings, instance))
        _until("the daemon's start", lambda: daemon_seen_at(instance) is not None)
        yield daemon.pid


def _answers(settings: Settings, instance: DagsterInstance) -> bool:
    try:
        metadata_of_code_server(instance, settings.code_server_address, "")
    except ConnectionError:
        return False
    return True


@contextlib.contextmanager
def _process(command: list[str | Path]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _until(what: str, is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            raise SystemExit(f"{what} did not come in {START_SECONDS} s.")
        time.sleep(POLL_SECONDS)


def _cpu_of_ended_runs(daemon: int) -> float:
    """CPU seconds of the children that the processes which runs are forked from have waited for."""
    return sum(_cpu_of_children(parent) for parent in _children(daemon))


def _children(process: int) -> list[int]:
    """Of every thread of it."""
    found = Path(f"/proc/{process}/task").glob("*/children")
    return [int(child) for file in found for child in file.read_text().split()]


def _cpu_of_children(process: int) -> float:
    # The name, in brackets, may hold blanks. Fields 16 and 17 are user and system time of children that ended.
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / TICKS_OF_A_SECOND


def _held(process: int) -> Held:
    status = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
    files = len(list(Path(f"/proc/{process}/fd").iterdir()))
    return Held(int(status["VmRSS"].split()[0]) * 1024, files, int(status["Threads"]), len(_children(process)))


if __name__ == "__main__":
    main()
