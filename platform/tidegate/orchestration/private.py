"""Names of Dagster that Dagster does not promise: what each is for here, and why no public name serves.

Only this module, and `instance.private` for its storage, which loads SQLAlchemy, imports a module of Dagster whose name
begins with an underscore, or one from inside dagster_dbt. A
test imports them all and checks what is relied on, so an upgrade that moves one fails there first. What is only a
string, such as a tag, stands in `names`; the same test compares it with Dagster's.
"""

from __future__ import annotations

import datetime as dt
import uuid
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import dagster as dg

# For events of single days. The public `context.log_event` was tried: 620 materializations took 5.0 to 5.7 s, against
# 0.5 s in a batch, and those of a step that raises are lost unless it yielded something in between.
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData,
)

# What define_asset_job returns, for a type: it has no public name.
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.events import (
    AssetMaterializationPlannedData,
    DagsterEventBatchMetadata,
    EventSpecificData,
    StepMaterializationData,
)

# isort: split
# To end a run whose process died as Dagster's own monitoring would; without them its failure has no reason.
from dagster._core.events import JobFailureData, RunFailureReason

# isort: split
# How a sensor stands, and which kind of instigator it is: the instance's public methods take and give them.
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import InstigatorState

# isort: split
# To execute a run in a process of ours as Dagster's servers do in theirs: the first signal is not lost while it starts.
from dagster._utils.interrupts import capture_interrupts

# What a run imports at the moment when it needs it, for `warm_parent`: a second of it, mostly dbt.
NEEDED_BY_RUNS = (
    "dagster._cli.api",
    "dagster._core.storage.local_compute_log_manager",
    "dagster._core.utility_ops",
    "dbt.adapters.duckdb.environments.local",
    "dbt.cli.main",
    "dbt.task.compile",
    "dbt.task.run",
    "dbt.task.test",
    "tidegate.transform.lake_plugin",
)

# How workspace.yaml of a deployment to many machines calls the code server.
LOCATION = "tidegate"

__all__ = [
    "NEEDED_BY_RUNS",
    "AssetCheckEvaluationTargetMaterializationData",
    "AssetMaterializationPlannedData",
    "DagsterEventBatchMetadata",
    "EventSpecificData",
    "InstigatorState",
    "InstigatorType",
    "JobFailureData",
    "StepMaterializationData",
    "UnresolvedAssetJobDefinition",
    "capture_interrupts",
    "create_and_queue",
    "daemon_seen_at",
    "execute_run",
    "metadata_of_code_server",
    "output_of_check",
    "report_died",
    "report_events",
    "run_dagster_dev",
    "selected_in_run",
]


def report_events(
    context: dg.AssetExecutionContext, events: Sequence[tuple[dg.DagsterEventType, EventSpecificData, str]]
) -> None:
    """Record events of this step, each with its kind, data and message, in one batch."""
    step = context.op_execution_context.get_step_execution_context()
    batch, last = uuid.uuid4().hex, len(events) - 1
    for position, (kind, data, message) in enumerate(events):
        event = dg.DagsterEvent(
            event_type_value=kind.value,
            job_name=step.job_name,
            step_handle=step.step.handle,
            node_handle=step.step.node_handle,
            step_kind_value=step.step.kind.value,
            logging_tags=step.event_tags,
            event_specific_data=data,
            message=message,
        )
        context.instance.report_dagster_event(
            event, context.run.run_id, batch_metadata=DagsterEventBatchMetadata(batch, position == last)
        )


def output_of_check(context: dg.AssetExecutionContext, key: dg.AssetCheckKey) -> str:
    """The output by which this step says that the check ran. The public AssetCheckResult would be one result for all
    days."""
    return str(_assets_of(context).get_op_output_name(key))


def selected_in_run(context: dg.AssetExecutionContext) -> Collection[dg.AssetKey]:
    """The assets of the whole run; the public property names only those of this step."""
    selected: Collection[dg.AssetKey] = _assets_of(context).selected_asset_keys
    return selected


def _assets_of(context: dg.AssetExecutionContext) -> Any:
    return context.op_execution_context.get_step_execution_context().job_def.asset_layer


def report_died(instance: dg.DagsterInstance, run: dg.DagsterRun, why: str) -> None:
    """Record that the process of a run died."""
    data = JobFailureData(error=None, failure_reason=RunFailureReason.UNEXPECTED_TERMINATION)
    instance.report_run_failed(run, why, data)


def execute_run(instance: dg.DagsterInstance, run_id: str) -> None:
    """Execute a run that was launched, in this process. How it went is in its events. The public ways to execute a job
    begin a new run."""
    from dagster._cli.api import _execute_run_command_body

    _execute_run_command_body(run_id, instance, lambda _event: None, set_exit_code_on_failure=False)


@contextmanager
def _code_location(instance: dg.DagsterInstance, code_server: tuple[str, int]) -> Iterator[tuple[Any, Any, Any]]:
    """A code server's workspace, location and repository. Raises ConnectionError where it does not answer, or has not
    loaded its definitions."""
    from dagster._core.errors import DagsterCodeLocationLoadError, DagsterUserCodeUnreachableError
    from dagster._core.workspace.context import WorkspaceProcessContext
    from dagster._core.workspace.load_target import GrpcServerTarget

    host, port = code_server
    target = GrpcServerTarget(host=host, port=port, socket=None, location_name=LOCATION)
    try:
        with WorkspaceProcessContext(instance, target) as process:
            workspace = process.create_request_context()
            location = workspace.get_code_location(LOCATION)
            (repository,) = location.get_repositories().values()
            yield workspace, location, repository
    except (DagsterCodeLocationLoadError, DagsterUserCodeUnreachableError) as error:
        raise ConnectionError(str(error).strip().partition("\n")[0]) from error


def create_and_queue(
    instance: dg.DagsterInstance, code_server: tuple[str, int], job: str, tags: Mapping[str, str]
) -> str:
    """Queue a run of a code server's job, as `dagster job launch` does, whose function prints and is a command's.
    Raises ConnectionError."""
    from dagster._cli.job import _create_run

    with _code_location(instance, code_server) as (workspace, location, repository):
        run = _create_run(
            instance=instance,
            code_location=location,
            remote_repo=repository,
            remote_job=repository.get_full_job(job),
            run_config={},
            tags=dict(tags),
            op_selection=None,
            run_id=None,
        )
        return instance.submit_run(run.run_id, workspace).run_id


def metadata_of_code_server(instance: dg.DagsterInstance, code_server: tuple[str, int], name: str) -> str | None:
    """What a code server's definitions say under a name. Raises ConnectionError."""
    with _code_location(instance, code_server) as (_, _, repository):
        found = (repository.repository_snap.metadata or {}).get(name)
        return str(found.value) if found else None


def daemon_seen_at(instance: dg.DagsterInstance) -> dt.datetime | None:
    """When the part of the daemon reported last that launches queued runs."""
    from dagster._daemon.types import DaemonHeartbeat

    heartbeats: Mapping[str, DaemonHeartbeat] = instance.get_daemon_heartbeats()
    newest = heartbeats.get("QUEUED_RUN_COORDINATOR")
    return dt.datetime.fromtimestamp(newest.timestamp, dt.UTC) if newest else None


def run_dagster_dev(webserver: str) -> None:
    """`dagster dev` with this process's arguments, and the module `webserver` in place of Dagster's own: no option of
    it names another one."""
    from dagster import _cli
    from dagster._cli import dev

    start = dev.open_ipc_subprocess  # type: ignore[attr-defined]

    def start_with_our_webserver(parts: Sequence[str], **options: Any) -> Any:
        return start([webserver if part == "dagster_webserver" else part for part in parts], **options)

    dev.open_ipc_subprocess = start_with_our_webserver  # type: ignore[attr-defined]
    # Its successor is for projects that Dagster made.
    warnings.filterwarnings("ignore", message=r"Function `dev_command` is superseded")
    _cli.main()  # type: ignore[no-untyped-call]
