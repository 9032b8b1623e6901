"""Processes that do what a test wants done beside it: runs to be killed, runs at once, a reader that never rests.

Each is forked from a server that has imported everything and opened nothing, so it starts working at once.
"""

from __future__ import annotations

import ctypes
import datetime as dt
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, Self

from tests.support.examples import THOROUGH
from tests.support.runs.home import TemporaryHome

from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake
from tidegate.ledger.upkeep.opening import open_lake

# What `tidegate run` imports on its way, seconds of it.
IMPORTED_ONCE = [
    "tidegate.cli",
    "tidegate.cli.tour",
    "tidegate.orchestration.instance.event_log",
    "tidegate.transform.lake_plugin",
    "dagster._core.execution.execute_in_process",
    "dagster._core.instance.factory",
    "dagster._core.instance.runs.run_domain",
    "dagster._core.storage.local_compute_log_manager",
    "dagster._core.storage.root",
    "dagster._core.storage.runs.sqlite",
    "dagster._core.storage.schedules.sqlite",
    "dagster._daemon.daemon",
    "dbt.adapters.duckdb.environments.local",
    "dbt.task.run",
    "dbt.task.test",
    "rich.progress",
    "sqlite3.dbapi2",
]

MARTS = ("daily_sales", "daily_sales_by_category", "daily_sales_by_region", "orders_daily_summary")

# Without a rest, one who looks takes as much CPU as all that is looked at.
READER_RESTS = 0 if THOROUGH else 0.2

# Per mart: its name, revenue, number of rows and digest.
Served = tuple[tuple[str, str, int, str], ...]

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(IMPORTED_ONCE)


@dataclass
class Process:
    """A process in a group of its own, with what it prints in a file. Leaving its `with` ends it, so that none goes on
    after a test that failed."""

    process: ForkServerProcess
    log: Path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """SIGKILL to all of it, as a machine that dies does it. One that has ended stays as it is."""
        if self.process.is_alive() and self.process.pid is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.join()

    def signal(self, number: signal.Signals) -> None:
        """As Ctrl-C or a service manager sends one, to the process alone."""
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    def ended_within(self, seconds: float) -> bool:
        self.process.join(seconds)
        return not self.process.is_alive()

    def exit_code(self) -> int:
        self.process.join()
        assert self.process.exitcode is not None
        return self.process.exitcode

    def printed(self) -> str:
        return self.log.read_text(encoding="utf-8")


class Reader(Process):
    """A process that reads `serving` all the time."""

    def stop(self) -> tuple[int, set[Any]]:
        """How often it read, and what it saw. Fails when a read failed."""
        self.process.terminate()
        assert self.exit_code() == 0, self.printed()
        told = json.loads(self.printed())
        return told["reads"], {tuple(tuple(mart) for mart in seen) for seen in told["seen"]}


def start_tidegate(home: TemporaryHome, log: Path, *arguments: str) -> Process:
    """`tidegate <arguments>` on this home."""
    return start(_tidegate, log, home.environment, list(arguments))


def run_tidegate(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """`tidegate <arguments>` in this environment, until it ended; what it says as an error is kept apart."""
    with tempfile.TemporaryDirectory() as folder:
        log, errors = Path(folder, "out"), Path(folder, "err")
        process = start(_tidegate, log, dict(environment), list(arguments), str(errors))
        code = process.exit_code()
        return subprocess.CompletedProcess(arguments, code, process.printed(), errors.read_text(encoding="utf-8"))


def start_reader(home: TemporaryHome, look: Callable[[Lake], Any], log: Path) -> Reader:
    """A consumer that looks over and over until it is stopped. `look`, which can be imported, says a tuple a mart."""
    started = start(_read_on_and_on, log, home.home.lake_config, look)
    return Reader(started.process, started.log)


def served(lake: Lake, day: dt.date) -> Served:
    """What a consumer sees of a day, in one statement: a digest of each mart, and the day's revenue by each."""
    marts = " union all ".join(
        f"select '{mart}' as mart, coalesce(sum(net_revenue), 0)::varchar as revenue, count(*) as mart_rows, "
        f"coalesce(bit_xor(hash(t)), 0)::varchar as digest from serving.{mart} as t where order_date = '{day}'"
        for mart in MARTS
    )
    return tuple(lake.con.execute(f"{marts} order by mart").fetchall())


def start(target: Callable[..., None], log: Path, *arguments: object) -> Process:
    """`target`, a function that can be imported, in a process of its own; what it prints goes into `log`."""
    ready, told = _processes.Pipe(duplex=False)
    process = _processes.Process(target=_in_a_group_of_its_own, args=(target, str(log), told, *arguments))
    process.start()
    # Until it leads a group, killing the group would miss it.
    ready.recv()
    return Process(process, log)


def _in_a_group_of_its_own(target: Callable[..., None], log: str, told: Connection, *arguments: object) -> None:
    os.setsid()
    _end_with_parent()
    sys.stdout.flush()
    output = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    told.send(None)
    target(*arguments)


def _end_with_parent() -> None:
    """Nor does it outlive the tests: the server that it is forked from ends with them."""
    if sys.platform == "linux":
        set_death_signal = 1  # PR_SET_PDEATHSIG in linux/prctl.h
        ctypes.CDLL(None).prctl(set_death_signal, signal.SIGKILL)


def _read_on_and_on(config: LakeConfig, look: Callable[[Lake], Any]) -> None:
    told_to_stop: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: told_to_stop.append(number))
    seen, reads = set(), 0
    while not told_to_stop:
        time.sleep(READER_RESTS)
        # As a dashboard that stays connected, and as one that connects for every look.
        with open_lake(config, read_only=True) as lake:
            for _ in range(10):
                seen.add(look(lake))
                reads += 1
    print(json.dumps({"reads": reads, "seen": sorted(seen)}))


def _tidegate(environment: dict[str, str], arguments: list[str], errors: str | None = None) -> None:
    from tidegate.cli import app

    if errors:
        os.dup2(os.open(errors, os.O_CREAT | os.O_WRONLY), 2)
    os.environ.clear()
    os.environ.update(environment)
    app(arguments)
