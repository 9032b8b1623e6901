"""Calling dbt inside this process, with the manifest already parsed.

Which nodes to run, and what their results mean, belongs to `build`.
"""

from __future__ import annotations

import datetime as dt
import json
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from tidegate.errors import TidegateError
from tidegate.lake.config import LakeConfig
from tidegate.machine.disk import disk_trouble
from tidegate.transform.parsed.private import DbtEvent, call_dbt, is_of_dbt
from tidegate.transform.parsed.project import DbtProject, quiet_arguments
from tidegate.transform.python_models.trouble import said_by_the_model
from tidegate.window import Window

OnEvent = Callable[[DbtEvent], None]

_SQL_WAS_RUN = "SQLQuery"


class Engine(StrEnum):
    """What runs the SQL of a model."""

    duckdb = "duckdb"
    spark = "spark"


# dbt keeps its flags, adapter and invocation id in globals of the process.
_ONE_CALL_AT_A_TIME = threading.Lock()

# Nothing is read back from run_results.json, and the models that run list their schemas themselves.
RUN_ARGUMENTS = ("--no-write-json", "--no-populate-cache")


@dataclass(frozen=True)
class NodeResult:
    """The result of one model or test, in dbt's words. `failures` is the number of rows that a test found."""

    unique_id: str
    status: str
    message: str
    failures: int | None
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        return self.status in ("success", "pass")


def run_nodes(
    project: DbtProject,
    lake: LakeConfig,
    command: str,
    fqns: Iterable[Sequence[str]],
    window: Window,
) -> dict[str, NodeResult]:
    """`dbt run` or `dbt test` of exactly these nodes over the window.

    What fails is in the results. Raises TidegateError when dbt does not start.
    """
    results = _call(project, command, fqns, lambda: variables(project, window, lake))
    return {result.node.unique_id: _node_result(result) for result in results}


def compile_nodes(
    project: DbtProject,
    lake: LakeConfig,
    fqns: Iterable[Sequence[str]],
    window: Window,
    first_day: dt.date | None = None,
    engine: Engine = Engine.duckdb,
) -> tuple[dict[str, str | NodeResult], frozenset[str]]:
    """The SQL of each of these nodes over the window, or dbt's result where it could not compile one; and which of
    them asked the lake meanwhile.

    `first_day` is in place of the home's; the SQL is what `engine` runs. Raises TidegateError when dbt does not start.
    """
    asked: set[str] = set()

    def note(event: DbtEvent) -> None:
        if event.info.name == _SQL_WAS_RUN:
            asked.add(event.data.node_info.unique_id)

    results = _call(project, "compile", fqns, lambda: variables(project, window, lake, first_day, engine), note)
    texts = {result.node.unique_id: result.node.compiled_code or _node_result(result) for result in results}
    return texts, frozenset(asked)


def variables(
    project: DbtProject,
    window: Window,
    lake: LakeConfig,
    first_day: dt.date | None = None,
    engine: Engine = Engine.duckdb,
) -> dict[str, Any]:
    """The dbt variables of a run."""
    # It imports dbt.
    from tidegate.transform.lake_plugin import lake_as_text

    return {
        "window_start": str(window.start),
        "window_end": str(window.end),
        "first_day": str(first_day or project.first_day),
        **project.variables,
        "engine": engine,
        "lake": lake_as_text(lake),
    }


def _call(
    project: DbtProject,
    command: str,
    fqns: Iterable[Sequence[str]],
    given: Callable[[], dict[str, Any]],
    on_event: OnEvent | None = None,
) -> Any:
    """dbt's results of exactly these nodes; of none, none, where dbt would take the whole project.

    The variables are only asked for where there are nodes: they import dbt, which takes a second.
    """
    nodes = [f"fqn:{'.'.join(fqn)}" for fqn in fqns]
    if not nodes:
        return ()
    arguments = [command, "--select", *nodes, "--indirect-selection", "empty", *RUN_ARGUMENTS]
    return getattr(_invoke(project, project.target, arguments, given(), on_event), "results", ())


def write_docs(project: DbtProject, lake: LakeConfig, target: Path) -> Path:
    """dbt's documentation of the project and of the lake's tables, as one HTML file in `target`. Returns its path.

    Raises TidegateError when dbt does not start.
    """
    # Nothing is run, so any window will do to compile with.
    _invoke(project, target, ["docs", "generate", "--static"], variables(project, Window.of_day(dt.date.min), lake))
    return target / "static_index.html"


def _invoke(
    project: DbtProject,
    target: Path,
    arguments: Sequence[str],
    variables: dict[str, Any],
    on_event: OnEvent | None = None,
) -> Any:
    quiet = quiet_arguments(project.folder, target)
    with _ONE_CALL_AT_A_TIME:
        all_arguments = [*arguments, *quiet, "--vars", json.dumps(variables)]
        outcome = call_dbt(all_arguments, project.load_manifest(), on_event)
    if outcome.exception and is_of_dbt(outcome.exception):
        raise disk_trouble(outcome.exception) or TidegateError(
            f"dbt {arguments[0]} did not start: {outcome.exception}\nNothing more was built."
        ) from outcome.exception
    if outcome.exception:
        raise outcome.exception
    return outcome.result


def _node_result(result: Any) -> NodeResult:
    message = said_by_the_model(result.message or "")
    return NodeResult(result.node.unique_id, str(result.status), message, result.failures, result.execution_time)
