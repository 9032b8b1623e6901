"""The rules that a column's `logicalTypeOptions`, `enum` and `unique` stand for. Each quarantines rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from open_data_contract_standard.model import SchemaProperty

from tidegate.contract.model import Column
from tidegate.contract.reading.document import At, closest
from tidegate.contract.reading.draft import Draft
from tidegate.lake.sql import literal, quoted

_TEXT_FORMATS = {
    "email": r"^[^@\s]+@[^@\s]+\.[^@\s.]+$",
    "uuid": "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
    "uri": r"^[A-Za-z][A-Za-z0-9+.-]*:\S+$",
}

# What breaks each bound, the end of the reason's name, and the bound in words.
_BOUNDS = {
    "minimum": ("<", "below_minimum", "at least"),
    "exclusiveMinimum": ("<=", "below_minimum", "above"),
    "maximum": (">", "above_maximum", "at most"),
    "exclusiveMaximum": (">=", "above_maximum", "below"),
}


def read_property(draft: Draft, prop: SchemaProperty, key: tuple[str, ...], at: At) -> None:
    """Adds the rules of the column `prop`, without its `quality`."""
    column = draft.column(prop.name, at)
    _read_options(draft, column, prop.logicalTypeOptions or {}, (*at, "logicalTypeOptions"))
    if prop.enum is not None:
        values = draft.values(column, [entry.value for entry in prop.enum], (*at, "enum"))
        text = f"{column.name} must be one of {values}"
        outside = f"{quoted(column.name)} not in ({values})"
        draft.add_row_rule(f"{column.name}_not_allowed", "accuracy", outside, text, (*at, "enum"))
    if prop.unique and key != (column.name,):
        text = f"{column.name} must be unique"
        draft.add_unique_rule(f"duplicate_{column.name}", (column.name,), text, (*at, "unique"))


def _read_options(draft: Draft, column: Column, options: Mapping[str, Any], at: At) -> None:
    readers = _READERS[column.logical_type]
    for option, written in options.items():
        where = (*at, option)
        if option not in readers:
            what = f"'{option}' is not supported for a column of type {column.logical_type}"
            raise draft.doc.refused(where, what, closest(option, readers) if readers else "remove it")
        if option.startswith("exclusive") and option.replace("exclusiveM", "m") in options:
            raise draft.doc.refused(where, f"'{option}' stands beside its inclusive form", "keep one of the two")
        readers[option](draft, column, option, written, where)


def _read_bound(draft: Draft, column: Column, option: str, written: Any, at: At) -> None:
    broken_by, ending, words = _BOUNDS[option]
    broken = f"{quoted(column.name)} {broken_by} {draft.value(column, written, at)}"
    text = f"{column.name} must be {words} {written}"
    draft.add_row_rule(f"{column.name}_{ending}", "accuracy", broken, text, at)


def _read_multiple(draft: Draft, column: Column, option: str, written: Any, at: At) -> None:
    step = draft.number(written, at)
    if step <= 0 or column.sql_type in ("FLOAT", "DOUBLE"):
        what = f"'{option}' needs a number above 0, and a column of integers or decimals"
        raise draft.doc.refused(at, what, f"write '{option}: 5', say, or remove it")
    broken = draft.predicate(f"{quoted(column.name)} % {literal(step)} <> 0", at)
    text = f"{column.name} must be a multiple of {written}"
    draft.add_row_rule(f"{column.name}_not_a_multiple", "accuracy", broken, text, at)


def _read_length(draft: Draft, column: Column, option: str, written: Any, at: At) -> None:
    if not isinstance(written, int) or isinstance(written, bool) or written < 0:
        raise draft.doc.refused(at, f"'{option}' is {written!r}", "write a whole number of characters")
    too, broken_by, words = ("short", "<", "least") if option == "minLength" else ("long", ">", "most")
    broken = f"length({quoted(column.name)}) {broken_by} {literal(written)}"
    text = f"{column.name} must have at {words} {written} characters"
    draft.add_row_rule(f"{column.name}_too_{too}", "accuracy", broken, text, at)


def _read_pattern(draft: Draft, column: Column, option: str, written: Any, at: At) -> None:
    broken = draft.not_matching(column, written, at)
    text = f"{column.name} must match the {option} {written}"
    draft.add_row_rule(f"{column.name}_does_not_match", "accuracy", broken, text, at)


def _read_text_format(draft: Draft, column: Column, option: str, written: Any, at: At) -> None:
    if written not in _TEXT_FORMATS:
        what = f"the {option} '{written}' is not supported"
        raise draft.doc.refused(at, what, f"write one of {', '.join(_TEXT_FORMATS)}, or a 'pattern'")
    broken = draft.not_matching(column, _TEXT_FORMATS[written], at)
    text = f"{column.name} must have the form of one {written}"
    draft.add_row_rule(f"{column.name}_not_{written}", "accuracy", broken, text, at)


def _read_with_type(draft: Draft, column: Column, option: str, written: Any, at: At) -> None:
    """Options that `columns` has already read into the column's type."""


_Reader = Callable[[Draft, Column, str, Any, At], None]
_BOUNDED: Mapping[str, _Reader] = dict.fromkeys(_BOUNDS, _read_bound)
_NUMERIC: Mapping[str, _Reader] = {**_BOUNDED, "multipleOf": _read_multiple, "format": _read_with_type}
_READERS: Mapping[str, Mapping[str, _Reader]] = {
    "string": {
        "minLength": _read_length,
        "maxLength": _read_length,
        "pattern": _read_pattern,
        "format": _read_text_format,
    },
    "integer": _NUMERIC,
    "number": _NUMERIC,
    "boolean": {},
    "date": {**_BOUNDED, "format": _read_with_type},
    "timestamp": {**_BOUNDED, "format": _read_with_type, "defaultTimezone": _read_with_type},
    "time": {**_BOUNDED, "format": _read_with_type},
}
