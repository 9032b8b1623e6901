"""The unit tests of models, of SQL and of Python, in an empty lake of their own: they read nothing but given rows."""

from __future__ import annotations

import dataclasses
import tempfile
import textwrap
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from tidegate.lake.config import LakeConfig
from tidegate.ledger.upkeep.opening import make_lake
from tidegate.settings import Settings
from tidegate.transform.invoke import run_nodes
from tidegate.transform.parsed.graph import Graph
from tidegate.transform.parsed.project import DbtProject
from tidegate.transform.python_models.unit_tests import run_unit_tests
from tidegate.transform.tables import create_missing_tables
from tidegate.window import Window

# Of what a test found, so many letters: a difference of two tables can be long.
SHOWN = 500


def failed_unit_tests(settings: Settings, project: DbtProject, graph: Graph, models: Collection[str]) -> list[str]:
    """What the unit tests of these models, by name, found that fail, in sentences.

    Raises TidegateError for a unit test of Python that cannot be read, and when dbt does not start.
    """
    manifest = project.manifest()
    in_python = [each for each in run_unit_tests(manifest, project.folder) if each.model in models]
    failed = [_sentence(each.model, each.name, each.trouble) for each in in_python if each.trouble]
    tests = {id_: each for id_, each in manifest.get("unit_tests", {}).items() if each["model"] in models}
    return failed + (_failed_of_sql(settings, project, graph, tests) if tests else [])


def _failed_of_sql(
    settings: Settings, project: DbtProject, graph: Graph, tests: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    settings.scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.scratch, prefix="unit-tests-") as folder:
        config = _empty_lake(settings, Path(folder))
        # dbt looks up the columns of what a model reads.
        with make_lake(config) as lake:
            create_missing_tables(lake, graph, graph.models.values())
        fqns = [each["fqn"] for each in tests.values()]
        results = run_nodes(project, config, "test", fqns, Window.of_day(settings.start_date))
    return [
        _sentence(each["model"], each["name"], results[unique_id].message)
        for unique_id, each in tests.items()
        if not results[unique_id].good
    ]


def _empty_lake(settings: Settings, folder: Path) -> LakeConfig:
    return dataclasses.replace(
        LakeConfig.of(settings), catalog=f"sqlite:{folder / 'catalog.sqlite'}", data=str(folder / "data")
    )


def _sentence(model: str, test: str, said: str) -> str:
    return f"{model}: the unit test {test} failed: {textwrap.shorten(said, SHOWN, placeholder=' …')}".rstrip(".")
