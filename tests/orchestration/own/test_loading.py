"""A user's definitions are taken over whole, or left out with the file and the line that is wrong."""

from __future__ import annotations

import textwrap
from pathlib import Path

import dagster as dg
import pytest
from tests.support.runs.home import settings_of

from tidegate.home import Home
from tidegate.orchestration.own.loading import BROKEN, Trouble, with_own_definitions

SOUND = """
import dagster as dg
from tidegate.dagster import TidegateResource, daily_partitions

@dg.asset(partitions_def=daily_partitions())
def mine(context: dg.AssetExecutionContext, tidegate: TidegateResource) -> None:
    '''Mine.'''

defs = dg.Definitions(assets=[mine])
"""


@dg.asset(name="daily_sales", key_prefix="serving")
def tidegates() -> None:
    """Stands for all that Tidegate makes."""


def load(folder: Path, text: str | None, **settings: object) -> tuple[dg.Definitions, Trouble | None]:
    file = folder / "python" / "definitions.py"
    if text is not None:
        file.parent.mkdir()
        file.write_text(textwrap.dedent(text))
    home = Home(settings_of(folder / "home", project=folder, **{"defs": file, **settings}))
    return with_own_definitions(home, dg.Definitions(assets=[tidegates]))


def keys(definitions: dg.Definitions) -> set[str]:
    return {key.to_user_string() for key in definitions.resolve_asset_graph().get_all_asset_keys()}


def test_without_a_file_nothing_is_added(tmp_path: Path) -> None:
    definitions, trouble = load(tmp_path, None)
    assert (keys(definitions), trouble) == ({"serving/daily_sales"}, None)


def test_assets_are_beside_tidegates_and_have_its_resource(tmp_path: Path) -> None:
    definitions, trouble = load(tmp_path, SOUND)
    assert trouble is None
    assert keys(definitions) == {"serving/daily_sales", "mine"}
    assert "tidegate" in definitions.resolve_job_def("__ASSET_JOB").resource_defs


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("import dagster as dg\ndef f(:\n", 2, "invalid syntax"),
        ("import dagster\n\nx = 1 / 0\n", 3, "ZeroDivisionError: division by zero"),
        ("import nothing_of_this_name\n", 1, "No module named 'nothing_of_this_name'"),
        ("from tidegate.dagster import daily_partition\n", 1, "cannot import name 'daily_partition'"),
        ("raise SystemExit(3)\n", 1, "SystemExit: 3"),
        ("import dagster\n", None, "it has no `defs`"),
        ("defs = 3\n", None, "it has no `defs`"),
        ("", None, "it has no `defs`"),
        (
            "import dagster as dg\n"
            "@dg.asset(key=['serving', 'daily_sales'])\ndef again() -> None: ...\n"
            "defs = dg.Definitions(assets=[again])\n",
            None,
            "daily_sales",
        ),
    ],
)
def test_a_broken_file_says_where_and_the_rest_loads(tmp_path: Path, text: str, line: int | None, says: str) -> None:
    definitions, trouble = load(tmp_path, text)

    assert keys(definitions) == {"serving/daily_sales", BROKEN.to_user_string()}
    assert trouble is not None
    assert (trouble.file, trouble.line) == (tmp_path / "python" / "definitions.py", line)
    assert says in trouble.what
    shown = definitions.resolve_asset_graph().get(BROKEN)
    assert shown.description == trouble.sentence
    dg.Definitions.validate_loadable(definitions)


def test_an_error_in_a_module_beside_it_names_that_module(tmp_path: Path) -> None:
    (tmp_path / "python").mkdir()
    beside = tmp_path / "python" / "of_this_test_only.py"
    beside.write_text("def rate():\n    return {}['euro']\n")
    file = tmp_path / "python" / "definitions.py"
    file.write_text("from of_this_test_only import rate\nrate()\n")
    _, trouble = load(tmp_path, None)

    assert trouble is not None
    assert (trouble.file, trouble.line, trouble.what) == (beside, 2, "KeyError: 'euro'")


def test_a_file_that_is_named_and_is_not_there_is_trouble(tmp_path: Path) -> None:
    _, trouble = load(tmp_path, None, defs=tmp_path / "other.py")
    assert trouble is not None
    assert "there is no such file" in trouble.sentence
