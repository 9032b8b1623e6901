"""Loaded rows that no figure shows yet: those of days on which nothing was delivered, so that no day is there to run.

Every other day that has rows is published, or held and says why.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.contract.judging.event_days import event_day
from tidegate.contract.model import Contract
from tidegate.lake.sql import literal, qualified
from tidegate.ledger.known import awaited_days


@dataclass(frozen=True)
class AwaitingRows:
    """So many loaded rows of a source are of a day that nothing was delivered on."""

    source: str
    day: dt.date
    rows: int


def awaiting_rows(con: DuckDBPyConnection, contracts: Mapping[str, Contract]) -> list[AwaitingRows]:
    """By source and day. The ledger names the days, so that raw is read only where there are any."""
    return [
        AwaitingRows(source, day, rows)
        for source, days in awaited_days(con).items()
        if source in contracts
        for day, rows in _rows_of(con, contracts[source], days)
    ]


def _rows_of(con: DuckDBPyConnection, contract: Contract, days: list[dt.date]) -> list[tuple[dt.date, int]]:
    day = event_day(contract)
    if day is None:
        return []
    # Nothing is delivered before it happened.
    return con.execute(
        f"select {day}, count(*) from {qualified('raw', contract.source)} "
        f"where _delivered_on >= {literal(min(days))} and {day} in (select unnest({literal(days)}::date[])) "
        "group by all order by all"
    ).fetchall()
