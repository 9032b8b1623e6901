"""Deliveries that a Python function makes for a day: the files that it leaves go into the archive.

The function runs in a process of its own, which ends with it and can be ended when the time is over. What is called how
belongs to `python.work`.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tidegate.addresses import hiding
from tidegate.archive.archive import Archive
from tidegate.archive.manifest import Captured
from tidegate.contract.python import PythonServer
from tidegate.errors import IncompleteError, SourceDownError, TidegateError
from tidegate.placeholders import Moments
from tidegate.sources.origin import Outside

# What may pass is tried again after 1 and 2 seconds; a run that fails is tried again later, and by the breaker's clock.
ATTEMPTS = 3
FIRST_PAUSE_SECONDS = 1.0

# Also in `work`, which is not imported here: it runs in another process.
OUTCOME = "outcome.json"
_KEPT = "What was loaded before stays."


@dataclass(frozen=True)
class PythonOrigin:
    """A function that is asked for a day. `modules` is the folder that its module is imported from."""

    region: str
    server: PythonServer
    outside: Outside
    moments: Moments
    modules: Path

    def describe(self, day: dt.date) -> str:
        return f"{self.server.function} for {day}"

    def capture(self, archive: Archive, source: str, day: dt.date) -> Captured | None:
        with tempfile.TemporaryDirectory(prefix="tidegate-", ignore_cleanup_errors=True) as folder:
            names = self._asked("rows", self.server.function, [day], folder)
            if names is None:
                return None
            files = [archive.adopt(name, Path(folder) / name) for name in names]
            return archive.enter(source, self.region, day, files)

    def ask(self, day: dt.date) -> None:
        """Whether the function is there and can be called; it is not."""
        with tempfile.TemporaryDirectory(prefix="tidegate-") as folder:
            self._asked("look", self.server.function, [day], folder)

    def _asked(self, do: str, function: str, days: Iterable[dt.date], folder: str) -> Any:
        """What the process answers, tried again while that may help. Raises as `capture` does."""
        ends_at = time.monotonic() + self.server.time_limit_seconds
        task = {
            "do": do,
            "function": function,
            "days": [self._facts_of(day) for day in days],
            "region": self.region,
            "folder": folder,
            "modules": str(self.modules),
        }
        for attempt in range(1, ATTEMPTS + 1):
            outcome = self._run(task, ends_at - time.monotonic())
            if "error" not in outcome:
                return outcome["answer"]
            error = self._as_error(function, outcome["error"], attempt)
            pause = FIRST_PAUSE_SECONDS * (1 << (attempt - 1))
            if not isinstance(error, SourceDownError) or attempt == ATTEMPTS or time.monotonic() + pause >= ends_at:
                raise error
            time.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _facts_of(self, day: dt.date) -> Mapping[str, str]:
        start, end = self.moments.bounds_of(day)
        return {"day": day.isoformat(), "start": start.isoformat(), "end": end.isoformat()}

    def _run(self, task: Mapping[str, Any], seconds: float) -> Mapping[str, Any]:
        needed = {name: self.outside.variable(name, f"which {task['function']} needs") for name in self.server.needs}
        command = [sys.executable, "-m", "tidegate.sources.python.work"]
        try:
            with self._printed() as printed:
                done = subprocess.run(  # noqa: S603 - our own module; what it calls is named by the contract
                    command,
                    input=json.dumps(task).encode(),
                    timeout=max(seconds, 0.001),
                    env={**os.environ, **needed},
                    check=False,
                    stdout=subprocess.DEVNULL,
                    stderr=printed,
                )
        except subprocess.TimeoutExpired:
            raise SourceDownError(
                f"{task['function']} did not end within {self.server.time_limit_seconds:,} s (timeLimitSeconds in the "
                "contract) and was stopped."
            ) from None
        try:
            outcome: Mapping[str, Any] = json.loads((Path(task["folder"]) / OUTCOME).read_bytes())
        except (OSError, ValueError):
            raise TidegateError(
                f"{task['function']} ended its process (exit code {done.returncode}) before it was done. {_KEPT} "
                "Look at what it printed, and run again."
            ) from None
        return outcome

    @contextlib.contextmanager
    def _printed(self) -> Iterator[IO[bytes]]:
        """Where the process prints to. It is printed here once that ended, without secrets: it goes into logs."""
        with tempfile.TemporaryFile() as printed:
            try:
                yield printed
            finally:
                printed.seek(0)
                for line in printed:
                    sys.stderr.write(hiding(line.decode("utf-8", "replace"), self._secrets))

    def _as_error(self, function: str, told: Mapping[str, Any], attempt: int) -> TidegateError:
        says = self._without_secrets(f"{told['kind']}: {told['says']}" if not told["ours"] else str(told["says"]))
        at = f" at {told['file']}:{told['line']}" if told["file"] else ""
        if told["incomplete"]:
            return IncompleteError(f"{function} says that the day is not complete: {says}. {_KEPT}")
        if told["passing"]:
            times = "once" if attempt == 1 else f"{attempt} times"
            return SourceDownError(f"{function} was called {times}. The last time it failed{at}: {says}.")
        return TidegateError(f"{function} failed{at}: {says}. {_KEPT} Fix it, and run again.")

    def _without_secrets(self, text: str) -> str:
        return hiding(text, self._secrets).rstrip(". ")

    @property
    def _secrets(self) -> list[str]:
        return [self.outside.environment.get(name, "").strip() for name in self.server.needs]


@dataclass(frozen=True)
class ReadyPythonOrigin(PythonOrigin):
    """A function with another one beside it that says whether a day is complete."""

    def capture(self, archive: Archive, source: str, day: dt.date) -> Captured | None:
        if day not in self.ready_days([day]):
            raise IncompleteError(
                f"{self.server.ready} does not say yet that {day} is complete. {_KEPT} Run again when it does."
            )
        return super().capture(archive, source, day)

    def ready_days(self, days: Iterable[dt.date]) -> dict[dt.date, str]:
        """Those of `days` that are complete, each with a fingerprint of what is said of it."""
        with tempfile.TemporaryDirectory(prefix="tidegate-") as folder:
            said: Mapping[str, str | None] = self._asked("ready", self.server.ready or "", days, folder)
        return {
            dt.date.fromisoformat(day): hashlib.sha256(state.encode()).hexdigest()
            for day, state in said.items()
            if state is not None
        }
