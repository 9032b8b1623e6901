"""What pages say of publications: which one a page shows, and which partitions are not published and why.

All of it is what `serving.calendar` tells every consumer. A publication is named by the one that brought its content,
so that running a day again, which publishes the same, leaves its pages as they are.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import literal
from tidegate.window import Cadence


@dataclass(frozen=True)
class Standing:
    """The publication that a page shows. Times: UTC, naive; `restated_at` is None where its content never changed."""

    publication: str
    content_hash: str
    published_at: dt.datetime
    restated_at: dt.datetime | None

    @property
    def sentence(self) -> str:
        restated = f", restated {_shown(self.restated_at)}" if self.restated_at else ""
        return (
            f"Shows publication {self.publication}, content {self.content_hash}; first published "
            f"{_shown(self.published_at)}{restated}."
        )


@dataclass(frozen=True)
class Missing:
    """A partition that should be published and is not."""

    day: dt.date
    state: str
    reason: str

    @property
    def sentence(self) -> str:
        return f"{self.state.capitalize()}: {self.reason}" if self.reason else f"{self.state.capitalize()}."


def read_standing(
    con: DuckDBPyConnection, mart: str, cadence: Cadence, days: Collection[dt.date]
) -> dict[dt.date, Standing]:
    """Of those of `days` that the calendar knows, what is shown."""
    rows = con.execute(
        "select partition_day, content_from, content_hash, published_at, restated_at from serving.calendar "
        f"where {_of(mart, cadence)} and state = 'published' "
        f"and partition_day in (select unnest({literal(sorted(days))}::date[]))"
    ).fetchall()
    return {day: Standing(*standing) for day, *standing in rows}


def read_missing(con: DuckDBPyConnection, mart: str, cadence: Cadence) -> list[Missing]:
    """The partitions from the first published one on that are held or overdue, and those between published ones that
    are awaited still."""
    rows = con.execute(
        f"""
        with own as (select partition_day, state, reason from serving.calendar where {_of(mart, cadence)}),
        ends as (
            select min(partition_day) as first_day, max(partition_day) as last_day from own where state = 'published'
        )
        select partition_day, state, coalesce(reason, '')
        from own cross join ends
        where partition_day >= first_day
          and (state in ('held', 'overdue') or (state = 'awaited' and partition_day < last_day))
        order by partition_day
        """
    ).fetchall()
    return [Missing(*row) for row in rows]


def _of(mart: str, cadence: Cadence) -> str:
    of_cadence = f"cadence = {literal(cadence)}"
    has_it = f"{of_cadence} and list_contains(marts, {literal(mart)})"
    return f"{of_cadence} and product in (select product from ops.products where {has_it})"


def _shown(moment: dt.datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
