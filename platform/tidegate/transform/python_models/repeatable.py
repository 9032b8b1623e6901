"""Whether a model in Python gives the same rows of a day whichever days it makes with it, and however often.

Found by trying, on the lake as it is: authors get exactly this wrong, with a mean over all rows that they were given,
or a look ahead.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import literal, quoted
from tidegate.transform.python_models.model import PythonModel
from tidegate.transform.python_models.run import make_rows
from tidegate.transform.python_models.trouble import rows_shown
from tidegate.window import Window

# Made together: enough for days before and after one that may not be looked at.
PARTITIONS = 5

Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class NotRepeatable:
    """A model that makes other rows of a partition `when` something is done that may make no difference."""

    model: PythonModel
    partition: dt.date
    when: str
    here: str
    there: str

    @property
    def sentence(self) -> str:
        return (
            f"{self.model.name} ({self.model.file}) makes other rows of {self.partition} {self.when}: {self.here} "
            f"against {self.there}. Nothing was changed. Compute each of dbt.days from the rows of its own days, and "
            "take random numbers from dbt.seed(day)."
        )


def partitions_around(model: PythonModel, partition: dt.date) -> PythonModel:
    """The model over the partition and those beside it."""
    cadence = model.window.cadence
    first = cadence.after(partition, -(PARTITIONS // 2))
    return model.over(Window(first, cadence.after(first, PARTITIONS), cadence))


def differences(con: DuckDBPyConnection, model: PythonModel) -> tuple[int, list[NotRepeatable]]:
    """How many rows the model makes of its window, and in which ways they are not always the same.

    Raises PythonModelError where the model fails.
    """
    made = _by_day(con, model)
    return sum(map(len, made.values())), [*_other_when_again(con, model, made), *_other_when_alone(con, model, made)]


def _other_when_again(
    con: DuckDBPyConnection, model: PythonModel, made: dict[dt.date, Rows]
) -> Iterator[NotRepeatable]:
    again = _by_day(con, model)
    for day in model.window.days:
        if again[day] != made[day]:
            yield _difference(model, day, "when it runs again on the same rows", made[day], again[day])
            return


def _other_when_alone(
    con: DuckDBPyConnection, model: PythonModel, made: dict[dt.date, Rows]
) -> Iterator[NotRepeatable]:
    for day in model.window.days:
        alone = _by_day(con, model.over(Window.of_day(day, model.window.cadence)))[day]
        if alone != made[day]:
            yield _difference(model, day, f"alone than with {model.window}", alone, made[day])
            return


def _difference(model: PythonModel, day: dt.date, when: str, here: Rows, there: Rows) -> NotRepeatable:
    only_here = [row for row in here if row not in there]
    only_there = [row for row in there if row not in here]
    shown = [rows_shown(model.columns, rows[:1]) or "no such row" for rows in (only_here, only_there)]
    return NotRepeatable(model, day, when, *shown)


def _by_day(con: DuckDBPyConnection, model: PythonModel) -> dict[dt.date, Rows]:
    rows = make_rows(con, model)
    day = quoted(model.day)
    return {each: rows.filter(f"{day} = {literal(each)}").order("all").fetchall() for each in model.window.days}
