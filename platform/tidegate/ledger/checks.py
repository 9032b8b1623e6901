"""`ops.check_results`: what each check found, by asset and partition. The newest result counts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.ledger.entries import insert_entries


@dataclass(frozen=True)
class CheckRecord:
    """One row of `ops.check_results`. `subject` is the delivery fingerprint or build_id that was checked."""

    check_name: str
    asset: str
    partition_day: dt.date
    passed: bool
    blocking: bool
    severity: str
    dimension: str
    observed: str
    description: str
    run_id: str
    subject: str
    checked_at: dt.datetime


def record_checks(con: DuckDBPyConnection, rows: Sequence[CheckRecord]) -> None:
    """Add check results. Of a check's results for an asset and day, the newest counts."""
    insert_entries(con, "check_results", rows)
