"""Names of Dagster that it does not promise, for what dagster.yaml names: the event log that writes in batches
(`event_log`), what a launcher of runs is given and answers (`run_launcher`, `workers`), and the tables that `retention`
deletes from.

Dagster offers the hooks, but no storage and none of these types is public. They stand apart from the other private
names (`orchestration.private`), because they load SQLAlchemy and Alembic: a quarter of a second of CPU, which only an
open instance needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from alembic.config import Config
from alembic.script import ScriptDirectory
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS, EVENT_TYPE_TO_PIPELINE_RUN_STATUS
from dagster._core.execution.backfill import BULK_ACTION_TERMINAL_STATUSES
from dagster._core.launcher import CheckRunHealthResult, LaunchRunContext, WorkerStatus
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    AssetEventTagsTable,
    AssetKeyTable,
    SqlEventLogStorageTable,
)
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._core.storage.runs.schema import RunsTable, RunTagsTable
from dagster._core.storage.runs.sql_run_storage import SqlRunStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData

__all__ = [
    "ASSET_CHECK_EVENTS",
    "ASSET_EVENTS",
    "BULK_ACTION_TERMINAL_STATUSES",
    "EVENT_TYPE_TO_PIPELINE_RUN_STATUS",
    "INDEX_SHARD_NAME",
    "SQLITE_BUSY_TIMEOUT_SECONDS",
    "AssetCheckExecutionRecordStatus",
    "AssetCheckExecutionsTable",
    "AssetEventTagsTable",
    "AssetKeyTable",
    "CheckRunHealthResult",
    "ConfigurableClassData",
    "LaunchRunContext",
    "RunTagsTable",
    "RunsTable",
    "SqlEventLogStorage",
    "SqlEventLogStorageTable",
    "SqlRunStorage",
    "SqliteEventLogStorage",
    "WorkerStatus",
    "quiet_console",
    "read_revisions_once",
]

_read_revisions = ScriptDirectory.from_config
_read: dict[str, ScriptDirectory] = {}


def quiet_console() -> None:
    """Have the runs of this process write no event to its output, where each would be for the second time: 40 kB a run.
    A run's configuration can say so, but one that the UI launches has none."""
    context: Any = import_module("dagster._core.execution.context_creation_job")
    loggers = context.default_system_loggers

    def quiet(instance: object) -> list[Any]:
        return [(logger, {**config, "log_level": "CRITICAL"}) for logger, config in loggers(instance)]

    context.default_system_loggers = quiet


def read_revisions_once() -> None:
    """Have this process read the revisions of Dagster's tables once. To know the newest, Dagster reads all of their
    files for each of an instance's three storages, and that is more than half of what opening an instance takes."""
    ScriptDirectory.from_config = _revisions_of  # type: ignore[method-assign]


def _revisions_of(config: Config) -> ScriptDirectory:
    location = config.get_main_option("script_location") or ""
    # Whoever else uses Alembic in this process has a folder of their own, and may name it as somebody else does.
    if not location.startswith("dagster:"):
        return _read_revisions(config)
    if location not in _read:
        _read[location] = _read_revisions(config)
    return _read[location]
