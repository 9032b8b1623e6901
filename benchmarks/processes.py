"""Running a command as a whole process, and what it took. What is run belongs to `contenders`."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

BIN = Path(sys.executable).parent
LINES_OF_LOG_SHOWN = 40


@dataclass(frozen=True)
class Command:
    argv: Sequence[str]
    env: Mapping[str, str]
    folder: Path


@dataclass(frozen=True)
class Measured:
    """Wall clock, CPU of the process and its children, and the resident memory of the largest of them."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int


class FailedError(Exception):
    """A contender failed, or published something else than the others."""


def run(commands: Sequence[Command], log: Path) -> Measured:
    """Run one after the other; raises FailedError with the end of the log when one fails."""
    parts = [_run(command, log) for command in commands]
    return Measured(
        sum(part.seconds for part in parts),
        sum(part.cpu_seconds for part in parts),
        max((part.peak_bytes for part in parts), default=0),
    )


def _run(command: Command, log: Path) -> Measured:
    with log.open("ab") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            command.argv,
            env=_environment(command.env),
            cwd=command.folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        # Only wait4 tells what this child and its own children took.
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        shown = "\n".join(log.read_text(errors="replace").splitlines()[-LINES_OF_LOG_SHOWN:])
        raise FailedError(f"{' '.join(command.argv)} failed with exit code {process.returncode}:\n{shown}")
    return Measured(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def _environment(env: Mapping[str, str]) -> dict[str, str]:
    """This environment with the virtual one active, and without what would change a contender, as another home's settings."""
    changes_them = ("TIDEGATE_", "DAGSTER_", "DBT_", "PYTHONDONTWRITEBYTECODE")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(changes_them)}
    path = os.pathsep.join([str(BIN), *os.get_exec_path()])
    return {**inherited, "PATH": path, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", **env}


def in_child(function: Callable[..., T], *arguments: object) -> T:
    """`function(*arguments)` in a process of its own: Linux counts the memory of this one as that of what it starts."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()
