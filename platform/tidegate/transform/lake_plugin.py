"""The lake on dbt's own DuckDB connection, attached exactly as everywhere else in Tidegate.

dbt-duckdb loads this module by the name that dbt_project/profiles.yml gives. Where the lake is comes with
the profile; what is in it is not the business of this module.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt.adapters.duckdb.plugins import BasePlugin
from duckdb import DuckDBPyConnection

from tidegate.lake.config import IN_UTC, UNORDERED, LakeConfig, attach_statements, resource_statements
from tidegate.lake.connect import refuse_missing_catalog
from tidegate.lake.extensions import config_for, load_extensions
from tidegate.settings import load_settings


def lake_as_text(config: LakeConfig) -> str:
    """`config` as the one string that a dbt variable can carry. It holds no secret."""
    return json.dumps(dataclasses.asdict(config), default=str)


def lake_of_text(text: str) -> LakeConfig:
    """The lake that `lake_as_text` wrote, or that of this process's settings when there is no text."""
    if not text:
        return LakeConfig.of(load_settings())
    fields = json.loads(text)
    return LakeConfig(**{**fields, "spill": Path(fields["spill"])})


class Plugin(BasePlugin):
    """Called by dbt-duckdb when it connects."""

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        self.lake = lake_of_text(plugin_config.get("lake", ""))

    def update_connection_config(self, creds: DuckDBCredentials, config: dict[str, Any]) -> None:
        config.update(config_for(self.lake.extensions))

    def configure_connection(self, conn: DuckDBPyConnection) -> None:
        refuse_missing_catalog(self.lake)
        load_extensions(conn, self.lake.extensions)
        for statement in (*resource_statements(self.lake), UNORDERED, *attach_statements(self.lake)):
            conn.execute(statement)

    def configure_cursor(self, cursor: DuckDBPyConnection) -> None:
        cursor.execute(IN_UTC)
