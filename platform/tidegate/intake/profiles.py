"""A delivery beside the source's past: the profiles that the ledger has, and those of the batch itself.

The verdict must depend as little as possible on the order in which deliveries arrive. So a delivery is compared only
with days before its own, whatever became of them by this comparison; and once days before it have changed, it is
judged again where that would be decided otherwise (`judged_beside_others`). Only one that its contract lets in has a
profile: what cannot be read says nothing of what is usual.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from duckdb import DuckDBPyConnection

from tidegate.contract.judging.as_usual import rejections_as_unusual
from tidegate.contract.judging.profiles import ColumnProfile, Profile
from tidegate.contract.judging.unusual import WEEKS, Comparison, compare, compared_from
from tidegate.contract.model import Contract
from tidegate.ledger.deliveries import newest_deliveries
from tidegate.ledger.names import Partition
from tidegate.ledger.profiles import ProfileRow, profile_rows, put_profiles
from tidegate.window import ONE_DAY, Window


@dataclass(frozen=True)
class Profiled:
    """A delivery's profile, and what it was compared with."""

    fingerprint: str
    profile: Profile
    compared_with: str = ""
    is_rejected: bool = False


@dataclass
class Past:
    """The profiles of a source's deliveries that a batch can be compared with; its own are added as it is profiled."""

    contract: Contract
    of_region: dict[str, dict[dt.date, Profiled]] = field(default_factory=lambda: defaultdict(dict))

    def add(self, partition: Partition, profiled: Profiled) -> None:
        self.of_region[partition.region][partition.day] = profiled

    def beside(self, partition: Partition, profile: Profile) -> Comparison:
        past = {day: each.profile for day, each in self._before(partition).items()}
        return compare(self.contract, partition.day, profile, past)

    def compared_with(self, partition: Partition) -> str:
        """A hash over the deliveries that one of the partition is compared with."""
        past = sorted((day.isoformat(), each.fingerprint) for day, each in self._before(partition).items())
        return hashlib.sha256(repr(past).encode()).hexdigest()[:16]

    def _before(self, partition: Partition) -> Mapping[dt.date, Profiled]:
        first = compared_from(partition.day)
        return {
            day: each for day, each in self.of_region.get(partition.region, {}).items() if first <= day < partition.day
        }


def past_of(con: DuckDBPyConnection, contract: Contract, days: Window) -> Past:
    """What the ledger knows of the days, and of those that they are compared with."""
    past = Past(contract)
    rows = profile_rows(con, contract.source, compared_from(days.start), days.end)
    for partition, profiled in _by_partition(rows).items():
        past.add(partition, profiled)
    return past


def enter_profiles(con: DuckDBPyConnection, source: str, judged: Mapping[Partition, Profiled]) -> None:
    """Enter the profiles of a batch, inside the caller's transaction; what the ledger says already is left alone."""
    if not judged:
        return
    days = [partition.day for partition in judged]
    known = _by_partition(profile_rows(con, source, min(days), max(days) + ONE_DAY))
    other = {partition: each for partition, each in judged.items() if known.get(partition) != each}
    rows = [row for partition, each in other.items() for row in _rows(source, partition, each)]
    if rows:
        put_profiles(con, rows, [partition for partition in other if partition in known])


def judged_beside_others(con: DuckDBPyConnection, contract: Contract, days: Window) -> list[Partition]:
    """The deliveries, of the days and of the weeks after them, that were judged beside other days than are known now
    and would be decided otherwise. None of a contract that rejects no unusual delivery."""
    if not contract.rejects_anomalies:
        return []
    reach = Window(days.start, days.end + WEEKS * 7 * ONE_DAY)
    past = past_of(con, contract, reach)
    newest = {each.partition: each.fingerprint for each in newest_deliveries(con, contract.source, reach)}
    return [
        partition
        for region, of_region in past.of_region.items()
        for day, each in of_region.items()
        if day >= days.start
        and newest.get(partition := Partition(region, day)) == each.fingerprint
        and past.compared_with(partition) != each.compared_with
        and bool(rejections_as_unusual(contract, past.beside(partition, each.profile))) != each.is_rejected
    ]


def _by_partition(rows: Sequence[ProfileRow]) -> dict[Partition, Profiled]:
    found: dict[Partition, list[ProfileRow]] = defaultdict(list)
    for row in rows:
        found[row.partition].append(row)
    return {partition: _profiled(of_it) for partition, of_it in found.items()}


def _profiled(rows: Sequence[ProfileRow]) -> Profiled:
    whole = next(row for row in rows if row.column_name is None)
    columns = {
        row.column_name: ColumnProfile(row.row_count, row.nulls or 0, row.center, row.spread)
        for row in rows
        if row.column_name is not None
    }
    profile = Profile(whole.row_count, columns, whole.hashed_by or "")
    return Profiled(whole.fingerprint, profile, whole.compared_with or "", bool(whole.is_rejected))


def _rows(source: str, partition: Partition, profiled: Profiled) -> list[ProfileRow]:
    profile = profiled.profile
    key = (source, partition.region, partition.day, profiled.fingerprint)
    whole = ProfileRow(
        *key,
        column_name=None,
        row_count=profile.rows_read,
        hashed_by=profile.hashed_by,
        compared_with=profiled.compared_with,
        is_rejected=profiled.is_rejected,
    )
    return [
        whole,
        *(
            ProfileRow(*key, name, each.rows, each.nulls, each.center, each.spread)
            for name, each in profile.columns.items()
        ),
    ]
