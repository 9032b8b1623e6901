"""What a home holds on the disk, by kind, and in its catalog: bytes, files and rows of all that grows with its age."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
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


def held_in_catalog(home: Path) -> dict[str, int]:
    """How many rows of each kind the catalog has."""
    with closing(sqlite3.connect(home / "lake" / "catalog.sqlite")) as con:

        def rows(table: str) -> int:
            return int(con.execute(f'select count(*) from "{table}"').fetchone()[0])

        inlined = con.execute("select table_name from ducklake_inlined_data_tables").fetchall()
        return {
            "catalog: snapshots": rows("ducklake_snapshot"),
            "catalog: data files": rows("ducklake_data_file"),
            "catalog: rows of small inserts": sum(rows(name) for (name,) in inlined),
        }
