"""Dagster's daemon on a home, as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.runs.home import TemporaryHome

from tidegate.settings import CHECKOUT


@contextmanager
def daemon(home: TemporaryHome, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Dagster's daemon, as `make dev` and a deployment run it, in a group of its own with its code server."""
    assert home.runner.instance, "makes the home, as `tidegate init` does"
    command = [str(Path(sys.executable).with_name("dagster-daemon")), "run", "-m", "tidegate.definitions"]
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command,
            env={**os.environ, **home.environment},
            cwd=CHECKOUT,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
        try:
            yield process
        except BaseException:
            stream.flush()
            print(log.read_text()[-20_000:])
            raise
        finally:
            process.terminate()
            process.wait(timeout=60)
