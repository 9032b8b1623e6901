"""Attaching the lake from several processes at once, and the unit of work: whole, once, or again."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest
from duckdb import DuckDBPyConnection

from tidegate.errors import LakeBusyError, LakeMissingError, TidegateError
from tidegate.lake.catalogs.connections import with_limits
from tidegate.lake.config import LakeConfig, attach_statements
from tidegate.lake.connect import Lake
from tidegate.lake.sql import SCHEMAS, literal
from tidegate.lake.trouble import ATTEMPTS_AT_A_FAILING_COMMIT, is_conflict
from tidegate.ledger.schema import LEDGER
from tidegate.ledger.upkeep.opening import open_lake
from tidegate.settings import load_settings

if TYPE_CHECKING:
    from tests.support.lake.shop import Home

SQLITE = LakeConfig("sqlite:/h/c.sqlite", "/h/data", 2, "1GB", Path("/h/spill"), 10.0)
POSTGRES = dataclasses.replace(SQLITE, catalog="postgres:dbname=lake host=db")
S3 = dataclasses.replace(POSTGRES, data="s3://bucket/lake")
# With keepalives and limits, which `test_connections` is about.
REACHED = literal("ducklake:postgres:" + with_limits("dbname=lake host=db"))
RUNS = "ops.pipeline_runs"


@pytest.mark.parametrize(
    ("config", "read_only", "statements"),
    [
        (
            SQLITE,
            False,
            [
                "attach if not exists 'ducklake:sqlite:/h/c.sqlite' as \"lake\" "
                "(data_path '/h/data', create_if_not_exists false, meta_busy_timeout 10000, meta_journal_mode 'WAL')"
            ],
        ),
        (
            dataclasses.replace(SQLITE, catalog="sqlite:/it's/c", data="/it's"),
            True,
            [
                "attach if not exists 'ducklake:sqlite:/it''s/c' as \"lake\" "
                "(data_path '/it''s', create_if_not_exists false, meta_busy_timeout 10000, read_only)"
            ],
        ),
        (
            POSTGRES,
            False,
            [f"attach if not exists {REACHED} as \"lake\" (data_path '/h/data', create_if_not_exists false)"],
        ),
        (
            S3,
            True,
            [
                f'attach if not exists {REACHED} as "lake" '
                "(data_path 's3://bucket/lake', create_if_not_exists false, read_only)"
            ],
        ),
        (
            dataclasses.replace(S3, s3_endpoint="http://127.0.0.1:9000/"),
            False,
            [
                "set global s3_endpoint = '127.0.0.1:9000'",
                "set global s3_use_ssl = false",
                "set global s3_url_style = 'path'",
                f'attach if not exists {REACHED} as "lake" '
                "(data_path 's3://bucket/lake', create_if_not_exists false)",
            ],
        ),
    ],
)
def test_the_lake_is_attached_by(config: LakeConfig, read_only: bool, statements: list[str]) -> None:
    assert attach_statements(config, read_only) == statements


def test_only_the_needed_extensions_are_loaded() -> None:
    assert SQLITE.extensions == ("ducklake", "sqlite_scanner")
    assert S3.extensions == ("ducklake", "postgres_scanner", "httpfs")


def test_config_comes_from_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9000")
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    config = LakeConfig.of(load_settings(home=tmp_path, threads=3, lake_patience=7))
    assert config == LakeConfig(
        f"sqlite:{tmp_path}/lake/catalog.sqlite", f"{tmp_path}/lake/data", 3, "2500MB",
        tmp_path / "scratch" / "spill", 7.0, "http://127.0.0.1:9000", True, "eu-north-1",
    )  # fmt: skip


def test_a_password_in_the_catalog_is_refused_and_not_repeated() -> None:
    with pytest.raises(TidegateError, match="PGPASSWORD") as refusal:
        dataclasses.replace(POSTGRES, catalog="postgres:dbname=lake password=hunter2")
    assert "hunter2" not in str(refusal.value)


def test_an_unknown_catalog_is_refused() -> None:
    with pytest.raises(TidegateError, match="TIDEGATE_LAKE_CATALOG"):
        dataclasses.replace(POSTGRES, catalog="mysql:db=lake")


def test_a_new_lake_has_its_schemas_and_ledger(home: Home) -> None:
    lake = home.open()
    schemas = lake.con.execute("select schema_name from duckdb_schemas() where database_name = 'lake'").fetchall()
    assert {name for (name,) in schemas} == {*SCHEMAS, "main"}
    for table, columns in LEDGER.items():
        described = lake.con.execute(f"describe ops.{table}").fetchall()
        assert [name for name, *_ in described] == list(columns)


def test_opening_again_commits_nothing(home: Home) -> None:
    def snapshots() -> object:
        with open_lake(home.config) as lake:
            return lake.con.execute("select count(*) from lake.snapshots()").fetchone()

    assert snapshots() == snapshots()


def test_a_ledger_table_that_a_later_version_adds_is_created(home: Home) -> None:
    home.open().con.execute("drop table ops.pipeline_runs")
    with open_lake(home.config) as lake:
        assert lake.con.execute("select count(*) from ops.pipeline_runs").fetchone() == (0,)


def test_the_session_is_utc_and_never_asks_a_network(lake: Lake) -> None:
    settings = dict(
        lake.con.execute(
            "select name, value from duckdb_settings() where name = 'TimeZone' or name like 'auto%known_extensions'"
        ).fetchall()
    )
    assert settings == {
        "TimeZone": "UTC",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }


HAS_BAR = """
import sys
from pathlib import Path
from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake
from tidegate.lake.extensions import connect_with
catalog, data, spill = sys.argv[1:]
# Attaching may take two seconds as well.
before = connect_with([])
with Lake.open(LakeConfig(catalog, data, 1, "1GB", Path(spill), 10.0)) as lake:
    for con in (before, lake.con):
        print(con.execute("select current_setting('enable_progress_bar')").fetchone())
"""


def test_a_process_that_began_without_a_file_draws_no_bar_into_its_output(home: Home) -> None:
    """Regression: DuckDB took it for a person at a prompt."""
    home.open()
    where = (home.config.catalog, home.config.data, str(home.config.spill))
    ran = subprocess.run([sys.executable, "-c", HAS_BAR, *where], capture_output=True, text=True, check=True)
    assert ran.stdout == "(False,)\n" * 2


def test_there_is_no_lake_yet(bare_home: Home) -> None:
    for read_only in (True, False):
        with pytest.raises(LakeMissingError, match=r"There is no lake at .* tidegate init$"):
            bare_home.open(read_only)
    assert list(bare_home.config.spill.parent.iterdir()) == []


@pytest.mark.parametrize("catalog", ["mistyped", "emptied"])
def test_a_lake_is_never_made_over_data_that_it_does_not_know(home: Home, catalog: str) -> None:
    """Regression: a mistyped catalog was taken for a new lake, and maintenance then deleted all files as nobody's."""
    home.open().con.execute("create table raw.orders as from range(1000)")
    before = set(Path(home.config.data).rglob("*.parquet"))
    if catalog == "mistyped":
        config = dataclasses.replace(home.config, catalog=home.config.catalog.replace("catalog", "catalogue"))
    else:
        config = home.config
        assert config.catalog_file
        config.catalog_file.write_bytes(b"")
    for attempt in (Lake.open, lambda config: open_lake(config, read_only=True), Lake.make):
        with pytest.raises(TidegateError, match=r"(There is no lake|holds no lake, and the data folder)"):
            attempt(config)
    assert set(Path(home.config.data).rglob("*.parquet")) == before
    assert config.catalog_file
    assert config.catalog_file.exists() == (catalog == "emptied")


def test_a_lake_that_was_moved_or_is_none_is_told_in_a_sentence(home: Home) -> None:
    home.open().close()
    moved = dataclasses.replace(home.config, data="/elsewhere")
    with pytest.raises(
        TidegateError, match=r"data /elsewhere cannot be opened: .*does not match existing data path"
    ) as told:
        open_lake(moved)
    # DuckLake's own advice would lose the files.
    assert "OVERRIDE" not in str(told.value)
    assert "restore a backup at the new one" in str(told.value)
    catalog = home.config.catalog_file
    assert catalog is not None
    catalog.write_bytes(b"no database at all" * 100)
    with pytest.raises(TidegateError, match=r"TIDEGATE_LAKE_CATALOG\) is damaged, or is not a catalog"):
        home.open(read_only=True)


def test_a_reader_cannot_write(home: Home) -> None:
    home.open()
    reader = home.open(read_only=True)
    with pytest.raises(duckdb.Error, match="read-only"):
        reader.con.execute(f"insert into {RUNS} (run_id) values ('x')")


@pytest.mark.slow
def test_processes_that_make_a_lake_at_once_all_get_it(bare_home: Home) -> None:
    processes = [bare_home.start("make_at_once") for _ in range(4)]
    for process in processes:
        process.wait_for("ready")
    for process in processes:
        process.tell("go")
    assert [process.result() for process in processes] == [str(len(LEDGER))] * 4
    with bare_home.open() as lake:
        tables = lake.con.execute("select table_name from duckdb_tables() where schema_name = 'ops'").fetchall()
        assert sorted(tables) == sorted((name,) for name in LEDGER)


@pytest.mark.slow
def test_processes_install_missing_extensions_at_once(home: Home, tmp_path: Path) -> None:
    # With it, these would take the files that were checked elsewhere.
    home.config.checked_extensions.unlink()
    processes = [home.start("make_at_once", env={"HOME": str(tmp_path)}) for _ in range(3)]
    for process in processes:
        process.wait_for("ready")
    for process in processes:
        process.tell("go")
    assert [process.result() for process in processes] == [str(len(LEDGER))] * 3
    installed = [path.name for path in tmp_path.rglob("*.duckdb_extension")]
    assert sorted(installed) == ["ducklake.duckdb_extension", "sqlite_scanner.duckdb_extension"]


def count(lake: Lake) -> int:
    row = lake.con.execute(f"select count(*) from {RUNS}").fetchone()
    assert row is not None
    return int(row[0])


def add_run(con: DuckDBPyConnection) -> str:
    con.execute(f"insert into {RUNS} (run_id) values ('x')")
    return "added"


def test_a_unit_of_work_commits_and_returns(lake: Lake) -> None:
    assert lake.unit_of_work(add_run) == "added"
    assert count(lake) == 1


@pytest.mark.parametrize("error", [ValueError("a bug"), KeyboardInterrupt()])
def test_a_unit_of_work_that_raises_changes_nothing_and_is_not_repeated(lake: Lake, error: BaseException) -> None:
    attempts = []

    def work(con: DuckDBPyConnection) -> None:
        attempts.append(1)
        add_run(con)
        raise error

    with pytest.raises(type(error)):
        lake.unit_of_work(work)
    assert (len(attempts), count(lake)) == (1, 0)
    lake.unit_of_work(add_run)
    assert count(lake) == 1


def test_wrong_sql_is_a_bug_and_not_repeated(lake: Lake) -> None:
    attempts = []

    def work(con: DuckDBPyConnection) -> None:
        attempts.append(1)
        con.execute("create table raw.t (i integer); create table raw.t (i integer)")

    with pytest.raises(duckdb.CatalogException, match="already exists"):
        lake.unit_of_work(work)
    assert len(attempts) == 1


def test_a_conflict_runs_the_whole_unit_again(home: Home) -> None:
    lake, intruder = home.open(), home.open()
    attempts = []

    def work(con: DuckDBPyConnection) -> int:
        attempts.append(1)
        add_run(con)
        if len(attempts) <= 2:
            # Takes no turn, as dbt or another tool.
            add_run(intruder.con)
        return len(attempts)

    assert lake.unit_of_work(work) == 3
    assert count(lake) == 3


def test_conflicts_beyond_patience_say_so(home: Home) -> None:
    lake, intruder = home.open(patience=0.3), home.open()

    def work(con: DuckDBPyConnection) -> None:
        add_run(con)
        add_run(intruder.con)

    with pytest.raises(LakeBusyError, match=r"within 0.3 s because of other writers .*locked.*Run it again") as busy:
        lake.unit_of_work(work)
    assert isinstance(busy.value.__cause__, duckdb.Error)
    assert lake.con.execute(f"select count(*) < 100 from {RUNS}").fetchone() == (True,)


def test_writers_wait_for_their_turn_and_say_for_whom(home: Home) -> None:
    lake, waiter = home.open(), home.open(patience=0.2)
    with lake.turn():
        lake.unit_of_work(add_run)
        with pytest.raises(LakeBusyError, match=r"because of process \d+ on "):
            waiter.unit_of_work(add_run)
    waiter.unit_of_work(add_run)
    assert count(lake) == 2


def test_a_killed_writer_leaves_its_turn(home: Home) -> None:
    lake = home.open(patience=5.0)
    holder = home.start("hold_turn")
    holder.wait_for("held")
    holder.kill()
    lake.unit_of_work(add_run)
    assert count(lake) == 1


def test_a_reader_is_not_blocked_by_a_unit_of_work(home: Home) -> None:
    lake = home.open()
    reader = home.open(read_only=True)

    def work(con: DuckDBPyConnection) -> int:
        con.execute(f"insert into {RUNS} (run_id) select i from range(1000) as r(i)")
        # Blocked, it would wait for a commit that only comes after it.
        return count(reader)

    assert lake.unit_of_work(work) == 0
    assert count(reader) == 1000


@pytest.mark.slow
def test_a_long_unit_gets_through_beside_constant_small_commits(home: Home) -> None:
    lake = home.open()
    other = home.start("commit_often", 40)
    other.wait_for("ready")
    other.tell("go")
    for _ in range(5):
        lake.unit_of_work(lambda con: [add_run(con) for _ in range(5)])
    other.wait_for("done")
    assert count(lake) == 25 + 40


COMMIT = "TransactionContext Error: Failed to commit: Failed to commit DuckLake transaction.\n"


@pytest.mark.parametrize(
    ("message", "conflict"),
    [
        (COMMIT + "Failed to flush changes into DuckLake: database is locked", True),
        (COMMIT + "Transaction conflict - attempting to insert into table with index 13 - but another", True),
        (COMMIT + 'Failed to write: Duplicate key "snapshot_id: 61" violates primary key constraint.', True),
        (COMMIT + "doppelter Schlüsselwert verletzt Unique-Constraint »ducklake_snapshot_pkey«", True),
        ('ERROR:  duplicate key value violates unique constraint "ducklake_snapshot_pkey"', True),
        ("ERROR:  could not serialize access due to concurrent update", True),
        ("ERROR:  deadlock detected", True),
        ('Failed to initialize DuckLake: Failed to execute query "CREATE TABLE": database is locked', True),
        (COMMIT + "IO Error: Could not write file: No space left on device", False),
        (COMMIT + "Failed to flush changes into DuckLake: unterminated quoted string", False),
        ("Catalog Error: Table with name t already exists!", False),
        ("Conversion Error: Could not convert string 'x' to INT64", False),
        ("Out of Memory Error: could not allocate block", False),
    ],
)
def test_only_what_another_writer_caused_is_a_conflict(message: str, conflict: bool) -> None:
    assert is_conflict(duckdb.Error(message)) is conflict
    assert not is_conflict(ValueError(message))


def test_a_commit_that_fails_for_another_reason_is_given_up_soon(lake: Lake) -> None:
    attempts = []

    def work(con: DuckDBPyConnection) -> None:
        attempts.append(1)
        # DuckLake 1.0 cannot commit a NUL inside a list; it stands for a full disk here.
        con.execute("create table raw.t as select ['a' || chr(0)] as l")

    with pytest.raises(duckdb.TransactionException, match="Failed to commit"):
        lake.unit_of_work(work)
    assert len(attempts) == ATTEMPTS_AT_A_FAILING_COMMIT
