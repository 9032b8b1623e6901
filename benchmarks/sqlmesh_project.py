"""The project of the contender `sqlmesh`: the models and tests of dbt_project/ as dbt compiled them, their days replaced by SQLMesh's.
Running SQLMesh does not belong here.

    python -m benchmarks.sqlmesh_project --manifest FILE --database FILE --folder FOLDER --from DAY
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from benchmarks.load import connect
from tidegate.window import Window

# The window that dbt compiles for. No model names these days, so wherever they stand in the SQL, they are the window.
COMPILED_WINDOW = Window.of_day(dt.date(1900, 1, 1))

# SQLMesh's end is the last day of the window, dbt's is the day after it.
SQLMESH_DAYS = {
    f"date '{COMPILED_WINDOW.start}'": "cast(@start_ds as date)",
    f"date '{COMPILED_WINDOW.end}'": "(cast(@end_ds as date) + 1)",
}

# DuckDB's setting is that of dbt's target `plain`.
CONFIG = """
gateways:
  plain:
    connection:
      type: duckdb
      database: {database}
      connector_config:
        preserve_insertion_order: false
default_gateway: plain
model_defaults:
  dialect: duckdb
  start: {first}
disable_anonymized_analytics: true
"""

# A node of dbt's manifest.
Node = Mapping[str, Any]


def write_project(nodes: Iterable[Node], folder: Path) -> None:
    compiled = [node for node in nodes if "compiled_code" in node]
    models = in_order([node for node in compiled if node["resource_type"] == "model" and node["relation_name"]])
    tests = [node for node in compiled if node["resource_type"] == "test"]
    (folder / "models").mkdir(parents=True)
    for model in models:
        audits = [test for test in tests if audited_with(test, models) is model]
        (folder / "models" / f"{model['name']}.sql").write_text(model_file(model, audits, models))


def in_order(models: Sequence[Node]) -> list[Node]:
    """No model before those that it reads. Ephemeral ones stand in the SQL of those that read them."""
    by_name = {model["relation_name"]: model for model in models}
    reads = {name: read_by([model], models) - {name} for name, model in by_name.items()}
    return [by_name[name] for name in TopologicalSorter(reads).static_order()]


def read_by(nodes: Iterable[Node], models: Iterable[Node]) -> set[str]:
    names: set[str] = {model["relation_name"] for model in models}
    return {name for name in names for node in nodes if name in node["compiled_code"]}


def audited_with(test: Node, models: Sequence[Node]) -> Node:
    """The model whose audit the test becomes: the last of those that it is about, when all of them are built."""
    return [model for model in models if model["unique_id"] in test["depends_on"]["nodes"]][-1]


def model_file(model: Node, audits: Sequence[Node], models: Sequence[Node]) -> str:
    # SQLMesh finds out what a model reads, but not what its audits read.
    read_by_audits = read_by(audits, models) - {model["relation_name"]}
    columns = ", ".join(f"{name} {column['data_type']}" for name, column in model["columns"].items())
    head = f"""model (
    name {model["relation_name"]},
    kind incremental_by_time_range (time_column {model["config"]["meta"]["tidegate"]["day"]}),
    cron '@daily',
    columns ({columns}),
    depends_on ({", ".join(sorted(read_by_audits))}),
    audits ({", ".join(test["name"] for test in audits)})
)"""
    return ";\n\n".join([head, with_sqlmesh_days(model), *(part for test in audits for part in audit(test))])


def audit(test: Node) -> list[str]:
    blocking = str(test["config"]["severity"] == "error").lower()
    return [f"audit (name {test['name']}, blocking {blocking})", with_sqlmesh_days(test)]


def with_sqlmesh_days(node: Node) -> str:
    sql: str = node["compiled_code"]
    for compiled, day in SQLMESH_DAYS.items():
        sql = sql.replace(compiled, day)
    if str(COMPILED_WINDOW.start) in sql or str(COMPILED_WINDOW.end) in sql:
        raise ValueError(f"{node['name']} names a day of its window in a way that cannot be replaced")
    return sql.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--database", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--from", dest="first", required=True)
    given = parser.parse_args()
    write_project(json.loads(given.manifest.read_text())["nodes"].values(), given.folder)
    (given.folder / "config.yaml").write_text(CONFIG.format(database=given.database, first=given.first))
    # The first plan tries each query, so the tables that they read must be there.
    connect(given.database).close()


if __name__ == "__main__":
    main()
