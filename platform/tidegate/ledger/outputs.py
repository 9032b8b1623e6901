"""`ops.outputs`: which exports and pages were made, of what, and where they are."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import literal
from tidegate.ledger.entries import insert_entries, read_entries
from tidegate.ledger.rollbacks import WITHHELD


@dataclass(frozen=True)
class OutputRecord:
    """One row of `ops.outputs`: an output that was made, a hash over all that it was made of, and up to which entry of
    `ops.contents` that was so.

    `publication_id` is its own partition's, `location` where the output is: a file, or a folder of files. `summary` is
    what lists of outputs show of it, as JSON. One that is withdrawn is made of nothing: its hash is empty.
    """

    kind: str
    partition_day: dt.date
    cadence: str
    inputs_hash: str
    publication_id: str
    location: str
    run_id: str
    made_at: dt.datetime
    summary: str = "{}"
    contents_seen: int | None = None
    # Of its kind when it was made; None in an older entry.
    revision: int | None = None
    # Whether it says something of the publication of its partition that the next one may make untrue.
    tells_of_publication: bool | None = None

    @property
    def is_withdrawn(self) -> bool:
        return not self.inputs_hash


def lies_in(place: str, output: str) -> str:
    """Whether an output is at `place`, and not in a folder below it: its own begins with the first part of its kind."""
    return f"starts_with({output}.location, {literal(place + '/')} || split_part({output}.kind, '/', 1) || '/')"


def record_outputs(con: DuckDBPyConnection, rows: Sequence[OutputRecord]) -> None:
    """Enter outputs that are made and in their place."""
    insert_entries(con, "outputs", rows)


def standing_outputs(con: DuckDBPyConnection, kinds: Collection[str]) -> list[OutputRecord]:
    """The newest output of each partition, by kind and day."""
    of_kinds = f"kind in (select unnest({literal(sorted(kinds))}::varchar[]))"
    return read_entries(con, OutputRecord, "outputs", of_kinds, newest_of="kind, partition_day")


def was_made(con: DuckDBPyConnection, kinds: Collection[str]) -> bool:
    """Whether there ever was an output of any of the kinds."""
    of_kinds = f"kind in (select unnest({literal(sorted(kinds))}::varchar[]))"
    return bool(con.execute(f"select 1 from ops.outputs where {of_kinds} limit 1").fetchone())


def outputs_of_nothing(con: DuckDBPyConnection, folder: str, place: str) -> list[OutputRecord]:
    """The newest outputs at `place` of kinds in `folder`, each of one mart, whose partition shows nothing of it any
    more."""
    gone = f"""(kind, partition_day) in (
        select (n.kind, n.partition_day)
        from (
            select kind, cadence, partition_day,
                max_by(inputs_hash, rowid) as inputs_hash, max_by(location, rowid) as location
            from ops.outputs where starts_with(kind, {literal(folder + "/")}) group by all
        ) as n
        anti join (select * from ops.publications where superseded_by is null and not {WITHHELD}) as p
            on n.kind = {literal(folder + "/")} || p.mart
            and n.cadence = p.cadence and n.partition_day = p.partition_day
        where n.inputs_hash <> '' and {lies_in(place, "n")}
    )"""
    return read_entries(con, OutputRecord, "outputs", gone, newest_of="kind, partition_day")


def outputs_made_by(con: DuckDBPyConnection, run_id: str) -> list[OutputRecord]:
    """What a run made, by kind and day."""
    made = read_entries(con, OutputRecord, "outputs", f"run_id = {literal(run_id)}")
    return [row for row in made if not row.is_withdrawn]


def times_of_outputs(con: DuckDBPyConnection, place: str) -> dict[str, tuple[dt.datetime, dt.datetime | None]]:
    """Of every output at `place`, by its location: when it was made, and when the next one there took over, None while
    none did.

    Times are UTC, naive.
    """
    rows = con.execute(
        "select location, made_at, lead(made_at) over (partition by kind, partition_day order by rowid) "
        f"from ops.outputs as o where {lies_in(place, 'o')} order by rowid"
    ).fetchall()
    return {location: (made_at, replaced_at) for location, made_at, replaced_at in rows}
