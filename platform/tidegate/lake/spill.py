"""Where a connection puts what does not fit into memory: a folder of its own, which goes with it.

DuckDB names the files of every instance alike. Two that spill into one folder overwrite each other's: one then
reckons with wrong rows, the other crashes (both seen with DuckDB 1.5.5).
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tidegate.machine.processes import is_alive

PREFIX = "spill"


def spill_folder(parent: Path) -> Path:
    """A folder that no other connection has. DuckDB makes it once memory is short, and removes it when it closes."""
    # Who only reads may have no home, or not the right to write into it.
    place = parent if os.access(parent, os.W_OK) else Path(tempfile.gettempdir())
    return place / f"{PREFIX}-{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


def remove_orphans(parent: Path) -> None:
    """Delete what killed processes of this machine left in `parent`."""
    for folder in _orphans(parent):
        # Another process may be deleting it as well.
        shutil.rmtree(folder, ignore_errors=True)


def _orphans(parent: Path) -> Iterator[Path]:
    ours = f"{PREFIX}-{socket.gethostname()}"
    for folder in parent.iterdir():
        name, _, process = folder.name.rpartition("-")[0].rpartition("-")
        if name == ours and process.isdecimal() and not is_alive(int(process)):
            yield folder
