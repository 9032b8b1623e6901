"""Tidegate: lets each day's data in only when it is sound, and re-running anything, in any order, is safe.

`tidegate.connect` and what `tidegate.dagster` exports may be imported by your own code; see docs/your-own-project.md.
Everything else may change with any version.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = ["connect"]


def connect(project: str | os.PathLike[str] | None = None, *, as_of: str | None = None) -> DuckDBPyConnection:
    """A DuckDB connection to the lake of a project that can read all of it and write none of it.

    `tidegate.connect().sql("select * from daily_sales").df()`. Published marts are found by their names alone.
    `project` is its folder, by default the one that the working directory is in; `as_of` reads the lake as it was then.
    """
    # Every process imports this module, and few read in this way.
    from tidegate.reading import connect as connect_to_lake

    return connect_to_lake(project, as_of=as_of)
