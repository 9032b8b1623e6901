"""`tidegate query`: what reads the lake is answered; all else is refused, by DuckDB's locks and by the statement."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from tests.support.lake.copied import new_lake
from tests.support.lake.shop import config_in

from tidegate.errors import TidegateError
from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake
from tidegate.lake.extensions import connect_with
from tidegate.lake.reading import query
from tidegate.lake.reading.query import confine, run_query
from tidegate.lake.reading.statements import REACHING_FUNCTIONS, reading_statement
from tidegate.ledger.upkeep.opening import open_lake

READING = [
    "select count(*) from serving.t",
    "SELECT i FROM lake.Serving.T ORDER BY i LIMIT 1;",
    "from serving.t at (version => {version})",
    "from serving.v",
    "select serving.plus1(1)",
    "from latest()",
    "with x as (select 1) from x",
    "with recursive x as (select 1 as i union all select i + 1 from x where i < 3) from x",
    "select a.i from serving.t a join serving.t b using (i), lateral (select a.i) where exists (from serving.v)",
    "select i, row_number() over (order by i), sum(i) filter (where i > 1) over () from serving.t",
    "select 1 as read_text, 'from duckdb_settings()' as getenv",
    "pivot serving.t on s in ('1', '2') using sum(i)",
    "unpivot serving.t on i",
    "values (1)",
    "table serving.t",
    "describe serving.t",
    "summarize serving.t",
    "show tables",
    "show all tables",
    "explain select 1",
    "explain analyze select count(*) from serving.t",
    "EXPLAIN/* x */ANALYZE-- y\r (select 1)",
    "explain (analyze, format json) select 'é'",
    "explain (select 1)",
    "from information_schema.tables",
    "select table_name, comment from duckdb_tables()",
    "select * from lake.snapshots()",
    "from ducklake_list_files('lake', 't', schema => 'serving')",
    "select unnest(range(3)), json_extract('[1]', '$[0]'), now(), random()",
    "-- a comment ended by a carriage return\rselect 1",
]

ELSE = [
    # other statements, alone, behind a select, and explained
    "insert into serving.t values (1, 'x')",
    "with x as (select 1 as i, 's' as s) insert into serving.t from x",
    "delete from serving.t",
    "create temp table x as select 1",
    "create macro f() as 1",
    "create secret s (type s3)",
    "copy (select 1) to '{folder}/written'",
    "export database '{folder}/written'",
    "attach '{folder}/written' as x",
    "load json",
    "set threads = 1",
    "set variable x = 1",
    "reset threads",
    "use memory",
    "begin",
    "checkpoint lake",
    "detach lake",
    "vacuum",
    "prepare p as select 1",
    "execute p",
    "call enable_logging(storage_path = '{folder}/written')",
    "pragma database_list",
    "pragma json_execute_serialized_sql(json_serialize_sql('select 1'))",
    "",
    "-- only a comment",
    "select 1; select 2",
    "select 1 -- x\r; delete from serving.t",
    "explain select 1; delete from serving.t",
    "explain analyze delete from serving.t",
    "explain (analyze) copy (select 1) to '{folder}/written'",
    "explain/**/analyze--\rdelete from serving.t",
    "/* explain */ EXPLAIN -- analyze\n (analyze, format json) copy (select 1) to '{folder}/written'",
    "explain /* select */ analyze /* select */ copy (select 1) to '{folder}/written'",
    "explain execute p",
    # files
    "from read_text('/etc/passwd')",
    "from \"READ_TEXT\"/* x */--\r('/etc/passwd')",
    "from read_blob('{data}/../catalog.sqlite')",
    "from glob('/etc/*')",
    "from sniff_csv('/etc/passwd')",
    "from parquet_metadata('{data}/**')",
    "select (select content from read_text('/etc/passwd'))",
    "from serving.t, lateral (from read_text(s))",
    "select i from serving.t limit (select length(content) from read_text('/etc/passwd'))",
    "from enable_logging(storage_path = '{data}/written')",
    "explain analyze from enable_logging(storage_path = '{data}/written')",
    # a text that becomes SQL
    "from query('select 1')",
    "from query_table(['pg_settings'])",
    "from histogram_values('pg_settings', setting)",
    "from json_execute_serialized_sql(json_serialize_sql('select ' || '1'))",
    "from json_execute_serialized_sql--\r(json_serialize_sql('select 1'))",
    "select json_serialize_plan('select current_setting(''threads'')', optimize := true)",
    # settings, secrets, environment, memory of this process
    "select getenv('HOME')",
    "select current_setting('s3_secret_access_key')",
    "select system.main.\"Current_Setting\"('threads')",
    "select list_transform(['threads'], lambda x: current_setting(x))",
    "select * replace (current_setting('threads') as s) from serving.t",
    "select columns(c -> current_setting('threads') <> c) from serving.t",
    "select sum(i) over (order by current_setting('threads')) from serving.t",
    "select sum(i) filter (where current_setting('threads') = '1') from serving.t order by current_setting('threads')",
    "from serving.t at (timestamp => current_setting('TimeZone')::timestamp)",
    "describe select current_setting('threads')",
    "values (current_setting('threads'))",
    "from duckdb_settings()",
    "summarize from duckdb_settings()",
    "pivot duckdb_settings() on name in ('threads') using first(value)",
    "select 1 union all select count(*) from duckdb_settings()",
    "with recursive x as (select 1 as i union all select i + 1 from x, duckdb_settings() where i < 2) from x",
    "from pg_settings",
    'from "PG_SETTINGS"',
    "from pg_catalog.pg_settings",
    "from main.pg_settings",
    "from lake.pg_settings",
    "from system.pg_catalog.pg_settings",
    "show pg_settings",
    "from pg_settings, (with pg_settings as (select 1) from pg_settings)",
    "from duckdb_secrets(redact = false)",
    "from which_secret('s3://x', 's3')",
    "from duckdb_logs",
    "from duckdb_variables()",
    "from pandas_scan(1)",
    "from load_aws_credentials()",
    # the lake's upkeep, and the catalog beneath it
    "from ducklake_cleanup_old_files('lake', cleanup_all => true)",
    "from ducklake_expire_snapshots('lake', older_than => now())",
    "from lake.ducklake_Delete_Orphaned_Files('lake', cleanup_all => true)",
    "from lake.merge_adjacent_files()",
    "from lake.set_option('parquet_compression', 'zstd')",
    "from checkpoint('lake')",
    "from __ducklake_metadata_lake.ducklake_snapshot",
    'from "__DUCKLAKE_METADATA_lake".main.ducklake_snapshot',
    "from sqlite_query('__ducklake_metadata_lake', 'select 1')",
    "from sqlite_scan('{data}/../catalog.sqlite', 'ducklake_snapshot')",
    "from postgres_execute('__ducklake_metadata_lake', 'drop table x')",
]

# The names of the functions that were looked at.
LOOKED_AT = "37f8db0e72f001cd5b5b3ece4becd7143f8eba5cbd35aa914c931ca407e073a1"

# The same doors, knocked at without a look at the statement first.
LOCKED = [
    "from read_text('/etc/passwd')",
    "from '/etc/passwd.csv'",
    "from glob('/etc/*')",
    "copy (select 1) to '{folder}/written'",
    "attach '{folder}/written' as x",
    "set enable_external_access = true",
    "set lock_configuration = false",
    "set allow_unredacted_secrets = true",
    "insert into serving.t values (1, 'x')",
    "from ducklake_expire_snapshots('lake', older_than => now())",
]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> LakeConfig:
    """A lake with a table, a view of it and macros."""
    config = config_in(tmp_path_factory.mktemp("home"))
    with new_lake(config) as lake:
        lake.con.execute("create table serving.t as select range as i, range::varchar as s from range(20)")
        lake.con.execute("create view serving.v as from serving.t; create macro serving.plus1(x) as x + 1")
        lake.con.execute("create macro lake.main.latest() as table select max(i) from lake.serving.t")
    return config


@pytest.fixture(scope="module")
def confined(config: LakeConfig) -> Iterator[Lake]:
    with open_lake(config, read_only=True) as lake:
        confine(lake)
        yield lake


def written(sql: str, config: LakeConfig, version: int = 0) -> str:
    home = Path(config.data).parent.parent
    return sql.replace("{data}", config.data).replace("{folder}", str(home)).replace("{version}", str(version))


@pytest.mark.parametrize("sql", READING)
def test_what_reads_the_lake_is_answered(confined: Lake, config: LakeConfig, sql: str) -> None:
    newest = confined.con.execute("select max(snapshot_id) from lake.snapshots()").fetchall()[0][0]
    assert confined.con.execute(reading_statement(confined.con, written(sql, config, newest))).fetchall() is not None


@pytest.mark.parametrize("sql", ELSE)
def test_a_statement_that_does_not_only_read_the_lake_is_refused(confined: Lake, config: LakeConfig, sql: str) -> None:
    with pytest.raises(TidegateError, match=r"only reads|reads the lake and nothing else|One statement at a time"):
        reading_statement(confined.con, written(sql, config))


@pytest.mark.parametrize("sql", LOCKED)
def test_duckdb_refuses_by_itself_what_a_query_must_not_do(confined: Lake, config: LakeConfig, sql: str) -> None:
    with pytest.raises(duckdb.Error, match=r"disabled by configuration|has been locked|read-only"):
        confined.con.execute(written(sql, config)).fetchall()


@pytest.mark.parametrize(
    "sql",
    [
        "select * from json_execute_serialized_sql(json_serialize_sql('select ' || 'current_setting(''threads'')'))",
        "from duckdb_settings --\r() limit 1",
        "from enable_logging(storage_path = '{data}/written')",
        "from '/etc/passwd.csv'",
    ],
)
def test_a_query_reads_the_lake_and_nothing_else(config: LakeConfig, sql: str) -> None:
    """The ways past a list of forbidden words that were found."""
    with pytest.raises(TidegateError, match="tidegate shell"):
        run_query(config, written(sql, config))
    assert not list(Path(config.data).parent.parent.rglob("written*"))


def test_a_query_for_too_many_rows_is_refused(config: LakeConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query, "MAX_ROWS", 19)
    with pytest.raises(TidegateError, match="more than 19 rows, so nothing was printed"):
        run_query(config, "from serving.t")


def test_every_function_of_this_duckdb_was_looked_at() -> None:
    """After an upgrade: which functions of values are new, and does one reach for more than its arguments?"""
    with connect_with(["ducklake", "sqlite_scanner", "postgres_scanner", "httpfs", "aws"]) as con:
        found = con.execute(
            "select distinct function_name from duckdb_functions() "
            "where function_type in ('scalar', 'aggregate', 'macro') order by all"
        ).fetchall()
    names = [name for (name,) in found]
    assert REACHING_FUNCTIONS - set(names) == {"getenv"}
    digest = hashlib.sha256("\n".join(names).encode()).hexdigest()
    assert digest == LOOKED_AT, "Look at the new functions, add those that reach out to REACHING_FUNCTIONS, and go on."
