"""A small copy of a lake: what sample partitions are and read, with its ledger. The lake itself is only read.

Rows of the ledger are copied in the order of DuckLake's row ids, by which it tells what came later; what names an entry
by its row id is given that of the copy.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from duckdb import DuckDBPyConnection

from tidegate.changes.proposal.reads import Table, days_before
from tidegate.changes.proposal.sample import Sample
from tidegate.home import Home
from tidegate.lake.config import LakeConfig, attach_statements
from tidegate.lake.connect import Lake
from tidegate.lake.extensions import load_extensions
from tidegate.lake.sql import literal, on_days, qualified, quoted, rows_relation
from tidegate.lake.tables import ensure_table, table_columns
from tidegate.ledger.schema import LEDGER
from tidegate.transform.parsed.members import OPS, RAW, Model
from tidegate.window import Cadence

# What the lake that is read is attached as, beside the copy.
ORIGINAL = "original"

# The ledger's tables of which the copy has all, and those of which it has what belongs to the sample.
WHOLE = frozenset({"contents", "contracts", "made_of", "made_by", "waivers"})
OF_SAMPLE = ("builds", "check_results", "deliveries", "publications")


@dataclass(frozen=True)
class Original:
    """What is to be copied of a lake, as it was at one of its snapshots."""

    config: LakeConfig
    snapshot: int
    sample: Sample
    days: Mapping[Table, Collection[dt.date]]


def copy_sample(target: Lake, original: Original, homes: Sequence[Home]) -> None:
    """Fill a lake without data with what the projects of these homes read to build the sample."""
    with _attached(target.con, original):
        models = _models(homes)
        for table, columns in table_columns(target.con, models, ORIGINAL).items():
            if rows := _wanted(models[table], original, homes):
                _copy_table(target, models[table], columns, rows)
        read = {source.name for home in homes for source in home.graph.sources.values() if source.schema == OPS}
        sources = {name for home in homes for name in home.contracts}
        deliveries = " or ".join(_delivery(source, original.sample, homes) for source in sorted(sources))
        _copy_ledger(target, original.sample, WHOLE | (read & LEDGER.keys()).difference(OF_SAMPLE), deliveries)


@contextmanager
def _attached(con: DuckDBPyConnection, original: Original) -> Iterator[None]:
    load_extensions(con, original.config.extensions)
    for statement in attach_statements(original.config, read_only=True, snapshot=original.snapshot, name=ORIGINAL):
        con.execute(statement)
    try:
        yield
    finally:
        con.execute(f"detach {quoted(ORIGINAL)}")


def _models(homes: Sequence[Home]) -> dict[Table, Model]:
    """The dated tables that the projects know; one that they know otherwise, as the first does."""
    tables = [table for home in reversed(homes) for table in home.graph.tables.values() if table.schema != OPS]
    return {(table.schema, table.name): table for table in tables}


def _wanted(model: Model, original: Original, homes: Sequence[Home]) -> str:
    """The condition on the rows of a table that are copied; nothing where none is."""
    if model.schema == RAW:
        return (
            f"(_region, _delivered_on) in (select (region, partition_day) "
            f"from {qualified(ORIGINAL, OPS, 'deliveries')} where {_delivery(model.name, original.sample, homes)})"
        )
    days = original.days.get((model.schema, model.name))
    return on_days(model.day_column, days) if days else ""


def _delivery(source: str, sample: Sample, homes: Sequence[Home]) -> str:
    """The condition that a delivery is one of the source, of a day that the sample reads or with rows of one."""
    days = sorted(
        {
            day
            for home in homes
            for product in home.products_of(Cadence.daily)
            for of_sample in [sample.partitions.get(Cadence.daily, ())]
            for day in (*of_sample, *(days_before(of_sample, product.reach) if source in product.read_back else ()))
        }
    )
    wanted = f"{literal(days)}::date[]"
    return (
        f"(source = {literal(source)} "
        f"and (list_contains({wanted}, partition_day) or list_has_any(coalesce(touched, []), {wanted})))"
    )


def _copy_table(target: Lake, model: Model, columns: Mapping[str, str], rows: str) -> None:
    table = (model.schema, model.name)
    names = ", ".join(map(quoted, columns))

    def copy(con: DuckDBPyConnection) -> None:
        ensure_table(con, *table, columns, model.partitioned_by)
        con.execute(
            f"insert into {qualified(*table)} ({names}) select {names} from {qualified(ORIGINAL, *table)} "
            f"where {rows} order by {quoted(model.day_column)}"
        )

    target.unit_of_work(copy, [table])


def _copy_ledger(target: Lake, sample: Sample, whole: Collection[str], deliveries: str) -> None:
    # First and by themselves: only a commit gives rows their ids.
    for table in sorted(whole):
        target.unit_of_work(partial(_copy_entries, table=table, condition="true"))
    partitions = [(cadence.value, day) for cadence, days in sample.partitions.items() for day in days]
    of_sample = rows_relation({"cadence": "varchar", "partition_day": "date"}, partitions)

    def copy(con: DuckDBPyConnection) -> None:
        _copy_entries(con, "deliveries", deliveries)
        _copy_entries(con, "builds", f"(cadence, partition_day) in ({_pairs(of_sample)})", _seen_in_the_copy(con))
        _copy_entries(con, "check_results", f"partition_day in (select partition_day from ({of_sample}))")
        # Its snapshots are not those of the copy.
        standing = f"superseded_by is null and (cadence, partition_day) in ({_pairs(of_sample)})"
        _copy_entries(con, "publications", standing, {"lake_snapshot": "null"})

    target.unit_of_work(copy)


def _pairs(partitions: str) -> str:
    return f"select (cadence, partition_day) from ({partitions})"


def _seen_in_the_copy(con: DuckDBPyConnection) -> dict[str, str]:
    """What `contents_seen` is there: the row id of the same entry of `ops.contents`."""
    row = con.execute("select min(rowid) from ops.contents").fetchone()
    first = (row[0] if row else None) or 0
    theirs = f"(select count(*) from {qualified(ORIGINAL, OPS, 'contents')} as c where c.rowid <= contents_seen)"
    return {"contents_seen": f"{first} + {theirs} - 1"}


def _copy_entries(
    con: DuckDBPyConnection, table: str, condition: str, instead: Mapping[str, str] | None = None
) -> None:
    columns = {name: (instead or {}).get(name, quoted(name)) for name in LEDGER[table]}
    selected = ", ".join(f"{value} as {quoted(name)}" for name, value in columns.items())
    con.execute(
        f"insert into {qualified(OPS, table)} by name select {selected} from {qualified(ORIGINAL, OPS, table)} "
        f"where {condition} order by rowid"
    )
