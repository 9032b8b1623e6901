"""Building a window of days with dbt: models, then tests, each failing test traced to its days.

All of it goes into the ledger. A failing test keeps no model or day from being built: whether a day may be
published is for the gate to ask the ledger. What is in the models belongs to dbt_project, when to build to the
callers.
"""

from __future__ import annotations

import datetime as dt
import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.lake.connect import Lake
from tidegate.lake.durable import sync_new_files
from tidegate.lake.lease import candidates, lease
from tidegate.lake.trouble import may_heal
from tidegate.ledger import publications
from tidegate.ledger.builds import begin_build, finish_build, interrupt_build
from tidegate.ledger.checks import CheckRecord, record_checks
from tidegate.ledger.contents import DayTable, enter_contents, enter_days, seed_contents
from tidegate.ledger.deliveries import rows_delivered
from tidegate.ledger.entries import utc_now
from tidegate.transform.invoke import NodeResult
from tidegate.transform.models import Making
from tidegate.transform.parsed.graph import Graph
from tidegate.transform.parsed.members import Model, Test, Undated
from tidegate.transform.parsed.project import DbtProject
from tidegate.transform.statements import compile_ahead
from tidegate.transform.tables import create_missing_tables, rows_by_day
from tidegate.transform.testing import run_tests
from tidegate.window import ONE_DAY, Cadence, Window


@dataclass(frozen=True)
class ModelOutcome:
    """What became of a model, dated or not: `success`, `error`, or `skipped` behind an error; its rows by day,
    and how long it took."""

    unique_id: str
    name: str
    asset: str
    status: str
    message: str
    rows: Mapping[dt.date, int]
    seconds: float


@dataclass(frozen=True)
class TestOutcome:
    """What a test found: its failed days with the rows that failed, None where it could not run.

    `failures` is empty when the test passed; `severity` is `error` or `warning`.
    """

    __test__ = False  # not one of pytest's

    unique_id: str
    name: str
    asset: str
    severity: str
    blocking: bool
    dimension: str
    description: str
    message: str
    failures: Mapping[dt.date, int | None]

    @property
    def failed_days(self) -> frozenset[dt.date]:
        return frozenset(self.failures)

    def observed(self, day: dt.date) -> str:
        """What it found on a day, in a few words."""
        rows = self.failures.get(day, 0)
        return self.message if rows is None else f"{rows:,} failing row{'' if rows == 1 else 's'}"


@dataclass(frozen=True)
class BuildResult:
    """What a build did to its window. On each of its days a model is built, unless it failed or reads one that did."""

    build_id: str
    window: Window
    models: Mapping[str, ModelOutcome]
    tests: tuple[TestOutcome, ...]

    @property
    def failed_models(self) -> tuple[ModelOutcome, ...]:
        return tuple(model for model in self.models.values() if model.status == "error")

    @property
    def unbuilt_models(self) -> tuple[ModelOutcome, ...]:
        """Those that failed, and those that were skipped because they read them."""
        return tuple(model for model in self.models.values() if model.status != "success")

    @property
    def was_broken_off(self) -> bool:
        """Whether a model or test ended in what may pass (a full disk, a storage out of reach), and not of itself."""
        ended = [model.message for model in self.failed_models]
        ended += [test.message for test in self.tests if None in test.failures.values()]
        return any(map(may_heal, ended))


@dataclass(frozen=True)
class Build:
    """What one build makes and tests, of which window; the ledger knows nothing of it."""

    project: DbtProject
    graph: Graph
    lake: Lake
    window: Window
    rows: int
    build_id: str
    models: tuple[Model, ...]
    tests: tuple[Test, ...]
    # What models and tests read that has no day.
    undated: tuple[Undated, ...]

    @classmethod
    def of(
        cls, project: DbtProject, graph: Graph, lake: Lake, window: Window, nodes: Collection[str] | None = None
    ) -> Build:
        """All of the window's cadence, or of that exactly the models and tests `nodes` by unique id."""
        models = tuple(m for m in graph.models_of(window.cadence) if nodes is None or m.unique_id in nodes)
        tests = tuple(t for t in graph.tests_of(window.cadence) if nodes is None or t.unique_id in nodes)
        rows = rows_to_read(lake.con, graph, models, window)
        undated = tuple(graph.undated_behind([*(m.unique_id for m in models), *(t.unique_id for t in tests)]))
        return cls(project, graph, lake, window, rows, uuid.uuid4().hex, models, tests, undated)

    @property
    def made(self) -> tuple[Model | Undated, ...]:
        return (*self.undated, *self.models)

    @property
    def _statements(self) -> list[Model | Test]:
        """What the lake's connection runs as dbt compiles it."""
        spark = self.project.spark
        return [
            *(m for m in self.models if m.is_only_a_statement and not (spark and m.is_for_spark(self.rows))),
            *(test for test in self.tests if not test.keeps_failures),
        ]

    def run(self) -> BuildResult:
        """Make and test it; its tables are there. Failing models and tests are in the result. Raises LakeBusyError
        when others write for too long, and TidegateError when dbt does not start."""
        compile_ahead(self.project, self.lake.config, self._statements, self.window.cadence)
        of_models = Making(self.project, self.graph, self.lake, self.window, self.rows, self.made).run()
        missed = {unique_id for unique_id, result in of_models.items() if not result.good}
        built = [model for model in self.models if model.unique_id not in missed]
        rows = rows_by_day(self.lake.con, built, self.window)
        # A test on a model that was not built would judge the rows of an earlier build.
        tests = [test for test in self.tests if missed.isdisjoint(test.parents)]
        of_tests = run_tests(self.project, self.lake, tests, self.window)
        failed = [test for test in tests if not of_tests[test.unique_id].good]
        days = _trace(self, failed, self.window, of_tests)
        return BuildResult(
            self.build_id,
            self.window,
            {
                model.unique_id: _model_outcome(model, of_models[model.unique_id], rows.get(model.unique_id, {}))
                for model in self.made
            },
            tuple(_test_outcome(test, of_tests[test.unique_id], days.get(test.unique_id, {})) for test in tests),
        )


def build_window(
    project: DbtProject,
    lake: Lake,
    window: Window,
    *,
    run_id: str,
    nodes: Collection[str] | None = None,
) -> BuildResult:
    """Build and test the window: all of its cadence, or of that exactly the models and tests `nodes` by unique id.

    What these read that has no day is made first, whole. Models overwrite the window's days and no others, under the
    lease `candidates`. Failing models and tests are in the result. Raises
    LakeBusyError when another build has one of the days for too long, and TidegateError when dbt does not start.
    """
    graph = Graph(project.manifest())
    build = Build.of(project, graph, lake, window, nodes)
    models = build.models
    with lease(lake.config, candidates(window.cadence), window.days, run_id):
        create_missing_tables(lake, graph, models, window)
        names = [model.name for model in models]
        logic = project.logic()
        seeds = graph.seeds_behind(model.unique_id for model in models)

        def begin(con: DuckDBPyConnection) -> None:
            begin_build(con, build.build_id, window.days, names, run_id, window.cadence, logic)
            enter_contents(con, seed_contents(seeds, build.build_id))

        lake.unit_of_work(begin)
        lake.size_for(build.rows)
        began = time.time()
        try:
            result = build.run()
            # What dbt runs, it commits by itself. Until its files are on the disk too, the build is unfinished.
            sync_new_files(lake.config.data, [(model.schema, model.name) for model in models], began)
        except BaseException:
            lake.unit_of_work(lambda con: interrupt_build(con, build.build_id))
            raise
        read_back = graph.read_back if window.cadence is Cadence.daily else []
        lake.unit_of_work(lambda con: _record(con, result, run_id, read_back))
    return result


def rows_to_read(con: DuckDBPyConnection, graph: Graph, models: Collection[Model], window: Window) -> int:
    """How much work a build is, as the ledger tells: rows delivered, or published on the days it reaches back to. Where
    only the newest day of a mart is read, that is little beside the others."""
    if window.cadence is Cadence.daily:
        return rows_delivered(con, window)
    reach = max((model.reaches_back for model in models), default=0)
    newest = {mart for model in models for mart in model.reads_newest}
    marts = {mart.name for mart in graph.read_by(models)} - newest
    return publications.rows_published(con, Window(window.start - ONE_DAY * reach, window.end), marts)


def _trace(
    build: Build, failed: Collection[Test], window: Window, results: Mapping[str, NodeResult]
) -> dict[str, dict[dt.date, int | None]]:
    """The days of `window` on which each of the tests that fail over it fails, with their failing rows.

    Halves are tried on their own, down to the failing days: two short runs of these tests for each halving. A
    test that fails over a window and over neither half of it, for two rows of different days that must not
    both be there, fails on all of its days.
    """
    if not failed:
        return {}
    days: dict[str, dict[dt.date, int | None]] = {test.unique_id: {} for test in failed}
    for half in window.halves() if len(window.days) > 1 else ():
        of_half = run_tests(build.project, build.lake, failed, half)
        failed_in_half = [test for test in failed if not of_half[test.unique_id].good]
        for unique_id, found in _trace(build, failed_in_half, half, of_half).items():
            days[unique_id] |= found
    return {
        unique_id: found or dict.fromkeys(window.days, results[unique_id].failures) for unique_id, found in days.items()
    }


def _model_outcome(model: Model | Undated, result: NodeResult, rows: Mapping[dt.date, int]) -> ModelOutcome:
    return ModelOutcome(model.unique_id, model.name, model.asset, result.status, result.message, rows, result.seconds)


def _test_outcome(test: Test, result: NodeResult, failures: Mapping[dt.date, int | None]) -> TestOutcome:
    return TestOutcome(
        unique_id=test.unique_id,
        name=test.name,
        asset=test.asset,
        severity=test.severity,
        blocking=test.blocking,
        dimension=test.dimension,
        description=test.description,
        message=result.message,
        failures=failures,
    )


def _record(con: DuckDBPyConnection, result: BuildResult, run_id: str, read_back: Sequence[Model]) -> None:
    errors = {model.name: model.message for model in result.failed_models}
    if result.was_broken_off:
        interrupt_build(con, result.build_id, errors)
    else:
        unbuilt = [model.name for model in result.unbuilt_models]
        all_failed = len(unbuilt) == len(result.models)
        finish_build(
            con,
            result.build_id,
            failed_days=result.window.days if all_failed else (),
            failed_models=() if all_failed else unbuilt,
            errors=errors,
        )
    record_checks(con, _check_records(result, run_id))
    tables = [DayTable(model.schema, model.name, model.day_column) for model in read_back]
    enter_days(con, result.window, tables, result.build_id)


def _check_records(result: BuildResult, run_id: str) -> list[CheckRecord]:
    """One result a test and day."""
    now = utc_now()
    return [
        CheckRecord(
            check_name=test.name,
            asset=test.asset,
            partition_day=day,
            passed=day not in test.failures,
            blocking=test.blocking,
            severity=test.severity,
            dimension=test.dimension,
            observed=test.observed(day),
            description=test.description,
            run_id=run_id,
            subject=result.build_id,
            checked_at=now,
        )
        for test in result.tests
        for day in result.window.days
    ]
