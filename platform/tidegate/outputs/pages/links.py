"""Addresses among the pages, relative to them. A page stands two folders below the index."""

from __future__ import annotations

import datetime as dt

from tidegate.window import Cadence

INDEX_FROM_A_PAGE = "../../index.html"
QUALITY_FROM_A_PAGE = "../../quality.html"


def row_id(cadence: Cadence, day: dt.date) -> str:
    """The row of the index that is of a day, or of a Monday."""
    return f"{cadence.singular.lower()}-{day}"


def anchor(cadence: Cadence, day: dt.date) -> str:
    """That row, from a page."""
    return f"{INDEX_FROM_A_PAGE}#{row_id(cadence, day)}"
