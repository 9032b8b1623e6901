"""What a home holds on the disk, by kind: bytes and files of all that grows with its age. Nothing is opened."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

# The first that fits a file's path in the home says of which kind it is.
KINDS = {
    "Dagster: index of events": ("dagster/history/runs/index.db*",),
    "Dagster: events by run": ("dagster/history/runs/*",),
    "Dagster: runs": ("dagster/history/*",),
    "Dagster: ticks": ("dagster/schedules/*",),
    "Dagster: logs of steps": ("dagster/storage/**/*",),
    "Dagster: else": ("dagster/**/*",),
    "lake: catalog": ("lake/catalog.sqlite*",),
    "lake: copies of the catalog": ("lake/copies/*",),
    "lake: ledger": ("lake/data/ops/**/*",),
    "lake: data": ("lake/data/**/*",),
    "archive": ("archive/**/*",),
    "outputs": ("outputs/**/*",),
    "locks": ("**/*.lock", "**/*.holder"),
    "scratch": ("scratch/**/*",),
    "else": ("**/*",),
}


@dataclass(frozen=True)
class Held:
    bytes: int
    files: int


def held_by_kind(home: Path) -> dict[str, Held]:
    found: dict[str, list[Path]] = {kind: [] for kind in KINDS}
    left = {path for path in home.rglob("*") if path.is_file() and not path.is_symlink()}
    for kind, patterns in KINDS.items():
        of_kind = {path for pattern in patterns for path in home.glob(pattern)} & left
        found[kind] = sorted(of_kind)
        left -= of_kind
    return {kind: _held(paths) for kind, paths in found.items()}


def _held(paths: Iterable[Path]) -> Held:
    sizes = [path.stat().st_size for path in paths]
    return Held(sum(sizes), len(sizes))
