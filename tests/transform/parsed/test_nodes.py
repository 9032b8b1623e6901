"""What becomes of each kind of dbt node, and in which words those are refused that could not be built soundly."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.errors import TidegateError
from tidegate.transform.parsed.nodes import (
    Kind,
    kind_of,
    refuse_what_reads_snapshots,
    spark_files_from_rows,
    spark_from_rows,
)

DAY = {"tidegate": {"day": "on"}}
DATED: dict[str, Any] = {"materialized": "incremental", "incremental_strategy": "window_overwrite", "meta": DAY}


def node(resource_type: str = "model", schema: str = "staging", **config: Any) -> dict[str, Any]:
    return {
        "resource_type": resource_type,
        "name": "places",
        "original_file_path": "models/places.sql",
        "schema": schema,
        "language": "sql",
        "columns": {"on": {"name": "on", "data_type": "date"}},
        "depends_on": {"nodes": ["snapshot.shop.places_then"]},
        "config": {"meta": {}, **config},
    }


@pytest.mark.parametrize(
    ("of", "kind"),
    [
        (node(**DATED), Kind.dated),
        (node(materialized="table"), Kind.undated),
        (node(materialized="view"), Kind.undated),
        # Its rows belong to days, which a test of it may name; it is made whole all the same.
        (node(materialized="view", meta=DAY), Kind.undated),
        (node("seed", materialized="seed"), Kind.undated),
        (node(materialized="ephemeral", schema="marts"), Kind.inlined),
        (node("analysis"), Kind.other),
        (node("snapshot", materialized="snapshot"), Kind.other),
    ],
)
def test_every_node_becomes_what_it_can_be(of: dict[str, Any], kind: Kind) -> None:
    assert kind_of(of) is kind


@pytest.mark.parametrize(
    ("of", "says"),
    [
        (node(materialized="incremental", incremental_strategy="window_overwrite"), "which column holds its day"),
        (node(materialized="incremental", incremental_strategy="append", meta=DAY), "is incremental by append"),
        (node(**DATED) | {"columns": {}}, "does not say the types of its columns"),
        (node(**DATED) | {"columns": {"on": {"name": "on", "data_type": None}}}, "types of its columns: on"),
        (node(**{**DATED, "meta": {"tidegate": {"day": "on", "cadence": "hourly"}}}), "has the cadence hourly"),
        (node(materialized="table", meta=DAY), "would hold the days that were built last"),
        (node(materialized="materialized_view"), "is materialized as materialized_view"),
        (node(materialized="view", schema="marts"), "a mart without a day"),
        (node("seed", materialized="seed", schema="serving"), "the schema serving, which Tidegate fills"),
    ],
)
def test_what_could_not_be_built_soundly_is_refused_by_file_and_alternative(of: dict[str, Any], says: str) -> None:
    with pytest.raises(TidegateError, match=says) as refused:
        kind_of(of)
    assert "(models/places.sql)" in str(refused.value)
    assert "Nothing was built. " in str(refused.value)


def test_a_model_reads_no_snapshot() -> None:
    with pytest.raises(TidegateError, match="reads the snapshot places_then, whose rows depend on when it ran"):
        refuse_what_reads_snapshots([node(materialized="view")])


def on_spark(partition_by: str | None = None, **meta: object) -> dict[str, Any]:
    config = {**DATED, "contract": {"enforced": True}, "partition_by": partition_by}
    return node(**{**config, "meta": {"tidegate": {"day": "on", **meta}}})


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        (on_spark(), (None, None)),
        (on_spark(engine="spark"), (0, None)),
        (on_spark(spark_from_rows=7), (7, None)),
        (on_spark("on", spark_files_from_rows=0), (0, 0)),
        (on_spark(spark_from_rows=7, spark_files_from_rows=9), (7, 9)),
        (on_spark(engine="duckdb", spark_from_rows=7, spark_files_from_rows=9), (None, 9)),
    ],
)
def test_from_how_many_rows_on_spark_makes_a_model_and_its_files_are_taken(
    of: dict[str, Any], expected: tuple[int | None, int | None]
) -> None:
    assert (spark_from_rows(of, needs_dbt=False), spark_files_from_rows(of)) == expected


@pytest.mark.parametrize(
    ("of", "says"),
    [
        (on_spark(spark_from_rows=-1), "has -1 as spark_from_rows"),
        (on_spark(spark_files_from_rows="many"), "has 'many' as spark_files_from_rows"),
        (on_spark("region", spark_files_from_rows=0), "partitioned by something else than its day"),
    ],
)
def test_rows_from_which_nothing_can_begin_are_refused(of: dict[str, Any], says: str) -> None:
    with pytest.raises(TidegateError, match=says):
        spark_from_rows(of, needs_dbt=False)
        spark_files_from_rows(of)
