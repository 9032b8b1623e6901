"""Dagster's record in a PostgreSQL database of a test's own, as init has it."""

from __future__ import annotations

from pathlib import Path

from dagster._core.instance.ref import InstanceRef

from tidegate.orchestration.instance.dagster_home import RECORD_MODULE


def url_of(database: str) -> str:
    """SQLAlchemy's address of what libpq's settings say."""
    given = dict(part.split("=", 1) for part in database.split())
    return f"postgresql+psycopg2:///{given['dbname']}?host={given['host']}&port={given['port']}&user={given['user']}"


def record_in(url: str, folder: Path) -> InstanceRef:
    """What each process opens the record by."""
    record = {"module": RECORD_MODULE, "class": "PooledPostgresStorage", "config": {"postgres_url": url}}
    return InstanceRef.from_dir(str(folder), overrides={"storage": {"custom": record}, "telemetry": {"enabled": False}})
