"""Judged deliveries as SQL sees them: what was decided of each, and the rows that it has for raw and for quarantine.

Writing them belongs to `commit`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.archive.journal import Event
from tidegate.archive.manifest import Captured
from tidegate.contract.found import CheckOutcome
from tidegate.contract.judging.verdicts import json_of_text
from tidegate.contract.model import UNPARSABLE as UNPARSABLE_LINE
from tidegate.contract.model import Contract
from tidegate.intake.files.readers import JUDGED, PLACES, UNPARSABLE
from tidegate.intake.profiles import Profiled
from tidegate.lake.sql import literal, qualified, quoted, rows_relation
from tidegate.ledger.names import Partition

VERDICTS = qualified("temp", "main", "intake_verdicts")
UNREADABLE_FILE = "unreadable_file"
DELIVERY_REJECTED = "delivery_rejected"

# That, and why where the line tells it: in words with spaces, which no rule of a contract can be named.
REASONS_OF_UNPARSABLE = f"if(_cause is null, [{literal(UNPARSABLE_LINE)}], [{literal(UNPARSABLE_LINE)}, _cause])"


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
    # Of one that its contract lets in and that is the day's own: how it looks beside the past.
    profiled: Profiled | None = None
    # Of one that was read before its day had ended: when that is (UTC).
    interim_until: dt.datetime | None = None

    @property
    def fate(self) -> Event:
        """What became of the delivery, as the archive notes it."""
        if not self.accepted:
            return "rejected"
        return "interim" if self.interim_until else "accepted"

    @property
    def accepted(self) -> bool:
        return self.rejection is None

    @property
    def partition(self) -> Partition:
        return Partition(self.captured.region, self.captured.day)


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


def loaded_rows(contract: Contract) -> str:
    columns = ", ".join(f"j.{quoted(column.name)}" for column in contract.columns)
    return f"""
select {columns}, v._region, v._delivered_on, j._file, v._fingerprint
from {JUDGED} as j join {VERDICTS} as v using (_delivery)
where v.accepted and j._reasons is null"""


def quarantined_rows(contract: Contract, verdicts: Sequence[Verdict]) -> str:
    # Marking a duplicate moves its row, so its line is not known; nor are those of Parquet and fixed files.
    refused = f"""
  select _delivery, j._file, j.rowid as _row,
    coalesce(j._reasons, [{literal(DELIVERY_REJECTED)}]) as reasons, coalesce(j._raw, {as_json(contract)}) as raw
  from {JUDGED} as j join {VERDICTS} as v using (_delivery)
  where j._reasons is not null or not v.accepted"""
    return f"""
with found as (
  select _delivery, _file, _line, reasons, raw from ({with_lines(refused)})
  union all
  select _delivery, _file, _line, {REASONS_OF_UNPARSABLE}, _raw from {UNPARSABLE}
  union all
  select _delivery, _file, null, [{literal(UNREADABLE_FILE)}], raw from ({_unreadable_files(verdicts)})
)
select v._region, v._delivered_on, f._file, f._line, v._fingerprint, f.reasons, f.raw,
  if(v.accepted, 'accepted', 'rejected') as _verdict
from found as f join {VERDICTS} as v using (_delivery)"""


def with_lines(rows: str) -> str:
    """The rows of the query, which gives `_delivery`, `_file` and `_row`, the number in JUDGED, with the line `_line`
    of the file that each stands on; null where that is not known."""
    return f"""
with wanted as ({rows}),
placed as (
  select w.*, p.lines_before, w._row - p.first_row as nth
  from wanted as w left join {PLACES} as p
    on p._delivery = w._delivery and p._file = w._file and w._row between p.first_row and p.last_row
),
unparsable as (
  select *, row_number() over (partition by _delivery, _file order by _line) as nth from {UNPARSABLE}
),
-- After how many sound rows of its file an unparsable line stands, and how many such lines there are by then.
skipped as (
  select u._delivery, u._file, u._line - p.lines_before - u.nth as after_rows, max(u.nth) as lines
  from unparsable as u join {PLACES} as p using (_delivery, _file) group by all
)
select p.* exclude (lines_before, nth), p.lines_before + p.nth + coalesce(s.lines, 0) + 1 as _line
from placed as p asof left join skipped as s
  on s._delivery = p._delivery and s._file = p._file and p.nth >= s.after_rows"""


def as_json(contract: Contract) -> str:
    # A sound row of a rejected delivery: its values as text, as judging gives the broken ones'.
    return json_of_text({column.name: f"j.{quoted(column.name)}" for column in contract.columns})


def _unreadable_files(verdicts: Sequence[Verdict]) -> str:
    rows = [(i, name, f"{name} {why}") for i, v in enumerate(verdicts) for name, why in v.unreadable.items()]
    return rows_relation({"_delivery": "integer", "_file": "varchar", "raw": "varchar"}, rows)
