"""Rebuilding what raw holds of a source from the archive, under the contract as it is now.

For a change of the contract that a table with history cannot follow: another type of a column. Every delivery that
stands is judged again into a file beside the lake, and all of it takes the place of what was there in one transaction.
Until that commits, nothing has changed. The days that the rows are on become due; building them is for the callers.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection

from tidegate.contract.model import Contract
from tidegate.errors import TidegateError
from tidegate.intake.columns import QUARANTINE, raw_columns
from tidegate.intake.commit import (
    check_records,
    commit_lease,
    ensure_raw,
    profiled,
    record_of,
    refuse_miscounts,
    state_now,
)
from tidegate.intake.judging import BYTES_PER_ROW
from tidegate.intake.judging_again import in_batches, judged_again
from tidegate.intake.load import scratch
from tidegate.intake.profiles import enter_profiles
from tidegate.intake.removed_regions import withdraw_regions_that_left
from tidegate.intake.rows import Verdict, loaded_rows, quarantined_rows
from tidegate.intake.touched import event_date
from tidegate.lake.connect import Lake
from tidegate.lake.lease import EVERY_DAY, lease
from tidegate.lake.sql import literal, qualified, quoted, rows_relation
from tidegate.lake.tables import table_columns
from tidegate.ledger.checks import record_checks
from tidegate.ledger.contracts import enter_state
from tidegate.ledger.deliveries import DeliveryRecord, newest_deliveries, record_deliveries, standing_deliveries
from tidegate.ledger.names import Partition
from tidegate.machine.stopping import end_if_asked
from tidegate.sources.origin import Outside
from tidegate.window import windows_of

# The file beside the lake, and its tables: what is to be in raw and in quarantine.
BESIDE = "rebuilt"
REBUILT_RAW, REBUILT_QUARANTINE = qualified(BESIDE, "main", "raw"), qualified(BESIDE, "main", "quarantine")

# More of them are too many to read.
REJECTIONS_NAMED = 10


@dataclass(frozen=True)
class Rebuilt:
    """What raw holds of a source now, the days due by it, and the columns that raw had and the contract has not."""

    source: str
    deliveries: int
    rows_loaded: int
    rows_quarantined: int
    due: tuple[dt.date, ...]
    dropped_columns: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """What was done, and what is to be done now."""
        done = (
            f"{self.source} was rebuilt from the archive: {self.deliveries:,} deliveries, {self.rows_loaded:,} rows "
            f"loaded, {self.rows_quarantined:,} in quarantine."
        )
        if self.dropped_columns:
            done += f" Not in the contract, and so no longer in raw: {', '.join(self.dropped_columns)}."
        if not self.due:
            return done
        return (
            f"{done} Due by it, and served as before until then: {', '.join(map(str, windows_of(self.due)))}. Rebuild "
            "them: tidegate restate. Where the type of a model's column changed with it, all in one run: "
            f"TIDEGATE_CHUNK_DAYS=10000 tidegate backfill --from {self.due[0]} --to {self.due[-1]}"
        )


def rebuild_source(lake: Lake, contract: Contract, *, outside: Outside, run_id: str, days_at_once: int) -> Rebuilt:
    """Judge every delivery of the source that stands again, and load all of them in place of what raw holds.

    Raises TidegateError, with nothing changed, when one of them would be rejected now or cannot be read from the
    archive, and LakeBusyError when another writer loads the source for too long.
    """
    withdraw_regions_that_left(lake, contract, run_id)
    # Whoever loads the source meanwhile waits before committing.
    with lease(lake.config, commit_lease(contract.source), [EVERY_DAY], run_id), scratch(lake) as folder:
        standing = standing_deliveries(lake.con, None, contract.source)
        _refuse_rows_of_no_delivery(lake.con, contract, standing)
        beside = folder / "rebuilt.duckdb"
        try:
            verdicts = [
                verdict
                for batch in in_batches(standing, days_at_once)
                for verdict in _judge_again(lake, contract, outside, batch, beside)
            ]
            _refuse_rejected(contract, verdicts)
            dropped = _columns_of_no_contract(lake.con, contract)
            lake.size_for(sum(verdict.captured.bytes for verdict in verdicts) // BYTES_PER_ROW)
            _attach(lake.con, contract, beside)
            records = lake.unit_of_work(
                lambda con: _switch(con, contract, verdicts, run_id),
                [("raw", contract.source), ("quarantine", contract.source)],
            )
        finally:
            with suppress(duckdb.Error):
                lake.con.execute(f"detach database if exists {BESIDE}")
    return Rebuilt(
        source=contract.source,
        deliveries=len(records),
        rows_loaded=sum(record.rows_loaded for record in records),
        rows_quarantined=sum(record.rows_quarantined for record in records),
        due=tuple(sorted({day for record in records for day in record.touched})),
        dropped_columns=dropped,
    )


def _refuse_rows_of_no_delivery(
    con: DuckDBPyConnection, contract: Contract, standing: Sequence[DeliveryRecord]
) -> None:
    """What raw holds and the ledger does not know, as after a file of the lake was lost, would not come back."""
    if not _columns_of_raw(con, contract):
        return
    known = rows_relation(
        {"region": "varchar", "day": "date"}, [(entry.region, entry.partition_day) for entry in standing]
    )
    rows = con.execute(
        f"select distinct _region, _delivered_on from {qualified('raw', contract.source)} "
        f"where (_region, _delivered_on) not in (select (region, day) from ({known})) order by all"
    ).fetchall()
    if rows:
        named = ", ".join(f"{contract.source}/{region} {day}" for region, day in rows[:REJECTIONS_NAMED])
        more = f" and {len(rows) - REJECTIONS_NAMED} more" if len(rows) > REJECTIONS_NAMED else ""
        raise TidegateError(
            f"{contract.source} cannot be rebuilt: raw holds rows of deliveries that the ledger does not list as "
            f"loaded: {named}{more}. Nothing was changed. Put the contract back, run these days, and begin again."
        )


def _judge_again(
    lake: Lake, contract: Contract, outside: Outside, batch: Sequence[DeliveryRecord], beside: Path
) -> list[Verdict]:
    """Judge a batch, and put its rows into the file beside the lake."""
    end_if_asked(lambda: f"Stopped. Nothing was changed. Begin again with: tidegate rebuild {contract.source}")
    with judged_again(lake, contract, outside, batch) as verdicts:
        _attach(lake.con, contract, beside)
        lake.con.execute(f"insert into {REBUILT_RAW} by name {loaded_rows(contract)}")
        lake.con.execute(f"insert into {REBUILT_QUARANTINE} by name {quarantined_rows(contract, verdicts)}")
        return verdicts


def _attach(con: DuckDBPyConnection, contract: Contract, beside: Path) -> None:
    """Have the file beside the lake; DuckDB may have been opened again since, over a file that it could not read."""
    con.execute(f"attach if not exists {literal(str(beside))} as {BESIDE}")
    for table, columns in ((REBUILT_RAW, raw_columns(contract)), (REBUILT_QUARANTINE, QUARANTINE)):
        listed = ", ".join(f"{quoted(name)} {sql_type}" for name, sql_type in columns.items())
        con.execute(f"create table if not exists {table} ({listed})")


def _refuse_rejected(contract: Contract, verdicts: Sequence[Verdict]) -> None:
    # Without what a load would have kept of it.
    rejections = [verdict.rejection.partition(" Nothing was loaded")[0] for verdict in verdicts if verdict.rejection]
    if rejections:
        listed = "".join(f"\n- {rejection}" for rejection in rejections[:REJECTIONS_NAMED])
        more = f"\n- and {len(rejections) - REJECTIONS_NAMED} more" if len(rejections) > REJECTIONS_NAMED else ""
        raise TidegateError(
            f"{contract.source} cannot be rebuilt: {len(rejections)} of {len(verdicts)} loaded deliveries break the "
            "contract as it is now, and their rows cannot stay under other types. Nothing was rebuilt; raw and what "
            "is published stay as they are. Put the contract back, or loosen it until they pass, and run again: "
            f"tidegate rebuild {contract.source}. They are:{listed}{more}"
        )


def _columns_of_no_contract(con: DuckDBPyConnection, contract: Contract) -> tuple[str, ...]:
    known = {name.lower() for name in raw_columns(contract)}
    return tuple(name for name in _columns_of_raw(con, contract) if name.lower() not in known)


def _columns_of_raw(con: DuckDBPyConnection, contract: Contract) -> Mapping[str, str]:
    table = ("raw", contract.source)
    return table_columns(con, [table]).get(table, {})


def _switch(
    con: DuckDBPyConnection, contract: Contract, verdicts: Sequence[Verdict], run_id: str
) -> list[DeliveryRecord]:
    touched = _dates_by_delivery(con, contract)
    raw, quarantine = qualified("raw", contract.source), qualified("quarantine", contract.source)
    con.execute(f"drop table if exists {raw}")
    ensure_raw(con, contract)
    # By day: a file each, and not one each and thread.
    con.execute(f"insert into {raw} by name select * from {REBUILT_RAW} order by _delivered_on")
    con.execute(
        f"delete from {quarantine} where (_region, _delivered_on, _fingerprint) in "
        f"(select (region, day, fingerprint) from ({_keys(verdicts)}))"
    )
    con.execute(f"insert into {quarantine} by name select * from {REBUILT_QUARANTINE} order by _delivered_on")
    records = [
        dataclasses.replace(record_of(contract, verdict, run_id), touched=tuple(touched.get(verdict.partition, ())))
        for verdict in verdicts
    ]
    if records:
        refuse_miscounts(con, contract, records)
    _enter(con, contract, verdicts, records, run_id)
    return records


def _dates_by_delivery(con: DuckDBPyConnection, contract: Contract) -> dict[Partition, list[dt.date]]:
    """The event dates of the rows that a delivery has now and had before: every figure of them was made of old rows."""
    source = literal(contract.source)
    dates = [
        f"select _region, _delivered_on, {event_date(contract)} as day from {REBUILT_RAW}",
        f"select region, partition_day, unnest(touched) from ops.deliveries where source = {source}",
    ]
    types = {name.lower(): sql_type for name, sql_type in _columns_of_raw(con, contract).items()}
    if types and (
        contract.event_time is None or types.get(contract.event_time.lower(), "").startswith(("DATE", "TIME"))
    ):
        dates.append(f"select _region, _delivered_on, {event_date(contract)} from {qualified('raw', contract.source)}")
    rows = con.execute(
        f"select _region, _delivered_on, list(distinct day order by day) from ({' union '.join(dates)}) group by all"
    ).fetchall()
    return {Partition(region, day): found for region, day, found in rows}


def _keys(verdicts: Sequence[Verdict]) -> str:
    types = {"region": "varchar", "day": "date", "fingerprint": "varchar"}
    captured = [verdict.captured for verdict in verdicts]
    return rows_relation(types, [(each.region, each.day, each.fingerprint) for each in captured])


def _enter(
    con: DuckDBPyConnection,
    contract: Contract,
    verdicts: Sequence[Verdict],
    records: Sequence[DeliveryRecord],
    run_id: str,
) -> None:
    """Enter the deliveries as loaded again. Where a newer one was rejected, that goes on to be the newest entry."""
    again = {(record.partition, record.fingerprint) for record in records}
    rejected = [
        entry
        for entry in newest_deliveries(con, contract.source, None)
        if entry.verdict == "rejected" and (entry.partition, entry.fingerprint) not in again
    ]
    behind = {entry.partition for entry in rejected}
    record_deliveries(con, records)
    record_deliveries(con, rejected)
    enter_state(con, state_now(contract))
    enter_profiles(con, contract.source, profiled(verdicts))
    checked = [verdict for verdict in verdicts if verdict.partition not in behind]
    record_checks(con, [check for verdict in checked for check in check_records(contract, verdict, run_id)])
