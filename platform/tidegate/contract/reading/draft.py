"""A contract while it is being read: its columns, its rules so far, and the means to refuse what cannot work.

What the reading of options (`options`) and of quality rules (`quality`) share belongs here.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from tidegate.contract.judging.event_days import day_of_column
from tidegate.contract.judging.sqlcheck import SqlBench, SqlRefusedError
from tidegate.contract.model import (
    DUPLICATE_KEY,
    IN_THE_FUTURE,
    TOO_LATE,
    UNPARSABLE,
    Column,
    DeliveryRule,
    Dimension,
    RowRule,
    UniqueRule,
)
from tidegate.contract.reading.document import At, Document, closest
from tidegate.lake.sql import literal, quoted

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Draft:
    """Collects the rules of one contract. Names are taken once; every SQL is tried before it is taken."""

    def __init__(self, doc: Document, bench: SqlBench, columns: Sequence[Column]) -> None:
        self.doc = doc
        self.bench = bench
        self.row_rules: list[RowRule] = []
        self.unique_rules: list[UniqueRule] = []
        self.delivery_rules: list[DeliveryRule] = []
        self._columns = {column.name: column for column in columns}
        self._names = {UNPARSABLE}
        for column in columns:
            self._names |= {column.invalid, column.missing}
            if column.logical_type == "timestamp":
                self._names |= {column.ambiguous, column.nonexistent}

    @property
    def columns(self) -> tuple[Column, ...]:
        return tuple(self._columns.values())

    # --- collecting

    def add_row_rule(self, reason: str, dimension: Dimension, broken_when: str, text: str, at: At) -> None:
        rule = RowRule(self._claimed(reason, at), dimension, broken_when, " ".join(text.split()))
        self.row_rules.append(rule)

    def add_unique_rule(
        self, reason: str, columns: tuple[str, ...], text: str, at: At, *, nulls_are_alike: bool = False
    ) -> None:
        self.unique_rules.append(UniqueRule(self._claimed(reason, at), columns, text, nulls_are_alike))

    def add_delivery_rule(self, rule: DeliveryRule, at: At) -> None:
        self._claimed(rule.name, at)
        self.delivery_rules.append(rule)

    def add_key(self, key: tuple[str, ...]) -> None:
        if key:
            some_empty = not all(self._columns[name].required for name in key)
            text = f"{', '.join(key)} must be unique"
            self.add_unique_rule(DUPLICATE_KEY, key, text, (), nulls_are_alike=some_empty)

    def add_event_time(self, name: object, lateness: int | None, at: At) -> None:
        """The rules that an event has happened by the end of the delivery's day, and not long before it. It is
        required: a row that does not say when it happened belongs to no day."""
        column = self.column(name, at)
        if column.logical_type not in ("date", "timestamp"):
            what = f"the eventTime '{name}' is of type {column.logical_type}"
            raise self.doc.refused(at, what, "write a column of type date or timestamp")
        self.require(column)
        day = day_of_column(column, self.doc.zone)
        after = f"{name} must not be after the day of the delivery"
        self.add_row_rule(IN_THE_FUTURE, "timeliness", f"{day} > _day", after, at)
        if lateness is not None:
            before = f"{name} must be at most {lateness} days before the day of the delivery"
            self.add_row_rule(TOO_LATE, "timeliness", f"{day} < _day - {lateness}", before, at)

    def require(self, column: Column) -> None:
        self._columns[column.name] = replace(column, required=True)

    # --- what the author wrote

    def column(self, name: object, at: At) -> Column:
        if name not in self._columns:
            what = f"'{name}' is not a column of this contract"
            raise self.doc.refused(at, what, closest(str(name), self._columns))
        return self._columns[str(name)]

    def plain_name(self, name: str, at: At) -> str:
        if not _IDENTIFIER.fullmatch(name):
            what = f"'{name}' is not a plain name"
            raise self.doc.refused(at, what, "write letters, digits and underscores only")
        return name

    def value(self, column: Column, written: Any, at: At) -> str:
        """`written` as an SQL literal of the column's type."""
        try:
            match column.logical_type:
                case "string" if isinstance(written, str):
                    return literal(written)
                case "boolean" if isinstance(written, bool):
                    return literal(written)
                case "integer" | "number":
                    return literal(self.number(written, at))
                case "date":
                    return literal(dt.date.fromisoformat(str(written)))
                case "timestamp":
                    return literal(dt.datetime.fromisoformat(str(written)))
                case "time":
                    return f"time {literal(dt.time.fromisoformat(written).replace(tzinfo=None).isoformat())}"
        except (ValueError, TypeError):
            pass
        what = f"{written!r} is not a value of a column of type {column.logical_type}"
        raise self.doc.refused(at, what, "write one (texts and times in quotes, others without)")

    def values(self, column: Column, written: Any, at: At) -> str:
        """A list of values as SQL literals, comma separated."""
        if not isinstance(written, list) or not written:
            raise self.doc.refused(at, "there is no list of values", "write at least one, as '[a, b]'")
        return ", ".join(self.value(column, value, (*at, i)) for i, value in enumerate(written))

    def number(self, written: Any, at: At) -> Decimal:
        if isinstance(written, int | float) and not isinstance(written, bool):
            number = Decimal(str(written))
            if number.is_finite():
                return number
        raise self.doc.refused(at, f"{written!r} is not a number", "write one, without quotes")

    def not_matching(self, column: Column, pattern: Any, at: At) -> str:
        """The condition that a value does not match `pattern` anywhere in it."""
        if column.logical_type != "string" or not isinstance(pattern, str):
            what = "a pattern is a text, for a column of type string"
            raise self.doc.refused(at, what, f"remove it from '{column.name}', or put it in quotes")
        instead = "write it in the syntax of RE2 (no look-around, no back-references)"
        self._try(self.bench.try_pattern, pattern, "pattern", instead, at)
        return f"not regexp_matches({quoted(column.name)}, {literal(pattern)})"

    def predicate(self, sql: str, at: At) -> str:
        """The author's condition as one that never fails: a row it cannot be computed for is broken by it."""
        instead = "write a condition over the columns of this contract and `_day`"
        self._try(self.bench.try_predicate, sql, "rule", instead, at)
        return f"coalesce(try(coalesce((\n{sql}\n), false)), true)"

    def query(self, sql: str, at: At) -> str:
        instead = "write one 'select' over {object} that gives one number"
        self._try(self.bench.try_query, sql, "rule", instead, at)
        return sql

    def _try(self, trial: Callable[[str], None], sql: str, subject: str, instead: str, at: At) -> None:
        try:
            trial(sql)
        except SqlRefusedError as error:
            raise self.doc.refused(at, f"the {subject} {error}", instead) from error

    def _claimed(self, name: str, at: At) -> str:
        if name in self._names:
            what = f"there is another rule of the name '{name}'"
            raise self.doc.refused(at, what, "write a 'name' for this one that says what is wrong")
        self._names.add(name)
        return name
