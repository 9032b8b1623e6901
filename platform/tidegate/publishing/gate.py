"""The gate of a day: what must hold before it may be published, and in plain sentences why it does not.

Only the ledger is asked: one query which days may be closed at all, and of these one per kind of entry. Publishing
belongs to `promote`, and what is required (which deliveries, models, checks) to the callers.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import literal, rows_relation, sql_file
from tidegate.ledger.deliveries import delivered_days
from tidegate.ledger.required import EXPECTED_DELIVERY, NEWEST_DELIVERIES, WITHDRAWN, required_relation
from tidegate.publishing.day_entries import entries_of
from tidegate.publishing.reasons import raw_assets, reasons_of
from tidegate.publishing.requirements import GateRequirements
from tidegate.window import Cadence, Window

# To read all entries of so many, which are a run's at most, takes less than to ask which of them may be closed.
FEW_DAYS = 31

CHECKS = {"asset": "varchar", "check_name": "varchar", "model": "varchar", "source": "varchar", "region": "varchar"}


@dataclass(frozen=True)
class Gates:
    """Why each closed day is closed, and the newest build of each model on every day: by (day, model). `begun` are the
    days that anything was delivered for, or of longer cadences was built."""

    closed: dict[dt.date, list[str]]
    builds: dict[tuple[dt.date, str], str]
    begun: frozenset[dt.date] = frozenset()

    @property
    def held(self) -> dict[dt.date, list[str]]:
        """The closed days that are not only awaited."""
        return {day: reasons for day, reasons in self.closed.items() if day in self.begun}


def closed_among(
    con: DuckDBPyConnection, days: Collection[dt.date], requirements: GateRequirements
) -> dict[dt.date, list[str]]:
    """Why each of these partitions of the product is closed, in sentences. What may be published is not in it."""
    return {day: [reason for reason, _ in reasons] for day, reasons in _held_back(con, days, [requirements]).items()}


def closed_for_any(
    con: DuckDBPyConnection, days: Collection[dt.date], products: Sequence[GateRequirements]
) -> dict[dt.date, list[str]]:
    """Why each of these partitions is closed for any of the products, which are of one cadence. Where there are
    several, each sentence names those that it holds."""
    return {day: _named_by_products(reasons, products) for day, reasons in _held_back(con, days, products).items()}


def _held_back(
    con: DuckDBPyConnection, days: Collection[dt.date], products: Sequence[GateRequirements]
) -> dict[dt.date, list[tuple[str, list[str]]]]:
    """By closed partition the reasons, each with the products that it holds."""
    asked = [(product, days_to_look_at(con, days, product)) for product in products]
    entries = entries_of(con, {day for _, of_product in asked for day in of_product}, products[0].cadence)
    held: dict[dt.date, dict[str, list[str]]] = {}
    for product, of_product in asked:
        for day in of_product:
            for reason in reasons_of(entries[day], product):
                held.setdefault(day, {}).setdefault(reason, []).append(product.product)
    return {day: list(held[day].items()) for day in sorted(held)}


def _named_by_products(reasons: Sequence[tuple[str, list[str]]], products: Sequence[GateRequirements]) -> list[str]:
    """The reasons, each under the names of the products that it holds, where there are several."""
    if len(products) == 1:
        return [reason for reason, _ in reasons]
    return [f"{', '.join(held)}: {reason}" for reason, held in reasons]


def held_days(
    con: DuckDBPyConnection, window: Window, products: Sequence[GateRequirements]
) -> dict[dt.date, list[str]]:
    """The closed days of the window that anything was delivered for, and why: what a status shows."""
    return closed_for_any(con, delivered_days(con, window), products)


def read_gates(con: DuckDBPyConnection, window: Window, requirements: GateRequirements) -> Gates:
    days = entries_of(con, window.days, window.cadence)
    reasons = {day: list(reasons_of(days[day], requirements)) for day in window.days}
    return Gates(
        closed={day: sentences for day, sentences in reasons.items() if sentences},
        builds={(day, model): build.build_id for day in window.days for model, build in days[day].builds.items()},
        begun=frozenset(day for day in window.days if days[day].has_begun(requirements)),
    )


def days_to_look_at(
    con: DuckDBPyConnection, days: Collection[dt.date], requirements: GateRequirements, few: int = FEW_DAYS
) -> Collection[dt.date]:
    """Those of the partitions that may be closed, all closed ones among them: mostly the few that are open work, of
    thousands that are published. Of up to `few`, all."""
    if len(days) <= few:
        return days
    places = raw_assets(requirements)
    checks = [
        (asset, name, asset.rpartition("/")[2], *places.get(asset, (None, None)))
        for asset, name in sorted(requirements.blocking_checks)
    ]
    query = sql_file(
        "tidegate.publishing",
        "days_to_look_at.sql",
        days=f"{literal(sorted(days))}::date[]",
        first=literal(min(days)),
        last=literal(max(days)),
        required=required_relation(requirements.deliveries, requirements.delivery_days),
        newest_deliveries=NEWEST_DELIVERIES,
        is_expected=EXPECTED_DELIVERY,
        withdrawn=literal(WITHDRAWN),
        models=f"{literal(sorted(requirements.models))}::varchar[]",
        marts=f"{literal(sorted(requirements.names))}::varchar[]",
        beside=f"{literal(sorted(requirements.beside))}::varchar[]",
        checks=rows_relation(CHECKS, checks),
        cadence=literal(requirements.cadence),
        daily=literal(requirements.cadence is Cadence.daily),
    )
    return [day for (day,) in con.execute(query).fetchall()]
