"""What was published of days while they went on: forgotten once the whole day is published and nobody can read it.

A day whose source is read every quarter of an hour leaves a hundred builds behind, with all their checks.
"""

from __future__ import annotations

import datetime as dt

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import literal
from tidegate.ledger.interim import IS_OF_A_WHOLE_DAY


def forget_days_so_far(con: DuckDBPyConnection, before: dt.datetime) -> None:
    """Forget what was published so far before then (with an offset) of days that are published as a whole by now: the
    publications, and the builds and check results that only these came from.

    What a person rolled back, or back to, stays as it was, and so does every delivery: its bytes are in the archive.
    """
    con.execute(f"create or replace temp table days_so_far as {_publications(before)}")
    con.execute(f"create or replace temp table builds_so_far as {_BUILDS}")
    builds = "select (partition_day, build_id) from builds_so_far"
    con.execute(
        "delete from ops.publications where (publication_id, mart) in (select (publication_id, mart) from days_so_far)"
    )
    con.execute(f"delete from ops.check_results where (partition_day, subject) in ({builds})")
    con.execute(f"delete from ops.builds where (partition_day, build_id) in ({builds})")
    con.execute("drop table builds_so_far")
    con.execute("drop table days_so_far")


def _publications(before: dt.datetime) -> str:
    of = "mart, cadence, partition_day"
    return f"""
        select publication_id, mart, partition_day, build_id
        from ops.publications
        where is_interim and superseded_by is not null and published_at < {literal(before)}
          and ({of}) in (select ({of}) from ops.publications where superseded_by is null and {IS_OF_A_WHOLE_DAY})
          and ({of}) not in (select ({of}) from ops.rollbacks)
    """


# Those that nothing is shown of any more, and that are the newest of none of their models.
_BUILDS = """
    with models as (
        select partition_day, cadence, build_id, rowid as entry, unnest(models) as model
        from ops.builds
        where partition_day in (select partition_day from days_so_far)
    )
    select distinct partition_day, build_id from days_so_far
    except
    select p.partition_day, p.build_id from ops.publications as p
    anti join days_so_far using (publication_id, mart)
    except
    select partition_day, max_by(build_id, entry) from models group by partition_day, cadence, model
"""
