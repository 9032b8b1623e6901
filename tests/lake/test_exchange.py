"""Files stand for a table only where they are all of it; otherwise its rows are written out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.lake.copied import new_lake

from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake
from tidegate.lake.exchange import as_files, exchange_folder, own_files
from tidegate.lake.upkeep.maintenance import maintain_until
from tidegate.settings import load_settings

TABLE = ("marts", "t")
MANY = "insert into marts.t select i, date '2024-01-01' from range(1000) as r (i)"


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    settings = load_settings(home=tmp_path / "home", threads=1)
    settings.scratch.mkdir(parents=True)
    with new_lake(LakeConfig.of(settings)) as lake:
        lake.con.execute("create table marts.t (a integer, d date)")
        lake.con.execute(MANY)
        yield lake


def rows(lake: Lake, relation: str) -> list[tuple[object, ...]]:
    return sorted(lake.con.execute(f"select a, d from {relation}").fetchall())


def test_a_table_whose_rows_are_in_files_is_these_files(lake: Lake) -> None:
    lake.con.execute(MANY)
    files = own_files(lake, lake.newest_snapshot(), TABLE)

    assert len(files) == 2
    assert rows(lake, f"read_parquet({files})") == rows(lake, "marts.t")


@pytest.mark.parametrize(
    "change",
    [
        "insert into marts.t values (5, date '2024-01-02')",
        "delete from marts.t where a = 7",
        "delete from marts.t where a < 500",
        "update marts.t set d = date '2024-01-02' where a = 7",
        "alter table marts.t add column b varchar",
        "alter table marts.t rename column d to e",
        "alter table marts.t alter column a type bigint",
        "delete from marts.t",
    ],
)
def test_any_other_is_written_out(lake: Lake, change: str) -> None:
    lake.con.execute(change)
    if "rename" in change:
        lake.con.execute("alter table marts.t rename column e to d")
    expected = rows(lake, "marts.t")
    snapshot = lake.newest_snapshot()
    with exchange_folder(lake) as folder:
        files = as_files(lake, snapshot, TABLE, folder)

        assert [Path(file).parent for file in files] == [Path(lake.config.data, folder)]
        assert rows(lake, f"read_parquet({files})") == expected
    assert not Path(lake.config.data, folder).exists()


def test_what_comes_after_the_snapshot_is_in_no_file(lake: Lake) -> None:
    snapshot, before = lake.newest_snapshot(), rows(lake, "marts.t")
    lake.con.execute("delete from marts.t where a < 500")
    lake.con.execute(MANY)
    with exchange_folder(lake) as folder:
        assert rows(lake, f"read_parquet({as_files(lake, snapshot, TABLE, folder)})") == before


def test_a_view_is_written_out(lake: Lake) -> None:
    lake.con.execute("create view marts.v as select * from marts.t where a < 3")
    with exchange_folder(lake) as folder:
        (file,) = as_files(lake, lake.newest_snapshot(), ("marts", "v"), folder)

        assert len(rows(lake, f"read_parquet('{file}')")) == 3


def test_maintenance_deletes_what_a_killed_process_left_and_nobody_elses(lake: Lake) -> None:
    data, now = Path(lake.config.data), dt.datetime.now(dt.UTC)
    left = data / "exchange" / "01900000-0000-7000-8000-000000000000" / "result" / "part-0.parquet"
    others = data / "exchange" / "notes" / "part-0.parquet"
    for file in (left, others):
        file.parent.mkdir(parents=True)
        file.write_bytes(b"x")
    with exchange_folder(lake) as folder:
        under_way = data / folder / "0.parquet"
        under_way.write_bytes(b"x")
        maintain_until(lake, now - dt.timedelta(days=30), now - dt.timedelta(days=2))

        assert (left.exists(), others.exists(), under_way.exists()) == (False, True, True)
