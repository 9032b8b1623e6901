"""What stands behind published partitions: the deliveries and other contents that each was made of, and its checks.

Why one partition shows what it shows, with logic, decisions and lines of files, is put together in `provenance.why`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import literal, on_days, rows_relation
from tidegate.ledger.contents import GONE, Kind
from tidegate.ledger.deliveries import DeliveryRecord
from tidegate.ledger.entries import read_entries
from tidegate.ledger.made_of import inputs_query, made_of_relation
from tidegate.ledger.names import DeliveryId
from tidegate.ledger.publications import Publication
from tidegate.publishing.requirements import GateRequirements


@dataclass(frozen=True)
class Check:
    """What a check behind the mart's product found last, of this partition."""

    asset: str
    name: str
    passed: bool
    blocking: bool
    observed: str


@dataclass(frozen=True)
class OtherInput:
    """Something else that the partition is made of: a published day of a mart, or a seed."""

    kind: str
    name: str
    day: dt.date
    content: str
    changed_since: bool


@dataclass
class Inputs:
    """What a partition was made of. Of each delivery, whether it changed since."""

    deliveries: list[tuple[DeliveryRecord, bool]] = field(default_factory=list)
    others: list[OtherInput] = field(default_factory=list)


def inputs_of(
    con: DuckDBPyConnection, product: GateRequirements, shown: Sequence[Publication]
) -> dict[dt.date, Inputs]:
    """What the build of each of these publications, of one mart of the product, was made of."""
    if not shown:
        return {}
    builds = rows_relation({"partition": "date", "build": "varchar"}, [(p.partition_day, p.build_id) for p in shown])
    things = (
        "select '' as thing, s.partition, coalesce(max(b.contents_seen), -1) as seen, s.build as made_by "
        f"from ({builds}) as s left join ops.builds as b on b.build_id = s.build group by s.partition, s.build"
    )
    inputs = inputs_query(things, made_of_relation({"": product.reads}), product.seeds)
    rows = con.execute(
        f"select partition, kind, subject, name, day, content, differs from ({inputs}) "
        f"where content <> {literal(GONE)} or differs order by kind, day, name"
    ).fetchall()
    named = {name for _, kind, _, name, *_ in rows if kind == Kind.delivery}
    records = {delivery_name(record): record for record in _deliveries_named(con, named)}
    found = {publication.partition_day: Inputs() for publication in shown}
    for partition, kind, subject, name, day, content, differs in rows:
        if kind == Kind.delivery and name in records:
            found[partition].deliveries.append((records[name], differs))
        elif kind in (Kind.mart, Kind.seed):
            other = OtherInput(kind, subject if kind == Kind.mart else name, day, content, differs)
            found[partition].others.append(other)
    for of_partition in found.values():
        of_partition.deliveries.sort(key=lambda each: delivery_name(each[0]))
    return found


def _deliveries_named(con: DuckDBPyConnection, names: Collection[str]) -> list[DeliveryRecord]:
    """The deliveries that stand, by these names."""
    named = (
        "source || '/' || region || ' ' || partition_day in "
        f"(select unnest({literal(sorted(names))}::varchar[])) and verdict = 'accepted'"
    )
    return read_entries(con, DeliveryRecord, "deliveries", named, newest_of="source, region, partition_day")


def delivery_name(record: DeliveryRecord) -> str:
    return str(DeliveryId(record.source, record.region, record.partition_day))


def checks_of(
    con: DuckDBPyConnection, product: GateRequirements, days: Collection[dt.date]
) -> dict[dt.date, list[Check]]:
    """Of each of these partitions, the newest results of all checks on what stands behind the product."""
    assets = sorted({asset for asset, _ in product.blocking_checks} | {f"marts/{name}" for name in product.names})
    rows = con.execute(
        "select partition_day, asset, check_name, passed, blocking, observed from ops.check_results "
        f"where {on_days('partition_day', days)} and asset in (select unnest({literal(assets)}::varchar[])) "
        "qualify row_number() over (partition by partition_day, asset, check_name order by rowid desc) = 1 "
        "order by partition_day, asset, check_name"
    ).fetchall()
    found: dict[dt.date, list[Check]] = {day: [] for day in days}
    for day, *check in rows:
        found[day].append(Check(*check))
    return found


def standing_publications(
    con: DuckDBPyConnection, mart: str, cadence: str, days: Collection[dt.date]
) -> list[Publication]:
    """The publications of a mart that are shown of these partitions."""
    standing = (
        f"superseded_by is null and mart = {literal(mart)} and cadence = {literal(cadence)} "
        f"and {on_days('partition_day', days)}"
    )
    return read_entries(con, Publication, "publications", standing)
