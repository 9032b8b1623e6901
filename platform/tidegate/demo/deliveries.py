"""Putting one delivery into landing so that nobody ever sees half of it.

What a delivery holds does not belong here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from tidegate.contract.landing import MARKER as WHOLE
from tidegate.errors import TidegateError
from tidegate.lake.sql import literal

# Stands in a landing folder whose deliveries are the demo's.
MARKER = ".tidegate-demo"

CSV = "format csv, header"


def demo_landing(folder: Path) -> Path:
    """The folder, marked as one whose deliveries the demo writes and replaces.

    Raises TidegateError where there are deliveries already that are not the demo's.
    """
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MARKER).is_file():
        raise TidegateError(
            f"{folder} holds deliveries that the demo did not write, and the demo would replace some of them. "
            "Nothing was written. Set TIDEGATE_LANDING or TIDEGATE_HOME to another folder for the demo."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MARKER).touch()
    except OSError as error:
        raise TidegateError(
            f"Could not write into {folder}: {error}. Make the landing folder writable and run the command again."
        ) from error
    return folder


@contextmanager
def delivery(folder: Path, name: str) -> Iterator[Path]:
    """A path to write the delivery's only file to; on leaving it appears as `folder/name`, `_SUCCESS` last.

    Written again, a delivery is replaced as a whole: `orders.csv` goes when `orders.parquet` takes its place.
    The marker goes first, so a reader in between sees an incomplete delivery and waits.
    """
    part = folder / f".{name}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / WHOLE).unlink(missing_ok=True)
        yield part
        for earlier in folder.glob(f"{name.split('.')[0]}.*"):
            earlier.unlink()
        part.replace(folder / name)
        (folder / WHOLE).touch()
    except (OSError, duckdb.IOException) as error:
        raise TidegateError(
            f"Could not write the delivery {folder / name}: {error}. Those before it are complete and stay. "
            "Make the landing folder writable, with enough free space, and run the command again."
        ) from error


def deliveries_before(day: dt.date) -> str:
    """What there is when writing deliveries is stopped before those of a day."""
    return f"Stopped before the deliveries of {day}. Those before them are complete and stay. Run the command again."


def copy_to(con: duckdb.DuckDBPyConnection, query: str, file: Path, form: str = CSV) -> int:
    """Write the rows of `query` to `file` in their order; returns how many they are."""
    (rows,) = con.execute(f"copy ({query}) to {literal(str(file))} ({form})").fetchall()[0]
    return int(rows)
