"""The command line: what it prints, what it refuses, and that errors are sentences and never traces."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support.lake.copied import new_lake, put_lake
from typer.testing import CliRunner, Result

from tidegate.cli import app
from tidegate.lake.config import LakeConfig
from tidegate.ledger.upkeep.opening import open_lake
from tidegate.orchestration.instance.dagster_home import make_instance
from tidegate.settings import CHECKOUT, load_settings


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIDEGATE_PROJECT", str(CHECKOUT))
    monkeypatch.setenv("TIDEGATE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="module")
def made_figures(tmp_path_factory: pytest.TempPathFactory) -> LakeConfig:
    """A lake with one published table, as promote leaves it."""
    config = LakeConfig.of(load_settings(home=tmp_path_factory.mktemp("figures")))
    with new_lake(config) as lake:
        lake.con.execute("create table serving.daily_sales (order_date date, net_revenue decimal(38, 4), note varchar)")
        lake.con.execute(
            "insert into serving.daily_sales values ('2024-01-01', 10.5, '[red]'), ('2024-01-02', null, 'a,\"b')"
        )
    return config


@pytest.fixture
def figures(home: Path, made_figures: LakeConfig) -> None:
    """A copy of it in this test's home."""
    put_lake(LakeConfig.of(load_settings()), made_figures)


def tidegate(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def refused(*words: str) -> str:
    result = tidegate(*words)
    assert result.exit_code == 1, result.output
    assert "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return " ".join(result.output.split())


@pytest.mark.usefixtures("figures")
def test_query_prints_csv_that_reads_back() -> None:
    result = tidegate("query", "from serving.daily_sales order by 1", "--format", "csv")

    assert list(csv.reader(io.StringIO(result.stdout))) == [
        ["order_date", "net_revenue", "note"],
        ["2024-01-01", "10.5000", "[red]"],
        ["2024-01-02", "", 'a,"b'],
    ]


@pytest.mark.usefixtures("figures")
def test_query_prints_json_that_reads_back() -> None:
    result = tidegate("query", "from serving.daily_sales order by 1", "--format", "json")

    assert json.loads(result.stdout)[0] == {"order_date": "2024-01-01", "net_revenue": "10.5000", "note": "[red]"}


@pytest.mark.usefixtures("figures")
def test_query_prints_a_table_with_values_as_they_are() -> None:
    result = tidegate("query", "from serving.daily_sales")

    assert "10.5000" in result.stdout
    assert "[red]" in result.stdout


@pytest.mark.usefixtures("figures")
def test_query_only_reads(tmp_path: Path) -> None:
    """What else is refused is in tests/lake/reading/test_query.py."""
    assert "reads the lake and nothing else" in refused("query", "from duckdb_settings()")
    assert "only reads" in refused("query", "explain analyze copy (select 1) to 'stolen.csv'")
    assert "only reads" in refused("query", "delete from serving.daily_sales")

    assert not (tmp_path / "stolen.csv").exists()
    assert tidegate("query", "select count(*) as days from serving.daily_sales", "--format", "csv").stdout.split() == [
        "days",
        "2",
    ]


@pytest.mark.usefixtures("figures")
def test_a_query_that_does_not_work_says_why() -> None:
    assert "The query does not work" in refused("query", "from serving.no_such_table")


@pytest.mark.usefixtures("figures")
def test_a_query_can_go_back_in_time() -> None:
    then = dt.datetime.now(dt.UTC).isoformat()
    with open_lake(LakeConfig.of(load_settings())) as lake:
        lake.con.execute("delete from serving.daily_sales where order_date = '2024-01-02'")
    count = "select count(*) as days from serving.daily_sales"

    assert tidegate("query", count, "--as-of", then, "--format", "csv").stdout.split() == ["days", "2"]
    assert tidegate("query", count, "--format", "csv").stdout.split() == ["days", "1"]
    assert "only reads" in refused("query", "delete from serving.daily_sales", "--as-of", then)
    assert "There was no lake at 2001-09-09T00:00:00Z" in refused("query", count, "--as-of", "2001-09-09")
    assert "'last week' is not a moment" in refused("query", count, "--as-of", "last week")


READING = [
    "status",
    "query values(1)",
    "shell",
    "publications --partition 2024-01-01",
    "check-reads --partition 2024-01-01",
    "quarantine list",
    "quarantine show --source orders --partition 2024-01-01",
    "doctor",
    "repair --dry-run",
    "upgrade --dry-run",
    "tables",
    "quality",
    "breaker list",
    "incidents list",
    "changes",
    "history --partition 2024-01-01",
]
WRITING = [
    "run --partition 2024-01-01",
    "run --partition 2024-01-08 --cadence weekly",
    "backfill --from 2024-01-01 --to 2024-01-02",
    "restate",
    "outputs",
    "maintain",
    "rollback --partition 2024-01-01 --to 20240101-0",
    "quarantine replay --source orders --partition 2024-01-01",
    "breaker close orders",
    "backup",
    "upgrade",
    "repair",
]


@pytest.mark.parametrize("command", [*READING, *WRITING])
def test_only_init_makes_a_home(command: str, tmp_path: Path) -> None:
    assert "tidegate init" in refused(*command.split())
    assert list(tmp_path.iterdir()) == []


def test_help_makes_no_home(tmp_path: Path) -> None:
    for command in ([], ["run"], ["maintain"], ["demo", "shop"]):
        assert tidegate(*command, "--help").exit_code == 0
    assert list(tmp_path.iterdir()) == []


def test_days_that_are_none_are_refused() -> None:
    assert "'yesterday' is not a day" in refused("run", "--partition", "yesterday")
    assert "cannot end" in refused("backfill", "--from", "2024-01-05", "--to", "2024-01-01")
    assert "cannot end" in refused("quarantine", "list", "--from", "2024-01-05", "--to", "2024-01-01")
    assert "has not ended yet" in refused("backfill", "--from", "2024-01-05", "--to", "9999-12-31")
    assert "before the first partition" in refused("run", "--partition", "2019-01-01")
    assert "has not ended yet" in refused("run", "--partition", "2999-01-01")


@pytest.mark.usefixtures("figures")
def test_a_day_without_publications_says_so() -> None:
    assert "2024-01-01 was never published" in refused("publications", "--partition", "2024-01-01")
    assert "'x' is not a day" in refused("publications", "--partition", "x")
    assert "'x' is not a day" in refused("rollback", "--partition", "x", "--to", "20240101-0")


def test_only_a_source_with_a_contract_is_rebuilt() -> None:
    assert "There is no source nothing" in refused("rebuild", "nothing")


def test_settings_that_do_not_work_are_named_without_their_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEGATE_CHUNK_DAYS", "s3cret")
    told = refused("status")

    assert "TIDEGATE_CHUNK_DAYS" in told
    assert "s3cret" not in told


def test_a_contract_that_cannot_work_is_told_with_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contracts = tmp_path / "contracts"
    contracts.mkdir()
    (contracts / "orders.odcs.yaml").write_text("apiVersion: v3.1.0\nkind: DataContract\nschemas: []\n")
    monkeypatch.setenv("TIDEGATE_CONTRACTS", str(contracts))

    assert "orders.odcs.yaml:3" in refused("run", "--partition", "2024-01-01")


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """No file grows beyond so many bytes, as after `ulimit -f`, or on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    writes_bytecode = not sys.dont_write_bytecode
    # Python would leave a compiled module that is cut short, and no process could import that module again.
    sys.dont_write_bytecode = True
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        sys.dont_write_bytecode = not writes_bytecode


@pytest.mark.slow
@pytest.mark.usefixtures("figures")
@pytest.mark.parametrize(
    "words", [("init",), ("maintain",), ("breaker", "close", "orders"), ("demo", "shop", "--days", "1")]
)
def test_a_command_without_room_to_write_says_so_and_works_once_there_is(words: tuple[str, ...]) -> None:
    make_instance(load_settings())

    with files_up_to(1000):
        said = refused(*words)
    assert "limit" in said or "File too large" in said
    assert "damaged" not in said
    assert tidegate(*words).exit_code == 0


def test_the_demo_shop_says_what_is_wrong_with_it(home: Path) -> None:
    result = tidegate("demo", "shop", "--days", "5", "--orders-per-day", "40")

    assert result.exit_code == 0, result.output
    assert "far too many" in result.output
    assert (home / "landing" / "orders" / "us-east" / "2024-01-01" / "_SUCCESS").exists()


def test_the_demo_replaces_nobody_elses_deliveries(home: Path) -> None:
    delivered = home / "landing" / "orders" / "eu-west" / "2024-01-01" / "orders.csv"
    delivered.parent.mkdir(parents=True)
    delivered.write_text("somebody's")

    assert "did not write" in refused("demo", "shop", "--days", "1")
    assert "did not write" in refused("demo", "tour")
    assert delivered.read_text() == "somebody's"


@pytest.mark.usefixtures("figures")
def test_quarantine_of_an_unknown_source_is_refused() -> None:
    for asked in ("replay", "show"):
        assert "There is no source" in refused("quarantine", asked, "--source", "x", "--partition", "2024-01-01")
    assert "There is no source" in refused("quarantine", "list", "--source", "x")


@pytest.mark.usefixtures("figures")
def test_quarantine_of_a_source_without_any_is_empty() -> None:
    listed = tidegate("quarantine", "list", "--source", "orders", "--to", "9999-12-31")
    assert "Nothing is in quarantine" in listed.output


def test_a_query_before_anything_is_published_says_so(home: Path) -> None:
    put_lake(LakeConfig.of(load_settings()))
    assert "Nothing was published" in refused("query", "from serving.daily_sales")
    assert "Nothing was published" not in refused("query", "selec 1")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project without anything in it."""
    monkeypatch.setenv("TIDEGATE_CONTRACTS", str(tmp_path / "contracts"))
    monkeypatch.setenv("TIDEGATE_DBT_PROJECT", str(tmp_path / "dbt"))


CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: things
version: 1.0.0
servers:
  - {server: us, type: local, path: "things/{day}"}
schema:
  - name: things
    properties:
      - {name: id, logicalType: integer}
"""


@pytest.mark.usefixtures("project")
def test_a_contract_is_compared_with_one_of_any_name_and_what_breaks_ends_with_1(tmp_path: Path) -> None:
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_text(CONTRACT)
    new.write_text(CONTRACT)
    same = tidegate("contract", "diff", str(old), str(new))
    assert (same.exit_code, same.output) == (0, "Both contracts of things promise and demand the same.\n")

    new.write_text(CONTRACT.replace("integer", "string"))
    assert "breaks   column id: BIGINT → VARCHAR" in refused("contract", "diff", str(old), str(new)).replace(
        "breaks column", "breaks   column"
    )
    new.write_text(CONTRACT.replace("integer", "string").replace("1.0.0", "2.0.0"))
    said = tidegate("contract", "diff", str(old), str(new), "--format", "json")
    assert said.exit_code == 0
    assert json.loads(said.stdout)["changes"] == [{"change": "column id: BIGINT → VARCHAR", "breaks": True}]


@pytest.mark.usefixtures("project")
def test_a_drafted_contract_is_written_with_its_dbt_files_and_never_over_others(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("id,amount\nA1,1.50\n")
    assert tidegate("contract", "draft", "orders.csv").exit_code == 0
    written = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*orders*") if path.suffix != ".csv")
    assert written == [
        "contracts/orders.odcs.yaml",
        "dbt/models/staging/raw_orders.yml",
        "dbt/models/staging/stg_orders.sql",
        "dbt/models/staging/stg_orders.yml",
    ]
    assert json.loads(tidegate("contract", "check", "--format", "json").stdout) == {"contracts": 1, "errors": []}
    assert "is there already" in refused("contract", "draft", "orders.csv")
    shown = tidegate("contract", "draft", "orders.csv", "--show")
    assert shown.stdout == (tmp_path / "contracts" / "orders.odcs.yaml").read_text()


@pytest.mark.usefixtures("figures", "project")
def test_tables_lists_what_is_published_and_the_columns_of_one() -> None:
    assert json.loads(tidegate("tables", "--format", "json").stdout) == [
        {"table": "daily_sales", "rows": None, "partitions": None, "newest": None, "description": ""}
    ]
    columns = json.loads(tidegate("tables", "daily_sales", "--format", "json").stdout)
    assert [column["column"] for column in columns] == ["order_date", "net_revenue", "note"]
    assert "There are: daily_sales." in refused("tables", "sales")


@pytest.mark.usefixtures("figures")
def test_a_query_is_read_from_a_file_or_standard_input_and_shows_the_published_tables(tmp_path: Path) -> None:
    (tmp_path / "q.sql").write_text("select count(*) as n from daily_sales")
    for said in (
        tidegate("query", "--file", "q.sql", "--format", "csv"),
        CliRunner().invoke(app, ["query", "-", "--format", "csv"], input="select 2 as n"),
    ):
        assert said.stdout == "n\n2\n"
    assert "daily_sales" in tidegate("query", "show tables", "--format", "csv").stdout.splitlines()
    for words in ((), ("select 1", "--file", "q.sql")):
        assert "Say one statement" in refused("query", *words)
    assert "cannot be read" in refused("query", "--file", "nosuch.sql")


def test_days_in_quarantine_are_one_or_a_range() -> None:
    assert "and not both" in refused(
        "quarantine", "show", "--source", "orders", "--partition", "2024-01-01", "--from", "2024-01-01"
    )
