"""Private names of Dagster and dbt: imported in one module each, and as we know them. An upgrade fails here first."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import dagster as dg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from dagster._cli.api import _execute_run_command_body
from dagster._core.definitions.assets.job.asset_layer import AssetLayer
from dagster._core.execution.context.system import StepExecutionContext
from dagster._core.remote_representation.code_location import is_implicit_asset_job_name
from dagster._core.storage import dagster_run, tags
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from dagster._core.storage.schedules.sqlite import sqlite_schedule_storage
from dagster._core.storage.sql import check_alembic_revision, get_alembic_config
from dagster_dbt.asset_utils import DAGSTER_DBT_UNIQUE_ID_METADATA_KEY
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest

import tidegate
from tidegate.orchestration import names, private
from tidegate.orchestration.instance import private as storage

PACKAGE = Path(str(tidegate.__file__)).parent

# Where each may be imported. `lake_plugin` is written as dbt-duckdb documents its plugins.
AT_HOME = {
    "dagster": {"orchestration/private.py", "orchestration/instance/private.py"},
    "dbt": {"transform/parsed/private.py", "transform/lake_plugin.py"},
}


def imports_of(path: Path) -> Iterator[str]:
    """Every module or name that a file imports, with dots; also those imported in functions and for types only."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def private_name(imported: str) -> str | None:
    """Whose private name this is: Dagster's, dbt's, or nobody's."""
    top, *inner = imported.split(".")
    if top in ("dbt", "dbt_common"):
        return "dbt"
    is_inside = any(part.startswith("_") for part in inner) or (top == "dagster_dbt" and len(inner) > 1)
    return "dagster" if top.startswith("dagster") and is_inside else None


@pytest.mark.slow
def test_private_names_are_imported_in_one_module_each() -> None:
    found = {
        (owner, str(path.relative_to(PACKAGE)))
        for path in PACKAGE.rglob("*.py")
        for imported in imports_of(path)
        if (owner := private_name(imported))
    }
    assert found == {(owner, module) for owner, modules in AT_HOME.items() for module in modules}


@pytest.mark.parametrize(
    ("imported", "owner"),
    [
        ("dagster._core.events.DagsterEvent", "dagster"),
        ("dagster._cli", "dagster"),
        ("dagster_dbt.core.dbt_cli_event.DbtCoreCliEventMessage", "dagster"),
        ("dagster_dbt.dbt_assets", None),
        ("dagster.DagsterRun", None),
        ("dbt_common.events.functions.msg_to_dict", "dbt"),
        ("duckdb", None),
    ],
)
def test_a_private_name_is_told_from_a_public_one(imported: str, owner: str | None) -> None:
    assert private_name(imported) == owner


# What is called by us, and the arguments that we give by name or position.
CALLED: list[tuple[Callable[..., object], tuple[str, ...]]] = [
    (private.StepMaterializationData, ("materialization",)),
    (private.AssetMaterializationPlannedData, ("asset_key", "partition")),
    (private.DagsterEventBatchMetadata, ("id", "is_end")),
    (private.JobFailureData, ("error", "failure_reason")),
    (dg.AssetCheckEvaluation, ("target_materialization_data", "partition")),
    (
        dg.DagsterEvent,
        (
            *("event_type_value", "job_name", "step_handle", "node_handle", "step_kind_value", "logging_tags"),
            *("event_specific_data", "message"),
        ),
    ),
    (dg.DagsterInstance.report_dagster_event, ("dagster_event", "run_id", "batch_metadata")),
    (dg.DagsterInstance.add_event_listener, ("run_id", "cb")),
    (dg.DagsterInstance.report_run_failed, ("dagster_run", "message", "job_failure_data")),
    (AssetLayer.get_op_output_name, ("key",)),
    (_execute_run_command_body, ("run_id", "instance", "write_stream_fn", "set_exit_code_on_failure")),
    (storage.LaunchRunContext, ("dagster_run",)),
    (dg.DefaultRunLauncher.__init__, ("inst_data",)),
    (dg.DefaultRunLauncher.launch_run, ("context",)),
    (dg.DefaultRunLauncher.terminate, ("run_id",)),
    (storage.SqliteEventLogStorage.__init__, ("base_dir", "inst_data")),
    (storage.SqliteEventLogStorage.store_event_batch, ("events",)),
    (storage.SqliteEventLogStorage.from_config_value, ("inst_data", "config_value")),
    (storage.SqliteEventLogStorage.store_asset_check_event, ("event", "event_id")),
    (storage.SqliteEventLogStorage.conn_string_for_shard, ("shard_name",)),
    (storage.SqliteEventLogStorage.has_table, ("table_name",)),
    (storage.SqliteEventLogStorage.path_for_shard, ("run_id",)),
    (storage.SqliteEventLogStorage.run_connection, ("run_id",)),
    (storage.SqliteEventLogStorage.index_connection, ()),
    (storage.SqlRunStorage.connect, ()),
    (storage.SqlRunStorage.delete_run, ("run_id",)),
    (storage.SqliteEventLogStorage._connect, ("shard",)),
    (storage.SqliteEventLogStorage._initdb, ("engine",)),
    (storage.SqliteEventLogStorage._event_to_row, ("event",)),
    (storage.SqliteEventLogStorage._store_asset_event_tags, ("conn", "events", "event_ids")),
    (storage.SqliteEventLogStorage._store_asset_event, ("conn", "event", "event_id")),
    (storage.SqliteEventLogStorage._event_insert_timestamp, ("event",)),
    (storage.SqliteEventLogStorage._has_asset_key_index_cols_on_connection, ("conn",)),
    (dbtRunner, ("manifest", "callbacks")),
    (dbtRunner.invoke, ("args",)),
    (Manifest.from_msgpack, ("d",)),
    (Manifest.build_flat_graph, ()),
]


@pytest.mark.parametrize(("called", "arguments"), CALLED, ids=[called.__qualname__ for called, _ in CALLED])
def test_a_private_name_takes_what_it_is_given(called: Callable[..., object], arguments: tuple[str, ...]) -> None:
    assert [name for name in inspect.signature(called).parameters if name in arguments] == list(arguments)


def test_a_check_result_names_what_it_checked() -> None:
    target = private.AssetCheckEvaluationTargetMaterializationData(storage_id=1, run_id="run", timestamp=2.0)
    assert (target.storage_id, target.run_id, target.timestamp) == (1, "run", 2.0)


def test_a_step_knows_what_an_event_says_of_it() -> None:
    assert "asset_layer" in dir(dg.JobDefinition)
    assert "selected_asset_keys" in dir(AssetLayer)
    assert {"job_name", "step", "event_tags", "job_def"} <= set(dir(StepExecutionContext))
    assert "get_step_execution_context" in dir(dg.OpExecutionContext)


def test_the_event_log_has_the_columns_that_are_written() -> None:
    of_check = {
        *("asset_key", "check_name", "partition", "run_id", "execution_status", "evaluation_event"),
        *("evaluation_event_timestamp", "evaluation_event_storage_id", "materialization_event_storage_id"),
    }
    assert of_check <= set(storage.AssetCheckExecutionsTable.c.keys())
    of_event = {"id", "run_id", "event", "dagster_event_type", "timestamp", "asset_key", "partition"}
    assert of_event <= set(storage.SqlEventLogStorageTable.c.keys())
    assert {"event_id"} <= set(storage.AssetEventTagsTable.c.keys())
    assert {"last_run_id"} <= set(storage.AssetKeyTable.c.keys())
    assert {"run_id"} <= set(storage.RunTagsTable.c.keys())


def test_strings_of_dagster_are_what_dagster_calls_them() -> None:
    assert names.BACKFILL_OF_UI_TAG == tags.BACKFILL_ID_TAG
    assert names.PARTITION_TAG == tags.PARTITION_NAME_TAG
    assert names.FIRST_PARTITION_TAG == tags.ASSET_PARTITION_RANGE_START_TAG
    assert names.LAST_PARTITION_TAG == tags.ASSET_PARTITION_RANGE_END_TAG
    assert names.RETRY_AFTER_STEP_TAG == tags.RETRY_ON_ASSET_OR_OP_FAILURE_TAG
    assert names.LAUNCHED_BY_TAG == tags.GRPC_INFO_TAG
    assert names.IMAGE_TAG == tags.DOCKER_IMAGE_TAG
    assert names.DBT_NODE == DAGSTER_DBT_UNIQUE_ID_METADATA_KEY
    assert is_implicit_asset_job_name(names.JOB_OF_CHOSEN_ASSETS)
    assert not is_implicit_asset_job_name(names.JOB_OF_CHOSEN_ASSETS[:-1])


def test_a_run_has_ended_or_not_as_dagster_sees_it() -> None:
    assert set(names.FINISHED) == {status.value for status in dagster_run.FINISHED_STATUSES}
    assert set(names.UNFINISHED) == {status.value for status in dagster_run.NOT_FINISHED_STATUSES}


def test_what_dagster_says_of_its_revisions_is_read_once(tmp_path: Path) -> None:
    storage.read_revisions_once()
    own = Config()
    own.set_main_option("script_location", str(tmp_path))
    assert ScriptDirectory.from_config(own) is not ScriptDirectory.from_config(own)
    places = (sqlite_event_log, sqlite_run_storage, sqlite_schedule_storage)
    configs = [get_alembic_config(str(place.__file__), "alembic/alembic.ini") for place in places]
    assert len({id(ScriptDirectory.from_config(config)) for config in configs}) == 1
    assert "ScriptDirectory.from_config(" in inspect.getsource(check_alembic_revision)


def test_the_scheduler_is_where_dagster_yaml_says() -> None:
    assert "DagsterDaemonScheduler" in vars(import_module(names.SCHEDULER))
