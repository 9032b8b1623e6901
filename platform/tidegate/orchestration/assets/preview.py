"""The first rows of a partition as a table that Dagster's UI shows beside it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from tidegate.lake.connect import Lake
from tidegate.lake.sql import CATALOG, literal, qualified, quoted

PREVIEW_ROWS = 5
# A cell is for recognizing a row; the whole value is a query away.
CELL_CHARACTERS = 40


def preview_of(
    lake: Lake, table: tuple[str, str], columns: Sequence[str], where: Mapping[str, str | dt.date]
) -> Mapping[str, Any]:
    """Metadata `preview`: some rows of `table` where the columns of `where` have those values."""
    chosen = ", ".join(quoted(column) for column in columns) or "*"
    condition = " and ".join(f"{quoted(name)} = {literal(value)}" for name, value in where.items())
    cursor = lake.con.execute(
        f"select {chosen} from {qualified(CATALOG, *table)} where {condition} limit {PREVIEW_ROWS}"
    )
    header = [column[0] for column in cursor.description]
    return {"preview": dg.MetadataValue.md(_markdown_table(header, cursor.fetchall()))}


def _markdown_table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [header, ["---"] * len(header), *([_cell(value) for value in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    text = text if len(text) <= CELL_CHARACTERS else text[: CELL_CHARACTERS - 1] + "…"
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
