"""What a contender published, as hashes: contenders are compared only when all of them published the same rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb

from benchmarks.processes import FailedError
from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake
from tidegate.lake.content import Content, content_of
from tidegate.lake.extensions import WITHOUT_BAR
from tidegate.settings import load_settings

TABLES = ("orders_daily_summary", "daily_sales", "daily_sales_by_region", "daily_sales_by_category")

# Rows and content hash by table.
Published = Mapping[str, Content]


def in_file(database: Path, schema: str) -> Published:
    with duckdb.connect(str(database), read_only=True) as con:
        con.execute(WITHOUT_BAR)
        return _published(con, schema)


def in_lake(home: Path) -> Published:
    # Said explicitly, the default places hold whatever the environment says.
    settings = load_settings(home=home, lake_catalog="", lake_data="")
    with Lake.open(LakeConfig.of(settings), read_only=True) as lake:
        return _published(lake.con, "serving")


def _published(con: duckdb.DuckDBPyConnection, schema: str) -> Published:
    return {table: content_of(con, f"select * from {schema}.{table}") for table in TABLES}


def refuse_other_content(published: Mapping[str, Published], days: int) -> None:
    """Raise FailedError unless every contender published the same, and that is something: a row in `daily_sales` for each day."""
    first, *others = published
    expected = published[first]
    if expected["daily_sales"].rows != days or not expected["orders_daily_summary"].rows:
        raise FailedError(f"{first} did not publish {days} days of orders: {_rows(expected)}")
    for other in others:
        differing = [table for table in TABLES if published[other][table] != expected[table]]
        if differing:
            raise FailedError(
                f"{other} published other content than {first}, so their times cannot be compared. "
                f"Different: {', '.join(differing)}. {first}: {_rows(expected)}. {other}: {_rows(published[other])}."
            )


def _rows(published: Published) -> str:
    return ", ".join(f"{content.rows:,} rows in {table}" for table, content in published.items())
