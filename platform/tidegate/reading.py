"""Reading what is published from a notebook or a script: one line, one DuckDB connection, nothing to break.

import tidegate
con = tidegate.connect()
con.sql("select * from daily_sales").df()       # or .pl(), .arrow()
"""

from __future__ import annotations

import os
from pathlib import Path

from duckdb import DuckDBPyConnection

from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake
from tidegate.lake.reading.tables import begin_in_serving
from tidegate.lake.reading.travel import moment_of, snapshot_at
from tidegate.settings import Settings, load_settings, settings_of_a_reader


def connect(project: str | os.PathLike[str] | None = None, *, as_of: str | None = None) -> DuckDBPyConnection:
    """A connection to the lake of a project that can read all of it and write none of it.

    Published marts are found by their names alone, other tables as `raw.orders` or `ops.publications`. `project` is its
    folder; by default the one that the working directory is in, or none where the environment says where the lake is.
    The lake is that of its settings: files here, or a catalog in PostgreSQL and data in S3. `as_of` reads it as it was
    then, ISO 8601, UTC without a zone.

    Raises TidegateError where there is no project, no lake, or no way back to that moment.
    """
    return connection_of(settings_of_a_reader() if project is None else _settings_of(Path(project)), as_of)


def connection_of(settings: Settings, as_of: str | None = None) -> DuckDBPyConnection:
    config = LakeConfig.of(settings)
    snapshot = snapshot_at(config, moment_of(as_of, settings.zone)) if as_of else None
    lake = Lake.open(config, read_only=True, snapshot=snapshot)
    begin_in_serving(lake.con)
    return lake.con


def _settings_of(project: Path) -> Settings:
    return load_settings(project=project.expanduser().absolute())
