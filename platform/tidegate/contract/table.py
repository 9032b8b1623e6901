"""A table in Delta or Iceberg that a day's rows are read of, as plain values. `sources.table` reads it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from tidegate.contract.day_path import DayPath

TableKind = Literal["delta", "iceberg"]


@dataclass(frozen=True)
class TableServer:
    """A folder below TIDEGATE_LANDING. With `day_column`, one table has all days; without, `path` holds the day.

    `newest_metadata`: of a table in Iceberg that no hint tells the version of, the highest one counts.
    """

    kind: TableKind
    path: str
    day_column: str | None = None
    newest_metadata: bool = False
    time_limit_seconds: int = 600

    @property
    def address(self) -> str:
        return self.path if self.day_column is None else f"{self.path} by {self.day_column}"

    @cached_property
    def day_path(self) -> DayPath | None:
        return DayPath.of(self.path) if self.day_column is None else None
