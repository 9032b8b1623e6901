"""Which published partitions of a lake a proposed change is tried on: the newest, the dirtiest and the most restated
days, and the newest Monday, month and morning.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from duckdb import DuckDBPyConnection

from tidegate.home import Home
from tidegate.lake.sql import sql_file
from tidegate.ledger.publications import days_published_of, published_days
from tidegate.ledger.rollbacks import standing_rollbacks
from tidegate.publishing.due.partitions import due_for_any
from tidegate.window import Cadence


@dataclass(frozen=True)
class Sample:
    """The partitions, and of each day why it is one of them, in the order in which they were chosen."""

    partitions: Mapping[Cadence, Sequence[dt.date]]
    reasons: Mapping[dt.date, str]


@dataclass(frozen=True)
class _Day:
    day: dt.date
    quarantined: int
    published: int


def choose_sample(con: DuckDBPyConnection, home: Home, days: int) -> Sample:
    """Of what is published and stands on its own newest data, so many days, and the newest partition of each longer
    cadence. What is due, or was rolled back, would differ whatever the change is."""
    found = [_Day(*row) for row in con.execute(sql_file("tidegate.changes.proposal", "sample.sql")).fetchall()]
    stands = _stands_on_its_data(con, home, Cadence.daily)
    whole = days_published_of(con, home.requirements_of(Cadence.daily).names)
    of_days = [each for each in found if stands(each.day)]
    reasons = _chosen([each for each in of_days if each.day in whole] or of_days, days)
    partitions: dict[Cadence, Sequence[dt.date]] = {Cadence.daily: sorted(reasons)} if reasons else {}
    for cadence in home.longer_cadences if reasons else ():
        stands = _stands_on_its_data(con, home, cadence)
        if standing := [day for day in published_days(con, cadence=cadence) if stands(day)]:
            partitions[cadence] = standing[-1:]
    return Sample(partitions, reasons)


def _stands_on_its_data(con: DuckDBPyConnection, home: Home, cadence: Cadence) -> Callable[[dt.date], bool]:
    due = {each.day for each in due_for_any(con, home.products_of(cadence))}
    rolled_back = {each.partition_day for each in standing_rollbacks(con) if each.cadence == cadence}
    return lambda day: day not in due and day not in rolled_back


def _chosen(days: Collection[_Day], count: int) -> dict[dt.date, str]:
    newest = sorted(days, key=lambda each: each.day, reverse=True)
    # Sorting is stable: of days alike, the newest.
    dirtiest = sorted((each for each in newest if each.quarantined), key=lambda each: -each.quarantined)
    restated = sorted((each for each in newest if each.published > 1), key=lambda each: -each.published)
    reasons: dict[dt.date, str] = {}
    for day, why in _in_turn(
        [(each.day, "among the newest") for each in newest],
        [(each.day, f"{each.quarantined:,} rows in quarantine") for each in dirtiest],
        [(each.day, f"published {each.published} times") for each in restated],
    ):
        if len(reasons) < count:
            reasons.setdefault(day, why)
    return reasons


def _in_turn(*lists: Iterable[tuple[dt.date, str]]) -> Iterator[tuple[dt.date, str]]:
    """One of each list after the other, as long as any has one."""
    for of_each in zip_longest(*lists):
        yield from (each for each in of_each if each)
