"""Writing judged deliveries into the lake: rows, quarantined rows, ledger and checks in one transaction.

Everything is done for all deliveries of a batch at once, in a handful of statements. What the verdicts are is
`load`'s knowledge; how a transaction is repeated is the lake's.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from duckdb import DuckDBPyConnection

from tidegate.archive.manifest import Captured
from tidegate.contract.judging.event_days import event_day
from tidegate.contract.judging.logic import logic_of
from tidegate.contract.judging.verdicts import json_of_text
from tidegate.contract.model import UNPARSABLE as UNPARSABLE_LINE
from tidegate.contract.model import CheckOutcome, Contract
from tidegate.errors import TidegateError
from tidegate.intake.files.readers import JUDGED, PLACES, UNPARSABLE
from tidegate.lake.sql import day_in, literal, qualified, quoted, rows_relation
from tidegate.lake.tables import ensure_table
from tidegate.ledger.checks import CheckRecord, record_checks
from tidegate.ledger.contents import GONE
from tidegate.ledger.deliveries import DeliveryRecord, record_deliveries
from tidegate.ledger.entries import utc_now
from tidegate.ledger.names import Partition, raw_asset
from tidegate.window import ONE_DAY

VERDICTS = qualified("temp", "main", "intake_verdicts")
UNREADABLE_FILE = "unreadable_file"
DELIVERY_REJECTED = "delivery_rejected"

RAW_EXTRAS = {"_region": "varchar", "_delivered_on": "date", "_file": "varchar", "_fingerprint": "varchar"}
QUARANTINE = {
    "_region": "varchar",
    "_delivered_on": "date",
    "_file": "varchar",
    "_line": "bigint",
    "_fingerprint": "varchar",
    "reasons": "varchar[]",
    "raw": "varchar",
    # On the delivery that the row is of. An accepted one's broken rows stay beside a later one that was rejected.
    "_verdict": "varchar",
}


@dataclass(frozen=True)
class Verdict:
    """What was decided of one delivery, and why. Its position in a batch is its `_delivery`."""

    captured: Captured
    rows_read: int
    rows_loaded: int
    unreadable: Mapping[str, str]
    rejection: str | None
    checks: tuple[CheckOutcome, ...]
    measures: Mapping[str, object]
    started_at: dt.datetime
    # Of a delivery that stands in for the day's own: the day whose it is.
    stands_in_for: dt.date | None = None
    # Of a rejected delivery, the days other than its own that it holds sound rows of.
    withheld: tuple[dt.date, ...] = ()

    @property
    def accepted(self) -> bool:
        return self.rejection is None

    @property
    def partition(self) -> Partition:
        return Partition(self.captured.region, self.captured.day)


def commit(
    con: DuckDBPyConnection, contract: Contract, verdicts: Sequence[Verdict], run_id: str
) -> list[DeliveryRecord]:
    """Write the batch, inside the caller's transaction; returns the ledger's entries, in the batch's order.

    Raises TidegateError when what stands in the lake then is not what was read.
    """
    ensure_raw(con, contract)
    raw, quarantine = qualified("raw", contract.source), qualified("quarantine", contract.source)
    accepted = [verdict for verdict in verdicts if verdict.accepted]
    touched = _Touched()
    if accepted:
        held = _held(con, raw, accepted)
        touched = _touched_dates(con, contract, held)
        _overwrite(con, raw, held, loaded_rows(contract))
    _overwrite_quarantine(con, quarantine, verdicts, quarantined_rows(contract, verdicts))
    refuse_miscounts(con, contract, verdicts)
    records = [record_of(contract, v, touched.of(v.partition), run_id) for v in verdicts]
    record_deliveries(con, records, touched.hashes)
    record_checks(con, [check for verdict in verdicts for check in check_records(contract, verdict, run_id)])
    return records


def ensure_raw(con: DuckDBPyConnection, contract: Contract) -> None:
    """Have a source's tables in raw and quarantine. Raises ColumnTypeError where raw cannot follow the contract."""
    otherwise = f"Keep the type, or load again what was loaded, under the new one: tidegate rebuild {contract.source}"
    ensure_table(con, "raw", contract.source, raw_columns(contract), "_delivered_on", otherwise)
    ensure_table(con, "quarantine", contract.source, QUARANTINE, "_delivered_on")


def commit_lease(source: str) -> str:
    """What a commit holds: one of a source at a time. Which days one touches depends on the rows of all others' days,
    and two that did not see each other would leave a line that moved on both of its days."""
    return f"raw.{source} commit"


def stage_verdicts(con: DuckDBPyConnection, verdicts: Sequence[Verdict]) -> None:
    """Make the verdicts known to SQL. Before the transaction: a temporary table is not the lake's."""
    columns = {
        "_delivery": "integer",
        "_region": "varchar",
        "_delivered_on": "date",
        "_fingerprint": "varchar",
        "accepted": "boolean",
    }
    rows = [(i, v.captured.region, v.captured.day, v.captured.fingerprint, v.accepted) for i, v in enumerate(verdicts)]
    con.execute(f"create or replace temp table {VERDICTS} as {rows_relation(columns, rows)}")


def raw_columns(contract: Contract) -> dict[str, str]:
    return {column.name: column.sql_type for column in contract.columns} | RAW_EXTRAS


# --- rows


def loaded_rows(contract: Contract) -> str:
    columns = ", ".join(f"j.{quoted(column.name)}" for column in contract.columns)
    return f"""
select {columns}, v._region, v._delivered_on, j._file, v._fingerprint
from {JUDGED} as j join {VERDICTS} as v using (_delivery)
where v.accepted and j._reasons is null"""


def quarantined_rows(contract: Contract, verdicts: Sequence[Verdict]) -> str:
    # Marking a duplicate moves its row, so its line is not known; nor are those of Parquet and fixed files.
    return f"""
with refused as (
  select _delivery, j._file, j.rowid as _row,
    coalesce(j._reasons, [{literal(DELIVERY_REJECTED)}]) as reasons, coalesce(j._raw, {as_json(contract)}) as raw
  from {JUDGED} as j join {VERDICTS} as v using (_delivery)
  where j._reasons is not null or not v.accepted
),
placed as (
  select r.*, p.lines_before, r._row - p.first_row as nth
  from refused as r left join {PLACES} as p
    on p._delivery = r._delivery and p._file = r._file and r._row between p.first_row and p.last_row
),
unparsable as (
  select *, row_number() over (partition by _delivery, _file order by _line) as nth from {UNPARSABLE}
),
-- After how many sound rows of its file an unparsable line stands, and how many such lines there are by then.
skipped as (
  select u._delivery, u._file, u._line - p.lines_before - u.nth as after_rows, max(u.nth) as lines
  from unparsable as u join {PLACES} as p using (_delivery, _file) group by all
),
found as (
  select p._delivery, p._file, p.lines_before + p.nth + coalesce(s.lines, 0) + 1 as _line, p.reasons, p.raw
  from placed as p asof left join skipped as s
    on s._delivery = p._delivery and s._file = p._file and p.nth >= s.after_rows
  union all
  select _delivery, _file, _line, [{literal(UNPARSABLE_LINE)}], _raw from {UNPARSABLE}
  union all
  select _delivery, _file, null, [{literal(UNREADABLE_FILE)}], raw from ({_unreadable_files(verdicts)})
)
select v._region, v._delivered_on, f._file, f._line, v._fingerprint, f.reasons, f.raw,
  if(v.accepted, 'accepted', 'rejected') as _verdict
from found as f join {VERDICTS} as v using (_delivery)"""


def as_json(contract: Contract) -> str:
    # A sound row of a rejected delivery: its values as text, as judging gives the broken ones'.
    return json_of_text({column.name: f"j.{quoted(column.name)}" for column in contract.columns})


def _unreadable_files(verdicts: Sequence[Verdict]) -> str:
    rows = [(i, name, f"{name} {why}") for i, v in enumerate(verdicts) for name, why in v.unreadable.items()]
    return rows_relation({"_delivery": "integer", "_file": "varchar", "raw": "varchar"}, rows)


def _overwrite(con: DuckDBPyConnection, name: str, held: Sequence[Partition], select_sql: str) -> None:
    if held:
        con.execute(f"delete from {name} where {_in_partitions(held)}")
    con.execute(f"insert into {name} by name {select_sql}")


def _overwrite_quarantine(con: DuckDBPyConnection, name: str, verdicts: Sequence[Verdict], select_sql: str) -> None:
    """Replace what the partitions have in quarantine; beside a rejected delivery the accepted one's rows stay."""
    accepted = {verdict.partition for verdict in verdicts if verdict.accepted}
    held = _held(con, name, verdicts)
    if rejected := [partition for partition in held if partition not in accepted]:
        # Rows from before there was the column are of the newest delivery, whatever became of it.
        con.execute(
            f"delete from {name} where {_in_partitions(rejected)} and coalesce(_verdict, 'rejected') = 'rejected'"
        )
    _overwrite(con, name, [partition for partition in held if partition in accepted], select_sql)


def _held(con: DuckDBPyConnection, name: str, verdicts: Sequence[Verdict]) -> list[Partition]:
    """Those of the verdicts' partitions that the table has rows of."""
    wanted = {verdict.partition for verdict in verdicts}
    return [partition for partition in _count_by_partition(con, name, verdicts) if partition in wanted]


def _count_by_partition(
    con: DuckDBPyConnection, name: str, verdicts: Sequence[Verdict], condition: str = "true"
) -> dict[Partition, int]:
    days = [verdict.captured.day for verdict in verdicts]
    rows = con.execute(
        f"select _region, _delivered_on, count(*) from {name} where {condition} "
        f"and {day_in('_delivered_on', min(days), max(days) + ONE_DAY)} group by _region, _delivered_on"
    ).fetchall()
    return {Partition(region, day): count for region, day, count in rows}


def _in_partitions(partitions: Sequence[Partition]) -> str:
    days = [partition.day for partition in partitions]
    listed = ", ".join(f"({literal(each.region)}, {literal(each.day)})" for each in partitions)
    inside = day_in("_delivered_on", min(days), max(days) + ONE_DAY)
    return f"{inside} and (_region, _delivered_on) in ({listed})"


# --- which days this changes


@dataclass
class _Touched:
    """What a commit changes, by partition: the event dates, and the hash over the rows of those that only rows of their
    own changed."""

    dates: dict[Partition, set[dt.date]] = field(default_factory=dict)
    hashes: dict[Partition, dict[dt.date, str]] = field(default_factory=dict)

    def of(self, partition: Partition) -> list[dt.date]:
        return sorted(self.dates.get(partition, ()))


def _touched_dates(con: DuckDBPyConnection, contract: Contract, held: Sequence[Partition]) -> _Touched:
    """The event dates of rows added, changed or removed, and of rows that these replace or give back, by partition.

    Dates are compared by number of rows and sum of row hashes: one pass over the old and one over the new
    rows.
    """
    old = f"select * from {qualified('raw', contract.source)} where {_in_partitions(held)}" if held else None
    touched = _Touched()
    for region, day, date, content in con.execute(_changed_dates(contract, old)).fetchall():
        touched.dates.setdefault(Partition(region, day), set()).add(date)
        touched.hashes.setdefault(Partition(region, day), {})[date] = content
    if touched.dates and contract.key and contract.event_time:
        others = con.execute(_dates_of_other_versions(contract, sorted(touched.dates), old)).fetchall()
        for region, day, date in others:
            touched.dates[Partition(region, day)].add(date)
            # What such a date shows depends on more than the rows that are on it.
            touched.hashes[Partition(region, day)].pop(date, None)
    return touched


def _changed_dates(contract: Contract, old: str | None) -> str:
    """A query for (region, delivered on, date, content), where the content is empty for a date without rows by now."""
    new = _dated(contract, loaded_rows(contract))
    if old is None:
        return f"select _region, _delivered_on, event_date, content::varchar from ({new})"
    return f"""
select _region, _delivered_on, event_date, coalesce(new.content::varchar, {literal(GONE)})
from ({new}) as new
full join ({_dated(contract, old)}) as old using (_region, _delivered_on, event_date)
where new.content is distinct from old.content"""


def _dated(contract: Contract, rows: str) -> str:
    columns = ", ".join(quoted(column.name) for column in contract.columns)
    return f"""
select _region, _delivered_on, {event_date(contract)} as event_date,
  (count(*), sum(hash({columns}))) as content
from ({rows}) group by all"""


def _dates_of_other_versions(contract: Contract, changed: Sequence[Partition], old: str | None) -> str:
    """The event dates on which rows with a key that a changed delivery gained or lost were delivered before.

    A line that moves to another day leaves its old one, which none of the new rows is on. Keys are compared by
    hash: a collision touches a day in vain.
    """
    key = f"{key_hash(contract)} as key"
    new_keys = f"select _region, _delivered_on, {key} from ({loaded_rows(contract)}) where {_in_partitions(changed)}"
    old_keys = f"select _region, _delivered_on, {key} from ({old}) where {_in_partitions(changed)}"
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


def event_date(contract: Contract) -> str:
    day = event_day(contract)
    return "_delivered_on" if day is None else f"coalesce({day}, _delivered_on)"


def key_hash(contract: Contract) -> str:
    """A hash over a row's key: comparing it with another's is cheaper than comparing the key."""
    return f"hash({', '.join(quoted(name) for name in contract.key)})"


# --- the ledger


def record_of(contract: Contract, verdict: Verdict, touched: Sequence[dt.date], run_id: str) -> DeliveryRecord:
    captured = verdict.captured
    return DeliveryRecord(
        source=contract.source,
        region=captured.region,
        partition_day=captured.day,
        fingerprint=captured.fingerprint,
        verdict="accepted" if verdict.accepted else "rejected",
        reason=verdict.rejection,
        contract_version=contract.version,
        files=len(captured.files),
        bytes=captured.bytes,
        archive=captured.manifest,
        rows_read=verdict.rows_read,
        rows_loaded=verdict.rows_loaded,
        rows_quarantined=verdict.rows_read - verdict.rows_loaded,
        measures=json.dumps(verdict.measures),
        touched=tuple(touched),
        run_id=run_id,
        started_at=verdict.started_at,
        finished_at=utc_now(),
        stands_in_for=verdict.stands_in_for,
        listing=captured.listing,
        withheld=verdict.withheld,
        logic=logic_of(contract),
    )


def check_records(contract: Contract, verdict: Verdict, run_id: str) -> list[CheckRecord]:
    return [
        CheckRecord(
            check_name=check.name,
            asset=raw_asset(contract.source, verdict.captured.region),
            partition_day=verdict.captured.day,
            passed=check.passed,
            blocking=check.blocking,
            severity=check.severity,
            dimension=check.dimension,
            observed=check.observed,
            description=check.description,
            run_id=run_id,
            subject=verdict.captured.fingerprint,
            checked_at=utc_now(),
        )
        for check in verdict.checks
    ]


def refuse_miscounts(con: DuckDBPyConnection, contract: Contract, verdicts: Sequence[Verdict]) -> None:
    """Hold what the lake now has against what the readers counted: the last guard of conservation."""
    quarantine = qualified("quarantine", contract.source)
    loaded = _count_by_partition(con, qualified("raw", contract.source), verdicts)
    quarantined = {
        accepted: _count_by_partition(con, quarantine, verdicts, f"_verdict = {literal(verdict)}")
        for accepted, verdict in ((True, "accepted"), (False, "rejected"))
    }
    for verdict in verdicts:
        partition = verdict.partition
        in_raw = loaded.get(partition, 0) if verdict.accepted else 0
        in_quarantine = quarantined[verdict.accepted].get(partition, 0)
        if in_raw != verdict.rows_loaded or in_raw + in_quarantine != verdict.rows_read:
            raise TidegateError(
                f"{contract.source}/{partition.region} {partition.day}: {verdict.rows_read:,} rows were read, but "
                f"{in_raw:,} would be loaded and {in_quarantine:,} quarantined. Nothing was committed, and "
                "what was loaded before stays. This is a fault of Tidegate's: please report it with the "
                f"archived delivery {verdict.captured.manifest}."
            )
