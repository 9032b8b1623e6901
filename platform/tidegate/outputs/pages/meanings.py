"""What the figures of a page mean: the comments that the columns of `serving` have from the project."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import CATALOG, literal


@dataclass(frozen=True)
class Meaning:
    """A figure: its column, what pages call it, and what it is."""

    column: str
    label: str
    means: str


def read_meanings(con: DuckDBPyConnection, mart: str, labels: Mapping[str, str]) -> list[Meaning]:
    """Of the figures, by column, those that the project describes, in their order."""
    rows = con.execute(
        f"select column_name, comment from duckdb_columns() where database_name = {literal(CATALOG)} "
        f"and schema_name = 'serving' and table_name = {literal(mart)} and comment is not null"
    ).fetchall()
    comments: dict[str, str] = dict(rows)
    return [Meaning(column, label, comments[column]) for column, label in labels.items() if column in comments]
