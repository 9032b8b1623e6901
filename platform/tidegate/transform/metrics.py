"""Metrics of dbt's semantic layer as SQL over what is published.

The definitions are those of the project's YAML, as dbt parsed them: simple, ratio and derived metrics. dbt's own
engine, MetricFlow, does more (metrics over time, joins of semantic models) and is a large dependency; what is not done
here is refused by name and never answered with another figure. Running the SQL belongs to `lake.reading`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tidegate.errors import TidegateError
from tidegate.lake.reading.tables import SERVING
from tidegate.lake.sql import qualified, quoted

# Coarser ones contain finer ones; each is also what one may group by, of the time that the metric is told by.
GRAINS = ("day", "week", "month", "quarter", "year")
TIME = "metric_time"

ONLY_METRICFLOW = "tidegate query does not work out; dbt's MetricFlow does (mf query)."

AGGREGATIONS = {
    "sum": "sum({})",
    "min": "min({})",
    "max": "max({})",
    "average": "avg({})",
    "median": "median({})",
    "count": "count({})",
    "count_distinct": "count(distinct {})",
    "sum_boolean": "count_if({})",
}

# What MetricFlow's filters are written with, as {{ Dimension('customer__segment') }}.
REFERENCE = re.compile(r"\{\{\s*(Dimension|TimeDimension|Entity)\(\s*'([^']+)'\s*(?:,\s*'([^']+)'\s*)?\)\s*\}\}")


@dataclass(frozen=True)
class Question:
    """Which metrics, by what, of which rows."""

    metrics: tuple[str, ...]
    by: tuple[str, ...] = ()
    where: str | None = None


def sql_of_metrics(manifest: Mapping[str, Any], question: Question) -> str:
    """The statement that answers the question from `serving`. Raises TidegateError for what the project does not
    define, and for kinds of metrics that only MetricFlow can do."""
    layer = _Layer(manifest)
    asked = tuple(dict.fromkeys(question.metrics))
    if len(set(question.by)) < len(question.by) or set(question.by) & set(asked):
        raise TidegateError("Name each thing to group by once, and none that is called as a metric.")
    filters = (question.where,) if question.where else ()
    parts = {name: layer.relation(name, question.by, filters, (name,)) for name in asked}
    keys = [f"{_key(place)} as {quoted(name)}" for place, name in enumerate(question.by)]
    columns = ", ".join([*keys, *(quoted(name) for name in asked)])
    order = ", ".join(str(place + 1) for place in range(len(question.by)))
    found = _joined(parts, len(question.by), ", ".join(quoted(name) for name in asked))
    return f"select {columns} from ({found}) as found" + (f" order by {order}" if order else "")


@dataclass(frozen=True)
class _Layer:
    """The semantic layer of one manifest."""

    manifest: Mapping[str, Any]

    @property
    def metrics(self) -> dict[str, Mapping[str, Any]]:
        return {metric["name"]: metric for metric in self.manifest["metrics"].values()}

    def relation(self, name: str, by: Sequence[str], filters: Sequence[str], path: tuple[str, ...]) -> str:
        """A select of the keys, and of the metric as `value`. `path`: how it is come to."""
        metric = self.metrics.get(name)
        if metric is None:
            raise TidegateError(f"There is no metric {name}. {self._known()}")
        given = metric["type_params"]
        filters = (*filters, *_templates(metric.get("filter")))
        match metric["type"]:
            case "simple" if given.get("measure"):
                return self._simple(name, given["measure"], by, filters)
            case "ratio":
                return self._of_others(
                    {"numerator": given["numerator"], "denominator": given["denominator"]},
                    '"numerator"::double / nullif("denominator"::double, 0) as value',
                    by,
                    filters,
                    path,
                )
            case "derived":
                inputs = {each["alias"] or each["name"]: each for each in given["metrics"]}
                return self._of_others(inputs, f"({given['expr']}) as value", by, filters, path)
        raise TidegateError(
            f"{name} is a {metric['type']} metric{'' if metric['type'] != 'simple' else ' without a measure'}, which "
            f"{ONLY_METRICFLOW} What it works out: simple metrics with a measure, ratio and derived ones."
        )

    def _of_others(
        self,
        inputs: Mapping[str, Mapping[str, Any]],
        value: str,
        by: Sequence[str],
        filters: Sequence[str],
        path: tuple[str, ...],
    ) -> str:
        parts = {}
        for alias, each in inputs.items():
            if each["name"] in path:
                raise TidegateError(f"The metric {path[0]} is made of itself: {' → '.join((*path, each['name']))}.")
            if each.get("offset_window") or each.get("offset_to_grain"):
                raise TidegateError(
                    f"The metric {path[-1]} takes {each['name']} of another time (an offset), which {ONLY_METRICFLOW}"
                )
            of_input = (*filters, *_templates(each.get("filter")))
            parts[alias] = self.relation(each["name"], by, of_input, (*path, each["name"]))
        return _joined(parts, len(by), value)

    def _simple(self, name: str, of: Mapping[str, Any], by: Sequence[str], filters: Sequence[str]) -> str:
        model, measure = self._measure(of["name"])
        if of.get("join_to_timespine") or measure.get("non_additive_dimension"):
            raise TidegateError(
                f"The metric {name} is joined to a calendar, or not additive over a dimension, which {ONLY_METRICFLOW}"
            )
        seen = _Seen.of(model, measure)
        keys = [seen.expression(each) for each in by]
        told = [f"({expression}\n) as {quoted(column)}" for column, expression in seen.columns.items()]
        # An expression may end in a comment; a filter, too.
        value = measure.get("expr") or quoted(measure["name"])
        table = qualified(SERVING, model["node_relation"]["alias"])
        rows = f"select {', '.join(told)}, ({value}\n) as value_of_row from {table}"
        kept = [f"({seen.condition(text)}\n)" for text in (*filters, *_templates(of.get("filter")))]
        aggregated = _aggregated(name, measure)
        if of.get("fill_nulls_with") is not None:
            aggregated = f"coalesce({aggregated}, {int(of['fill_nulls_with'])})"
        shown = [*(f"{key} as {_key(place)}" for place, key in enumerate(keys)), f"{aggregated} as value"]
        where = f" where {' and '.join(kept)}" if kept else ""
        group = f" group by {', '.join(keys)}" if keys else ""
        return f"select {', '.join(shown)} from ({rows}) as rows{where}{group}"

    def _measure(self, name: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        for model in self.manifest["semantic_models"].values():
            for measure in model["measures"]:
                if measure["name"] == name:
                    return model, measure
        raise TidegateError(f"No semantic model has the measure {name}.")

    def _known(self) -> str:
        names = ", ".join(sorted(self.metrics))
        return f"There are: {names}." if names else "The dbt project defines none; see docs/models.md."


@dataclass(frozen=True)
class _Seen:
    """What the rows of a semantic model can be grouped and chosen by: a column for each dimension and entity."""

    model: str
    columns: Mapping[str, str]
    times: frozenset[str]
    prefixes: frozenset[str]

    @classmethod
    def of(cls, model: Mapping[str, Any], measure: Mapping[str, Any]) -> _Seen:
        parts = [*model["dimensions"], *model["entities"]]
        columns = {each["name"]: each.get("expr") or quoted(each["name"]) for each in parts}
        times = {each["name"] for each in model["dimensions"] if each["type"] == "time"}
        time = measure.get("agg_time_dimension") or (model.get("defaults") or {}).get("agg_time_dimension")
        if time in columns:
            columns[TIME] = columns[time]
            times.add(TIME)
        prefixes = {each["name"] for each in model["entities"]} | {model.get("primary_entity") or ""}
        return cls(model["name"], columns, frozenset(times), frozenset(prefixes))

    def expression(self, name: str) -> str:
        """A dimension, an entity, a grain (`month`), or a dimension of time with its grain (`order_date__month`)."""
        if name in self.columns:
            return quoted(name)
        if name in GRAINS and TIME in self.columns:
            return _truncated(name, TIME)
        before, _, last = name.rpartition("__")
        if last in GRAINS and (column := self._without_prefix(before)) in self.times:
            return _truncated(last, str(column))
        if (column := self._without_prefix(name)) is not None:
            return quoted(column)
        grains = f", {', '.join(GRAINS)}" if TIME in self.columns else ""
        raise TidegateError(
            f"{self.model} has no {name} to group or choose by. It has: {', '.join(self.columns)}{grains}. To have "
            "another, add a dimension to its semantic model."
        )

    def condition(self, text: str) -> str:
        """A filter in SQL, with MetricFlow's references written out."""

        def written_out(found: re.Match[str]) -> str:
            kind, name, grain = found.groups()
            return self.expression(f"{name}__{grain}" if kind == "TimeDimension" and grain else name)

        written = REFERENCE.sub(written_out, text)
        if "{{" in written:
            raise TidegateError(
                f"The filter {text.strip()} has a reference that tidegate query does not read. It reads "
                "Dimension('…'), TimeDimension('…', 'month') and Entity('…')."
            )
        return written

    def _without_prefix(self, name: str) -> str | None:
        if name in self.columns:
            return name
        prefix, _, rest = name.partition("__")
        return rest if prefix in self.prefixes and rest in self.columns else None


def _truncated(grain: str, column: str) -> str:
    return f"date_trunc('{grain}', {quoted(column)})::date"


def _aggregated(metric: str, measure: Mapping[str, Any]) -> str:
    if measure["agg"] == "percentile":
        asked = measure.get("agg_params") or {}
        kind = "quantile_disc" if asked.get("use_discrete_percentile") else "quantile_cont"
        return f"{kind}(value_of_row, {float(asked.get('percentile') or 0.5)})"
    if measure["agg"] not in AGGREGATIONS:
        raise TidegateError(f"{metric} is a {measure['agg']} of its measure, which tidegate query does not work out.")
    return AGGREGATIONS[measure["agg"]].format("value_of_row")


def _templates(of: Mapping[str, Any] | None) -> tuple[str, ...]:
    return tuple(each["where_sql_template"] for each in (of or {}).get("where_filters") or ())


def _key(place: int) -> str:
    return f"key_{place}"


def _joined(parts: Mapping[str, str], keys: int, values: str) -> str:
    """The parts' values, each under its name, beside one another for all keys that any has; `values` are made of
    them."""
    names = [_key(place) for place in range(keys)]
    each = {
        name: f"(select {', '.join([*names, f'value as {quoted(name)}'])} from ({sql}) as part)"
        for name, sql in parts.items()
    }
    if not names:
        sides = ", ".join(f"{sql} as {quoted(f'part {name}')}" for name, sql in each.items())
        return f"select {values} from {sides}"
    shown = ", ".join(names)
    every = " union ".join(f"select {shown} from {sql} as part" for sql in each.values())
    joins = "".join(
        f" left join {sql} as {quoted(f'part {name}')} on "
        + " and ".join(f"every_key.{key} is not distinct from {quoted(f'part {name}')}.{key}" for key in names)
        for name, sql in each.items()
    )
    return f"select {', '.join(f'every_key.{key}' for key in names)}, {values} from ({every}) as every_key{joins}"
