"""Where the figures of a page come from: the deliveries that a day is made of, and what was checked of it.

The whole of it, down to lines of files, is told by `tidegate why`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.outputs.rendering.numbers import plural, whole
from tidegate.outputs.rendering.page import Table
from tidegate.publishing.behind import Check, checks_of, delivery_name, inputs_of, standing_publications
from tidegate.publishing.requirements import GateRequirements


@dataclass(frozen=True)
class DeliveryOfDay:
    """A delivery that a day is made of: `archived` is its manifest in the archive. Time: UTC, naive."""

    delivery: str
    files: int
    rows_loaded: int
    rows_quarantined: int
    contract_version: str
    delivered_at: dt.datetime
    archived: str
    stands_in_for: dt.date | None


@dataclass(frozen=True)
class Origin:
    """What a mart's day is made of, and what the checks behind it found."""

    mart: str
    deliveries: Sequence[DeliveryOfDay]
    checks: int
    failed: Sequence[str]


ReadOrigins = Callable[[DuckDBPyConnection, Sequence[dt.date]], Mapping[dt.date, Origin]]


def read_origins(
    con: DuckDBPyConnection, product: GateRequirements, mart: str, days: Sequence[dt.date]
) -> dict[dt.date, Origin]:
    """Of those of the days of which the mart shows anything. The ledger is asked once for all."""
    if not days:
        return {}
    inputs = inputs_of(con, product, standing_publications(con, mart, product.cadence, days))
    checks = checks_of(con, product, days)
    return {
        day: Origin(
            mart,
            [
                DeliveryOfDay(
                    delivery_name(record),
                    record.files,
                    record.rows_loaded,
                    record.rows_quarantined,
                    record.contract_version,
                    record.finished_at,
                    record.archive,
                    record.stands_in_for,
                )
                for record, _ in of_day.deliveries
            ],
            len(checks[day]),
            [_named(check) for check in checks[day] if not check.passed],
        )
        for day, of_day in inputs.items()
    }


def _named(check: Check) -> str:
    return f"{check.name} of {check.asset}"


def checks_in_words(origin: Origin) -> str:
    """How many checks there were, and which failed without holding the day."""
    if not origin.failed:
        return f"{plural(origin.checks, 'check')} behind {origin.mart} passed."
    passed = origin.checks - len(origin.failed)
    return (
        f"{whole(passed)} of {plural(origin.checks, 'check')} behind {origin.mart} passed; failed, and only a warning: "
        f"{', '.join(origin.failed)}."
    )


def deliveries_table(origin: Origin) -> Table:
    return Table(
        "Deliveries that the figures of the day are made of",
        ("Delivery", "Contract", "Accepted, UTC", "Files", "Rows loaded", "In quarantine"),
        [
            (
                _delivery(each),
                each.contract_version,
                f"{each.delivered_at:%Y-%m-%d %H:%M}",
                whole(each.files),
                whole(each.rows_loaded),
                whole(each.rows_quarantined),
            )
            for each in origin.deliveries
        ],
        "It is made of no delivery.",
        texts=3,
    )


def _delivery(each: DeliveryOfDay) -> str:
    return f"{each.delivery}, whose place that of {each.stands_in_for} takes" if each.stands_in_for else each.delivery
