"""Building beside: a plan's models in schemas of their own, everything else read from where it is.

Production goes on meanwhile. What is built here is nobody's candidate: `ops.builds` does not know of it.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, partial

from duckdb import DuckDBPyConnection

from tidegate.changes.affected import Affected
from tidegate.changes.contracts import JudgedBeside
from tidegate.changes.reading import partitions_made_of
from tidegate.errors import TidegateError
from tidegate.home import Home
from tidegate.lake.connect import Lake
from tidegate.lake.durable import sync_new_files
from tidegate.lake.lease import candidates, lease
from tidegate.lake.sql import literal, on_days, qualified, quoted
from tidegate.lake.tables import table_columns
from tidegate.ledger.contents import Kind, newest_content
from tidegate.ledger.deliveries import DeliveryRecord
from tidegate.ledger.made_of import inputs_query, made_of_relation
from tidegate.ledger.plans import Plan, enter_planned, forget_longer, planned_partitions
from tidegate.publishing.due.partitions import partitions_to_build
from tidegate.publishing.requirements import GateRequirements
from tidegate.transform.build import Build, BuildResult
from tidegate.transform.parsed.graph import Graph
from tidegate.transform.parsed.members import SERVING, Model, Test, Undated
from tidegate.transform.parsed.project import DbtProject, Shadow
from tidegate.transform.tables import create_missing_tables
from tidegate.window import ONE_DAY, Cadence, Window, windows_of

Partitions = Mapping[Cadence, Sequence[dt.date]]

# Before every entry of ops.contents.
NOTHING_SEEN = -1


class Beside:
    """A plan's own tables. `deliveries`, by source, are those to judge again; without them, those that another state
    of their contract judged."""

    def __init__(
        self, home: Home, lake: Lake, plan: Plan, deliveries: Mapping[str, Sequence[DeliveryRecord]] | None = None
    ) -> None:
        self._home = home
        self._lake = lake
        self._deliveries = deliveries
        self.plan = plan

    @cached_property
    def _project(self) -> DbtProject:
        return DbtProject(self._home.settings, Shadow(self.plan.schema_prefix, frozenset(self.plan.nodes)))

    @cached_property
    def _graph(self) -> Graph:
        return Graph(self._project.manifest())

    @cached_property
    def judged(self) -> list[JudgedBeside]:
        """The sources whose deliveries the plan judges again."""
        contracts = [self._home.contracts[source] for source in sorted(self.plan.logic_of_contracts)]
        chosen = [self._deliveries.get(each.source, ()) if self._deliveries else None for each in contracts]
        return [
            JudgedBeside(self._home, self._lake, self.plan, contract, deliveries)
            for contract, deliveries in zip(contracts, chosen, strict=True)
        ]

    def judge_again(self, affected: Affected) -> Partitions:
        """Judge the deliveries that are to be judged again, as far as that is not done; returns all that is to be
        built: what was affected when the plan was made, what is now, and what is made of rows that are judged
        otherwise. Of the first, production may have built some with the new logic since, a Monday perhaps of days of
        the old."""
        for each in self.judged:
            each.bring_up_to_date()
        con = self._lake.con
        touched = {
            (Kind.delivery, each.contract.source): {
                day for delivery in each.deliveries(con) for day in delivery.touched
            }
            for each in self.judged
        }
        behind = partitions_made_of(con, self._home, touched)
        all_of_them = {
            cadence: {*self.plan.days.get(cadence, ()), *affected.partitions.get(cadence, ()), *behind.get(cadence, ())}
            for cadence in Cadence
        }
        return {cadence: sorted(days) for cadence, days in all_of_them.items() if days}

    def models(self, cadence: Cadence) -> list[Model]:
        """The plan's models of a cadence, as the lake has them."""
        return [model for model in self._home.graph.models_of(cadence) if model.unique_id in self.plan.nodes]

    def tests(self, cadence: Cadence) -> list[Test]:
        """The tests that look at one of the plan's models."""
        own = set(self.plan.nodes)
        return [test for test in self._home.graph.tests_of(cadence) if not own.isdisjoint(test.parents)]

    def table(self, model: Model) -> tuple[str, str]:
        """Where the plan has a model of the lake's."""
        return self.plan.schema_prefix + model.schema, model.name

    def products(self, cadence: Cadence) -> list[GateRequirements]:
        """The products that one of the plan's models makes."""
        return [each for each in self._home.products_of(cadence) if not self.plan.models.isdisjoint(each.models)]

    def bring_up_to_date(self, wanted: Partitions) -> Iterator[Window]:
        """Build those of the partitions that are not built, and those behind which something changed since, in chunks;
        tells each before it is built. Raises LakeBusyError when another build has one of the days for too long."""
        for cadence in Cadence:
            missing = self._missing(cadence, wanted.get(cadence, ()))
            for window in windows_of(missing, cadence):
                for chunk in window.chunks(self._home.settings.chunk_days):
                    yield chunk
                    self._build(chunk, wanted)

    def is_up_to_date(self, wanted: Partitions) -> bool:
        return all(each.is_up_to_date() for each in self.judged) and not any(
            self._missing(cadence, wanted.get(cadence, ())) for cadence in Cadence
        )

    def _missing(self, cadence: Cadence, wanted: Sequence[dt.date]) -> list[dt.date]:
        con = self._lake.con
        # A test that was fixed looks at all of them again.
        tests = self._home.dbt.logic_of_tests(test.unique_id for test in self.tests(cadence))
        built = {
            each.partition_day
            for each in planned_partitions(con, self.plan.plan_id)
            if each.cadence == cadence and each.tests == tests
        }
        return sorted(set(wanted) - (built - self._outdated(con, cadence)))

    def _outdated(self, con: DuckDBPyConnection, cadence: Cadence) -> set[dt.date]:
        """The partitions that are not made of what there is now: by the rule of what is due."""
        partitions = (
            "select '' as thing, partition_day as partition, contents_seen as seen, '' as made_by "
            f"from ops.plan_partitions where plan_id = {literal(self.plan.plan_id)} and cadence = {literal(cadence)}"
        )
        found: set[dt.date] = set()
        for product in self.products(cadence):
            inputs = inputs_query(partitions, made_of_relation({"": product.reads}), product.seeds)
            rows = con.execute(f"select distinct partition from ({inputs}) where differs").fetchall()
            found |= {day for (day,) in rows}
        return found

    def _build(self, window: Window, wanted: Partitions) -> None:
        lake, cadence = self._lake, window.cadence
        nodes = {model.unique_id for model in self.models(cadence)} | {test.unique_id for test in self.tests(cadence)}
        # What production builds meanwhile, this would read half of.
        with lease(lake.config, candidates(cadence), window.days, self.plan.plan_id):
            seen = self._seen(window)
            self._make_tables(cadence)
            build = Build.of(self._project, self._graph, lake, window, nodes)
            self._fill(window, wanted)
            lake.size_for(build.rows)
            began = time.time()
            result = build.run()
            sync_new_files(lake.config.data, [self.table(model) for model in self.models(cadence)], began)
        if result.was_broken_off:
            raise TidegateError(
                f"The plan's build of {window} was broken off: {_first_error(result)} What was built before is kept. "
                "See to it, and make the plan again: it goes on from there."
            )
        lake.unit_of_work(lambda con: self._enter(con, window, seen, result))

    def _seen(self, window: Window) -> dict[dt.date, int]:
        """The newest content that each partition is made of. Of one that production has yet to build from its newest
        inputs it is none, so that it is built again once that is done."""
        con = self._lake.con
        behind = {due.day for product in self.products(window.cadence) for due in partitions_to_build(con, product)}
        newest = newest_content(con)
        return {day: NOTHING_SEEN if day in behind else newest for day in window.days}

    def _make_tables(self, cadence: Cadence) -> None:
        """Have the schemas and tables of the plan's models and of what they read."""
        con = self._lake.con
        there = {name for (name,) in con.execute("select schema_name from duckdb_schemas()").fetchall()}
        nodes: list[Model | Undated] = [*self._graph.models.values(), *self._graph.undated.values()]
        schemas = {each.schema for each in nodes if each.unique_id in self.plan.nodes} - there
        if schemas:
            self._lake.unit_of_work(
                lambda con: [con.execute(f"create schema if not exists {quoted(each)}") for each in sorted(schemas)]
            )
        planned = [self._graph.models[model.unique_id] for model in self.models(cadence)]
        create_missing_tables(self._lake, self._graph, planned)

    def _fill(self, window: Window, wanted: Partitions) -> None:
        """Take over from production what the window's partitions read of days that the plan does not build."""
        planned = set(wanted.get(Cadence.daily, ()))
        for model in self.models(Cadence.daily):
            days = [day for day in self._days_read(window, model) if day not in planned]
            if days:
                source = (model.schema if window.cadence is Cadence.daily else SERVING, model.name)
                copy = partial(
                    copy_days, source=source, target=self.table(model), day_column=model.day_column, days=days
                )
                self._lake.unit_of_work(copy, [self.table(model)])

    def _days_read(self, window: Window, model: Model) -> list[dt.date]:
        """The days of one of its own models that the window's partitions read, beside those that they are."""
        if window.cadence is Cadence.daily:
            reach = max((product.reach for product in self.products(Cadence.daily)), default=0)
            return list(Window(window.start - ONE_DAY * reach, window.start).days)
        behind = [
            each.behind for each in self.products(window.cadence) if each.behind and model.name in each.behind.marts
        ]
        reach = max((each.reach for each in behind), default=0)
        about = [window.cadence.days_about(partition, reach) for partition in window.days] if behind else []
        return sorted({day for days in about for day in days.days})

    def _enter(self, con: DuckDBPyConnection, window: Window, seen: Mapping[dt.date, int], result: BuildResult) -> None:
        failed_models = {
            model.name: model.message or "It reads a model that failed." for model in result.unbuilt_models
        }
        failed_tests = {
            day: {test.unique_id: test.observed(day) for test in result.tests if day in test.failures}
            for day in window.days
        }
        tests = self._home.dbt.logic_of_tests(test.unique_id for test in self.tests(window.cadence))
        enter_planned(con, self.plan.plan_id, window.cadence, seen, failed_models, failed_tests, tests)
        if window.cadence is Cadence.daily:
            # Whatever is made of these days is made of other ones now.
            forget_longer(con, self.plan.plan_id)


def copy_days(
    con: DuckDBPyConnection,
    source: tuple[str, str],
    target: tuple[str, str],
    day_column: str,
    days: Sequence[dt.date],
) -> None:
    """Replace days of a table by those of another, as far as both have the same columns."""
    columns = table_columns(con, [source, target])
    if source not in columns:
        return
    both = ", ".join(quoted(name) for name in columns[target] if name in columns[source])
    inside = on_days(day_column, days)
    con.execute(f"delete from {qualified(*target)} where {inside}")
    con.execute(f"insert into {qualified(*target)} ({both}) select {both} from {qualified(*source)} where {inside}")


def _first_error(result: BuildResult) -> str:
    said = [model.message for model in result.failed_models] or [test.message for test in result.tests if test.message]
    return " ".join(said[0].split()) if said else "no error was recorded."
