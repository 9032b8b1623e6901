"""Limits of quarantine by group and by amount, and what a repeated row means: what a contract says of them."""

from __future__ import annotations

from decimal import Decimal
from typing import get_args

from tidegate.contract.model import REPEATED_ROW, QuarantineLimit, RepeatedRows
from tidegate.contract.reading.document import Document, Written
from tidegate.contract.reading.draft import Draft
from tidegate.contract.reading.written import read_choice

LIMIT_PROPERTIES = ("maxQuarantinedPercentBy", "maxQuarantinedSum")
REPEATED_ROWS = "repeatedRows"


def read_limits(doc: Document, written: Written) -> tuple[QuarantineLimit, ...]:
    """Raises ContractError for what is no limit; whether the columns are there is for `check_limits` to tell."""
    return (
        *(QuarantineLimit("group", *each) for each in _numbers(doc, written, "maxQuarantinedPercentBy", 100)),
        *(QuarantineLimit("sum", *each) for each in _numbers(doc, written, "maxQuarantinedSum", None)),
    )


def _numbers(doc: Document, written: Written, name: str, largest: int | None) -> list[tuple[str, Decimal]]:
    if name not in written:
        return []
    value, at = written[name]
    found = []
    for column, number in value.items() if isinstance(value, dict) else ():
        is_number = isinstance(number, int | float) and not isinstance(number, bool)
        limit = Decimal(str(number)) if is_number else Decimal(-1)
        if not limit.is_finite() or limit < 0 or (largest is not None and limit > largest):
            what = f"{number!r} is no limit of {column}"
            raise doc.refused(at, what, f"write a number from 0{f' to {largest}' if largest else ''}")
        found.append((str(column), limit))
    if not found:
        raise doc.refused(at, f"'{name}' does not say of which column", f"write {name}: {{column: 5}}, with its name")
    return found


def check_limits(draft: Draft, limits: tuple[QuarantineLimit, ...]) -> None:
    """Raises ContractError for a column that is none, or one that cannot be added up."""
    for limit in limits:
        column = draft.column(limit.column, ("customProperties",))
        if limit.of == "sum" and column.logical_type not in ("integer", "number"):
            what = f"'{column.name}', whose sum is limited, is of type {column.logical_type}"
            raise draft.doc.refused(("customProperties",), what, "write a column of type integer or number")


def read_repeated_rows(doc: Document, written: Written) -> RepeatedRows | None:
    found: RepeatedRows | None = read_choice(doc, written, REPEATED_ROWS, get_args(RepeatedRows), None)
    return found


def add_repeated_rows(draft: Draft, repeated: RepeatedRows | None, key: tuple[str, ...]) -> None:
    """Have a repeated row of a source without a key kept out, where the contract says so."""
    if repeated and key:
        what = f"'{REPEATED_ROWS}' is for a source without a key, and {', '.join(key)} is one"
        raise draft.doc.refused(("customProperties",), what, "remove one of the two")
    if repeated == "drop":
        names = tuple(column.name for column in draft.columns)
        text = "a row says what no other of its delivery does"
        draft.add_unique_rule(REPEATED_ROW, names, text, ("customProperties",), nulls_are_alike=True)
