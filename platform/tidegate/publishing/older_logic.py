"""Which published partitions stand on older logic than the project has now.

Nothing follows from it yet but that a status says so.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import rows_relation
from tidegate.window import Cadence


@dataclass(frozen=True)
class OlderLogic:
    """So many partitions of a mart that were built with other logic than the project has now.

    `changed_at` is when the newest logic was first built with (UTC, naive), None where it never was.
    """

    mart: str
    cadence: Cadence
    partitions: int
    changed_at: dt.datetime | None


def on_older_logic(con: DuckDBPyConnection, logic: Mapping[str, str]) -> list[OlderLogic]:
    """The marts with such partitions. `logic` is what each model has now.

    A partition whose build recorded none is not counted.
    """
    rows = con.execute(
        f"""
        with now as ({rows_relation({"mart": "varchar", "logic": "varchar"}, sorted(logic.items()))}),
        built as (
            select n.mart, b.cadence, b.build_id, b.partition_day, b.started_at, n.logic as logic_now,
                (b.logic::json::map(varchar, varchar))[n.mart] as logic
            from ops.builds as b join now as n on list_contains(b.models, n.mart)
            where b.logic is not null
        ),
        changes as (select mart, min(started_at) as changed_at from built where logic = logic_now group by mart)
        select p.mart, p.cadence, count(*), any_value(c.changed_at)
        from ops.publications as p
        join built as b using (mart, cadence, build_id, partition_day)
        left join changes as c using (mart)
        where p.superseded_by is null and b.logic <> b.logic_now
        group by p.mart, p.cadence order by p.mart
        """
    ).fetchall()
    return [OlderLogic(mart, Cadence(cadence), count, changed_at) for mart, cadence, count, changed_at in rows]
