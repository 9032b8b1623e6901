"""Files of another engine that become a table's own are as safe as those that DuckLake wrote."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
from pathlib import Path

import duckdb
import pytest
from duckdb import DuckDBPyConnection
from tests.support.lake.backups import back_up, contents_of, put_back, storage
from tests.support.lake.copied import put_lake
from tests.support.lake.foreign import HEAVY, INSIDE, adopted, make_table, rows_times, write_foreign
from tests.support.lake.shop import Home, config_in
from tests.support.s3_server import Bucket

from tidegate.errors import TidegateError
from tidegate.lake.adopting import overwrite_by_files
from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake
from tidegate.lake.content import Content, content_of
from tidegate.lake.exchange import exchange_folder, own_files
from tidegate.lake.identity import METADATA, named_files
from tidegate.lake.sql import literal
from tidegate.lake.upkeep.lost import lost_files
from tidegate.lake.upkeep.maintenance import maintain_until
from tidegate.ledger.upkeep.opening import make_lake, open_lake
from tidegate.settings import load_settings

# As that of an exchange of long ago is called.
OLD = "exchange/01900000-0000-7000-8000-000000000000"


def register(lake: Lake, query: str) -> list[str]:
    """Have the rows of a query in the table, as files that another engine wrote."""
    with exchange_folder(lake) as folder:
        write_foreign(lake, f"{folder}/result", query)
        files = adopted(lake, f"{folder}/result")
        lake.unit_of_work(lambda con: overwrite_by_files(con, HEAVY, INSIDE, files), [HEAVY])
    return list(files.names)


def content(lake: Lake, relation: str = "from marts.heavy") -> Content:
    return content_of(lake.con, relation)


def clean_up(lake: Lake) -> None:
    """Upkeep, as it is when all that is there now has become old."""
    now = dt.datetime.now(dt.UTC)
    maintain_until(lake, now, now + dt.timedelta(days=2))


def files_of(lake: Lake) -> set[str]:
    data = Path(lake.config.data)
    return {path.relative_to(data).as_posix() for path in data.rglob("*.parquet")}


@pytest.mark.parametrize("by_day", [True, False])
def test_rows_are_those_of_an_insert(lake: Lake, by_day: bool) -> None:
    make_table(lake, by_day=by_day)
    files = register(lake, rows_times(2))

    assert content(lake) == content(lake, rows_times(2))
    assert set(files) <= set(named_files(lake.con))
    assert not list(Path(lake.config.data, "exchange").rglob("*.parquet"))
    assert lost_files(lake) == []
    for condition in (
        "name = (select max(name) from marts.heavy)",
        "name is null",
        "made_at > timestamp '2024-01-01 00:20'",
    ):
        where = f"where {condition}"
        assert content(lake, f"from marts.heavy {where}") == content(lake, f"from ({rows_times(2)}) {where}")


@pytest.mark.parametrize("by_day", [True, False])
def test_a_scan_of_a_day_reads_the_files_of_that_day(lake: Lake, by_day: bool) -> None:
    make_table(lake, by_day=by_day)
    register(lake, rows_times(2))

    ((_, plan),) = lake.con.execute("explain analyze from marts.heavy where day = date '2024-01-02'").fetchall()
    assert "Total Files Read: 1 " in plan


def test_they_are_files_that_another_engine_reads(lake: Lake) -> None:
    make_table(lake)
    files = register(lake, rows_times(2))

    own = own_files(lake, lake.newest_snapshot(), HEAVY)
    assert sorted(own) == sorted(f"{lake.config.data}/{name}" for name in files)
    assert content(lake, f"from read_parquet({literal(own)}, hive_partitioning => false)") == content(lake)


def test_written_again_and_cleaned_up_the_rows_stay(lake: Lake) -> None:
    make_table(lake)
    first, second = register(lake, rows_times(2)), register(lake, rows_times(2))
    clean_up(lake)

    assert content(lake) == content(lake, rows_times(2))
    assert files_of(lake).isdisjoint(first)
    assert files_of(lake) >= set(second)


def test_rows_that_change_are_written_again_and_merged_as_any(lake: Lake) -> None:
    make_table(lake)
    register(lake, rows_times(2))
    lake.con.execute("update marts.heavy set amount = 0 where id < 2000")
    lake.con.execute(f"insert into marts.heavy from ({rows_times(5, 30)})")
    before = content(lake)
    clean_up(lake)

    assert content(lake) == before
    assert lost_files(lake) == []


def test_a_commit_whose_answer_was_lost_is_not_done_twice(lake: Lake) -> None:
    """A path that is registered again is cleaned up while it is in use."""
    make_table(lake)
    write_foreign(lake, OLD, rows_times(2))
    files = adopted(lake, OLD)
    for _ in range(2):
        lake.unit_of_work(lambda con: overwrite_by_files(con, HEAVY, INSIDE, files), [HEAVY])
    clean_up(lake)

    assert content(lake) == content(lake, rows_times(2))


def test_no_rows_leave_the_window_empty(lake: Lake) -> None:
    make_table(lake)
    register(lake, rows_times(2))
    register(lake, f"from ({rows_times(2)}) where false")

    assert lake.con.execute("select count(*) from marts.heavy").fetchone() == (0,)


@pytest.mark.parametrize(
    ("query", "file_of"),
    [
        (rows_times(2), "1"),
        ("select * replace (date '2024-01-04' as day) from (" + rows_times(2) + ")", "day"),
        ("select * replace (if(id = 7, null, day) as day) from (" + rows_times(2) + ")", "coalesce(day, '2024-01-01')"),
    ],
    ids=["several days", "outside", "without a day"],
)
def test_a_file_that_is_not_of_one_day_of_the_window_is_refused(lake: Lake, query: str, file_of: str) -> None:
    make_table(lake)
    write_foreign(lake, OLD, query, file_of)
    before = files_of(lake)

    with pytest.raises(duckdb.InvalidInputException, match="of several days, or outside of the window"):
        adopted(lake, OLD)
    assert files_of(lake) == before


@pytest.mark.parametrize(
    ("select", "says"),
    [
        ("* exclude (amount)", "amount"),
        ("*, 1 as more", "more"),
        ("* replace (amount::double as amount)", "DOUBLE"),
        ("* replace (made_at::timestamptz as made_at)", "TIMESTAMP WITH TIME ZONE"),
        ("* replace (id::varchar as id)", "VARCHAR"),
    ],
)
def test_other_columns_are_refused_and_the_days_stay(lake: Lake, select: str, says: str) -> None:
    make_table(lake)
    register(lake, rows_times(2))

    with pytest.raises(duckdb.InvalidInputException, match=says):
        register(lake, f"select {select} from ({rows_times(3)})")
    assert content(lake) == content(lake, rows_times(2))
    clean_up(lake)
    assert files_of(lake) == set(named_files(lake.con))


def test_a_failure_before_the_commit_leaves_the_old_days_and_files_that_maintenance_deletes(lake: Lake) -> None:
    make_table(lake)
    register(lake, rows_times(2))
    write_foreign(lake, OLD, rows_times(3))
    files = adopted(lake, OLD)

    def work(con: DuckDBPyConnection) -> None:
        overwrite_by_files(con, HEAVY, INSIDE, files)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lake.unit_of_work(work, [HEAVY])
    assert content(lake) == content(lake, rows_times(2))
    now = dt.datetime.now(dt.UTC)
    maintain_until(lake, now, now - dt.timedelta(days=2))
    assert files_of(lake) >= set(files.names)
    clean_up(lake)
    assert files_of(lake).isdisjoint(files.names)
    assert content(lake) == content(lake, rows_times(2))


@pytest.mark.slow
@pytest.mark.parametrize("ends", ["committed", "killed"])
def test_a_reader_sees_the_old_days_until_the_commit(home: Home, lake: Lake, ends: str) -> None:
    make_table(lake)
    register(lake, rows_times(2))
    write_foreign(lake, OLD, rows_times(3))
    old, new = content(lake, rows_times(2)), content(lake, rows_times(3))
    writer = home.start("stop_before_files_are_in_use", OLD)
    writer.wait_for("registered")
    reader = home.open(read_only=True)

    assert content(reader) == old
    if ends == "killed":
        writer.kill()
    else:
        writer.tell("go on")
        assert writer.result() == "done"
    assert content(reader) == (old if ends == "killed" else new)
    clean_up(lake)
    assert content(lake) == (old if ends == "killed" else new)
    assert files_of(lake) == set(named_files(lake.con))


def test_they_are_on_the_disk_before_the_catalog_names_them(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    make_table(lake)
    write_foreign(lake, OLD, rows_times(2))
    data, synced, sync = Path(lake.config.data), set[int](), os.fsync

    def watched(descriptor: int) -> None:
        synced.add(os.fstat(descriptor).st_ino)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    files = adopted(lake, OLD).names
    folders = {data / folder for name in files for folder in Path(name).parents}
    assert {path.stat().st_ino for path in (*folders, *(data / name for name in files))} <= synced


def test_folders_above_the_data_say_nothing_of_the_rows(tmp_path: Path) -> None:
    """Regression: DuckLake takes the value of a column from any folder `column=value` in the path of a file."""
    config = config_in(tmp_path / "name=x")
    put_lake(config)
    with Lake.open(config) as lake:
        make_table(lake, by_day=False)
        register(lake, rows_times(2))
        assert content(lake) == content(lake, rows_times(2))

        # Of a day that stands above it, it would take that one.
        lake.con.execute("alter table marts.heavy set partitioned by (day)")
        with pytest.raises(TidegateError, match="as long as the path of the lake's data has a = in it"):
            register(lake, rows_times(3))
        assert content(lake) == content(lake, rows_times(2))


@pytest.mark.slow
def test_a_backup_holds_them(tmp_path: Path, lake: Lake) -> None:
    make_table(lake)
    register(lake, rows_times(2))
    place = storage(tmp_path / "backups")
    back_up(lake.config, place)
    elsewhere = config_in(tmp_path / "elsewhere")
    put_back(elsewhere, place)

    with open_lake(elsewhere) as restored:
        assert contents_of(restored)["marts.heavy"] == content(lake)


def in_a_cluster(folder: Path, bucket: Bucket, database: str) -> LakeConfig:
    of_settings = LakeConfig.of(load_settings(home=folder / "home", lake_data=f"{bucket.url}/lake"))
    found = {name: getattr(of_settings, name) for name in ("data", "s3_endpoint", "s3_looks_for_credentials")}
    return dataclasses.replace(config_in(folder), catalog=f"postgres:{database}", **found)


@pytest.mark.slow
def test_in_s3_they_are_copied_by_the_server(tmp_path: Path, bucket: Bucket, database: str) -> None:
    with make_lake(in_a_cluster(tmp_path, bucket, database)) as lake:
        make_table(lake)
        first, second = register(lake, rows_times(2)), register(lake, rows_times(3))
        assert content(lake) == content(lake, rows_times(3))
        assert not bucket.keys("lake/exchange/")
        clean_up(lake)

        assert content(lake) == content(lake, rows_times(3))
        assert set(bucket.keys("lake/marts/")).isdisjoint(f"lake/{name}" for name in first)
        assert set(bucket.keys("lake/marts/")) >= {f"lake/{name}" for name in second}
        assert lost_files(lake) == []
        names = lake.con.execute(f"select count(*) from {METADATA}.ducklake_data_file where not path_is_relative")
        assert names.fetchone() == (0,)
