"""What a run knows of a model in Python: its code, what it may read, and the columns that it promises.

dbt's macro `python_model` writes it as JSON when it compiles the model. Calling the model belongs to `author`.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidegate.lake.sql import literal, quoted
from tidegate.transform.parsed.files import MODULES
from tidegate.window import ONE_DAY, Cadence, Window

# Before the model as JSON, in what dbt compiles.
MARK = "# tidegate: "


@dataclass(frozen=True)
class Read:
    """A table that a model reads. Without a `day`, it reads all of it.

    `published`: a daily mart as consumers see it, which is read on the days that partitions are about. `delivered`: a
    table of `raw`, whose rows of the window come on its days or up to `late` days after, None: any.
    """

    relation: str
    day: str | None
    published: bool = False
    delivered: bool = False
    late: int | None = None

    def rows(self, window: Window, back: int) -> str:
        """A query for what a model that reads `back` days may see of the table when it makes the window."""
        if self.day is None:
            return f"select * from {self.relation}"
        first, end = self._days(window, back)
        before = f" and {quoted(self.day)} < {literal(end)}" if end else ""
        return f"select * from {self.relation} where {quoted(self.day)} >= {literal(first)}{before}"

    def _days(self, window: Window, back: int) -> tuple[dt.date, dt.date | None]:
        first = window.start - ONE_DAY * back
        if self.delivered:
            return first, None if self.late is None else window.end + ONE_DAY * self.late
        if self.published:
            return window.cadence.days_about(window.start, back).start, window.cadence.days_about(window.last).end
        return first, window.end


@dataclass(frozen=True)
class PythonModel:
    """A model over a window. `units`: its decimals are whole numbers of the smallest unit."""

    name: str
    folder: str
    file: str
    code: str
    day: str
    columns: Mapping[str, str]
    reads: Mapping[str, Read]
    reaches_back: int
    units: bool
    config: Mapping[str, Any]
    window: Window

    @classmethod
    def of_json(cls, text: str) -> PythonModel:
        facts: dict[str, Any] = json.loads(text)
        start, end = (dt.date.fromisoformat(facts.pop(name)) for name in ("window_start", "window_end"))
        reads = {name: Read(**read) for name, read in facts.pop("reads").items()}
        return cls(**facts, reads=reads, window=Window(start, end, Cadence(facts["config"]["cadence"])))

    @classmethod
    def compiled(cls, text: str) -> PythonModel:
        """The model in what dbt compiled of it."""
        return cls.of_json(json.loads(text.rpartition(MARK)[2]))

    def over(self, window: Window) -> PythonModel:
        """The same model over another window."""
        return dataclasses.replace(self, window=window)

    @property
    def path(self) -> Path:
        return Path(self.folder, self.file)

    @property
    def source(self) -> str:
        """The code, its lines numbered as in its file: dbt drops empty ones before the first."""
        written = self.path.read_text() if self.path.is_file() else self.code
        return written if written.strip() == self.code.strip() else self.code

    @property
    def modules(self) -> Path:
        """The folder of what it may import from its project."""
        return Path(self.folder, MODULES)

    @property
    def who(self) -> str:
        """The model and its days, for people."""
        return f"The Python model {self.name} ({self.file}) over {self.window}"

    def seed(self, day: dt.date) -> int:
        """A number for random numbers: always the same for a partition, and another for the next."""
        return int.from_bytes(hashlib.sha256(f"{self.name} {day}".encode()).digest()[:4], "big")
