"""Which files of a home are Dagster's record, for a backup: all below its folder, as `tidegate init` lays it out."""

from __future__ import annotations

from pathlib import Path

import yaml

from tidegate.backup.record import BESIDE_DATABASES, Record
from tidegate.orchestration.history.opening import ELSEWHERE
from tidegate.settings import Settings

# What asks for runs before the runs, and these before what they did: what is copied later may know more than what was
# copied before, and never less. A sensor that forgot that it asked asks again and finds the run.
ORDER = ("dagster.yaml", "schedules", "history/runs.db", "history/runs", "storage")


def record_of(settings: Settings) -> Record:
    """The record of the home; without files where it has none."""
    home = settings.dagster_home
    files = [path for path in home.rglob("*") if path.is_file() and not path.name.endswith(BESIDE_DATABASES)]
    return Record(home, sorted(files, key=lambda path: (_rank(path.relative_to(home)), path)), _is_all_here(home))


def _rank(path: Path) -> int:
    return next((rank for rank, name in enumerate(ORDER) if path.is_relative_to(name)), len(ORDER))


def _is_all_here(home: Path) -> bool:
    config = home / "dagster.yaml"
    said = yaml.safe_load(config.read_text(encoding="utf-8")) if config.exists() else {}
    return isinstance(said, dict) and not any(key in said for key in (*ELSEWHERE, "schedule_storage"))
