"""Writing judged deliveries into the lake: rows, quarantined rows, ledger and checks in one transaction.

Everything is done for all deliveries of a batch at once, in a handful of statements. What the verdicts are is
`load`'s knowledge; how a transaction is repeated is the lake's.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence

from duckdb import DuckDBPyConnection

from tidegate.contract.judging.logic import logic_of
from tidegate.contract.model import Contract
from tidegate.contract.terms import as_text, terms_of
from tidegate.errors import TidegateError
from tidegate.intake.columns import QUARANTINE, RAW_COMMENTS, raw_columns
from tidegate.intake.profiles import Profiled, enter_profiles
from tidegate.intake.rows import Verdict, loaded_rows, quarantined_rows
from tidegate.intake.touched import Touched, in_partitions, touched_dates
from tidegate.lake.comments import Comments, keep_comments
from tidegate.lake.sql import day_in, literal, qualified
from tidegate.lake.tables import ensure_table
from tidegate.ledger.checks import CheckRecord, record_checks
from tidegate.ledger.contracts import ContractState, enter_state
from tidegate.ledger.deliveries import DeliveryRecord, record_deliveries
from tidegate.ledger.entries import utc_now
from tidegate.ledger.names import Partition, raw_asset
from tidegate.window import ONE_DAY


def commit(
    con: DuckDBPyConnection, contract: Contract, verdicts: Sequence[Verdict], run_id: str
) -> list[DeliveryRecord]:
    """Write the batch, inside the caller's transaction; returns the ledger's entries, in the batch's order.

    Raises TidegateError when what stands in the lake then is not what was read.
    """
    records = [record_of(contract, verdict, run_id) for verdict in verdicts]
    checks = [check for verdict in verdicts for check in check_records(contract, verdict, run_id)]
    enter_profiles(con, contract.source, profiled(verdicts))
    return put_in_place(con, contract, records, checks, loaded_rows(contract), quarantined_rows(contract, verdicts))


def profiled(verdicts: Sequence[Verdict]) -> dict[Partition, Profiled]:
    """How those of the deliveries look that have a profile."""
    return {verdict.partition: each for verdict in verdicts if (each := verdict.profiled)}


def put_in_place(
    con: DuckDBPyConnection,
    contract: Contract,
    records: Sequence[DeliveryRecord],
    checks: Sequence[CheckRecord],
    loaded: str,
    quarantined: str,
) -> list[DeliveryRecord]:
    """Put the rows of these deliveries, which the queries `loaded` and `quarantined` give, in place of what stands of
    their partitions, and enter them; returns the entries, with the dates that they touch.

    Raises TidegateError when what stands in the lake then is not what was read.
    """
    ensure_raw(con, contract)
    raw, quarantine = qualified("raw", contract.source), qualified("quarantine", contract.source)
    accepted = [record for record in records if record.verdict == "accepted"]
    touched = Touched()
    if accepted:
        held = held_in_raw(con, contract, accepted)
        touched = touched_dates(con, contract, held, loaded)
        _overwrite(con, raw, held, loaded)
    _overwrite_quarantine(con, quarantine, records, quarantined)
    keep_comments(con, {("raw", contract.source): _comments_of(contract)})
    refuse_miscounts(con, contract, records)
    entries = [dataclasses.replace(record, touched=tuple(touched.of(record.partition))) for record in records]
    record_deliveries(con, entries, touched.hashes)
    enter_state(con, state_now(contract))
    record_checks(con, checks)
    return entries


def ensure_raw(con: DuckDBPyConnection, contract: Contract) -> None:
    """Have a source's tables in raw and quarantine. Raises ColumnTypeError where raw cannot follow the contract."""
    otherwise = f"Keep the type, or load again what was loaded, under the new one: tidegate rebuild {contract.source}"
    ensure_table(con, "raw", contract.source, raw_columns(contract), "_delivered_on", otherwise)
    ensure_table(con, "quarantine", contract.source, QUARANTINE, "_delivered_on")


def _comments_of(contract: Contract) -> Comments:
    return {column.name: column.description for column in contract.columns} | RAW_COMMENTS


def commit_lease(source: str) -> str:
    """What a commit holds: one of a source at a time. Which days one touches depends on the rows of all others' days,
    and two that did not see each other would leave a line that moved on both of its days."""
    return f"raw.{source} commit"


def _overwrite(con: DuckDBPyConnection, name: str, held: Sequence[Partition], select_sql: str) -> None:
    if held:
        con.execute(f"delete from {name} where {in_partitions(held)}")
    con.execute(f"insert into {name} by name {select_sql}")


def _overwrite_quarantine(
    con: DuckDBPyConnection, name: str, records: Sequence[DeliveryRecord], select_sql: str
) -> None:
    """Replace what the partitions have in quarantine; beside a rejected delivery the accepted one's rows stay."""
    accepted = {record.partition for record in records if record.verdict == "accepted"}
    held = _held(con, name, records)
    if rejected := [partition for partition in held if partition not in accepted]:
        # Rows from before there was the column are of the newest delivery, whatever became of it.
        con.execute(
            f"delete from {name} where {in_partitions(rejected)} and coalesce(_verdict, 'rejected') = 'rejected'"
        )
    _overwrite(con, name, [partition for partition in held if partition in accepted], select_sql)


def held_in_raw(con: DuckDBPyConnection, contract: Contract, records: Sequence[DeliveryRecord]) -> list[Partition]:
    """Those of the deliveries' partitions that raw has rows of."""
    return _held(con, qualified("raw", contract.source), records) if records else []


def _held(con: DuckDBPyConnection, name: str, records: Sequence[DeliveryRecord]) -> list[Partition]:
    """Those of the deliveries' partitions that the table has rows of."""
    wanted = {record.partition for record in records}
    return [partition for partition in _count_by_partition(con, name, records) if partition in wanted]


def _count_by_partition(
    con: DuckDBPyConnection, name: str, records: Sequence[DeliveryRecord], condition: str = "true"
) -> dict[Partition, int]:
    days = [record.partition_day for record in records]
    rows = con.execute(
        f"select _region, _delivered_on, count(*) from {name} where {condition} "
        f"and {day_in('_delivered_on', min(days), max(days) + ONE_DAY)} group by _region, _delivered_on"
    ).fetchall()
    return {Partition(region, day): count for region, day, count in rows}


# --- the ledger


def record_of(contract: Contract, verdict: Verdict, run_id: str) -> DeliveryRecord:
    """The delivery's entry, before it is known which dates it touches."""
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
        touched=(),
        run_id=run_id,
        started_at=verdict.started_at,
        finished_at=utc_now(),
        stands_in_for=verdict.stands_in_for,
        listing=captured.listing,
        withheld=verdict.withheld,
        logic=logic_of(contract),
        interim_until=verdict.interim_until,
    )


def state_now(contract: Contract) -> ContractState:
    """The contract as it is, as the ledger keeps it."""
    return ContractState(contract.source, logic_of(contract), contract.version, as_text(terms_of(contract)))


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


def refuse_miscounts(con: DuckDBPyConnection, contract: Contract, records: Sequence[DeliveryRecord]) -> None:
    """Hold what the lake now has against what the readers counted: the last guard of conservation."""
    quarantine = qualified("quarantine", contract.source)
    loaded = _count_by_partition(con, qualified("raw", contract.source), records)
    quarantined = {
        verdict: _count_by_partition(con, quarantine, records, f"_verdict = {literal(verdict)}")
        for verdict in ("accepted", "rejected")
    }
    for record in records:
        partition = record.partition
        in_raw = loaded.get(partition, 0) if record.verdict == "accepted" else 0
        in_quarantine = quarantined[record.verdict].get(partition, 0)
        if in_raw != record.rows_loaded or in_raw + in_quarantine != record.rows_read:
            raise TidegateError(
                f"{contract.source}/{partition.region} {partition.day}: {record.rows_read:,} rows were read, but "
                f"{in_raw:,} would be loaded and {in_quarantine:,} quarantined. Nothing was committed, and "
                "what was loaded before stays. This is a fault of Tidegate's: please report it with the "
                f"archived delivery {record.archive}."
            )
