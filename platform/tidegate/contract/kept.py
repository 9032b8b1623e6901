"""Contracts as they were read, kept as long as nothing that shapes them changed.

Reading three of them and importing what reads them takes 0.15 s of CPU, which every command and every run would pay.
One that cannot work is never kept, so it is refused every time.
"""

from __future__ import annotations

import contextlib
import hashlib
import pickle
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from tidegate.contract.model import Contract
from tidegate.machine.disk import write_whole
from tidegate.zones import Zone

# Of these, the contracts' files and the code that reads them aside, contracts are made.
READ_BY = ("duckdb", "open-data-contract-standard", "pydantic", "pyyaml")

PACKAGE = Path(__file__).parents[1]
# What of the rest of the package they hold or are made with.
MADE_WITH = ("delivery_days.py", "window.py", "zones.py", "lake/sql.py")


def contracts_of(folder: Path, zone: Zone, kept: Path, *, may_keep: bool) -> dict[str, Contract]:
    """The contracts of `folder` by source, for days of `zone`, from the file `kept` where it has them as they are now.
    Otherwise they are read, and where that is allowed, kept. Raises ContractError for the first that cannot work."""
    state = _state(folder, zone)
    return _kept_since(kept, state) or _read(folder, zone, kept if may_keep else None, state)


def _read(folder: Path, zone: Zone, kept: Path | None, state: str) -> dict[str, Contract]:
    from tidegate.contract.reading.odcs import load_contracts

    found = load_contracts(folder, zone)
    if kept and kept.parent.is_dir():
        # A home without room to write works as well.
        with contextlib.suppress(OSError):
            write_whole(kept, pickle.dumps((state, found)))
    return found


def _kept_since(kept: Path, state: str) -> dict[str, Contract] | None:
    try:
        # Written into this home, whose owner may run any code as it is.
        written, found = pickle.loads(kept.read_bytes())  # noqa: S301
    except Exception:  # noqa: BLE001 - none yet, cut short with the machine, or of another version: they are read again
        return None
    return found if written == state else None


def _state(folder: Path, zone: Zone) -> str:
    """A hash over everything that shapes the contracts."""
    digest = hashlib.sha256(repr((str(folder), zone, [version(name) for name in READ_BY], sys.version)).encode())
    for file in _files(folder):
        content = _content(file)
        digest.update(f"{file.name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.glob("*.y*ml"))
    yield from sorted((PACKAGE / "contract").rglob("*.py"))
    yield from (PACKAGE / name for name in MADE_WITH)


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        # Whoever reads the contract says so.
        return b"cannot be read"
