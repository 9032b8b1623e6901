"""The rules under `quality`: the standard's library metrics, SQL on a delivery, SQL on a row.

A rule that a single row can break, and of which no broken row is accepted (severity error, `mustBe: 0` rows),
quarantines the rows that break it. Any other is measured on the delivery as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Literal, get_args

from open_data_contract_standard.model import DataQuality

from tidegate.contract.judging.verdicts import ROWS
from tidegate.contract.model import (
    Column,
    Comparison,
    DeliveryRule,
    Dimension,
    RowRule,
    Severity,
    Threshold,
    Unit,
)
from tidegate.contract.reading.document import At, closest
from tidegate.contract.reading.draft import Draft
from tidegate.lake.sql import quoted

_DIMENSIONS: Mapping[str, Dimension] = {
    "accuracy": "accuracy",
    "completeness": "completeness",
    "conformity": "accuracy",
    "consistency": "consistency",
    "coverage": "completeness",
    "timeliness": "timeliness",
    "uniqueness": "uniqueness",
}

# Of v3.0, where a metric was called a rule.
_OLD_METRICS = {
    "nullCheck": "nullValues",
    "duplicateCount": "duplicateValues",
    "uniqueCheck": "duplicateValues",
}
_ARGUMENTS: Mapping[str, frozenset[str]] = {
    "rowCount": frozenset(),
    "nullValues": frozenset(),
    "missingValues": frozenset({"missingValues"}),
    "invalidValues": frozenset({"validValues", "pattern"}),
    "duplicateValues": frozenset({"properties"}),
}

_COMPARISONS = frozenset(get_args(Comparison))
_OF_EVERY_TYPE = frozenset(
    {"id", "name", "description", "dimension", "severity", "type", "tags", "businessImpact", "method"}
    | {"authoritativeDefinitions"}
)
_KEYS: Mapping[str, frozenset[str]] = {
    "library": _OF_EVERY_TYPE | _COMPARISONS | {"metric", "rule", "arguments", "unit"},
    "sql": _OF_EVERY_TYPE | _COMPARISONS | {"query", "unit"},
    "custom": _OF_EVERY_TYPE | {"engine", "implementation"},
    "text": _OF_EVERY_TYPE,
}

_PLACEHOLDER = re.compile(r"\$?\{([A-Za-z_]+)\}")
_NONE_AT_ALL = Threshold("mustBe", (Decimal(0),))


def read_quality(draft: Draft, rule: DataQuality, column: Column | None, at: At) -> None:
    """Adds one rule, written at `column` or, where that is None, at the schema."""
    kind = rule.type or "library"
    if kind not in _KEYS:
        raise draft.doc.refused((*at, "type"), f"'{kind}' is not a type of rule", closest(kind, _KEYS))
    for key in sorted(rule.model_fields_set - _KEYS[kind]):
        raise draft.doc.refused((*at, key), f"'{key}' has no effect in a rule of type {kind}", "remove it")
    match kind:
        case "library":
            _read_metric(draft, rule, column, at)
        case "sql":
            _read_query(draft, rule, column, at)
        case "custom":
            _read_predicate(draft, rule, column, at)


# --- library metrics


def _read_metric(draft: Draft, rule: DataQuality, column: Column | None, at: At) -> None:
    metric = _metric(draft, rule, at)
    for argument in rule.arguments or {}:
        if argument not in _ARGUMENTS[metric]:
            known = _ARGUMENTS[metric]
            what = f"{metric} has no argument '{argument}'"
            raise draft.doc.refused(
                (*at, "arguments", argument), what, closest(argument, known) if known else "remove it"
            )
    threshold = _threshold(draft, rule, at)
    if metric == "rowCount":
        _read_row_count(draft, rule, column, threshold, at)
    elif metric == "duplicateValues":
        _read_duplicates(draft, rule, column, threshold, at)
    elif column is None:
        raise draft.doc.refused(at, f"{metric} counts the values of a column", "write the rule at a property")
    elif metric == "invalidValues":
        _read_invalid(draft, rule, column, threshold, at)
    else:
        _read_missing(draft, rule, column, metric, threshold, at)


def _metric(draft: Draft, rule: DataQuality, at: At) -> str:
    if (rule.metric is None) == (rule.rule is None):
        what = "the rule has no metric" if rule.metric is None else "the rule has a 'metric' and a 'rule'"
        raise draft.doc.refused(at, what, f"write 'metric:' and one of {', '.join(sorted(_ARGUMENTS))}")
    written = rule.metric or rule.rule or ""
    metric = _OLD_METRICS.get(written, written)
    if metric not in _ARGUMENTS:
        where = (*at, "metric" if rule.metric else "rule")
        raise draft.doc.refused(where, f"the metric '{written}' is not supported", closest(written, _ARGUMENTS))
    return metric


def _read_row_count(draft: Draft, rule: DataQuality, column: Column | None, threshold: Threshold, at: At) -> None:
    if column is not None:
        what = "rowCount counts rows, not values of a column"
        raise draft.doc.refused(at, what, "write the rule under the 'quality' of the schema")
    if threshold.unit == "percent":
        raise draft.doc.refused((*at, "unit"), "a number of rows is not a percentage", "write 'unit: rows'")
    name = _name(draft, rule, "row_count", at)
    text = rule.description or "the number of lines delivered"
    _add_measured(draft, rule, name, "completeness", ("rows_read", ""), threshold, text, at)


def _read_duplicates(draft: Draft, rule: DataQuality, column: Column | None, threshold: Threshold, at: At) -> None:
    names = _unique_columns(draft, rule, column, at)
    if _dimension(draft, rule, "uniqueness", at) != "uniqueness":
        raise draft.doc.refused((*at, "dimension"), "duplicates are a matter of uniqueness", "write 'uniqueness'")
    text = rule.description or f"{', '.join(names)} must be unique"
    if _is_for_rows(rule, threshold):
        draft.add_unique_rule(_name(draft, rule, f"duplicate_{'_'.join(names)}", at), names, text, at)
        return
    filled = " and ".join(f"{quoted(name)} is not null" for name in names)
    values = f"struct_pack({', '.join(f'{quoted(name)} := {quoted(name)}' for name in names)})"
    repeated = f"count(*) filter (where {filled}) - count(distinct {values}) filter (where {filled})"
    name = _name(draft, rule, f"duplicate_values_of_{'_'.join(names)}", at)
    _add_measured(draft, rule, name, "uniqueness", ("count", repeated), threshold, text, at)


def _unique_columns(draft: Draft, rule: DataQuality, column: Column | None, at: At) -> tuple[str, ...]:
    listed = (rule.arguments or {}).get("properties")
    if column is not None:
        if listed is not None:
            what = "a rule at a property is about that property alone"
            raise draft.doc.refused((*at, "arguments"), what, "write it under the 'quality' of the schema")
        return (column.name,)
    if not isinstance(listed, list) or not listed:
        what = "duplicateValues of a schema needs the columns that must not repeat together"
        raise draft.doc.refused(at, what, "write 'arguments: {properties: [a, b]}'")
    where = (*at, "arguments", "properties")
    return tuple(draft.column(name, (*where, i)).name for i, name in enumerate(listed))


def _read_invalid(draft: Draft, rule: DataQuality, column: Column, threshold: Threshold, at: At) -> None:
    invalid = _invalid(draft, rule, column, at)
    text = rule.description or f"values of {column.name} that are not valid"
    if _is_for_rows(rule, threshold):
        reason = _name(draft, rule, f"{column.name}_not_allowed", at)
        draft.add_row_rule(reason, _dimension(draft, rule, "accuracy", at), invalid, text, at)
        return
    name = _name(draft, rule, f"invalid_values_of_{column.name}", at)
    _add_measured(draft, rule, name, "accuracy", ("count", _rows_where(invalid)), threshold, text, at)


def _invalid(draft: Draft, rule: DataQuality, column: Column, at: At) -> str:
    """The condition that a value is none of those the rule's arguments allow."""
    arguments, where = rule.arguments or {}, (*at, "arguments")
    conditions = []
    if "validValues" in arguments:
        allowed = draft.values(column, arguments["validValues"], (*where, "validValues"))
        conditions.append(f"{quoted(column.name)} not in ({allowed})")
    if "pattern" in arguments:
        conditions.append(draft.not_matching(column, arguments["pattern"], (*where, "pattern")))
    if not conditions:
        what = "invalidValues does not say which values are valid"
        raise draft.doc.refused(at, what, "write 'arguments: {validValues: [a, b]}' or '{pattern: ...}'")
    return " or ".join(conditions)


def _read_missing(draft: Draft, rule: DataQuality, column: Column, metric: str, threshold: Threshold, at: At) -> None:
    stand_ins = _stand_ins(draft, rule, column, at) if metric == "missingValues" else None
    if _is_for_rows(rule, threshold):
        _require(draft, rule, column, stand_ins, at)
        return
    missing = f"{quoted(column.name)} is null"
    if stand_ins:
        missing += f" or {quoted(column.name)} in ({stand_ins})"
    kind = "null" if metric == "nullValues" else "missing"
    name = _name(draft, rule, f"{kind}_values_of_{column.name}", at)
    text = rule.description or f"rows without a {column.name}"
    _add_measured(draft, rule, name, "completeness", ("count", _rows_where(missing)), threshold, text, at)


def _require(draft: Draft, rule: DataQuality, column: Column, stand_ins: str | None, at: At) -> None:
    """None may be missing: the same as `required`, and a value that stands for none counts as missing too."""
    if rule.name not in (None, column.missing):
        what = f"a row without {column.name} has the reason {column.missing}, whatever the rule's name"
        raise draft.doc.refused((*at, "name"), what, f"write '{column.missing}' or no name")
    draft.require(column)
    if stand_ins:
        dimension = _dimension(draft, rule, "completeness", at)
        text = f"{stand_ins} stands for no {column.name}"
        # Beside the built-in rule of the same reason: a row cannot break both.
        draft.row_rules.append(RowRule(column.missing, dimension, f"{quoted(column.name)} in ({stand_ins})", text))


def _stand_ins(draft: Draft, rule: DataQuality, column: Column, at: At) -> str | None:
    written = (rule.arguments or {}).get("missingValues")
    if not isinstance(written, list):
        what = "missingValues does not say which values count as missing"
        raise draft.doc.refused(at, what, "write 'arguments: {missingValues: [null, \"N/A\"]}'")
    # Null and the empty text are missing anyway.
    values = [value for value in written if value not in (None, "")]
    return draft.values(column, values, (*at, "arguments", "missingValues")) if values else None


# --- SQL


def _read_query(draft: Draft, rule: DataQuality, column: Column | None, at: At) -> None:
    where = (*at, "query")
    query = draft.query(_filled_in(draft, rule.query, column, ROWS, where), where)
    name = _name(draft, rule, None, at)
    text = rule.description or name
    _add_measured(
        draft, rule, name, _default_dimension(column), ("query", query), _threshold(draft, rule, at), text, at
    )


def _read_predicate(draft: Draft, rule: DataQuality, column: Column | None, at: At) -> None:
    if rule.engine != "tidegate":
        what = f"the engine '{rule.engine}' does not run here"
        raise draft.doc.refused((*at, "engine"), what, "write 'engine: tidegate' and SQL that is true for broken rows")
    where = (*at, "implementation")
    written = rule.implementation if isinstance(rule.implementation, str) else None
    broken = draft.predicate(_filled_in(draft, written, column, None, where), where)
    name = _name(draft, rule, None, at)
    text = rule.description or name
    dimension = _default_dimension(column)
    if _severity(draft, rule, at) == "error":
        draft.add_row_rule(name, _dimension(draft, rule, dimension, at), broken, text, at)
    else:
        _add_measured(draft, rule, name, dimension, ("count", _rows_where(broken)), _NONE_AT_ALL, text, at)


def _filled_in(draft: Draft, sql: str | None, column: Column | None, rows: str | None, at: At) -> str:
    """The author's SQL with the standard's placeholders filled in."""
    if not sql or not sql.strip():
        raise draft.doc.refused(at, "the rule has no SQL", "write it as a text")
    name = quoted(column.name) if column else None
    known = {"object": rows, "table": rows, "property": name, "column": name}

    def fill(match: re.Match[str]) -> str:
        filling = known.get(match[1])
        if filling is None:
            usable = " or ".join(f"{{{word}}}" for word, meaning in known.items() if meaning)
            what = f"the placeholder {match[0]} means nothing here"
            raise draft.doc.refused(at, what, f"write {usable or 'the name of a column'}")
        return filling

    return _PLACEHOLDER.sub(fill, sql).strip().removesuffix(";")


# --- parts of a rule


def _add_measured(
    draft: Draft,
    rule: DataQuality,
    name: str,
    dimension: Dimension,
    measure: tuple[Literal["rows_read", "count", "query"], str],
    threshold: Threshold,
    text: str,
    at: At,
) -> None:
    kind, sql = measure
    severity = _severity(draft, rule, at)
    dimension = _dimension(draft, rule, dimension, at)
    text = " ".join(text.split())
    draft.add_delivery_rule(DeliveryRule(name, dimension, severity, kind, sql, threshold, text), at)


def _threshold(draft: Draft, rule: DataQuality, at: At) -> Threshold:
    written = sorted(rule.model_fields_set & _COMPARISONS)
    if len(written) != 1:
        what = f"the rule has both {' and '.join(written)}" if written else "the rule compares with nothing"
        raise draft.doc.refused(at, what, f"write one of {', '.join(sorted(_COMPARISONS))}")
    comparison = written[0]
    value = getattr(rule, comparison)
    where = (*at, comparison)
    limits = tuple(draft.number(limit, where) for limit in (value if isinstance(value, list) else [value]))
    if len(limits) != (2 if comparison.endswith("Between") else 1) or limits[0] > limits[-1]:
        instead = "write '[smallest, largest]'" if comparison.endswith("Between") else "write one number"
        raise draft.doc.refused(where, f"'{comparison}: {value}' cannot be compared with", instead)
    return Threshold(comparison, limits, _unit(draft, rule, at))  # type: ignore[arg-type]  # it is one of Comparison


def _unit(draft: Draft, rule: DataQuality, at: At) -> Unit:
    match rule.unit:
        case None | "rows":
            return "rows"
        case "percent":
            return "percent"
    raise draft.doc.refused((*at, "unit"), f"'{rule.unit}' is not a unit of a rule", "write 'rows' or 'percent'")


def _severity(draft: Draft, rule: DataQuality, at: At) -> Severity:
    match rule.severity:
        case None | "error":
            return "error"
        case "warning":
            return "warning"
    what = f"'{rule.severity}' is not a severity"
    raise draft.doc.refused((*at, "severity"), what, "write 'error' (quarantines or rejects) or 'warning'")


def _dimension(draft: Draft, rule: DataQuality, default: Dimension, at: At) -> Dimension:
    if rule.dimension is None:
        return default
    if rule.dimension not in _DIMENSIONS:
        what = f"'{rule.dimension}' is not a dimension of the standard"
        raise draft.doc.refused((*at, "dimension"), what, closest(rule.dimension, _DIMENSIONS))
    return _DIMENSIONS[rule.dimension]


def _default_dimension(column: Column | None) -> Dimension:
    # A rule at the schema compares columns with each other.
    return "accuracy" if column else "consistency"


def _name(draft: Draft, rule: DataQuality, default: str | None, at: At) -> str:
    if rule.name is not None:
        return draft.plain_name(rule.name, (*at, "name"))
    if default is None:
        what = f"a rule of type {rule.type} needs a name"
        raise draft.doc.refused(at, what, "write 'name: what_is_wrong'; quarantine and checks show it")
    return default


def _is_for_rows(rule: DataQuality, threshold: Threshold) -> bool:
    return threshold == _NONE_AT_ALL and rule.severity in (None, "error")


def _rows_where(condition: str) -> str:
    return f"count(*) filter (where {condition})"
