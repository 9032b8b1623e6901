"""The measures that the semantic models of the project have of its marts: names of figures, and how they add up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidegate.lake.sql import quoted

# dbt's names of aggregations, and what they are in SQL.
_AGGREGATIONS = {
    "sum": "sum({})",
    "count": "count({})",
    "count_distinct": "count(distinct {})",
    "average": "avg({})",
    "min": "min({})",
    "max": "max({})",
}


def measures_of(manifest: Mapping[str, Any], mart: str) -> dict[str, str]:
    """Of a mart, the SQL of each measure by its label. Those of an expression that is no column are left out."""
    found: dict[str, str] = {}
    for semantic in manifest.get("semantic_models", {}).values():
        if (semantic.get("node_relation") or {}).get("alias") != mart:
            continue
        for measure in semantic["measures"]:
            column, aggregation = measure.get("expr") or measure["name"], _AGGREGATIONS.get(measure["agg"])
            if aggregation and column.isidentifier():
                found[measure.get("label") or _label(measure["name"])] = aggregation.format(quoted(column))
    return found


def _label(name: str) -> str:
    return name.replace("_", " ").capitalize()
