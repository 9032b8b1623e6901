"""Starts the daemon's runs: each a process that is forked from one that has imported everything already.

With Dagster's own launcher a run begins by importing what it needs, several seconds of CPU. Here `warm_parent` has done
so once. It is started with the first run, and again whenever it died or what it imported is no longer what is on the
disk: a run is always of the code, the contracts and the dbt project as they are when it is launched.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Iterator
from multiprocessing import Pipe
from pathlib import Path

from dagster import DagsterRun, DefaultRunLauncher

from tidegate.errors import TidegateError
from tidegate.machine.background import started
from tidegate.orchestration.instance.private import ConfigurableClassData, LaunchRunContext
from tidegate.orchestration.instance.run_locks import is_locked
from tidegate.orchestration.names import DEFINITIONS, PROCESS_TAG
from tidegate.settings import Settings, load_settings
from tidegate.transform.parsed.files import project_files

WARM_PARENT = "tidegate.orchestration.instance.warm_parent"
PACKAGE = Path(__file__).parents[2]

# It imports for three seconds, or ten times that on a busy machine, before it answers for the first time.
PATIENCE_SECONDS = 120

# What lies on the disk: path, modification time and size of each file.
State = frozenset[tuple[str, int, int]]


class WarmParent:
    """The process that runs are forked from, as the launcher sees it. Without its launcher it ends after its runs."""

    def __init__(self, imported: State) -> None:
        self._imported = imported
        self._socket, its_socket = Pipe()
        with its_socket:
            command = [sys.executable, "-m", WARM_PARENT, str(its_socket.fileno())]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[its_socket.fileno()])  # noqa: S603

    def has(self, state: State) -> bool:
        return self._imported == state and self._process.poll() is None

    def fork(self, run_id: str) -> None:
        """Start the process of a run. Raises OSError or EOFError when there is no answer, be it started or not."""
        self._socket.send_bytes(run_id.encode())
        if not self._socket.poll(PATIENCE_SECONDS):
            self._process.kill()
            raise TimeoutError
        self._socket.recv_bytes()

    def let_go(self) -> None:
        """Ask for no more runs. It ends after the last one, which somebody has to wait for."""
        self._socket.close()
        started(self._process.wait, "the end of a warm parent")


class ForkingRunLauncher(DefaultRunLauncher):
    """Forks runs of Tidegate's definitions; starts others, and all where the settings say so, as Dagster does."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(inst_data)
        self._parent: WarmParent | None = None
        self._one_at_a_time = threading.Lock()

    def launch_run(self, context: LaunchRunContext) -> None:
        run, settings = context.dagster_run, load_settings()
        if may_be_forked(run, settings):
            if self._fork(run.run_id, settings):
                return
            self._instance.report_engine_event("This run could not be forked. It starts as Dagster does it.", run)
        super().launch_run(context)

    def _fork(self, run_id: str, settings: Settings) -> bool:
        """Whether the run has a process now. Where the parent died, another one is asked once more."""
        for _ in range(2):
            with self._one_at_a_time:
                try:
                    self._parent_of(state_on_disk(settings)).fork(run_id)
                except (OSError, EOFError, TidegateError):
                    # A project that cannot be read is reported by the run itself.
                    self.dispose()
                else:
                    return True
        return False

    def _parent_of(self, state: State) -> WarmParent:
        if self._parent is None or not self._parent.has(state):
            self.dispose()
            self._parent = WarmParent(state)
        return self._parent

    def terminate(self, run_id: str) -> bool:
        """Ask the process of a run to end. False: it did already."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished or PROCESS_TAG not in run.tags:
            return bool(super().terminate(run_id))  # type: ignore[no-untyped-call]
        self._instance.report_run_canceling(run)
        # While it holds its lock no other process can have its id.
        if not is_locked(load_settings().scratch, run.tags):
            return False
        os.kill(int(run.tags[PROCESS_TAG]), signal.SIGINT)
        return True

    def dispose(self) -> None:
        if self._parent is not None:
            self._parent.let_go()
            self._parent = None
        super().dispose()


def may_be_forked(run: DagsterRun, settings: Settings) -> bool:
    """Whether the run is of definitions and an interpreter that the parent has. Forking what has imported is safe on
    Linux, and not where Python itself no longer does so."""
    origin = run.job_code_origin
    if settings.run_launcher != "forked" or sys.platform != "linux" or origin is None:
        return False
    code = origin.repository_origin
    return code.executable_path == sys.executable and getattr(code.code_pointer, "module", None) == DEFINITIONS


def state_on_disk(settings: Settings) -> State:
    """Everything that a process reads once and keeps: code, contracts, the dbt project and how it was parsed."""
    return frozenset(
        (str(path), status.st_mtime_ns, status.st_size) for path in _read_once(settings) for status in [path.stat()]
    )


def _read_once(settings: Settings) -> Iterator[Path]:
    for folder in (PACKAGE, settings.contracts):
        yield from (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    yield from project_files(settings.dbt_project)
    # An installation adds or renames folders there.
    yield Path(sysconfig.get_path("purelib"))
    # Settings, and where a home keeps its parsed project: whoever deletes that has runs parse it again. Where homes
    # share a folder for it, states of others come and go.
    kept = () if settings.parsed else (settings.parsed_projects,)
    yield from (path for path in (Path(".env"), *kept) if path.exists())
