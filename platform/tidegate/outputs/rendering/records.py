"""A page's figures for machines: JSON that holds all of them, and CSV in which no cell can become a formula."""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
import io
import json
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

# What spreadsheets take for the beginning of a formula; a text cell that begins so gets an apostrophe in front (OWASP,
# CSV Injection). Figures are no text: a negative one stays a figure.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def to_json(kind: str, facts: Any) -> str:
    """`facts`, a dataclass, as JSON. Decimals are strings with all their digits, days and times ISO 8601."""
    document = {"kind": kind, "decimals": "strings, exactly as in serving", **dataclasses.asdict(facts)}
    return json.dumps(document, default=_plain, ensure_ascii=False, indent=2) + "\n"


def to_csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Rows as CSV (RFC 4180): decimals with all their digits, None an empty cell, text harmless to spreadsheets."""
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return written.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return "'" + value
    return format(value, "f") if isinstance(value, Decimal) else value


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dt.date | dt.datetime):
        return value.isoformat()
    raise TypeError(f"no JSON for a {type(value).__name__}")
