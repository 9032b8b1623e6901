"""Metrics of products and sources."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from tidegate.alerting.metrics.family import Family, Labels, family
from tidegate.alerting.scene import Scene
from tidegate.alerting.trouble import Kind
from tidegate.contract.model import Contract
from tidegate.lake.sql import sql_file
from tidegate.ledger.incidents import IncidentRecord
from tidegate.publishing.promises import next_deadline
from tidegate.publishing.requirements import GateRequirements
from tidegate.window import ONE_DAY

# What holds partitions of a product, by the incidents that are open.
_HOLDS = frozenset({Kind.held, Kind.rejected})


def products(scene: Scene, incidents: list[IncidentRecord]) -> Iterator[Family]:
    """How far each product is published, and how long until its next deadline."""
    shown = {
        (cadence, mart): (count, newest)
        for cadence, mart, count, newest in scene.con.execute(
            sql_file("tidegate.alerting.metrics", "published.sql")
        ).fetchall()
    }
    counts, ages, deadlines = [], [], []
    for product in scene.products:
        labels = {"product": product.product, "cadence": str(product.cadence)}
        found = [shown[product.cadence, name] for name in product.names if (product.cadence, name) in shown]
        counts.append((labels, min((count for count, _ in found), default=0)))
        ages.append((labels, _age(scene, product, min((newest for _, newest in found), default=None))))
        deadlines.append((labels, _seconds_to_deadline(scene, product)))
    yield family("product_published_partitions", "Partitions that stand in serving.", counts)
    yield family("product_newest_age_seconds", "Since the end of the days of the newest published partition.", ages)
    yield family(
        "product_deadline_seconds", "Until the next partition has to be published; below zero it is overdue.", deadlines
    )
    yield family("product_held_partitions", "Partitions that are held, by open incidents.", _held(scene, incidents))


def _age(scene: Scene, product: GateRequirements, newest: dt.date | None) -> float | None:
    if newest is None:
        return None
    end = scene.home.settings.zone.at(product.cadence.days_about(newest).end)
    return (scene.now - end).total_seconds()


def _seconds_to_deadline(scene: Scene, product: GateRequirements) -> float | None:
    deadline = next_deadline(scene.con, product, scene.home.settings.zone, scene.now)
    return (deadline - scene.now).total_seconds() if deadline else None


def _held(scene: Scene, incidents: list[IncidentRecord]) -> Iterator[tuple[Labels, int]]:
    for name in sorted({product.product for product in scene.products}):
        holding = [each for each in incidents if each.kind in _HOLDS and name in each.products]
        yield {"product": name}, len({day for each in holding for day in each.partitions})


# The columns of sources.sql after the source's name, but the newest day.
_TOTALS = {
    "source_rows_loaded_total": "Rows loaded.",
    "source_rows_quarantined_total": "Rows kept out.",
    "source_deliveries_accepted_total": "Deliveries loaded.",
    "source_deliveries_rejected_total": "Deliveries rejected.",
}
_NOTHING = (0, 0, 0, 0, None)


def sources(scene: Scene) -> Iterator[Family]:
    """What each source delivered, whether it is late, and whether it answers."""
    rows = scene.con.execute(sql_file("tidegate.alerting.metrics", "sources.sql")).fetchall()
    found = {name: figures for name, *figures in rows}
    contracts = sorted(scene.home.contracts.items())
    figures = [({"source": name}, found.get(name, _NOTHING)) for name, _ in contracts]
    for place, (name, help_text) in enumerate(_TOTALS.items()):
        yield family(name, help_text, [(labels, of_source[place]) for labels, of_source in figures])
    late = [_lateness(scene, contract, found.get(name, _NOTHING)[-1]) for name, contract in contracts]
    yield family(
        "source_lateness_seconds",
        "Since the deadline of the day after the newest delivered one; 0 where it has not passed.",
        [(labels, seconds) for (labels, _), seconds in zip(figures, late, strict=True)],
    )
    failing = scene.operations.sources
    yield family(
        "source_breaker_open",
        "1 while nothing is asked of the source, as it fails.",
        [({"source": name}, name in failing) for name, _ in contracts],
    )


def _lateness(scene: Scene, contract: Contract, newest: dt.date | None) -> float | None:
    """None where the contract has no deadline. Before the first delivery, the newest ended day is waited for."""
    if contract.published_by is None:
        return None
    today = scene.home.settings.zone.day_of(scene.now)
    day = today - ONE_DAY if newest is None else newest + ONE_DAY
    while day < today and not any(day in region.delivers_on for region in contract.regions):
        day += ONE_DAY
    deadline = contract.deadline(day)
    return max(0.0, (scene.now - deadline).total_seconds()) if deadline else None
