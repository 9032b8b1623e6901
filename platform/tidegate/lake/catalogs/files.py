"""The data files that a catalog needs, for now or for a moment that it can go back to."""

from __future__ import annotations

from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.lake.data_files import PATH_OF_FILE
from tidegate.lake.identity import METADATA


@dataclass(frozen=True)
class NeededFile:
    """A file by its name in the data folder; `is_of_now` where the newest state needs it."""

    name: str
    size: int
    is_of_now: bool

    @property
    def is_elsewhere(self) -> bool:
        """Whether it lies outside of the data folder, because somebody registered it there."""
        return self.name.startswith("/") or "://" in self.name


def needed_files(con: DuckDBPyConnection) -> list[NeededFile]:
    """Those of the attached lake, each once."""
    of_kinds = " union all ".join(
        f"""
        select {PATH_OF_FILE} as name, f.file_size_bytes as size,
            f.end_snapshot is null and t.end_snapshot is null and s.end_snapshot is null as is_of_now
        from {METADATA}.ducklake_{kind}_file as f
        join {METADATA}.ducklake_table as t using (table_id)
        join {METADATA}.ducklake_schema as s using (schema_id)
        """
        for kind in ("data", "delete")
    )
    rows = con.execute(f"select name, max(size), bool_or(is_of_now) from ({of_kinds}) group by name order by name")
    return [NeededFile(*row) for row in rows.fetchall()]
