"""Days whose models read days before their own: which of these changed since the day was built.

A day changes with the first build that saw its newest delivery, and with every build whose publication shows other
content. The ledger records both, so that a build without a difference makes no other day due.
"""

from __future__ import annotations

import datetime as dt

from duckdb import DuckDBPyConnection

from tidegate.window import ONE_DAY

_CHANGES = """
    with builds as (
        select partition_day as day, build_id, deliveries_seen as seen, finished_at, rowid as entry from ops.builds
        where status in ('built', 'failed') and cadence = 'daily'
    ),
    answered as (select day, max(entry) as entry from builds group by day),
    touches as (
        select day, max(entry) as entry
        from (select unnest(touched) as day, rowid as entry from ops.deliveries) group by day
    ),
    versions as (
        select partition_day as day, build_id,
            content_hash is distinct from lag(content_hash) over (partition by partition_day, mart order by rowid)
                as differs
        from ops.publications where cadence = 'daily' and rollback_id is null
    ),
    changes as (
        select b.day, min(b.entry) as entry, min_by(b.finished_at, b.entry) as changed_at
        from builds as b join touches as t on t.day = b.day and b.seen >= t.entry group by b.day
        union all
        select b.day, b.entry, b.finished_at
        from builds as b semi join (select * from versions where differs) as v
        on v.day = b.day and v.build_id = b.build_id
    )
"""


def changed_days_behind(con: DuckDBPyConnection, reach: int) -> dict[dt.date, list[tuple[dt.date, int, dt.datetime]]]:
    """Of each built day that a day up to `reach` days before it changed for: these days, the newest first, each with
    the ledger's number of the build that changed it and when that ended."""
    if not reach:
        return {}
    rows = con.execute(
        f"""
        {_CHANGES}
        select a.day, c.day, max(c.entry), max_by(c.changed_at, c.entry)
        from answered as a join changes as c
        on c.day < a.day and c.day >= a.day - {reach} and c.entry > a.entry
        group by a.day, c.day order by a.day, c.day desc
        """
    ).fetchall()
    found: dict[dt.date, list[tuple[dt.date, int, dt.datetime]]] = {}
    for day, behind, entry, changed_at in rows:
        found.setdefault(day, []).append((behind, entry, changed_at))
    return found


def without_days_behind(days: list[dt.date], reach: int) -> list[dt.date]:
    """Those of `days` that no other of them, but in the same row of consecutive days, may still change."""
    chosen: list[dt.date] = []
    for day in sorted(days):
        behind = [other for other in days if day - ONE_DAY * reach <= other < day]
        if not behind or (day - ONE_DAY in chosen and all(other in chosen for other in behind)):
            chosen.append(day)
    return chosen
