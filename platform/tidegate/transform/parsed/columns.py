"""What the YAML of a model or source says of its columns, refused where no table of the lake could be so.

Found when the project is loaded: otherwise every day would be held, with the engine's words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from tidegate.errors import TidegateError
from tidegate.lake.sql import kept_by_the_lake


def refuse_columns_no_table_can_have(table: str, file: str, columns: Collection[str], day: str) -> None:
    """Raise TidegateError for names that DuckLake keeps or that differ in case alone, and for a day that is missing."""
    where = f"dbt's {table} ({file})"
    kept = sorted(filter(kept_by_the_lake, columns))
    if kept:
        raise TidegateError(
            f"{where} has the column {', '.join(kept)}, a name that DuckLake keeps for itself. Nothing was built. "
            "Give the column another name in the YAML and in what makes it."
        )
    counts = Counter(column.lower() for column in columns)
    twice = sorted(column for column in columns if counts[column.lower()] > 1)
    if twice:
        raise TidegateError(
            f"{where} has the columns {' and '.join(twice)}, which are one to the lake: case makes no difference. "
            "Nothing was built. Give one of them another name, or remove it."
        )
    if columns and day.lower() not in counts:
        raise TidegateError(
            f"{where} names '{day}' as the column that holds its day, and has no such column. Nothing was built. "
            f"Name one of {', '.join(columns)} as meta.tidegate.day, or add the column."
        )
