"""The process that runs are forked from: it has imported everything, keeps nothing open and runs no thread.

    python -m tidegate.orchestration.instance.warm_parent DESCRIPTOR

The launcher (`run_launcher`) starts it and sends it ids of runs over the socket of that descriptor. Each run becomes a
process of its own, which begins with what was imported here and need not take seconds to import it again. This process
goes on until the launcher is gone and the last of its runs has ended, and puts it on record when one of them dies.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess

import duckdb
from dagster import DagsterInstance

from tidegate.lake.config import LakeConfig
from tidegate.lake.extensions import connect_with
from tidegate.machine.locks import HeldElsewhereError
from tidegate.orchestration.instance.run_locks import lock_of_the_dead, run_lock
from tidegate.orchestration.names import DEFINITIONS, LOCK_TAG, PROCESS_TAG
from tidegate.orchestration.private import NEEDED_BY_RUNS, capture_interrupts, execute_run
from tidegate.orchestration.sensors.run_keeper import end_as_died
from tidegate.settings import Settings, load_settings

_forking = get_context("fork")


def main(descriptor: int) -> None:
    # Ctrl-C in a terminal is for the launcher and for the runs.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import_everything()
    serve(Connection(descriptor))


def import_everything() -> None:
    """Import what runs need and make the definitions. What cannot be is tried again by the run, which reports it."""
    try:
        import_module(DEFINITIONS).defs.get_repository_def().load_all_definitions()
        for module in NEEDED_BY_RUNS:
            import_module(module)
        do_what_is_slow_once(load_settings())
    except Exception:
        logging.getLogger("dagster").warning("Not everything could be imported before runs start.", exc_info=True)
    # Importing DuckDB opens a database in memory, which has threads.
    duckdb.default_connection().close()
    gc.collect()
    # A look for garbage in a run would copy every page of what it shares with this process.
    gc.freeze()


def do_what_is_slow_once(settings: Settings) -> None:
    """Do what takes half a second of CPU the first time in a process, and leave nothing open."""
    # DuckDB checks an extension's signature when it loads it. That of AWS leaves threads.
    connect_with([name for name in LakeConfig.of(settings).extensions if name != "aws"]).close()
    # Dagster's storages import what they need when they are made.
    DagsterInstance.get().dispose()
    _ = settings.zone.offsets


def serve(launcher: Connection) -> None:
    """Start a process for each run that the launcher names, until it is gone and the last of them has ended."""
    runs: dict[int, tuple[str, ForkProcess]] = {}
    listening = True
    while listening or runs:
        for ready in wait([*runs, *([launcher] if listening else [])]):
            if isinstance(ready, int):
                _see_off(*runs.pop(ready))
                continue
            try:
                run_id = launcher.recv_bytes().decode()
                process = _start(_execute, run_id, launcher)
                runs[process.sentinel] = (run_id, process)
                launcher.send_bytes(b"started")
            except (EOFError, ConnectionError):
                listening = False


def _start(target: Callable[..., None], *arguments: object) -> ForkProcess:
    process = _forking.Process(target=target, args=arguments)
    process.start()
    return process


def _see_off(run_id: str, process: ForkProcess) -> None:
    """Forget a process that ended. That it died is reported by another one, since this one opens nothing."""
    process.join()
    if process.exitcode != 0:
        _start(_report_death, run_id).join()
    process.close()


def _execute(run_id: str, launcher: Connection) -> None:
    # Otherwise the launcher would not notice, for as long as this run goes on, that the process it talks to died.
    launcher.close()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with (
            capture_interrupts(),
            DagsterInstance.get() as instance,
            run_lock(load_settings().scratch, run_id) as lock,
        ):
            instance.add_run_tags(run_id, {**lock, PROCESS_TAG: str(os.getpid())})
            execute_run(instance, run_id)
    except HeldElsewhereError:
        # The launcher asked twice, since it could not know that the first process was started.
        return


def _report_death(run_id: str) -> None:
    scratch = load_settings().scratch
    with DagsterInstance.get() as instance, lock_of_the_dead(scratch, {LOCK_TAG: run_id}) as had_it:
        run = instance.get_run_by_id(run_id)
        # Without a lock it died while it began. Where another process holds the lock, the run is that one's.
        if run is not None and (had_it or LOCK_TAG not in run.tags):
            end_as_died(instance, run)


if __name__ == "__main__":
    main(int(sys.argv[1]))
