"""Contracts that judge otherwise than they did: which deliveries a plan judges again, from the archive, and where.

Their rows come to stand beside production's. What a plan's models read of such a source is a view: the rows that were
judged again, and of all other deliveries those that raw holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from duckdb import DuckDBPyConnection

from tidegate.contract.judging.logic import logic_of
from tidegate.contract.model import Contract
from tidegate.home import Home
from tidegate.intake.columns import QUARANTINE, raw_columns
from tidegate.intake.commit import check_records, ensure_raw, held_in_raw, put_in_place, record_of
from tidegate.intake.judging_again import in_batches, judged_again
from tidegate.intake.rows import Verdict, loaded_rows, quarantined_rows
from tidegate.intake.touched import in_partitions, touched_dates
from tidegate.lake.connect import Lake
from tidegate.lake.sql import literal, qualified, quoted
from tidegate.lake.tables import ensure_table
from tidegate.ledger.deliveries import DeliveryRecord
from tidegate.ledger.entries import utc_now
from tidegate.ledger.judged_by import judged_otherwise
from tidegate.ledger.names import Partition
from tidegate.ledger.plan_deliveries import (
    PlannedDelivery,
    enter_planned_deliveries,
    forget_planned_deliveries,
    planned_deliveries,
    planned_delivery,
)
from tidegate.ledger.plans import Plan, forget_built
from tidegate.machine.stopping import end_if_asked
from tidegate.transform.parsed.members import RAW
from tidegate.window import Window

# A plan's own tables of judged rows; what its models read has the name of production's.
JUDGED = "judged"
QUARANTINED = "quarantine"


def contracts_that_changed(con: DuckDBPyConnection, home: Home, days: Window | None) -> dict[str, str]:
    """The sources with deliveries, of these days or of all, that another state of their contract judged, and the hash
    of the contract's logic now."""
    return {
        source: logic_of(contract)
        for source, contract in home.contracts.items()
        if judged_otherwise(con, source, logic_of(contract), _regions(contract), days)
    }


def _regions(contract: Contract) -> list[str]:
    return [region.name for region in contract.regions]


class JudgedBeside:
    """The deliveries of one source that a plan judges again, and their rows: those that are `chosen`, or all that
    another state of the contract judged."""

    def __init__(
        self,
        home: Home,
        lake: Lake,
        plan: Plan,
        contract: Contract,
        chosen: Sequence[DeliveryRecord] | None = None,
    ) -> None:
        self._chosen = chosen
        self._home = home
        self._lake = lake
        self._plan = plan
        self.contract = contract
        source = contract.source
        self._tables = [(plan.schema_prefix + schema, source) for schema in (JUDGED, QUARANTINED)]
        self.loaded, self.quarantined = self._tables

    def deliveries(self, con: DuckDBPyConnection) -> list[PlannedDelivery]:
        return planned_deliveries(con, self._plan.plan_id, self.contract.source)

    def is_up_to_date(self) -> bool:
        lacking, obsolete = self._differences()
        return not (lacking or obsolete)

    def bring_up_to_date(self) -> None:
        """Judge those that are not judged yet, and forget those that something newer took the place of."""
        lacking, obsolete = self._differences()
        if obsolete:
            self._lake.unit_of_work(lambda con: self._forget(con, obsolete))
        while lacking:
            rejected = False
            for batch in in_batches(lacking, self._home.settings.chunk_days):
                end_if_asked(lambda: "Stopped. What was judged is kept; the same command goes on from there.")
                rejected = self._judge(batch) or rejected
            # Behind one that is rejected now, what stands is to be judged too.
            lacking = self._differences()[0] if rejected else []

    def _differences(self) -> tuple[list[DeliveryRecord], list[PlannedDelivery]]:
        """What is to be judged still, and what was judged in vain."""
        con, judged = self._lake.con, {each.bytes_of: each for each in self.deliveries(self._lake.con)}
        rejected = frozenset(each.partition for each in judged.values() if each.verdict == "rejected")
        wanted = self._wanted(con, rejected) if self._chosen is None else self._chosen
        bytes_wanted = {(entry.partition, entry.fingerprint) for entry in wanted}
        lacking = [entry for entry in wanted if (entry.partition, entry.fingerprint) not in judged]
        return lacking, [each for of_it, each in judged.items() if of_it not in bytes_wanted]

    def _wanted(self, con: DuckDBPyConnection, rejected: frozenset[Partition]) -> list[DeliveryRecord]:
        logic, regions = logic_of(self.contract), _regions(self.contract)
        return judged_otherwise(con, self.contract.source, logic, regions, self._plan.asked, rejected)

    def _judge(self, batch: Sequence[DeliveryRecord]) -> bool:
        """Judge these; returns whether one is rejected."""
        with judged_again(self._lake, self.contract, self._home.outside, batch) as verdicts:
            self._lake.unit_of_work(lambda con: self._enter(con, batch, verdicts), self._tables)
            return not all(verdict.accepted for verdict in verdicts)

    def _enter(self, con: DuckDBPyConnection, batch: Sequence[DeliveryRecord], verdicts: Sequence[Verdict]) -> None:
        contract, run_id = self.contract, f"plan-{self._plan.plan_id[:8]}"
        self._make_tables(con)
        records = [record_of(contract, verdict, run_id) for verdict in verdicts]
        held = held_in_raw(con, contract, [record for record in records if record.verdict == "accepted"])
        touched = touched_dates(con, contract, held, loaded_rows(contract))
        con.execute(f"insert into {qualified(*self.loaded)} by name {loaded_rows(contract)}")
        con.execute(f"insert into {qualified(*self.quarantined)} by name {quarantined_rows(contract, verdicts)}")
        planned = [
            planned_delivery(
                self._plan.plan_id,
                replace(record, touched=tuple(touched.of(record.partition)) if verdict.accepted else ()),
                check_records(contract, verdict, run_id),
                was_accepted=before.verdict == "accepted",
            )
            for before, record, verdict in zip(batch, records, verdicts, strict=True)
        ]
        enter_planned_deliveries(con, planned)
        # What was built was made of other rows.
        forget_built(con, self._plan.plan_id)

    def _make_tables(self, con: DuckDBPyConnection) -> None:
        """Have the tables, and the view that the plan's models read. Raises ColumnTypeError where raw cannot follow the
        contract, which then has to be rebuilt first."""
        ensure_raw(con, self.contract)
        prefix, source = self._plan.schema_prefix, self.contract.source
        for schema in (JUDGED, QUARANTINED, RAW):
            con.execute(f"create schema if not exists {quoted(prefix + schema)}")
        ensure_table(con, *self.loaded, raw_columns(self.contract), "_delivered_on")
        ensure_table(con, *self.quarantined, QUARANTINE, "_delivered_on")
        own = f"plan_id = {literal(self._plan.plan_id)} and source = {literal(source)} and verdict = 'accepted'"
        con.execute(
            f"create or replace view {qualified(prefix + RAW, source)} as "
            f"select r.* from {qualified(RAW, source)} as r anti join "
            f"(select region, partition_day from {qualified('ops', 'plan_deliveries')} where {own}) as p "
            "on p.region = r._region and p.partition_day = r._delivered_on "
            f"union all by name select * from {qualified(*self.loaded)}"
        )

    def _forget(self, con: DuckDBPyConnection, deliveries: Sequence[PlannedDelivery]) -> None:
        for table in self._tables:
            for each in deliveries:
                con.execute(
                    f"delete from {qualified(*table)} where {in_partitions([each.partition])} "
                    f"and _fingerprint = {literal(each.fingerprint)}"
                )
        forget_planned_deliveries(con, deliveries)
        forget_built(con, self._plan.plan_id)

    def switch(self, con: DuckDBPyConnection, run_id: str) -> list[PlannedDelivery]:
        """Have production judge as the plan does, inside the caller's transaction; returns the deliveries."""
        judged = self.deliveries(con)
        # Where there are two of a region and day, the newest is the one that is rejected.
        for verdict in ("accepted", "rejected"):
            some = [each for each in judged if each.verdict == verdict]
            if some:
                put_in_place(
                    con,
                    self.contract,
                    [replace(each.record, run_id=run_id, touched=(), finished_at=utc_now()) for each in some],
                    [check for each in some for check in each.check_records(run_id)],
                    f"select * from {qualified(*self.loaded)}",
                    f"select * from {qualified(*self.quarantined)} where _verdict = {literal(verdict)}",
                )
        return judged
