"""Applying a plan: what it built becomes the candidates of production and is published, all of it in one transaction.

The gate is asked as for any partition. What production changed since the plan is built again beside it first.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.changes.affected import Affected, find_affected
from tidegate.changes.beside import Beside, Partitions, copy_days
from tidegate.changes.compare_contracts import compare_contracts
from tidegate.changes.plan import failures_of, held, open_plan_of
from tidegate.changes.switching import Decision, enter_snapshot_of, leases_of
from tidegate.errors import LakeBusyError, TidegateError
from tidegate.home import Home
from tidegate.lake.connect import Lake
from tidegate.lake.sql import qualified, quoted
from tidegate.lake.tables import reshape_table, table_columns
from tidegate.ledger import publications
from tidegate.ledger.builds import begin_build, finish_build
from tidegate.ledger.changes import AppliedChange, enter_change
from tidegate.ledger.checks import CheckRecord, record_checks
from tidegate.ledger.entries import utc_now
from tidegate.ledger.plan_deliveries import PlannedDelivery
from tidegate.ledger.plans import end_plans, planned_partitions
from tidegate.ledger.upkeep.plans import drop_tables
from tidegate.machine.commits import commit_of
from tidegate.publishing.due.partitions import partitions_to_build
from tidegate.publishing.promote import promote_open
from tidegate.publishing.requirements import GateRequirements
from tidegate.publishing.retire import PublishedMart, retire_marts
from tidegate.publishing.switch import Switch
from tidegate.transform.parsed.members import SERVING, Model
from tidegate.transform.unit_tests import failed_unit_tests
from tidegate.window import ONE_DAY, Cadence, Window, windows_of

# So often what production changed meanwhile is built again before somebody has to look why it never ends.
ATTEMPTS = 5

# So many sentences say what is wrong.
REASONS_NAMED = 10

Held = Mapping[tuple[str, dt.date], Sequence[str]]


@dataclass(frozen=True)
class Applied:
    """What was applied, and the published partitions, by product and day, that stay as they were, with why."""

    change: AppliedChange
    left: Held


class _ChangedMeanwhileError(Exception):
    """Production changed something between the plan's last look and its turn to write."""


def apply_plan(
    home: Home,
    decision: Decision,
    days: Window | None = None,
    *,
    everything: bool = False,
    leave_held: bool = False,
    on_chunk: Callable[[Window], object] = lambda _: None,
) -> Applied:
    """Apply the plan that was made for these partitions, with what changed since built again. With `leave_held`,
    published partitions that may not be published now stay as they are.

    Raises TidegateError, with nothing changed, where there is no such plan, where one of its models, blocking checks or
    unit tests failed, and otherwise where there are such partitions.
    """
    with home.lake() as lake:
        affected = find_affected(lake.con, home, days, everything=everything)
        plan = open_plan_of(lake.con, home, affected, days)
        with held(lake, plan):
            beside = Beside(home, lake, plan)
            applied = _Applying(home, lake, beside, affected, decision, leave_held).patiently(on_chunk)
            drop_tables(lake, plan)
        return applied


@dataclass(frozen=True)
class _Applying:
    """A plan on its way into production."""

    home: Home
    lake: Lake
    beside: Beside
    affected: Affected
    decision: Decision
    leave_held: bool

    @property
    def leaving(self) -> Sequence[PublishedMart]:
        return self.affected.unmade

    def patiently(self, on_chunk: Callable[[Window], object]) -> Applied:
        """Apply it, and what production changes meanwhile is built again."""
        partitions: Partitions = {}
        home = self.home
        units = failed_unit_tests(home.settings, home.dbt, home.graph, self.beside.plan.models)
        _refuse(dict.fromkeys(units, ()))
        for _ in range(ATTEMPTS):
            partitions = self.beside.judge_again(self.affected)
            for window in self.beside.bring_up_to_date(partitions):
                on_chunk(window)
            contracts = compare_contracts(self.lake.con, self.beside.judged)
            _refuse(failures_of(self.lake.con, self.beside, home.graph, contracts))
            try:
                return self._once(partitions)
            except _ChangedMeanwhileError:
                continue
        raise LakeBusyError(
            f"The plan was built again {ATTEMPTS} times, and each time something behind it changed before it could be "
            f"applied{_what_waits(self.lake.con, self.beside, partitions)}. Nothing was changed. Apply it again "
            "after that."
        )

    def _once(self, partitions: Partitions) -> Applied:
        change_id = uuid.uuid4().hex
        models = [model for cadence in partitions for model in self.beside.models(cadence)]
        tables = [(model.schema, model.name) for model in models] + [(SERVING, m.name) for m in models if m.is_mart]
        sources = [each.contract.source for each in self.beside.judged]
        tables += [(schema, source) for schema in ("raw", "quarantine") for source in sources]
        code = commit_of(self.home.settings.dbt_project)
        with leases_of(self.lake, partitions, change_id, self.leaving, sources):
            if not self.beside.is_up_to_date(partitions):
                raise _ChangedMeanwhileError
            change = _Change(
                self.home,
                self.beside,
                partitions,
                self.decision,
                self.leave_held,
                bool(self.leaving),
                change_id,
                code,
            )
            applied = self.lake.unit_of_work(change.make, tables)
            enter_snapshot_of(self.lake, partitions, change_id)
        return applied


def _what_waits(con: DuckDBPyConnection, beside: Beside, partitions: Partitions) -> str:
    due = sorted(
        {
            str(each.day)
            for cadence in partitions
            for product in beside.products(cadence)
            for each in partitions_to_build(con, product)
            if each.day in partitions[cadence]
        }
    )
    return f": production has yet to build {', '.join(due[:REASONS_NAMED])} (tidegate restate)" if due else ""


def _refuse(failed: Mapping[str, Sequence[dt.date]]) -> None:
    sentences = [
        f"{said} ({', '.join(map(str, windows_of(days)))})." if days else f"{said}." for said, days in failed.items()
    ]
    if sentences:
        raise TidegateError(
            f"The plan does not hold what it must. {_first_of(sentences)} Nothing was changed. Fix it and make the "
            "plan again."
        )


def _first_of(sentences: Sequence[str]) -> str:
    more = f" And {len(sentences) - REASONS_NAMED} more." if len(sentences) > REASONS_NAMED else ""
    return " ".join(sentences[:REASONS_NAMED]) + more


@dataclass(frozen=True)
class _Change:
    """One application of a plan, inside its transaction."""

    home: Home
    beside: Beside
    partitions: Partitions
    decision: Decision
    leave_held: bool
    retires: bool
    change_id: str
    code: str | None

    @property
    def run_id(self) -> str:
        return f"change-{self.change_id[:8]}"

    def make(self, con: DuckDBPyConnection) -> Applied:
        left: dict[tuple[str, dt.date], Sequence[str]] = {}
        number = count = 0
        marts: set[str] = set()
        for judged in self.beside.judged:
            left |= self._held_by_it(con, judged.switch(con, self.run_id))
        # Days first: what is made of them is published after them, and is not due again.
        for cadence in Cadence:
            days = self.partitions.get(cadence, ())
            if not days:
                continue
            self._become_candidates(con, cadence, days)
            for product in self.beside.products(cadence):
                number += 1
                of_product, published = self._publish(
                    con, product, days, Switch(f"{number}-{self.change_id}", self.run_id, cadence)
                )
                left |= of_product
                count += published
                marts |= product.names & self.beside.plan.models
        self._refuse_what_is_left(left)
        if self.retires:
            marts |= set(retire_marts(con, self.home.published_marts, f"0-{self.change_id}"))
        change = self._entry(sorted(marts), count)
        enter_change(con, change)
        end_plans(con, [self.beside.plan.plan_id], "applied")
        publications.name_commit(con, f"apply plan {self.beside.plan.plan_id}", self.change_id)
        return Applied(change, left)

    def _held_by_it(self, con: DuckDBPyConnection, judged: Sequence[PlannedDelivery]) -> Held:
        """The published days whose own delivery was accepted before and is rejected now: they keep what they show."""
        rejected = {each.partition_day: each for each in judged if each.verdict == "rejected" and each.was_accepted}
        held: dict[tuple[str, dt.date], Sequence[str]] = {}
        for product in self.home.products_of(Cadence.daily) if rejected else ():
            of_product = {day: each for day, each in rejected.items() if product.are_made_of(each.source)}
            if of_product:
                window = Window(min(of_product), max(of_product) + ONE_DAY)
                published = set(publications.published_days(con, window, beside=product.beside))
                held |= {
                    (product.product, day): [each.reason or ""] for day, each in of_product.items() if day in published
                }
        return held

    def _become_candidates(self, con: DuckDBPyConnection, cadence: Cadence, days: Sequence[dt.date]) -> None:
        models = self.beside.models(cadence)
        for model in models:
            own, planned = (model.schema, model.name), self.beside.table(model)
            fit_table(con, own, planned, model)
            copy_days(con, planned, own, model.day_column, days)
        build_id = uuid.uuid4().hex
        names, logic = [model.name for model in models], self.home.dbt.logic()
        begin_build(con, build_id, days, names, self.run_id, cadence, logic)
        finish_build(con, build_id)
        record_checks(con, self._checks(con, cadence, build_id))

    def _checks(self, con: DuckDBPyConnection, cadence: Cadence, build_id: str) -> list[CheckRecord]:
        """What the plan's tests found, as results of the new candidates."""
        now = utc_now()
        planned = [each for each in planned_partitions(con, self.beside.plan.plan_id) if each.cadence == cadence]
        return [
            CheckRecord(
                check_name=test.name,
                asset=test.asset,
                partition_day=each.partition_day,
                passed=test.unique_id not in each.tests_failed,
                blocking=test.blocking,
                severity=test.severity,
                dimension=test.dimension,
                observed=each.tests_failed.get(test.unique_id, "0 failing rows"),
                description=test.description,
                run_id=self.run_id,
                subject=build_id,
                checked_at=now,
            )
            for test in self.beside.tests(cadence)
            for each in planned
            if each.partition_day in self.partitions[cadence]
        ]

    def _publish(
        self, con: DuckDBPyConnection, product: GateRequirements, days: Sequence[dt.date], switch: Switch
    ) -> tuple[Held, int]:
        """Publish the partitions; returns those that were published before and may not be now, and how many were."""
        window = Window(days[0], switch.cadence.after(days[-1], 1), switch.cadence)
        stood = set(publications.published_days(con, window, beside=product.beside)) & set(days)
        promotion = promote_open(con, window, product, switch, only=stood)
        left = {(product.product, day): promotion.held[day] for day in sorted(stood) if day in promotion.held}
        return left, len(stood) - len(left)

    def _refuse_what_is_left(self, left: Held) -> None:
        if left and not self.leave_held:
            sentences = [f"{product} {day}: {' '.join(why)}" for (product, day), why in left.items()]
            raise TidegateError(
                "Partitions that are published would stay as they are among changed ones, as they may not be published "
                f"now. {_first_of(sentences)} Nothing was changed. See to them first, or leave them as they are: "
                "tidegate apply --leave-held"
            )

    def _entry(self, marts: Sequence[str], partitions: int) -> AppliedChange:
        return AppliedChange(
            change_id=self.change_id,
            plan_id=self.beside.plan.plan_id,
            restores=None,
            made_by=self.decision.by,
            reason=self.decision.reason,
            code=self.code,
            models=tuple(sorted(self.beside.plan.models)),
            marts=tuple(marts),
            partitions=partitions,
            made_at=utc_now(),
            contracts=tuple(each.contract.source for each in self.beside.judged),
        )


def fit_table(con: DuckDBPyConnection, own: tuple[str, str], planned: tuple[str, str], model: Model) -> None:
    """Give the lake's table of a model the shape of the plan's: all days that are shown of it are to be replaced."""
    tables = table_columns(con, [own, planned])
    for column in tables.get(own, {}):
        if column not in tables[planned]:
            con.execute(f"alter table {qualified(*own)} drop column {quoted(column)}")
    reshape_table(con, own, tables[planned], model.partitioned_by)
