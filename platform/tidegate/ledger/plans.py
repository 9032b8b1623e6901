"""`ops.plans` and `ops.plan_partitions`: what was built beside the lake's own tables, to see what a change would do.

As in `publications`, functions take a connection inside its transaction, and times are naive UTC.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from duckdb import DuckDBPyConnection

from tidegate.addresses import without_secrets
from tidegate.lake.sql import literal
from tidegate.ledger.entries import insert_entries, read_entries, utc_now
from tidegate.window import ONE_DAY, Cadence, Window


@dataclass(frozen=True)
class Plan:
    """One row of `ops.plans`. `logic` is a map from model to its hash and `partitions` one from cadence to days, both
    as JSON."""

    plan_id: str
    made_by: str
    made_at: dt.datetime
    logic: str
    nodes: tuple[str, ...]
    schema_prefix: str
    partitions: str
    partition_from: dt.date | None
    partition_to: dt.date | None
    ended_as: str | None = None
    ended_at: dt.datetime | None = None
    # From source to the hash of its contract's logic, as JSON; None in an older entry.
    contracts: str | None = None

    @property
    def models(self) -> frozenset[str]:
        return frozenset(json.loads(self.logic))

    @property
    def days(self) -> dict[Cadence, list[dt.date]]:
        """The partitions that it builds."""
        found: dict[str, list[str]] = json.loads(self.partitions)
        return {Cadence(cadence): [dt.date.fromisoformat(day) for day in days] for cadence, days in found.items()}

    @property
    def logic_of_contracts(self) -> dict[str, str]:
        """By source whose deliveries it judges again, the hash of the contract's logic."""
        found: dict[str, str] = json.loads(self.contracts or "{}")
        return found

    @property
    def asked(self) -> Window | None:
        """The partitions that were asked for; None where all of them were."""
        if self.partition_from is None or self.partition_to is None:
            return None
        return Window(self.partition_from, self.partition_to + ONE_DAY)

    def has_logic_of(self, logic: Mapping[str, str], contracts: Mapping[str, str]) -> bool:
        """Whether it builds its models, and judges deliveries, as it is done by these hashes."""
        of_plan: dict[str, str] = json.loads(self.logic)
        return of_plan.items() <= logic.items() and self.logic_of_contracts.items() <= contracts.items()


@dataclass(frozen=True)
class PlannedPartition:
    """One row of `ops.plan_partitions`: a partition as it was built beside. `failed_models` says why by model, and
    `failed_tests` what was found by dbt's unique id; both are JSON. `tests` is a hash over the tests that looked at it,
    None in an older entry."""

    plan_id: str
    cadence: str
    partition_day: dt.date
    contents_seen: int
    failed_models: str
    failed_tests: str
    built_at: dt.datetime
    tests: str | None = None

    @property
    def why_failed(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self.failed_models)
        return found

    @property
    def tests_failed(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self.failed_tests)
        return found


def open_plans(con: DuckDBPyConnection) -> list[Plan]:
    """The plans that were neither applied nor abandoned, oldest first."""
    return sorted(read_entries(con, Plan, "plans", "ended_as is null"), key=lambda plan: (plan.made_at, plan.plan_id))


def plans_with(con: DuckDBPyConnection, schemas: Collection[str]) -> list[Plan]:
    """The plans, over or not, that one of these schemas belongs to."""
    plans = read_entries(con, Plan, "plans", "true")
    return [plan for plan in plans if any(schema.startswith(plan.schema_prefix) for schema in schemas)]


def worked_on(con: DuckDBPyConnection, plan: Plan) -> dt.datetime:
    """When something was built of it last, or it was made."""
    built = [each.built_at for each in planned_partitions(con, plan.plan_id)]
    return max([plan.made_at, *built])


def lease_of(plan: Plan) -> str:
    """What is leased by whoever builds, applies or drops a plan."""
    return f"plan {plan.plan_id}"


def enter_plan(con: DuckDBPyConnection, plan: Plan) -> None:
    insert_entries(con, "plans", [plan])


def end_plans(con: DuckDBPyConnection, plan_ids: Collection[str], ended_as: Literal["applied", "abandoned"]) -> None:
    """Enter that these plans are over. What they built is forgotten; their tables are for the caller to drop."""
    of_plans = f"plan_id in (select unnest({literal(sorted(plan_ids))}::varchar[]))"
    now = literal(utc_now())
    con.execute(f"update ops.plans set ended_as = {literal(ended_as)}, ended_at = {now} where {of_plans}")
    con.execute(f"delete from ops.plan_partitions where {of_plans}")
    con.execute(f"delete from ops.plan_deliveries where {of_plans}")


def planned_partitions(con: DuckDBPyConnection, plan_id: str) -> list[PlannedPartition]:
    """The partitions that the plan has built, by cadence and day."""
    return read_entries(con, PlannedPartition, "plan_partitions", f"plan_id = {literal(plan_id)}")


def enter_planned(
    con: DuckDBPyConnection,
    plan_id: str,
    cadence: Cadence,
    seen: Mapping[dt.date, int],
    failed_models: Mapping[str, str],
    failed_tests: Mapping[dt.date, Mapping[str, str]],
    tests: str,
) -> None:
    """Enter partitions that were built now, in place of what was known of them. `seen` is, by partition, the newest row
    of `ops.contents` that it is made of, and `tests` a hash over those that looked at them."""
    con.execute(
        f"delete from ops.plan_partitions where plan_id = {literal(plan_id)} and cadence = {literal(cadence)} "
        f"and partition_day in (select unnest({literal(list(seen))}::date[]))"
    )
    of_models, now = without_secrets(json.dumps(failed_models)), utc_now()
    of_tests = {day: without_secrets(json.dumps(failed_tests.get(day, {}))) for day in seen}
    rows = [
        PlannedPartition(plan_id, cadence.value, day, newest, of_models, of_tests[day], now, tests)
        for day, newest in seen.items()
    ]
    insert_entries(con, "plan_partitions", rows)


def forget_built(con: DuckDBPyConnection, plan_id: str) -> None:
    """Forget what the plan has built."""
    con.execute(f"delete from ops.plan_partitions where plan_id = {literal(plan_id)}")


def forget_longer(con: DuckDBPyConnection, plan_id: str) -> None:
    """Forget what the plan has built of partitions that are made of days."""
    con.execute(
        f"delete from ops.plan_partitions where plan_id = {literal(plan_id)} and cadence <> {literal(Cadence.daily)}"
    )
