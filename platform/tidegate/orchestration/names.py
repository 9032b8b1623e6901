"""The names by which Tidegate and Dagster know the same thing: jobs, assets of sources, and tags of runs.

Plain strings, so that what only reads need not import Dagster, which takes a second; tests compare them with
Dagster's.
"""

from __future__ import annotations

from tidegate.window import Cadence

# What Dagster loads, as workspace.yaml names it.
DEFINITIONS = "tidegate.definitions"

DAILY_JOB = "daily"
MAINTENANCE_JOB = "maintenance"
PLAN_JOB = "plan_change"
# Another name than the job's: a code server refuses two things of one.
PLAN_STEP = "build_beside"

# What builds partitions of what is there, and what makes the outputs of published ones.
BUILD_JOBS = {cadence: "daily_build" if cadence is Cadence.daily else str(cadence) for cadence in Cadence}
OUTPUT_JOBS = {cadence: f"{cadence}_outputs" for cadence in Cadence}

# The sensors that have due partitions built and due outputs made, that keep runs, and tell of trouble and of runs.
DUE_SENSORS = {cadence: "days_due" if cadence is Cadence.daily else f"{cadence}_due" for cadence in Cadence}
OUTPUT_SENSORS = {cadence: cadence.prefixed("outputs_due") for cadence in Cadence}
RUN_KEEPER = "run_keeper"
ALERTING = "alerting"
LINEAGE = "lineage"

# The step that builds models; that of another cadence than days ends so.
TRANSFORM = "transform"

# Dagster's own tags, and how its name for a job of chosen assets begins: stored runs hold these strings.
PARTITION_TAG = "dagster/partition"
FIRST_PARTITION_TAG = "dagster/asset_partition_range_start"
LAST_PARTITION_TAG = "dagster/asset_partition_range_end"
BACKFILL_OF_UI_TAG = "dagster/backfill"
RETRY_AFTER_STEP_TAG = "dagster/retry_on_asset_or_op_failure"
LAUNCHED_BY_TAG = ".dagster/grpc_info"
# As dagster-k8s and dagster-celery read them; neither is installed on one machine.
POD_TAG = "dagster-k8s/config"
QUEUE_TAG = "dagster-celery/queue"
# What the launcher of pods gives every run that it starts.
IMAGE_TAG = "dagster/image"
JOB_OF_CHOSEN_ASSETS = "__ASSET_JOB"

# Metadata that Dagster's UI knows how to show.
ROW_COUNT = "dagster/partition_row_count"
COLUMN_SCHEMA = "dagster/column_schema"
TABLE_NAME = "dagster/table_name"

# The scheduler in dagster.yaml, to set its one option: Dagster documents the class, but no public module has it.
SCHEDULER = "dagster._core.scheduler.scheduler"

# The metadata by which dagster-dbt keeps the node of dbt that an asset or check is.
DBT_NODE = "dagster_dbt/unique_id"

# The statuses of a run that ended, and of one that did not yet.
FAILURE = "FAILURE"
FINISHED = ("SUCCESS", FAILURE, "CANCELED")
UNFINISHED = ("QUEUED", "NOT_STARTED", "STARTING", "STARTED", "SUSPENDED", "CANCELING")

# Why a run runs, which deliveries it answers to, and the request of which it is an attempt.
REASON_TAG = "tidegate/reason"
CAUSE_TAG = "tidegate/cause"
REQUEST_TAG = "tidegate/request"

# "true": deliveries must still be in landing; the archive does not stand in for what was purged.
FROM_LANDING_TAG = "tidegate/from_landing"
# Of a run that loads again what was lost: deliveries come from the archive, and from their sources where it has none.
ARCHIVE_FIRST_TAG = "tidegate/archive_first"

# "true": of a run's outputs only those that are due are made. Without it a person asks for all of them, again.
ONLY_DUE_TAG = "tidegate/only_due"

# The lock that the process of a run holds, where no server of Dagster's launched it, and the id of a forked one.
LOCK_TAG = "tidegate/lock"
PROCESS_TAG = "tidegate/process"
# The machine whose worker has a run.
WORKER_TAG = "tidegate/worker"

FIRST = "first"
RESTATEMENT = "restatement"

# The pool of everything that writes the lake; each kind of server outside has its own.
LAKE_POOL = "lake"

# Outputs read the lake, which keeps nobody from writing it, but one run of them at a time is enough.
OUTPUTS_POOL = "outputs"


def cadence_of(job: str) -> Cadence:
    """Of which cadence a job's partitions are."""
    return next((each for each in Cadence if job in (BUILD_JOBS[each], OUTPUT_JOBS[each])), Cadence.daily)


def group_of(layer: str, cadence: Cadence) -> str:
    """The group of a layer's assets. Weekly and monthly ones stand apart: they are made of what is in `serving`, and
    with the daily marts in one group the graph would run in a circle."""
    return cadence.prefixed(layer)


def load_job(source: str) -> str:
    return f"load_{source}"


def arrivals_sensor(source: str) -> str:
    return f"{source}_arrivals"


def source_path(source: str) -> list[str]:
    """The path of the asset that is the source itself."""
    return ["sources", source]
