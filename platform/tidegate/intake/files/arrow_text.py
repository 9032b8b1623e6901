"""Files that Arrow reads and DuckDB does not, as the text that says the same: ORC, and decimals of 39 to 76 digits.

pyarrow comes with the extra `files`, and is imported where such a file is read only: in `arrow_process`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tidegate.contract.files import FileFormat
from tidegate.errors import TidegateError
from tidegate.intake.files.text import BLOCK, RowWriter

HOW_TO_GET_IT = "Install the extra that reads it: pip install 'tidegate[files]'"
_READER = (sys.executable, "-m", "tidegate.intake.files.arrow_process")


class ArrowError(TidegateError):
    """A file that Arrow cannot read. The message says why."""


@dataclass(frozen=True)
class Described:
    """What a file says of itself: its columns, those of them that hold bytes or times, and how many rows it has."""

    names: tuple[str, ...]
    of_bytes: frozenset[str]
    rows: int
    # The SQL types of those that hold dates and moments.
    times: Mapping[str, str]


def is_installed(package: str) -> bool:
    return find_spec(package) is not None


def describe(file_format: FileFormat, path: Path) -> Described:
    """Raises ArrowError."""
    told = _read({"format": file_format, "path": str(path), "columns": None}, None)
    return Described(tuple(told["names"]), frozenset(told["bytes"]), told["rows"], told["times"])


def write_rows(
    file_format: FileFormat, path: Path, columns: Sequence[str], marks: Sequence[str], sound: RowWriter
) -> None:
    """Write the rows of a file, numbers with `marks` in place of their points. Raises ArrowError."""
    task: dict[str, object] = {"format": file_format, "path": str(path), "columns": [*columns], "marks": [*marks]}
    sound.take(b"", _read(task, sound)["rows"])


def _read(task: dict[str, object], sound: RowWriter | None) -> dict[str, Any]:
    with tempfile.TemporaryFile() as told:
        pipe = subprocess.PIPE
        with subprocess.Popen(_READER, stdin=pipe, stdout=pipe, stderr=told) as child:  # noqa: S603
            if child.stdin and child.stdout:
                child.stdin.write(json.dumps(task).encode())
                child.stdin.close()
                while block := child.stdout.read(BLOCK):
                    if sound:
                        sound.take(block, 0)
        told.seek(0)
        lines = told.read().decode("utf-8", "replace").strip().splitlines()
    if child.returncode != 0:
        raise ArrowError(f"its reader ended: {lines[-1] if lines else child.returncode}")
    answer: dict[str, Any] = json.loads(lines[-1])
    if "damaged" in answer:
        raise ArrowError(answer["damaged"])
    return answer
