"""`ops.plan_deliveries`: deliveries that a plan has judged again, by another state of their contract.

Their rows are in the plan's own tables. Production knows nothing of them until the plan is applied.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import literal
from tidegate.ledger.checks import CheckRecord
from tidegate.ledger.deliveries import DeliveryRecord
from tidegate.ledger.entries import insert_entries, read_entries
from tidegate.ledger.names import Partition


@dataclass(frozen=True)
class PlannedDelivery(DeliveryRecord):
    """One row of `ops.plan_deliveries`: what would become of the delivery, and of what its checks found, as JSON."""

    plan_id: str = ""
    checks: str = "[]"
    # What had become of the same bytes.
    was_accepted: bool = False

    @property
    def bytes_of(self) -> tuple[Partition, str]:
        """Which bytes were judged, and as whose."""
        return self.partition, self.fingerprint

    @property
    def record(self) -> DeliveryRecord:
        """The entry that production gets."""
        return DeliveryRecord(**{field.name: getattr(self, field.name) for field in dataclasses.fields(DeliveryRecord)})

    def check_records(self, run_id: str) -> list[CheckRecord]:
        """What the checks found, as results of a run."""
        found = json.loads(self.checks)
        return [
            CheckRecord(
                **{
                    **each,
                    "partition_day": self.partition_day,
                    "checked_at": datetime.fromisoformat(each["checked_at"]),
                    "run_id": run_id,
                }
            )
            for each in found
        ]


def planned_delivery(
    plan_id: str, record: DeliveryRecord, checks: Sequence[CheckRecord], was_accepted: bool
) -> PlannedDelivery:
    found = json.dumps([vars(check) for check in checks], default=str)
    return PlannedDelivery(**vars(record), plan_id=plan_id, checks=found, was_accepted=was_accepted)


def planned_deliveries(con: DuckDBPyConnection, plan_id: str, source: str) -> list[PlannedDelivery]:
    condition = f"plan_id = {literal(plan_id)} and source = {literal(source)}"
    return read_entries(con, PlannedDelivery, "plan_deliveries", condition)


def enter_planned_deliveries(con: DuckDBPyConnection, deliveries: Sequence[PlannedDelivery]) -> None:
    insert_entries(con, "plan_deliveries", deliveries)


def forget_planned_deliveries(con: DuckDBPyConnection, deliveries: Collection[PlannedDelivery]) -> None:
    for each in deliveries:
        con.execute(
            f"delete from ops.plan_deliveries where plan_id = {literal(each.plan_id)} "
            f"and source = {literal(each.source)} and region = {literal(each.region)} "
            f"and partition_day = {literal(each.partition_day)} and fingerprint = {literal(each.fingerprint)}"
        )
