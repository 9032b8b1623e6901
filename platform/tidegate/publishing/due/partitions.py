"""Which partitions of a product are due: days, Mondays and months."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import literal, sql_file
from tidegate.ledger.interim import moment_of
from tidegate.ledger.made_of import inputs_query, latest_query, made_of_relation
from tidegate.ledger.publications import none_of
from tidegate.ledger.required import lacking_relation, required_relation
from tidegate.ledger.waivers import STANDING_WAIVERS
from tidegate.publishing.gate import closed_among
from tidegate.publishing.requirements import GateRequirements
from tidegate.window import ONE_DAY

# Enough to tell a person why; a restatement of a year may have hundreds.
CAUSES_NAMED = 5

# With ten years in the ledger, asking first takes 0.1 s of CPU in place of 0.3 where partitions read a year, and 0.02 s
# more where they read a day.
MANY_DAYS = 28
# In place of asking: any partition may differ.
ANYTHING = "select distinct thing, partition, 9223372036854775807 as entry from all_answers"


@dataclass(frozen=True)
class Due:
    """A partition that is to be built and published, because its inputs are not those of its newest build that ended.

    `restates`: it was published before. `causes` are the inputs that differ, deliveries before days and the newest
    first, as `orders/eu-west 2024-01-05`; `entry` is the number of the newest in `ops.contents`, and `caused_at` when
    that changed (UTC, naive). `build` is the ledger's number of its newest build, -1 without one.
    """

    day: dt.date
    restates: bool
    causes: tuple[str, ...]
    entry: int
    caused_at: dt.datetime | None
    build: int

    @property
    def was_built(self) -> bool:
        return self.build >= 0


def due_partitions(con: DuckDBPyConnection, product: GateRequirements) -> list[Due]:
    """Every due partition of a product, oldest first. One that is being built is among them: only its run tells
    whether it still is. One that is not made of deliveries is due from when it was first built."""
    return _due(con, product, open_partitions_left_unpublished(con, product))


def partitions_to_build(con: DuckDBPyConnection, product: GateRequirements) -> list[Due]:
    """Those of them whose inputs differ, and not those that were built of these and only not published."""
    return _due(con, product, [])


def _due(con: DuckDBPyConnection, product: GateRequirements, unpublished: Collection[dt.date]) -> list[Due]:
    rows = con.execute(_partitions(product, unpublished)).fetchall()
    return [
        Due(partition, restates, tuple(causes or ()), entry, caused_at, build)
        for partition, restates, causes, entry, caused_at, build in rows
        if partition >= product.starts
    ]


def due_for_any(con: DuckDBPyConnection, products: Iterable[GateRequirements]) -> list[Due]:
    """Every partition that is due for any of the products, oldest first, each once: one build is of all of them."""
    found: dict[dt.date, Due] = {}
    for product in products:
        for each in due_partitions(con, product):
            found[each.day] = _together(found[each.day], each) if each.day in found else each
    return [found[day] for day in sorted(found)]


def due_again(con: DuckDBPyConnection, products: Iterable[GateRequirements]) -> list[Due]:
    """Those of them that were built before."""
    return [each for each in due_for_any(con, products) if each.was_built]


def _together(one: Due, other: Due) -> Due:
    moments = [each.caused_at for each in (one, other) if each.caused_at]
    return Due(
        one.day,
        restates=one.restates and other.restates,
        causes=tuple(dict.fromkeys((*one.causes, *other.causes))),
        entry=max(one.entry, other.entry),
        caused_at=max(moments, default=None),
        build=max(one.build, other.build),
    )


def _partitions(product: GateRequirements, unpublished: Collection[dt.date]) -> str:
    made_of = made_of_relation({"": product.reads})
    return sql_file(
        "tidegate.publishing.due",
        "partitions.sql",
        open=_all_delivered(product) if product.deliveries else _begun(product),
        cadence=literal(product.cadence),
        models=f"{literal(sorted(product.models))}::varchar[]",
        latest=latest_query("from all_answers", made_of, product.seeds) if _reads_long(product) else ANYTHING,
        inputs=inputs_query("from answers", made_of, product.seeds),
        causes_named=literal(CAUSES_NAMED),
        delivered=_delivered(product),
        publications="select distinct partition_day as partition from ops.publications "
        f"where cadence = {literal(product.cadence)} and {none_of(product.beside)}",
        unpublished=f"{literal(sorted(unpublished))}::date[]",
    )


def _reads_long(product: GateRequirements) -> bool:
    """Whether its partitions read so many days that it pays to ask first which of them may differ."""
    return any(each.begins_before is not None and each.begins_before >= MANY_DAYS for each in product.reads)


def _delivered(product: GateRequirements) -> str:
    """When the newest delivery of a day came."""
    return f"""
        select partition_day as partition, max_by(finished_at, rowid) as delivered_at
        from ops.deliveries semi join ({required_relation(product.deliveries, product.delivery_days)})
        using (source, region) group by partition_day"""


def _all_delivered(product: GateRequirements) -> str:
    """The days whose deliveries are all in and accepted, or waived."""
    required = required_relation(product.deliveries, product.delivery_days)
    lacking = lacking_relation(product.deliveries, product.delivery_days, product.beside)
    return f"""
        select distinct partition_day as partition from ops.deliveries semi join ({required}) using (source, region)
        union
        select partition_day from ({STANDING_WAIVERS}) semi join ({required}) using (source, region)
        except
        select day from ({lacking}) where not is_waived"""


def _begun(product: GateRequirements) -> str:
    return f"select distinct partition_day as partition from ops.builds where cadence = {literal(product.cadence)}"


def open_partitions_left_unpublished(con: DuckDBPyConnection, product: GateRequirements) -> list[dt.date]:
    """Partitions whose candidates may be published and are not: a run was killed between building and publishing them,
    or the day went on when they were, and by now it has ended, and all of it is there.

    Nothing that they are made of differs, so that no other entry of the ledger tells.
    """
    marts, today = literal([mart.name for mart in product.marts]), product.zone.day_of(moment_of(con))
    rows = con.execute(
        f"""
        with candidates as (
            select partition_day, mart, max_by(build_id, entry) as build_id
            from (select partition_day, build_id, rowid as entry, unnest(models) as mart from ops.builds)
            where mart in (select unnest({marts}::varchar[])) group by partition_day, mart
        ),
        served as (
            select partition_day, mart, build_id, is_interim and rollback_id is null as is_interim from ops.publications
            where superseded_by is null and cadence = {literal(product.cadence)}
        )
        select distinct c.partition_day
        from candidates as c left join served as s using (partition_day, mart)
        where s.build_id is distinct from c.build_id
            or (s.is_interim and c.partition_day < {literal(today)})
        """
    ).fetchall()
    unpublished = [day for (day,) in rows]
    closed = closed_among(con, unpublished, product)
    return [day for day in unpublished if day not in closed]


def without_days_behind(days: Sequence[dt.date], reach: int) -> list[dt.date]:
    """Those of `days` that no other of them, but in the same row of consecutive days, may still change."""
    chosen: list[dt.date] = []
    for day in sorted(days):
        behind = [other for other in days if day - ONE_DAY * reach <= other < day]
        if not behind or (day - ONE_DAY in chosen and all(other in chosen for other in behind)):
            chosen.append(day)
    return chosen
