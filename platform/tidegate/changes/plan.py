"""Making a plan: what changed since what is published, built beside it, tested, and compared with it."""

from __future__ import annotations

import datetime as dt
import json
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from duckdb import DuckDBPyConnection

from tidegate.changes.affected import Affected, find_affected
from tidegate.changes.beside import Beside, Partitions
from tidegate.changes.compare import MartDifference, compare_mart
from tidegate.changes.compare_contracts import ContractDifference, compare_contracts
from tidegate.changes.cost import Cost, estimate_cost
from tidegate.contract.judging.logic import logic_of
from tidegate.errors import TidegateError
from tidegate.home import Home
from tidegate.lake.connect import Lake
from tidegate.lake.lease import EVERY_DAY, lease
from tidegate.ledger.entries import utc_now
from tidegate.ledger.plans import Plan, enter_plan, lease_of, open_plans, planned_partitions
from tidegate.machine.processes import person
from tidegate.publishing.retire import PublishedMart
from tidegate.transform.parsed.graph import Graph
from tidegate.transform.parsed.members import RAW
from tidegate.transform.unit_tests import failed_unit_tests
from tidegate.window import Window

# What a plan's schemas are called; the rest is its id.
PREFIX = "plan_"


@dataclass(frozen=True)
class Planned:
    """A plan that is built: what it would do. `failed` says which models and blocking tests failed, each with its
    partitions; `unmade` are published marts that no model makes any more."""

    plan: Plan
    partitions: Partitions
    marts: Sequence[MartDifference]
    failed: Mapping[str, Sequence[dt.date]]
    unmade: Sequence[PublishedMart]
    cost: Cost
    contracts: Sequence[ContractDifference] = ()

    @property
    def changes_nothing(self) -> bool:
        """Whether all that is published stays as it is, value by value."""
        return (
            not self.failed
            and not self.unmade
            and not any(each.judges_otherwise for each in self.contracts)
            and all(
                mart.keeps_its_shape and not mart.columns_added and not mart.days and not mart.new
                for mart in self.marts
            )
        )


def make_plan(
    home: Home,
    days: Window | None = None,
    *,
    everything: bool = False,
    on_cost: Callable[[Cost], object] = lambda _: None,
    on_chunk: Callable[[Window], object] = lambda _: None,
) -> Planned | None:
    """Build what differs from what is published, and compare; None where nothing does. What an earlier call has built
    of the same plan is kept, as far as nothing changed behind it. `on_cost` is told what all of it costs, before.

    Raises LakeBusyError where another process makes the same plan, or builds its days for too long.
    """
    with home.lake() as lake:
        affected = find_affected(lake.con, home, days, everything=everything)
        if not affected:
            return None
        plan = lake.unit_of_work(lambda con: _plan_of(con, home, affected, days))
        with held(lake, plan):
            beside = Beside(home, lake, plan)
            wanted = beside.judge_again(affected)
            cost = estimate_cost(lake.con, home, plan.models, wanted)
            on_cost(cost)
            for window in beside.bring_up_to_date(wanted):
                on_chunk(window)
            units = failed_unit_tests(home.settings, home.dbt, home.graph, plan.models)
            with lake.one_moment() as con:
                planned = _look_at(con, home, beside, wanted, affected, cost)
            return replace(planned, failed={**planned.failed, **dict.fromkeys(units, ())})


@contextmanager
def held(lake: Lake, plan: Plan) -> Iterator[None]:
    """Be the only one who builds or applies the plan."""
    with lease(lake.config, lease_of(plan), [EVERY_DAY], plan.plan_id):
        yield


def _look_at(
    con: DuckDBPyConnection, home: Home, beside: Beside, partitions: Partitions, affected: Affected, cost: Cost
) -> Planned:
    """What the plan, all of it built, would do."""
    marts = [
        compare_mart(con, mart, beside.table(mart), home.graph.key_of(mart.unique_id), partitions[cadence])
        for cadence in partitions
        for mart in beside.models(cadence)
        if mart.is_mart
    ]
    contracts = compare_contracts(con, beside.judged)
    failed = failures_of(con, beside, home.graph, contracts)
    return Planned(beside.plan, partitions, marts, failed, affected.unmade, cost, contracts)


def open_plan_of(con: DuckDBPyConnection, home: Home, affected: Affected, days: Window | None) -> Plan:
    """The plan that was made of just this. Raises TidegateError where there is none."""
    if not affected:
        raise TidegateError(
            "All that is published has the logic that the project has now, and all deliveries were judged by the "
            "contracts as they are. Nothing was changed."
        )
    if plan := _open_plan(con, home, affected, days):
        return plan
    raise TidegateError(
        "There is no plan of what the project has now, for these partitions. Nothing was changed. Make one, look at "
        "what it would do, and apply it then: tidegate plan"
    )


def _open_plan(con: DuckDBPyConnection, home: Home, affected: Affected, days: Window | None) -> Plan | None:
    logic, contracts = home.dbt.logic(), {source: logic_of(each) for source, each in home.contracts.items()}
    found = [
        plan
        for plan in open_plans(con)
        if plan.has_logic_of(logic, contracts)
        and affected.built <= plan.models
        and affected.contracts.keys() <= plan.logic_of_contracts.keys()
        and plan.asked == days
    ]
    # One of everything that is published is of this too.
    return min(found, key=lambda plan: len(plan.models), default=None)


def _plan_of(con: DuckDBPyConnection, home: Home, affected: Affected, days: Window | None) -> Plan:
    """The plan that is open for just this, or a new one."""
    if plan := _open_plan(con, home, affected, days):
        return plan
    logic, plan_id = home.dbt.logic(), secrets.token_hex(8)
    new = Plan(
        plan_id=plan_id,
        made_by=person(),
        made_at=utc_now(),
        logic=json.dumps({name: logic[name] for name in sorted(affected.built)}),
        nodes=nodes_of(home.graph, affected.built, affected.contracts),
        schema_prefix=f"{PREFIX}{plan_id}_",
        partitions=json.dumps({cadence: list(map(str, days)) for cadence, days in affected.partitions.items()}),
        partition_from=days.start if days else None,
        partition_to=days.last if days else None,
        contracts=json.dumps(affected.contracts),
    )
    enter_plan(con, new)
    return new


def nodes_of(graph: Graph, models: Collection[str], sources: Collection[str]) -> tuple[str, ...]:
    """What a plan of these has in schemas of its own, by dbt's unique id: the models, what they and their tests read
    that has no day and would be made again with them, and the sources, whose deliveries are judged again."""
    own = {unique_id for unique_id, model in graph.models.items() if model.name in models}
    tests = [test.unique_id for test in graph.tests.values() if not own.isdisjoint(test.parents)]
    undated = {each.unique_id for each in graph.undated_behind([*own, *tests])}
    judged = {id_ for id_, each in graph.sources.items() if each.schema == RAW and each.name in sources}
    return tuple(sorted(own | undated | judged))


def failures_of(
    con: DuckDBPyConnection, beside: Beside, graph: Graph, contracts: Sequence[ContractDifference]
) -> dict[str, list[dt.date]]:
    """Which models and blocking tests failed, in sentences, each with its partitions, and what the contracts do not
    say."""
    found: dict[str, list[dt.date]] = {each.unsaid: [] for each in contracts if each.unsaid}
    for each in planned_partitions(con, beside.plan.plan_id):
        sentences = [f"{model} failed: {said}" for model, said in each.why_failed.items()]
        sentences += [
            f"{graph.tests[test].asset}: the check {graph.tests[test].name} failed: {said}"
            for test, said in each.tests_failed.items()
            if test in graph.tests and graph.tests[test].blocking
        ]
        for sentence in sentences:
            found.setdefault(sentence, []).append(each.partition_day)
    return found
