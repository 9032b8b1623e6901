"""The kinds of nodes that a dbt project has, and what becomes of each; those that cannot be built soundly are refused.

    dated      incremental models with a day: the window's rows are overwritten
    undated    seeds, views, and tables without a day: made whole, before what reads them
    inlined    ephemeral models: part of whatever reads them

Everything else (tests, analyses, exposures, metrics, snapshots that nothing reads) is not a table that Tidegate makes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from tidegate.errors import TidegateError
from tidegate.window import Cadence

Node = Mapping[str, Any]

MARTS = "marts"
STRATEGY = "window_overwrite"

# Filled by Tidegate itself: what dbt wrote there would be taken for delivered, published or recorded.
RESERVED_SCHEMAS = ("raw", "quarantine", "serving", "ops")


class Kind(StrEnum):
    dated = "dated"
    undated = "undated"
    inlined = "inlined"
    other = "other"


def kind_of(node: Node) -> Kind:
    """What becomes of a node. Raises TidegateError for a model or seed that cannot be built soundly."""
    match node["resource_type"]:
        case "seed":
            kind = Kind.undated
        case "model":
            kind = _kind_of_model(node)
        case _:
            return Kind.other
    if kind is not Kind.inlined and node["schema"] in RESERVED_SCHEMAS:
        raise refusal(
            node, f"would be made in the schema {node['schema']}, which Tidegate fills.", "Choose another one"
        )
    if kind is Kind.undated and node["schema"] == MARTS:
        raise refusal(
            node,
            "is a mart without a day, and marts are published by partition.",
            f"Make it incremental and {_NAME_THE_DAY}, or give it another schema: marts can read it there",
        )
    return kind


def _kind_of_model(node: Node) -> Kind:
    materialized = node["config"]["materialized"]
    day = meta_of(node).get("day")
    match materialized:
        case "ephemeral":
            return Kind.inlined
        case "view":
            return Kind.undated
        case "table" if not day:
            return Kind.undated
        case "table":
            raise refusal(
                node,
                f"has a day, {day}, and is a table: it would hold the days that were built last and no others.",
                f"Make it incremental with the strategy {STRATEGY} (a model in Python says `materialized: incremental` "
                "in its own YAML), or leave out the day if it has none",
            )
        case "incremental":
            _refuse_unsound_windows(node)
            return Kind.dated
    raise refusal(node, f"is materialized as {materialized}.", "Make it incremental, a table, a view or ephemeral")


def _refuse_unsound_windows(node: Node) -> None:
    meta = meta_of(node)
    if not meta.get("day"):
        raise refusal(
            node,
            "does not say which column holds its day.",
            f"{_NAME_THE_DAY.capitalize()}, or make it a table or view if its rows belong to no day",
        )
    if (strategy := node["config"].get("incremental_strategy")) != STRATEGY:
        raise refusal(
            node,
            f"is incremental by {strategy or 'default'}, which leaves rows of days that became empty.",
            f"Set incremental_strategy: {STRATEGY}",
        )
    if (cadence := meta.get("cadence", Cadence.daily)) not in tuple(Cadence):
        raise refusal(node, f"has the cadence {cadence}.", f"Choose one of: {', '.join(Cadence)}")
    untyped = sorted(name for name, column in node["columns"].items() if not column["data_type"])
    if untyped or not node["columns"]:
        raise refusal(
            node,
            f"does not say the types of its columns{': ' + ', '.join(untyped) if untyped else ''}.",
            "List each of them in its YAML with its data_type",
        )


_NAME_THE_DAY = "name the day's column in its YAML, config: {meta: {tidegate: {day: <column>}}}"


def meta_of(node: Node) -> Mapping[str, Any]:
    """What the node's YAML says to Tidegate."""
    meta: Mapping[str, Any] = node["config"].get("meta", {}).get("tidegate") or {}
    return meta


# What dbt does beside the statement itself: a model that has any of it is run by dbt.
_BESIDE_THE_STATEMENT = ("pre-hook", "post-hook", "sql_header", "grants", "persist_docs", "full_refresh")


def is_only_a_statement(node: Node) -> bool:
    """Whether running a dated model is no more than to overwrite the window's rows with what its code gives."""
    config = node["config"]
    beside = any(config.get(key) for key in _BESIDE_THE_STATEMENT)
    # What a model in Python returns is held against its columns by Tidegate.
    checked = node["language"] == "python" or config["contract"]["enforced"]
    return bool(checked) and not beside


# What the meta of a model says of which engine makes it. Whichever does, the rows are the same.
OF_ENGINES = ("engine", "spark_from_rows", "spark_files_from_rows")

# Sums of these depend on the order of the rows, so Spark gives others each time.
_FLOATING = ("DOUBLE", "FLOAT", "REAL", "FLOAT4", "FLOAT8")


def spark_from_rows(node: Node, needs_dbt: bool) -> int | None:
    """From how many rows on Spark makes a model; None where it never does. Raises TidegateError where it could not make
    the same rows as DuckDB, or what is written is no number."""
    meta = meta_of(node)
    if not any(meta.get(name) is not None for name in OF_ENGINES):
        return None
    engine = meta.get("engine", "spark")
    if engine not in ("duckdb", "spark"):
        raise refusal(node, f"has the engine {engine!r}.", "Choose one of: duckdb, spark")
    if engine == "duckdb":
        return None
    if node["language"] == "python":
        raise refusal(node, "is in Python and has the engine spark.", "Write it in SQL, or leave out the engine")
    if needs_dbt or not is_only_a_statement(node):
        raise refusal(
            node,
            "has the engine spark, and needs dbt itself to run: it, or the project, has hooks, grants or the like, or "
            "its contract is not enforced.",
            "Leave these out, or the engine",
        )
    floating = [name for name, column in node["columns"].items() if str(column["data_type"]).upper() in _FLOATING]
    if floating:
        raise refusal(
            node,
            f"has the engine spark, and columns that are floating point: {', '.join(floating)}. Each run would give "
            "others in the last digits.",
            "Make them decimals, or leave out the engine",
        )
    return _rows_in(node, "spark_from_rows") or 0


def spark_files_from_rows(node: Node) -> int | None:
    """From how many rows on a result of Spark becomes the table's as the files that it is; None where it never does.
    Raises TidegateError where it cannot be, or what is written is no number."""
    rows = _rows_in(node, "spark_files_from_rows")
    if rows is not None and node["config"].get("partition_by") not in (None, meta_of(node)["day"]):
        raise refusal(
            node,
            "has spark_files_from_rows, and is partitioned by something else than its day.",
            "Partition it by its day, or leave out either",
        )
    return rows


def _rows_in(node: Node, name: str) -> int | None:
    rows = meta_of(node).get(name)
    if rows is not None and (not isinstance(rows, int) or isinstance(rows, bool) or rows < 0):
        raise refusal(node, f"has {rows!r} as {name}.", "Write a whole number of rows, from 0")
    return rows


def runs_more_than_models(manifest: Mapping[str, Any]) -> bool:
    """Whether the project has hooks of whole runs, or its own way to make incremental models."""
    hooks = any(node["resource_type"] == "operation" for node in manifest["nodes"].values())
    made = (
        macro["package_name"] for macro in manifest["macros"].values() if "materialization_incremental" in macro["name"]
    )
    return hooks or not _OF_DBT.issuperset(made)


_OF_DBT = frozenset({"dbt", "dbt_duckdb"})


def refuse_what_reads_snapshots(nodes: Iterable[Node]) -> None:
    """dbt's snapshots hold what was there whenever they ran, so that a day run again would be another."""
    for node in nodes:
        snapshots = [parent for parent in node["depends_on"].get("nodes", ()) if parent.startswith("snapshot.")]
        if snapshots and node["resource_type"] == "model":
            raise refusal(
                node,
                f"reads the snapshot {snapshots[0].rpartition('.')[2]}, whose rows depend on when it ran: a day would "
                "be another when it is run again.",
                "Read the delivered versions in raw instead, each with its _delivered_on",
            )


def refusal(node: Node, what: str, advice: str) -> TidegateError:
    who = f"dbt's {node['resource_type']} {node['name']} ({node['original_file_path']})"
    return TidegateError(f"{who} {what} Nothing was built. {advice}.")


def content_of_seed(node: Node) -> str:
    """A hash over the file of a seed. dbt takes one of files up to a megabyte only."""
    checksum = node["checksum"]
    if checksum["name"] != "path":
        return str(checksum["checksum"])
    return hashlib.sha256((Path(node["root_path"]) / node["original_file_path"]).read_bytes()).hexdigest()
