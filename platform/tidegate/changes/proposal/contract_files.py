"""Which contracts a proposed change has otherwise than the revision that it is to go into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True)
class ContractFiles:
    """The names of files that differ."""

    changed: Sequence[str]
    added: Sequence[str]
    removed: Sequence[str]

    def __bool__(self) -> bool:
        return bool(self.changed or self.added or self.removed)


def compare_contracts(before: Path, after: Path) -> ContractFiles:
    """What differs between the contracts in two folders, byte by byte."""
    old, new = _contents(before), _contents(after)
    return ContractFiles(
        changed=sorted(name for name in old.keys() & new.keys() if old[name] != new[name]),
        added=sorted(new.keys() - old.keys()),
        removed=sorted(old.keys() - new.keys()),
    )


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in SUFFIXES}
