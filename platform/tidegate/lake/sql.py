"""Turning names and values into SQL text safely.

Every identifier and every value that reaches SQL goes through here: whatever it holds, it stays one
identifier or one value. Values become text instead of bound parameters because DuckDB imports pandas, 1.5 s,
to bind the first one. Running SQL does not belong here.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from importlib import resources
from typing import TypeAlias

from tidegate.window import Window, windows_of

CATALOG = "lake"
SCHEMAS = ("raw", "quarantine", "staging", "intermediate", "marts", "serving", "ops")

Value: TypeAlias = "str | int | bool | Decimal | dt.date | dt.datetime | Sequence[Value] | None"


def quoted(name: str) -> str:
    """`name` as one identifier. Raises ValueError for what can be no identifier: nothing at all, or a NUL."""
    if not name or "\0" in name:
        raise ValueError(f"not a name that SQL can hold: {name!r}")
    return '"' + name.replace('"', '""') + '"'


# DuckLake keeps these to itself and creates no table that has one, in upper or lower case; a column `rowid` it creates,
# and then updates wrong rows. Every other name works, as does every name of a table (tests/lake/test_names.py).
_KEPT_BY_DUCKLAKE = frozenset({"row_id", "begin_snapshot", "end_snapshot", "rowid"})
_KEPT_PREFIX = "_ducklake_internal_"


def kept_by_the_lake(column: str) -> bool:
    """Whether no table of the lake can have a column of this name."""
    return column.lower() in _KEPT_BY_DUCKLAKE or column.lower().startswith(_KEPT_PREFIX)


def qualified(*names: str) -> str:
    """The dotted identifier of `names`: `qualified("raw", "orders")` is `"raw"."orders"`."""
    return ".".join(quoted(name) for name in names)


# Longer lists of days are one text: of ten years' DuckDB's parser takes 60 ms a mention, and 3 ms of a text.
FEW = 31


def literal(value: Value) -> str:
    """`value` as an SQL expression. A datetime with an offset becomes a naive timestamp in UTC."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            return _text(value)
        case Decimal():
            return _decimal(value)
        case dt.datetime():
            return f"timestamp '{_naive_utc(value).isoformat(sep=' ')}'"
        case dt.date():
            return f"date '{value.isoformat()}'"
        case list() | tuple():
            return _list(value)
    raise TypeError(f"no SQL literal for a {type(value).__name__}")


def _list(values: Sequence[Value]) -> str:
    if len(values) > FEW and all(type(value) is dt.date for value in values):
        return f"string_split({_text(','.join(map(str, values)))}, ',')::date[]"
    return "[" + ", ".join(map(literal, values)) + "]"


def day_in(column: str, start: dt.date, end: dt.date) -> str:
    """The condition that `column` lies in `[start, end)`."""
    return f"({quoted(column)} >= {literal(start)} and {quoted(column)} < {literal(end)})"


def in_window(column: str, window: Window) -> str:
    """The condition that `column` is one of the window's partitions."""
    inside = day_in(column, window.start, window.end)
    if window.has_every_day:
        return inside
    # Some days in between are no partitions.
    return f"({inside} and {quoted(column)} in ({', '.join(map(literal, window.days))}))"


def on_days(column: str, days: Iterable[dt.date]) -> str:
    """The condition that `column` is one of these days, at least one, as few ranges."""
    return f"({' or '.join(in_window(column, window) for window in windows_of(days))})"


def sql_file(package: str, name: str, **parts: str) -> str:
    """The query in a .sql file of a package, with `{{ name }}` replaced by each of `parts`, which are SQL.

    Raises ValueError where the file has other names.
    """
    text = resources.files(package).joinpath(name).read_text(encoding="utf-8")
    if set(_PART.findall(text)) != parts.keys():
        raise ValueError(f"{name} is made of {sorted(set(_PART.findall(text)))}, not of {sorted(parts)}")
    # All at once: what stands in a part stays as it is.
    return _PART.sub(lambda found: parts[found[1]], text)


_PART = re.compile(r"\{\{ (\w+) \}\}")


def rows_relation(columns: Mapping[str, str], rows: Iterable[Sequence[object]]) -> str:
    """A query for `rows` whose `columns` map names to SQL types.

    One JSON text instead of a VALUES list: over 100,000 values DuckDB's parser takes seconds, this
    milliseconds.
    """
    keys = [f"c{i}" for i in range(len(columns))]
    shape = dict(zip(keys, columns.values(), strict=True))
    records = [dict(zip(keys, map(_json_value, row), strict=True)) for row in rows]
    named = ", ".join(f"r.{key} as {quoted(name)}" for key, name in zip(keys, columns, strict=True))
    text = _text(json.dumps(records))
    return f"select {named} from (select unnest(from_json({text}, {_text(json.dumps([shape]))})) as r)"


def _json_value(value: object) -> object:
    match value:
        case dt.datetime():
            return _naive_utc(value).isoformat(sep=" ")
        case dt.date():
            return value.isoformat()
        case Decimal():
            return format(value, "f")
        case str():
            return _encodable(value)
        case list() | tuple():
            return [_json_value(item) for item in value]
    return value


def _text(value: str) -> str:
    # DuckDB's parser ends a statement at a NUL.
    parts = ["'" + part.replace("'", "''") + "'" for part in _encodable(value).split("\0")]
    return parts[0] if len(parts) == 1 else "(" + " || chr(0) || ".join(parts) + ")"


def _encodable(value: str) -> str:
    # A lone surrogate (a file name that is not UTF-8) has no place in SQL text.
    return value.encode("utf-8", "replace").decode("utf-8")


def _decimal(value: Decimal) -> str:
    if not value.is_finite():
        raise ValueError(f"no SQL literal for the decimal {value}")
    return format(value, "f")


def _naive_utc(moment: dt.datetime) -> dt.datetime:
    return moment if moment.tzinfo is None else moment.astimezone(dt.UTC).replace(tzinfo=None)
