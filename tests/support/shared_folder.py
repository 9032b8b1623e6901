"""A folder for what the tests of a process share. It is made when first asked for, since a process that a test kills
would leave it, and is removed when the process ends."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path


def shared_folder(name: str) -> Path:
    """The folder of this name, for one purpose."""
    folder = Path(_folder().name) / name
    folder.mkdir(exist_ok=True)
    return folder


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="tidegate-tests-")
