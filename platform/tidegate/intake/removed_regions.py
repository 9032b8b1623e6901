"""Regions that a contract had once: what raw holds of them leaves it, so that no figure counts it any more.

Raw holds what was delivered by the regions that the contract has, and nothing else: a region that is renamed is not
counted under both names, and one that is removed is not counted for ever. Nothing is lost: the rows go to quarantine
and the bytes stay in the archive, so a region that comes back is loaded again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace

from duckdb import DuckDBPyConnection

from tidegate.contract.model import Contract
from tidegate.intake.columns import QUARANTINE, RAW_EXTRAS, raw_columns
from tidegate.intake.commit import commit_lease
from tidegate.intake.regions import regions_that_left
from tidegate.intake.rows import as_json
from tidegate.intake.touched import event_date, key_hash
from tidegate.lake.connect import Lake
from tidegate.lake.lease import EVERY_DAY, lease
from tidegate.lake.sql import literal, qualified
from tidegate.lake.tables import ensure_table, table_columns
from tidegate.ledger.deliveries import DeliveryRecord, record_deliveries, standing_deliveries
from tidegate.ledger.entries import utc_now
from tidegate.ledger.names import Partition
from tidegate.ledger.required import WITHDRAWN

REGION_WITHDRAWN = "region_withdrawn"


def withdraw_regions_that_left(lake: Lake, contract: Contract, run_id: str) -> None:
    """Move what raw holds of them to quarantine, and enter it: the days that their rows are on become due."""
    if regions_that_left(lake.con, contract):
        with lease(lake.config, commit_lease(contract.source), [EVERY_DAY], run_id):
            lake.unit_of_work(
                lambda con: _withdraw(con, contract, run_id),
                [("raw", contract.source), ("quarantine", contract.source)],
            )


def _withdraw(con: DuckDBPyConnection, contract: Contract, run_id: str) -> None:
    regions = regions_that_left(con, contract)
    if not regions:
        return
    raw, quarantine = qualified("raw", contract.source), qualified("quarantine", contract.source)
    # What leaves may be of types that the contract had once, so of its columns only those that are new are added.
    there = {name.lower() for name in table_columns(con, [("raw", contract.source)]).get(("raw", contract.source), {})}
    lacking = {name: sql_type for name, sql_type in raw_columns(contract).items() if name.lower() not in there}
    ensure_table(con, "raw", contract.source, RAW_EXTRAS | lacking, "_delivered_on")
    ensure_table(con, "quarantine", contract.source, QUARANTINE, "_delivered_on")
    leaving = f"_region in (select unnest({literal(list(regions))}::varchar[]))"
    touched = _dates_of_leaving(con, contract, f"select * from {raw} where {leaving}")
    con.execute(
        f"insert into {quarantine} by name select _region, _delivered_on, _file, null::bigint as _line, _fingerprint, "
        f"[{literal(REGION_WITHDRAWN)}] as reasons, {as_json(contract)} as raw, {literal(WITHDRAWN)} as _verdict "
        f"from {raw} as j where {leaving}"
    )
    con.execute(f"delete from {raw} where {leaving}")
    record_deliveries(
        con,
        [
            _withdrawn(contract, entry, touched.get(entry.partition, ()), run_id)
            for entry in standing_deliveries(con, None, contract.source)
            if entry.region in regions
        ],
    )


def _dates_of_leaving(con: DuckDBPyConnection, contract: Contract, leaving: str) -> dict[Partition, list[dt.date]]:
    """The event dates of the rows, and of rows of other regions that they took the place of, by partition."""
    dates = f"select _region, _delivered_on, {event_date(contract)} as event_date from ({leaving})"
    if contract.key and contract.event_time:
        key = f"{key_hash(contract)} as key"
        dates += f"""
            union select l._region, l._delivered_on, other.event_date
            from (select _region, _delivered_on, {key} from ({leaving})) as l
            join (select {event_date(contract)} as event_date, {key} from {qualified("raw", contract.source)}) as other
            using (key)"""
    rows = con.execute(
        f"select _region, _delivered_on, list(distinct event_date order by event_date) from ({dates}) group by all"
    ).fetchall()
    return {Partition(region, day): found for region, day, found in rows}


def _withdrawn(contract: Contract, standing: DeliveryRecord, touched: Sequence[dt.date], run_id: str) -> DeliveryRecord:
    now = utc_now()
    return replace(
        standing,
        verdict=WITHDRAWN,
        reason=f"{contract.source}/{standing.region} {standing.partition_day} was withdrawn: {contract.label} has no "
        f"region {standing.region} any more. Its rows are in quarantine.{contract.source}, its bytes in the archive.",
        rows_loaded=0,
        rows_quarantined=standing.rows_read,
        touched=tuple(touched),
        run_id=run_id,
        started_at=now,
        finished_at=now,
        stands_in_for=None,
        listing=None,
    )
