"""Which event dates change when a delivery's rows take the place of those that raw holds of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field

from duckdb import DuckDBPyConnection

from tidegate.contract.judging.event_days import event_day
from tidegate.contract.model import Contract
from tidegate.lake.sql import day_in, literal, qualified, quoted
from tidegate.ledger.contents import GONE
from tidegate.ledger.names import Partition
from tidegate.window import ONE_DAY


@dataclass
class Touched:
    """What a commit changes, by partition: the event dates, and the hash over the rows of those that only rows of their
    own changed."""

    dates: dict[Partition, set[dt.date]] = field(default_factory=dict)
    hashes: dict[Partition, dict[dt.date, str]] = field(default_factory=dict)

    def of(self, partition: Partition) -> list[dt.date]:
        return sorted(self.dates.get(partition, ()))


def touched_dates(con: DuckDBPyConnection, contract: Contract, held: Sequence[Partition], new: str) -> Touched:
    """The event dates of rows added, changed or removed, and of rows that these replace or give back, by partition,
    once the rows of the query `new` stand in place of those that raw holds of the partitions `held`.

    Dates are compared by number of rows and sum of row hashes: one pass over the old and one over the new
    rows.
    """
    touched = Touched()
    if contract.is_snapshot:
        for region, day, date in _dates_of_snapshots(con, contract, new):
            touched.dates.setdefault(Partition(region, day), set()).add(date)
        return touched
    old = f"select * from {qualified('raw', contract.source)} where {in_partitions(held)}" if held else None
    for region, day, date, content in con.execute(_changed_dates(contract, old, new)).fetchall():
        touched.dates.setdefault(Partition(region, day), set()).add(date)
        touched.hashes.setdefault(Partition(region, day), {})[date] = content
    if touched.dates and contract.changes:
        for region, day, date in con.execute(_dates_of_changed_keys(contract, old, new)).fetchall():
            touched.dates.setdefault(Partition(region, day), set()).add(date)
            touched.hashes.get(Partition(region, day), {}).pop(date, None)
    elif touched.dates and contract.key and contract.event_time:
        others = con.execute(_dates_of_other_versions(contract, sorted(touched.dates), old, new)).fetchall()
        for region, day, date in others:
            touched.dates[Partition(region, day)].add(date)
            # What such a date shows depends on more than the rows that are on it.
            touched.hashes[Partition(region, day)].pop(date, None)
    return touched


def _changed_dates(contract: Contract, old: str | None, new: str) -> str:
    """A query for (region, delivered on, date, content), where the content is empty for a date without rows by now."""
    dated = _dated(contract, new)
    if old is None:
        return f"select _region, _delivered_on, event_date, content::varchar from ({dated})"
    return f"""
select _region, _delivered_on, event_date, coalesce(new.content::varchar, {literal(GONE)})
from ({dated}) as new
full join ({_dated(contract, old)}) as old using (_region, _delivered_on, event_date)
where new.content is distinct from old.content"""


def _dated(contract: Contract, rows: str) -> str:
    columns = ", ".join(quoted(column.name) for column in contract.columns)
    return f"""
select _region, _delivered_on, {event_date(contract)} as event_date,
  (count(*), sum(hash({columns}))) as content
from ({rows}) group by all"""


def _dates_of_other_versions(contract: Contract, changed: Sequence[Partition], old: str | None, new: str) -> str:
    """The event dates on which rows with a key that a changed delivery gained or lost were delivered before.

    A line that moves to another day leaves its old one, which none of the new rows is on. Keys are compared by
    hash: a collision touches a day in vain.
    """
    key = f"{key_hash(contract)} as key"
    new_keys = f"select _region, _delivered_on, {key} from ({new}) where {in_partitions(changed)}"
    old_keys = f"select _region, _delivered_on, {key} from ({old}) where {in_partitions(changed)}"
    keys = f"({new_keys} except {old_keys}) union all ({old_keys} except {new_keys})" if old else new_keys
    days = [partition.day for partition in changed]
    in_reach = f"_delivered_on <= {literal(max(days))}"
    if contract.allowed_lateness_days is not None:
        in_reach += f" and _delivered_on >= {literal(min(days) - ONE_DAY * contract.allowed_lateness_days)}"
    return f"""
select distinct gained._region, gained._delivered_on, other.event_date
from ({keys}) as gained
join (
  select _region, _delivered_on, {event_date(contract)} as event_date, {key}
  from {qualified("raw", contract.source)} where {in_reach}
) as other using (key)
where other._delivered_on <= gained._delivered_on
  and (other._region, other._delivered_on) <> (gained._region, gained._delivered_on)"""


def _dates_of_changed_keys(contract: Contract, old: str | None, new: str) -> str:
    """The event dates of every version of the keys that a delivery brings other changes of: which version counts may
    be another one, on whatever date, and one that is deleted says none."""
    columns = ", ".join(quoted(column.name) for column in contract.columns)
    rows = f"select _region, _delivered_on, {key_hash(contract)} as key, hash({columns}) as row"
    changed = f"({rows} from ({new}))"
    if old is not None:
        before = f"({rows} from ({old}))"
        changed = f"(({changed} except {before}) union all ({before} except {changed}))"
    dated = f"select {event_date(contract)} as event_date, {key_hash(contract)} as key from"
    return f"""
select distinct changed._region, changed._delivered_on, version.event_date
from {changed} as changed
join ({dated} {qualified("raw", contract.source)} union all {dated} ({new})) as version using (key)"""


def _dates_of_snapshots(con: DuckDBPyConnection, contract: Contract, new: str) -> list[tuple[str, dt.date, dt.date]]:
    """The event dates on which the newest whole table of a region is other rows than the newest before, each with
    the delivery that it came with. One that is older than the newest changes nothing that anybody sees."""
    raw = qualified("raw", contract.source)
    by_region = "select _region, max(_delivered_on) from"
    brought = dict(con.execute(f"{by_region} ({new}) group by all").fetchall())
    before = dict(con.execute(f"{by_region} {raw} group by all").fetchall())
    newest = [Partition(name, day) for name, day in brought.items() if day >= before.get(name, day)]
    if not newest:
        return []
    shown_before = [Partition(each.region, before[each.region]) for each in newest if each.region in before]
    old = f"select * from {raw} where {in_partitions(shown_before) if shown_before else 'false'}"
    rows = con.execute(f"""
select coalesce(new._region, old._region), event_date
from ({_dated_of_region(contract, f"select * from ({new}) where {in_partitions(newest)}")}) as new
full join ({_dated_of_region(contract, old)}) as old using (_region, event_date)
where new.content is distinct from old.content""").fetchall()
    return [(region, brought[region], date) for region, date in rows]


def _dated_of_region(contract: Contract, rows: str) -> str:
    columns = ", ".join(quoted(column.name) for column in contract.columns)
    return f"""
select _region, {event_date(contract)} as event_date, (count(*), sum(hash({columns}))) as content
from ({rows}) group by all"""


def event_date(contract: Contract) -> str:
    day = event_day(contract)
    return "_delivered_on" if day is None else f"coalesce({day}, _delivered_on)"


def key_hash(contract: Contract) -> str:
    """A hash over a row's key: comparing it with another's is cheaper than comparing the key."""
    return f"hash({', '.join(quoted(name) for name in contract.key)})"


def in_partitions(partitions: Sequence[Partition]) -> str:
    """The condition that a row was delivered as one of these partitions, at least one."""
    days = [partition.day for partition in partitions]
    listed = ", ".join(f"({literal(each.region)}, {literal(each.day)})" for each in partitions)
    inside = day_in("_delivered_on", min(days), max(days) + ONE_DAY)
    return f"{inside} and (_region, _delivered_on) in ({listed})"
