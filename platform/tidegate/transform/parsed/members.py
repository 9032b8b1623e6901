"""What the graph of a project is made of: dated models and sources, tables without a day, and tests."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidegate.errors import TidegateError
from tidegate.ledger.calendar import NAME as CALENDAR
from tidegate.publishing.requirements import DEFAULT_PRODUCT
from tidegate.transform.parsed.columns import refuse_columns_no_table_can_have
from tidegate.transform.parsed.nodes import (
    MARTS,
    Node,
    content_of_seed,
    is_only_a_statement,
    meta_of,
    refusal,
    spark_files_from_rows,
    spark_from_rows,
)
from tidegate.window import Cadence

RAW, SERVING, OPS = "raw", "serving", "ops"

# The column that holds the day of every table in `raw`.
DELIVERY_DAY = "_delivered_on"


@dataclass(frozen=True)
class Model:
    """A dated dbt model, or a source's table: where it is, what it has, and which column holds its day.

    `parents` are the dated models and sources that it reads, be it through nodes that have no day.
    """

    unique_id: str
    schema: str
    name: str
    fqn: tuple[str, ...]
    day_column: str
    columns: Mapping[str, str]
    partitioned_by: str | None
    cadence: Cadence
    # Days before its own that its rows are made of.
    reaches_back: int
    parents: tuple[str, ...]
    # The file that says so, for people.
    file: str
    # The marts of which it reads no more than the newest day within its reach.
    reads_newest: tuple[str, ...] = ()
    # A source that is empty where no contract delivers it, by intention.
    optional: bool = False
    # The dbt group that it is in.
    product: str = DEFAULT_PRODUCT
    in_python: bool = False
    # Needs dbt only to be compiled.
    is_only_a_statement: bool = False
    # From so many rows on that a build reads, Spark makes it where there is one.
    spark_from_rows: int | None = None
    # From so many rows on that Spark makes, its files become the table's and are not copied.
    spark_files_from_rows: int | None = None

    @property
    def asset(self) -> str:
        return f"{self.schema}/{self.name}"

    @property
    def is_mart(self) -> bool:
        return self.schema == MARTS

    def is_for_spark(self, rows: int) -> bool:
        return self.spark_from_rows is not None and rows >= self.spark_from_rows


@dataclass(frozen=True)
class Undated:
    """A seed, view, or table without a day: made whole by dbt's `command`, before what reads it."""

    unique_id: str
    schema: str
    name: str
    fqn: tuple[str, ...]
    command: str
    # Of a seed, a hash over its file.
    content: str = ""

    @property
    def asset(self) -> str:
        return f"{self.schema}/{self.name}"


@dataclass(frozen=True)
class Test:
    """A dbt data test, as the check that it is on its asset."""

    __test__ = False  # not one of pytest's

    unique_id: str
    name: str
    asset: str
    fqn: tuple[str, ...]
    severity: str
    dimension: str
    description: str
    parents: tuple[str, ...]
    fail_calc: str
    warn_if: str
    error_if: str
    limit: int | None
    keeps_failures: bool

    @property
    def blocking(self) -> bool:
        return self.severity == "error"


def asset_of(node: Node) -> str:
    return f"{node['schema']}/{node['alias']}"


def is_table(node: Node) -> bool:
    return node["resource_type"] in ("model", "seed", "snapshot")


def undated_of(node: Node) -> Undated:
    unique_id, schema, name, fqn = node["unique_id"], node["schema"], node["alias"], tuple(node["fqn"])
    if node["resource_type"] != "seed":
        return Undated(unique_id, schema, name, fqn, "run")
    return Undated(unique_id, schema, name, fqn, "seed", content=content_of_seed(node))


def model_of(node: Node, parents: tuple[str, ...], needs_dbt: bool) -> Model:
    meta = meta_of(node)
    columns = _columns(node)
    if node["alias"] == CALENDAR:
        raise refusal(node, f"has the name of {SERVING}.{CALENDAR}, which says the state of each day.", "Rename it")
    refuse_columns_no_table_can_have(node["name"], node["original_file_path"], columns, meta["day"])
    return Model(
        unique_id=node["unique_id"],
        schema=node["schema"],
        name=node["alias"],
        fqn=tuple(node["fqn"]),
        day_column=meta["day"],
        columns=columns,
        partitioned_by=node["config"].get("partition_by"),
        cadence=cadence_of(node),
        reaches_back=_days_back(node, meta.get("reaches_back_days", 0)),
        parents=parents,
        file=node["original_file_path"],
        reads_newest=_named(node, meta.get("reads_newest", [])),
        product=node["config"].get("group") or DEFAULT_PRODUCT,
        in_python=node["language"] == "python",
        is_only_a_statement=is_only_a_statement(node) and not needs_dbt,
        spark_from_rows=spark_from_rows(node, needs_dbt),
        spark_files_from_rows=spark_files_from_rows(node),
    )


def cadence_of(node: Node) -> Cadence:
    return Cadence(meta_of(node).get("cadence", Cadence.daily))


def as_published(unique_id: str) -> str:
    """The name of a mart as it is published, beside dbt's unique ids."""
    return f"{SERVING}.{unique_id}"


def published_of(mart: Model) -> Model:
    """As it is promoted: what its mart is."""
    return dataclasses.replace(
        mart, unique_id=as_published(mart.unique_id), schema=SERVING, partitioned_by=None, parents=()
    )


def source_of(node: Mapping[str, Any]) -> Model:
    if node["schema"] == SERVING:
        raise refusal(
            node,
            "is a mart as it is published, by its table.",
            f"Write {{{{ tidegate.published('{node['identifier']}') }}}} where it is read, which keeps the lineage "
            "whole, and remove the source",
        )
    return Model(
        unique_id=node["unique_id"],
        schema=node["schema"],
        name=node["identifier"],
        fqn=tuple(node["fqn"]),
        day_column=DELIVERY_DAY,
        columns=_columns(node),
        partitioned_by=DELIVERY_DAY,
        cadence=Cadence.daily,
        reaches_back=0,
        parents=(),
        file=node["original_file_path"],
        optional=node["config"]["meta"].get("tidegate", {}).get("optional") is True,
    )


def _days_back(node: Mapping[str, Any], written: object) -> int:
    # dbt renders a variable in YAML as text.
    if not isinstance(written, int | str) or not str(written).isdecimal():
        raise TidegateError(
            f"dbt's {node['name']} ({node['original_file_path']}) has {written!r} as reaches_back_days. Nothing was "
            "built. Write how many days before its own it reads, as a whole number from 0."
        )
    return int(written)


def _named(node: Mapping[str, Any], written: object) -> tuple[str, ...]:
    if not isinstance(written, list) or not all(isinstance(name, str) for name in written):
        raise refusal(
            node,
            f"has {written!r} as reads_newest.",
            "Write a list of marts of which it reads only the newest day, or leave it out",
        )
    return tuple(written)


def _columns(node: Mapping[str, Any]) -> dict[str, str]:
    return {column["name"]: column["data_type"] for column in node["columns"].values()}
