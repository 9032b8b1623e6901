"""Why a model in Python was not built, in words for whoever wrote it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tidegate.errors import TidegateError

# Enough to see what they have in common.
ROWS_SHOWN = 3

# Longer values say no more.
CHARACTERS_SHOWN = 60


class PythonModelError(TidegateError):
    """A model in Python failed, or returned what its columns do not promise."""


def said_by_the_model(message: str) -> str:
    """What `PythonModelError` says in the traceback that dbt makes of it; any other message as it is."""
    _, _, said = message.rpartition(f"{PythonModelError.__name__}: ")
    return said.strip()


def rows_shown(columns: Iterable[str], rows: Iterable[tuple[Any, ...]]) -> str:
    """The first of the rows, each as `(order_date=2024-01-02, units=None)`."""
    names = list(columns)
    return ", ".join(_row_shown(names, row) for row in list(rows)[:ROWS_SHOWN])


def _row_shown(columns: list[str], row: tuple[Any, ...]) -> str:
    return f"({', '.join(f'{name}={_value_shown(value)}' for name, value in zip(columns, row, strict=True))})"


def _value_shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= CHARACTERS_SHOWN else f"{text[:CHARACTERS_SHOWN]}…"
