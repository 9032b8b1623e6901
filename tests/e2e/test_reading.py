"""A command that reads makes and changes nothing, in a home that is there too."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.test_app import READING, tidegate
from tests.support.runs.home import TemporaryHome

# SQLite's own marks of who reads, and who opened Dagster's instance last.
MARKS = ("-shm", "-wal", ".holder")


def content(folder: Path) -> dict[Path, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(MARKS)]
    return {path: path.read_bytes() for path in files}


@pytest.mark.slow
def test_a_command_that_reads_changes_nothing(temporary_home: TemporaryHome, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in temporary_home.environment.items():
        monkeypatch.setenv(name, value)
    before = content(temporary_home.settings.home)
    # The shell is a program of its own, and so is nothing that this process comes back from.
    for command in READING:
        if command != "shell":
            assert "Traceback" not in tidegate(*command.split()).output
    assert "Deliveries: none yet" in tidegate("status").output
    assert content(temporary_home.settings.home) == before
