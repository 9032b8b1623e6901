"""A home that an older version made is brought up to this one when somebody asks for it, and can be put back."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from tests.support.lake.backups import contents_of
from tests.support.lake.older import FIRST_HOME, OLDER_DUCKLAKE, unpacked
from typer.testing import CliRunner

from tidegate.cli import app
from tidegate.errors import TidegateError
from tidegate.lake.catalogs.versions import version_in
from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake
from tidegate.ledger.migrations import STEPS
from tidegate.ledger.upkeep.opening import open_lake
from tidegate.orchestration.instance.dagster_home import make_instance, open_instance
from tidegate.orchestration.instance.upgrading import planned_upgrade, upgrade
from tidegate.settings import load_settings

# Of Dagster's databases, the one before the newest.
OLDER_REVISION = "f495c27d5019"


@pytest.fixture
def tidegate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Run a command on the home `tmp_path`, which must leave with 0, and return what it printed, on one line."""
    monkeypatch.setenv("TIDEGATE_HOME", str(tmp_path))

    def run(*words: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, words)
        assert result.exit_code == code, result.output
        return " ".join(result.output.split())

    return run


def dumped(catalog: Path) -> list[str]:
    """All that is in a catalog. Opening it changes how SQLite keeps it."""
    with closing(sqlite3.connect(catalog)) as con:
        return list(con.iterdump())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("packed", "expected"),
    [
        (FIRST_HOME, [f"to version {len(STEPS)}"]),
        (OLDER_DUCKLAKE, ["goes from DuckLake 0.3 to 1.0", f"to version {len(STEPS)}"]),
    ],
)
def test_it_is_shown_backed_up_done_and_put_back(
    packed: Path, expected: Sequence[str], tmp_path: Path, tidegate: Callable[..., str]
) -> None:
    config = unpacked(packed, tmp_path)
    assert config.catalog_file is not None
    before = dumped(config.catalog_file)
    for words in (("status",), ("init",), ("query", "from serving.daily_sales")):
        if packed == OLDER_DUCKLAKE or words == ("init",):
            assert "tidegate upgrade" in tidegate(*words, code=1)
    said = tidegate("upgrade", "--dry-run")
    assert all(words in said for words in expected)
    assert dumped(config.catalog_file) == before
    assert not (tmp_path / "backups").exists()

    said = tidegate("upgrade")
    assert "A backup was made before" in said
    with open_lake(config, read_only=True) as lake:
        assert lake.con.execute("select count(*) from serving.daily_sales").fetchone() == (7,)
    assert "is up to date. Nothing was changed." in tidegate("upgrade")

    # As the last sentence says.
    (tmp_path / "aside").mkdir()
    for path in (*(tmp_path / "lake").glob("catalog.sqlite*"), tmp_path / "dagster"):
        shutil.move(path, tmp_path / "aside")
    tidegate("restore", *said.partition("and run: tidegate restore ")[2].split())
    assert version_in(config.catalog_file) == ("0.3" if packed == OLDER_DUCKLAKE else "1.0")
    assert dumped(config.catalog_file) == before
    upgrade(load_settings())


@pytest.mark.slow
def test_nothing_is_lost_on_the_way_to_another_ducklake(tmp_path: Path) -> None:
    folders = tmp_path / "older", tmp_path / "now"
    for folder, packed in zip(folders, (OLDER_DUCKLAKE, FIRST_HOME), strict=True):
        folder.mkdir()
        unpacked(packed, folder)
        upgrade(load_settings(home=folder))
    served = []
    for folder in folders:
        settings = load_settings(home=folder)
        with Lake.open(LakeConfig.of(settings), read_only=True) as lake:
            found = contents_of(lake)
        served.append({name: found[name] for name in found if not name.startswith("ops.")})
    assert served[0] == served[1]


# Upgrades a home in children of its own, each of which is killed after a while; says how many did not end before.
KILLED = """
import os, signal, sys, time
from pathlib import Path
from tidegate.orchestration.instance.upgrading import upgrade
from tidegate.settings import load_settings

settings, killed = load_settings(home=Path(sys.argv[1])), 0
for seconds in map(float, sys.argv[2:]):
    child = os.fork()
    if not child:
        upgrade(settings)
        os._exit(0)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    killed += os.WIFSIGNALED(os.waitpid(child, 0)[1])
print(killed)
"""


@pytest.mark.slow
def test_an_upgrade_that_is_killed_again_and_again_is_done_in_the_end(tmp_path: Path) -> None:
    served = []
    for name, moments in (("killed", [0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0]), ("left alone", [])):
        folder = tmp_path / name
        folder.mkdir()
        unpacked(OLDER_DUCKLAKE, folder)
        settings = load_settings(home=folder)
        if moments:
            command = [sys.executable, "-c", KILLED, str(folder), *map(str, moments)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            assert int(done.stdout) > 0, done.stderr
        upgrade(settings)
        assert planned_upgrade(settings) == []
        with open_lake(LakeConfig.of(settings), read_only=True) as lake:
            found = contents_of(lake)
        # The steps of the ledger say when they were taken.
        served.append({table: content for table, content in found.items() if table != "ops.migrations"})
    assert served[0] == served[1]


@pytest.mark.slow
def test_dagsters_databases_are_brought_up_to_date(tmp_path: Path, tidegate: Callable[..., str]) -> None:
    tidegate("init")
    settings = load_settings()
    assert planned_upgrade(settings) == []
    for name in ("runs.db", "runs/index.db"):
        with closing(sqlite3.connect(tmp_path / "dagster" / "history" / name)) as con, con:
            con.execute("update alembic_version set version_num = ?", [OLDER_REVISION])
    assert [sentence.partition(" go from")[0] for sentence in planned_upgrade(settings)] == [
        "Dagster's runs",
        "Dagster's events",
    ]
    upgrade(settings)
    assert planned_upgrade(settings) == []
    make_instance(settings)
    with open_instance(settings) as instance:
        assert instance.get_runs() == []


def test_a_catalog_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    config = unpacked(FIRST_HOME, tmp_path)
    assert config.catalog_file is not None
    with closing(sqlite3.connect(config.catalog_file)) as con, con:
        con.execute("update ducklake_metadata set value = '9.0' where key = 'version'")
    before = dumped(config.catalog_file)
    with pytest.raises(TidegateError, match="newer Tidegate"):
        planned_upgrade(load_settings(home=tmp_path))
    with pytest.raises(TidegateError, match=r"version of DuckLake.*install the Tidegate that wrote to it last"):
        open_lake(config)
    assert dumped(config.catalog_file) == before
