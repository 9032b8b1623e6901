"""A real server of Spark Connect for tests: Sail, which needs no JVM, or the Spark that a variable names; and models
that it makes."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.servers import free_port
from tests.support.waiting import wait_for

from tidegate.settings import CHECKOUT

START_SECONDS = 60.0

# The address of a Spark, which takes a JVM: tests that compare contents ask it as well.
A_SPARK = os.environ.get("TIDEGATE_TEST_SPARK", "")

# Of the demo's models those that both engines make.
ON_SPARK = ("stg_orders", "int_orders", "daily_sales_by_category", "daily_sales_by_region", "daily_sales")


def write_project_on_spark(folder: Path, more: str = "") -> None:
    """The demo's dbt project, with models that Spark makes where there is one; `more` is of each of them."""
    shutil.copytree(CHECKOUT / "dbt_project", folder, symlinks=False, ignore=shutil.ignore_patterns("target", "logs"))
    for name in ON_SPARK:
        (yaml,) = folder.glob(f"models/*/{name}.yml")
        yaml.write_text(yaml.read_text().replace("tidegate: {", f"tidegate: {{engine: spark, {more}", 1))


@dataclass
class Spark:
    address: str
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def sail(environment: Mapping[str, str] | None = None) -> Iterator[Spark]:
    """A server; `environment` names the S3 server whose objects it reads."""
    port = free_port()
    command = [str(Path(sys.executable).with_name("sail")), "spark", "server", "--ip", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(
        command,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for("The start of Sail", lambda: _listens(port), START_SECONDS)
        yield Spark(f"sc://127.0.0.1:{port}", process)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


@pytest.fixture(scope="module")
def spark() -> Iterator[str]:
    """The address of the one that a variable names, or of Sail."""
    if A_SPARK:
        yield A_SPARK
        return
    with sail() as server:
        yield server.address


def _listens(port: int) -> bool | None:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return None
    return True
