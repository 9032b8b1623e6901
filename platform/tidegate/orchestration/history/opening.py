"""Opening a home's record of Dagster, to read it: without Dagster where SQLite keeps it as `tidegate init` makes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import yaml

from tidegate.orchestration.history.record import DagsterRecord
from tidegate.orchestration.history.sqlite_record import SqliteRecord
from tidegate.orchestration.instance.dagster_home import instance_config, open_instance, refuse_unusable
from tidegate.settings import Settings

# Any of them in dagster.yaml may name another place for what is recorded, or another way to keep it.
ELSEWHERE = ("storage", "run_storage", "instance_class")

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@contextmanager
def dagster_record(settings: Settings) -> Iterator[DagsterRecord]:
    """What Dagster recorded in the home. Raises TidegateError where the home has no instance that can be opened."""
    refuse_unusable(settings)
    record = _sqlite_record(settings)
    if record is not None and record.is_known():
        yield record
        return
    from tidegate.orchestration.history.instance_record import InstanceRecord

    with open_instance(settings) as instance:
        yield InstanceRecord(instance)


def _sqlite_record(settings: Settings) -> SqliteRecord | None:
    """The record in SQLite; None where dagster.yaml says something else than `tidegate init` writes."""
    config = yaml.load((settings.dagster_home / "dagster.yaml").read_bytes(), _Loader)  # noqa: S506 - a safe loader
    if not isinstance(config, Mapping) or any(key in config for key in ELSEWHERE):
        return None
    ours = instance_config(settings)["event_log_storage"]
    if config.get("event_log_storage") != ours:
        return None
    history = settings.dagster_home / "history"
    ticks = settings.dagster_home / "schedules" / "schedules.db"
    return SqliteRecord(history / "runs.db", history / "runs" / "index.db", ticks)
