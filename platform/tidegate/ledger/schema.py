"""The tables of the ledger, and creating those, and the columns, that a lake lacks, new or old.

Reading and writing a table belongs to its module, changing the rows of an older ledger to `migrations`.
"""

from __future__ import annotations

from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import CATALOG, SCHEMAS, literal, qualified, quoted
from tidegate.lake.tables import row_in_and_out
from tidegate.ledger.waivers import WAIVERS

_DELIVERIES = {
    "source": "varchar",
    "region": "varchar",
    "partition_day": "date",
    "fingerprint": "varchar",
    "verdict": "varchar",
    "reason": "varchar",
    "contract_version": "varchar",
    "files": "integer",
    "bytes": "bigint",
    "archive": "varchar",
    "rows_read": "bigint",
    "rows_loaded": "bigint",
    "rows_quarantined": "bigint",
    "measures": "varchar",
    "touched": "date[]",
    "run_id": "varchar",
    "started_at": "timestamp",
    "finished_at": "timestamp",
    "stands_in_for": "date",
    # Of a rejected delivery: the days other than its own that it holds sound rows of.
    "withheld": "date[]",
    # What stood at the source when it was captured, told without opening it; null where that cannot be told.
    "listing": "varchar",
    # The hash of the contract's logic that judged it.
    "logic": "varchar",
    # Of a delivery that was read before its day had ended: when that is (UTC). Null for one of the whole day.
    "interim_until": "timestamp",
}

LEDGER: dict[str, dict[str, str]] = {
    "deliveries": _DELIVERIES,
    "contents": {
        "kind": "varchar",
        "subject": "varchar",
        "name": "varchar",
        # An event date, or a partition.
        "day": "date",
        # A hash; empty for what is gone.
        "content": "varchar",
        "changed_at": "timestamp",
        # The run or the build that it comes from.
        "made_by": "varchar",
    },
    # What each product and kind of output is made of: see `made_of.Reads`.
    "made_of": {
        "thing": "varchar",
        "kind": "varchar",
        "subject": "varchar",
        "begins_before": "integer",
        "end_months": "integer",
        "end_days": "integer",
        "only_newest": "boolean",
    },
    # The models that make each product.
    "made_by": {"thing": "varchar", "model": "varchar"},
    "builds": {
        "build_id": "varchar",
        "partition_day": "date",
        "run_id": "varchar",
        "models": "varchar[]",
        "status": "varchar",
        "started_at": "timestamp",
        "finished_at": "timestamp",
        # daily, weekly or monthly.
        "cadence": "varchar",
        # The newest row of ops.contents that the build could see when it began: what it was made of.
        "contents_seen": "bigint",
        # By model, the hash of its logic, as JSON; null where it was not recorded.
        "logic": "varchar",
        # By model that failed of itself, what it said, as JSON.
        "errors": "varchar",
    },
    "check_results": {
        "check_name": "varchar",
        "asset": "varchar",
        "partition_day": "date",
        "passed": "boolean",
        "blocking": "boolean",
        "severity": "varchar",
        "dimension": "varchar",
        "observed": "varchar",
        "description": "varchar",
        "run_id": "varchar",
        "subject": "varchar",
        "checked_at": "timestamp",
    },
    "publications": {
        "publication_id": "varchar",
        "partition_day": "date",
        "cadence": "varchar",
        "mart": "varchar",
        "run_id": "varchar",
        "build_id": "varchar",
        "lake_snapshot": "bigint",
        "rows": "bigint",
        "content_hash": "varchar",
        "published_at": "timestamp",
        "superseded_by": "varchar",
        # The rollback that keeps this content; null where it is the partition's own candidate.
        "rollback_id": "varchar",
        # Whether its day had not ended: it is so far.
        "is_interim": "boolean",
    },
    "rollbacks": {
        "rollback_id": "varchar",
        "partition_day": "date",
        "cadence": "varchar",
        "mart": "varchar",
        # The publication whose content was put back.
        "restores": "varchar",
        # What was rejected: the candidate of that moment, and what was served.
        "candidate_hash": "varchar",
        "served_hash": "varchar",
        "rolled_back_by": "varchar",
        "reason": "varchar",
        "rolled_back_at": "timestamp",
    },
    "outputs": {
        "kind": "varchar",
        "partition_day": "date",
        "cadence": "varchar",
        # Over all that it was made of; empty for one that was withdrawn.
        "inputs_hash": "varchar",
        # The newest row of ops.contents that it was made of.
        "contents_seen": "bigint",
        # Of its kind when it was made.
        "revision": "integer",
        "publication_id": "varchar",
        "location": "varchar",
        "run_id": "varchar",
        "made_at": "timestamp",
        # What lists of outputs show of it, as JSON.
        "summary": "varchar",
        # It says something of the publication of its partition that the next one may make untrue.
        "tells_of_publication": "boolean",
    },
    "pipeline_runs": {
        "run_id": "varchar",
        "job": "varchar",
        "partition_from": "date",
        "partition_to": "date",
        "status": "varchar",
        "started_at": "timestamp",
        "finished_at": "timestamp",
        "seconds": "double",
        "rows_loaded": "bigint",
        # Why it ran: `first` or `restatement`, and the deliveries that it answers to.
        "reason": "varchar",
        "cause": "varchar",
    },
    # What a change of logic would do to what is published, built beside it.
    "plans": {
        "plan_id": "varchar",
        "made_by": "varchar",
        "made_at": "timestamp",
        # By model that differs from what is published, the hash of its logic, as JSON.
        "logic": "varchar",
        # What is built beside the lake's own, by dbt's unique id, and where: schemas whose names begin so.
        "nodes": "varchar[]",
        "schema_prefix": "varchar",
        # What it builds, by cadence, as JSON.
        "partitions": "varchar",
        # The partitions that were asked for; null where all of them were.
        "partition_from": "date",
        "partition_to": "date",
        # By source whose contract judges otherwise than it did, the hash of its logic, as JSON.
        "contracts": "varchar",
        # applied or abandoned; null until then.
        "ended_as": "varchar",
        "ended_at": "timestamp",
    },
    # Partitions that a plan has built.
    "plan_partitions": {
        "plan_id": "varchar",
        "cadence": "varchar",
        "partition_day": "date",
        # As in builds.
        "contents_seen": "bigint",
        # Models that failed, and what they said; tests, by dbt's unique id, and what they found. As JSON.
        "failed_models": "varchar",
        "failed_tests": "varchar",
        "built_at": "timestamp",
        # A hash over the tests that looked at it.
        "tests": "varchar",
    },
    # Deliveries that a plan has judged by another state of their contract, and what its checks found, as JSON.
    "plan_deliveries": {"plan_id": "varchar", **_DELIVERIES, "checks": "varchar", "was_accepted": "boolean"},
    # Changes of logic that were applied to what is published, and taken back.
    "changes": {
        "change_id": "varchar",
        "plan_id": "varchar",
        # Of one that takes another back, which.
        "restores": "varchar",
        "made_by": "varchar",
        "reason": "varchar",
        # The commit of the project's repository, where it is in one.
        "code": "varchar",
        "models": "varchar[]",
        "marts": "varchar[]",
        "partitions": "bigint",
        "made_at": "timestamp",
        # The sources whose contracts judge otherwise with it.
        "contracts": "varchar[]",
    },
    # What the contract of a source said, by the hash of its logic.
    "contracts": {
        "source": "varchar",
        "logic": "varchar",
        "version": "varchar",
        # By name, what it says to people and exactly, as JSON.
        "terms": "varchar",
    },
    "waivers": WAIVERS,
    # What was wrong: an entry for each change of an incident. See `incidents`.
    "incidents": {
        # What is wrong, and with what: the same trouble has the same key.
        "key": "varchar",
        "kind": "varchar",
        "products": "varchar[]",
        "source": "varchar",
        "partitions": "date[]",
        "severity": "varchar",
        "sentence": "varchar",
        "what_to_do": "varchar",
        # open, acknowledged, silenced or resolved.
        "state": "varchar",
        "first_seen": "timestamp",
        "last_seen": "timestamp",
        # How often it was opened.
        "occurrences": "integer",
        # Who acknowledged or silenced it, why, and until when; null where nobody did.
        "handled_by": "varchar",
        "reason": "varchar",
        "until": "timestamp",
    },
    # What people are told: an entry for each change of an alert. See `alerts`.
    "alerts": {
        "alert_id": "varchar",
        # The name of a channel in alerting.yml, never its address.
        "channel": "varchar",
        # The key of the incident, or what the notice is about.
        "subject": "varchar",
        # trigger, update, repeat, escalate, acknowledge, resolve, ready, digest or more.
        "event": "varchar",
        # By which a receiver knows several messages for those of one matter.
        "dedup_key": "varchar",
        "severity": "varchar",
        # What is said, as JSON.
        "message": "varchar",
        # waiting, sent or dropped.
        "state": "varchar",
        "attempts": "integer",
        "error": "varchar",
        "entered_at": "timestamp",
        # Not sent before: a quiet hour, the next attempt, the time of the digest.
        "not_before": "timestamp",
        "done_at": "timestamp",
    },
    # What consumers are told of each product's partitions: see `calendar`.
    "products": {
        "product": "varchar",
        "cadence": "varchar",
        "marts": "varchar[]",
        # A hash over what its rows in the calendar are made of.
        "terms": "varchar",
    },
    "calendar": {
        "product": "varchar",
        "cadence": "varchar",
        "partition_day": "date",
        "is_required": "boolean",
        # From when on it is awaited, and until when it is promised.
        "begins_at": "timestamp",
        "deadline": "timestamp",
    },
    # Why a partition is not published in its newest state.
    "holds": {
        "product": "varchar",
        "cadence": "varchar",
        "partition_day": "date",
        "reason": "varchar",
        "entered_at": "timestamp",
    },
    # Runs that a receiver of OpenLineage was told of.
    "lineage_told": {"run_id": "varchar", "told_at": "timestamp"},
    # How deliveries looked: see `profiles`.
    "profiles": {
        "source": "varchar",
        "region": "varchar",
        "partition_day": "date",
        "fingerprint": "varchar",
        # Null for the delivery as a whole.
        "column_name": "varchar",
        # That were read; of a column, the sound ones.
        "row_count": "bigint",
        "nulls": "bigint",
        # Mean and standard deviation on the column's scale.
        "center": "double",
        "spread": "double",
        "hashed_by": "varchar",
        # A hash over the deliveries that it was compared with.
        "compared_with": "varchar",
        "is_rejected": "boolean",
    },
    # What a lake with data keeps of the settings that it was filled with.
    "kept_settings": {"name": "varchar", "value": "varchar", "set_at": "timestamp"},
    # Which steps of `migrations` the ledger has seen.
    "migrations": {"version": "integer", "name": "varchar", "applied_at": "timestamp"},
}


@dataclass(frozen=True)
class Lacking:
    """What a lake has not of the ledger: schemas, tables, and columns by table. `has_none` of it where it is new."""

    schemas: tuple[str, ...]
    tables: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]

    @property
    def has_none(self) -> bool:
        return set(self.tables) == LEDGER.keys()

    def __bool__(self) -> bool:
        return bool(self.schemas or self.tables or self.columns)


def lacking(con: DuckDBPyConnection) -> Lacking:
    """The schemas, ledger tables and columns of them that are not there yet."""
    of_the_lake = f"database_name = {literal(CATALOG)}"
    schemas = con.execute(f"select schema_name from duckdb_schemas() where {of_the_lake}").fetchall()
    there = dict(
        con.execute(
            f"select table_name, list(column_name) from duckdb_columns() "
            f"where {of_the_lake} and schema_name = 'ops' group by table_name"
        ).fetchall()
    )
    return Lacking(
        tuple(schema for schema in SCHEMAS if (schema,) not in schemas),
        tuple(name for name in LEDGER if name not in there),
        # Of a lake that was made before the ledger had them.
        tuple((name, column) for name in there.keys() & LEDGER for column in LEDGER[name] if column not in there[name]),
    )


def create_tables(con: DuckDBPyConnection) -> None:
    """Create the schemas, ledger tables and columns that are not there."""
    lacks = lacking(con)
    for schema in lacks.schemas:
        con.execute(f"create schema {quoted(schema)}")
    for name in lacks.tables:
        for statement in (_create_table(name, LEDGER[name]), *row_in_and_out(("ops", name))):
            con.execute(statement)
    for name, column in lacks.columns:
        con.execute(f"alter table {qualified('ops', name)} add column {quoted(column)} {LEDGER[name][column]}")


def _create_table(name: str, columns: dict[str, str]) -> str:
    listed = ", ".join(f"{quoted(column)} {sql_type}" for column, sql_type in columns.items())
    return f"create table {qualified('ops', name)} ({listed})"
