"""A backup holds all of a lake and nothing half done; a home made of it holds the same and goes on."""

from __future__ import annotations

import dataclasses
import datetime as dt
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.support.lake.backups import back_up, contents_of, put_back, storage
from tests.support.lake.copied import put_lake
from tests.support.lake.older import OLDER_DUCKLAKE, unpacked
from tests.support.lake.shop import Home, Shop, config_in
from tests.support.s3_server import Bucket

from tidegate.backup.expire import keep_newest
from tidegate.backup.place import Place
from tidegate.errors import LakeMissingError, TidegateError
from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake
from tidegate.lake.extensions import connect_with
from tidegate.lake.sql import literal, quoted
from tidegate.ledger.upkeep.maintenance import maintain, maintain_until
from tidegate.ledger.upkeep.opening import open_lake
from tidegate.settings import load_settings
from tidegate.window import ONE_DAY, Window

pytestmark = pytest.mark.slow

DAY = dt.date(2024, 6, 1)
DAYS = Window(DAY, DAY + 3 * ONE_DAY)


def refused(why: str, config: LakeConfig, place: Path, *, keep_data: bool = False) -> None:
    """Restoring is refused, and changes nothing."""
    before = state_of(Path(config.data))
    catalog = config.catalog_file
    assert catalog is not None
    had_catalog = catalog.exists()
    with pytest.raises(TidegateError, match=why):
        put_back(config, storage(place), keep_data=keep_data)
    assert state_of(Path(config.data)) == before
    assert catalog.exists() == had_catalog


def state_of(folder: Path) -> dict[Path, tuple[int, int, int]]:
    """Of each file: which it is, its size, and when it was written. Not when it was read."""
    found = ((path, path.stat()) for path in folder.rglob("*") if path.is_file())
    return {path: (stat.st_ino, stat.st_size, stat.st_mtime_ns) for path, stat in found}


def test_a_destroyed_home_is_restored_elsewhere_and_goes_on(shop: Shop, tmp_path: Path) -> None:
    shop.publish(DAYS, rows=30)
    shop.publish(Window.of_day(DAY), factor=2, rows=30)
    before, old = contents_of(shop.lake), shop.lake.con.execute("select max(snapshot_id) from lake.snapshots()")
    snapshot = old.fetchone()
    place = tmp_path / "place"
    done = back_up(shop.lake.config, storage(place))
    assert done.files_copied == len(done.contents.files) > 0
    shop.publish(DAYS, factor=3, rows=30)
    shop.lake.close()
    shutil.rmtree(tmp_path / "lake")

    there = config_in(tmp_path / "elsewhere")
    put_back(there, storage(place))
    with open_lake(there) as lake:
        assert contents_of(lake) == before
        assert lake.con.execute("select max(snapshot_id) from lake.snapshots()").fetchone() == snapshot
        again = dataclasses.replace(shop, lake=lake)
        again.publish(DAYS, factor=4, rows=30)
        assert again.served()[0] == (DAY, 4, 120)
        maintain(lake, 0)
        assert again.served()[0] == (DAY, 4, 120)


def test_the_next_backup_copies_only_what_is_new(shop: Shop, tmp_path: Path) -> None:
    shop.publish(DAYS, rows=30)
    place = storage(tmp_path / "place")
    first = back_up(shop.lake.config, place)
    assert back_up(shop.lake.config, place).files_copied == 0
    shop.publish(Window.of_day(DAY), factor=2, rows=30)
    last = back_up(shop.lake.config, place)
    assert 0 < last.files_copied < len(last.contents.files)
    assert Place(place).backups()[0].name == first.backup.name
    assert len(Place(place).backups()) == 3


def test_an_older_backup_is_whole_after_maintenance_deleted_its_files(shop: Shop, tmp_path: Path) -> None:
    """On one disk the files are linked, and the lake deletes its own names of them."""
    shop.publish(DAYS, rows=30)
    before = contents_of(shop.lake)
    place = storage(tmp_path / "place")
    done = back_up(shop.lake.config, place)
    shop.publish(DAYS, factor=2, rows=30)
    now = dt.datetime.now(dt.UTC) + ONE_DAY
    maintain_until(shop.lake, now, now)
    assert not all(Path(shop.lake.config.data, name).exists() for name in done.contents.files)
    there = config_in(tmp_path / "elsewhere")
    put_back(there, place, name=done.backup.name)
    with open_lake(there, read_only=True) as lake:
        assert contents_of(lake) == before


def test_on_postgres_and_s3(bare_home: Home, tmp_path: Path, database: str, bucket: Bucket) -> None:
    """The lake's data in a bucket and backups in another prefix; back as it was, and into SQLite and a folder."""
    found = LakeConfig.of(load_settings(home=tmp_path / "home", lake_data=f"{bucket.url}/lake"))
    in_s3 = {name: getattr(found, name) for name in ("data", "s3_endpoint", "s3_looks_for_credentials", "s3_region")}
    config = dataclasses.replace(bare_home.config, catalog=f"postgres:{database}", **in_s3)
    bare_home.config = config
    put_lake(config)
    place = storage(f"{bucket.url}/backups")
    with open_lake(config) as lake:
        Shop(lake, bare_home).publish(DAYS, rows=30)
        lake.con.execute("create table raw.k as select 'é''x' as l, '\\xFF'::blob as m, [date '2024-01-02', null] as r")
        before = contents_of(lake)
    back_up(config, place)
    with pytest.raises(TidegateError, match="There is a lake at postgres:"):
        put_back(config, place)

    _drop_everything(database)
    for key in bucket.keys("lake/"):
        bucket.delete(key)
    into_sqlite = config_in(tmp_path / "elsewhere")
    for target in (config, into_sqlite):
        put_back(dataclasses.replace(target, spill=tmp_path / target.catalog[:6] / "spill"), place)
        with open_lake(target) as lake:
            assert contents_of(lake) == before
            Shop(lake, bare_home).publish(Window.of_day(DAY), factor=2, rows=30)
            assert Shop(lake, bare_home).served()[0] == (DAY, 2, 60)


def _drop_everything(database: str) -> None:
    with connect_with(["postgres_scanner"]) as con:
        con.execute(f"attach {literal(database)} as server (type postgres)")
        for statement in ("drop schema public cascade", "create schema public"):
            con.execute(f"call postgres_execute('server', {literal(statement)})")


def test_a_postgres_catalog_is_copied_as_of_one_moment(bare_home: Home, tmp_path: Path, database: str) -> None:
    """Each commit enters one row into each of two tables: a copy of several moments would hold more of one."""
    bare_home.config = dataclasses.replace(bare_home.config, catalog=f"postgres:{database}")
    put_lake(bare_home.config)
    writer = bare_home.start("commit_pairs")
    writer.wait_for("ready")
    writer.tell("go")
    writer.wait_for("began")
    place = storage(tmp_path / "place")
    for number in range(3):
        back_up(bare_home.config, place)
        there = config_in(tmp_path / f"elsewhere-{number}")
        put_back(there, place)
        with open_lake(there, read_only=True) as lake:
            pairs = lake.con.execute("select (select count(*) from raw.a), (select count(*) from raw.b)").fetchone()
        assert pairs is not None
        assert pairs[0] == pairs[1] > 0
    writer.kill()


def test_old_backups_go_and_those_that_stay_are_whole(shop: Shop, tmp_path: Path) -> None:
    place = storage(tmp_path / "place")
    for factor in (1, 2, 3):
        shop.publish(DAYS, factor=factor, rows=30)
        done = back_up(shop.lake.config, place)
        now = dt.datetime.now(dt.UTC) + ONE_DAY
        maintain_until(shop.lake, now, now)
    last = back_up(shop.lake.config, place)
    other = tmp_path / "place" / "data" / "mine.parquet"
    other.touch()
    files = place.files("data")
    assert {file.name.removeprefix("data/") for file in files} > last.contents.files.keys()
    # What was put there lately stays: another backup may be at it.
    for later, backups, is_deleted in ((dt.timedelta(), 2, False), (2 * ONE_DAY, 0, True)):
        expired = keep_newest(Place(place), 2, dt.datetime.now(dt.UTC) + later, tmp_path)
        assert (expired.backups, expired.files > 0) == (backups, is_deleted)
    there = {file.name.removeprefix("data/") for file in place.files("data")}
    assert there == {*done.contents.files, *last.contents.files, "mine.parquet"}
    config = config_in(tmp_path / "elsewhere")
    put_back(config, place, name=done.backup.name)
    with open_lake(config, read_only=True) as lake:
        assert lake.con.execute("select distinct total_orders from serving.daily_sales").fetchall() == [(3,)]


def test_a_killed_restore_is_run_again(shop: Shop, tmp_path: Path) -> None:
    shop.publish(DAYS, rows=30)
    before, place = contents_of(shop.lake), tmp_path / "place"
    back_up(shop.lake.config, storage(place))
    there = config_in(tmp_path / "elsewhere")
    victim = Home(there, shop.home.stack).start("restore_step_by_step", place)
    for _ in range(2):
        victim.wait_for("put")
        victim.tell("go on")
    victim.wait_for("put")
    victim.kill()
    assert there.catalog_file is not None
    assert not there.catalog_file.exists()
    refused(r"holds files of this lake already.*a restore was interrupted", there, place)
    put_back(there, storage(place), keep_data=True)
    with open_lake(there) as lake:
        assert contents_of(lake) == before


@pytest.mark.parametrize("kill_after", [1, *(pytest.param(puts, marks=pytest.mark.slow) for puts in (0, 3))])
def test_a_killed_backup_leaves_nothing_that_looks_like_one(shop: Shop, tmp_path: Path, kill_after: int) -> None:
    shop.publish(DAYS, rows=30)
    place = storage(tmp_path / "place")
    victim = shop.home.start("back_up_step_by_step", place.place)
    for _ in range(kill_after):
        victim.wait_for("put")
        victim.tell("go on")
    victim.wait_for("put")
    victim.kill()
    assert Place(place).backups() == []
    refused("There is no backup", config_in(tmp_path / "elsewhere"), tmp_path / "place")
    before = contents_of(shop.lake)
    back_up(shop.lake.config, place)
    there = config_in(tmp_path / "elsewhere")
    put_back(there, place)
    with open_lake(there, read_only=True) as lake:
        assert contents_of(lake) == before


def test_nothing_is_restored_over_anything(shop: Shop, tmp_path: Path) -> None:
    shop.publish(DAYS, rows=30)
    place = tmp_path / "place"
    back_up(shop.lake.config, storage(place))
    refused("There is a lake at sqlite:", shop.lake.config, place)
    there = config_in(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "dagster").mkdir(parents=True)
    (tmp_path / "elsewhere" / "dagster" / "dagster.yaml").touch()
    refused("There is a record of Dagster in", there, place)
    there = dataclasses.replace(config_in(tmp_path / "third"), data=str(tmp_path / "others"))
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "a.txt").touch()
    refused("holds files that are not of the lake", there, place, keep_data=True)


def test_a_lost_catalog_is_restored_beside_the_files_that_stayed(shop: Shop, tmp_path: Path) -> None:
    shop.publish(DAYS, rows=30)
    before, place = contents_of(shop.lake), tmp_path / "place"
    back_up(shop.lake.config, storage(place))
    shop.lake.close()
    config = shop.lake.config
    assert config.catalog_file is not None
    config.catalog_file.unlink()
    # A write-ahead log that outlived its database would be taken for a part of the next one.
    stale = config.catalog_file.with_name("catalog.sqlite-wal")
    stale.touch()
    refused("There is a lake at", config, place, keep_data=True)
    stale.unlink()
    refused(r"holds files of this lake already.*--keep-data", config, place)
    assert put_back(config, storage(place), keep_data=True).files_copied == 0
    with open_lake(config) as lake:
        assert contents_of(lake) == before


def test_a_backup_of_another_ducklake_does_not_go_into_postgres(tmp_path: Path, database: str) -> None:
    older = unpacked(OLDER_DUCKLAKE, tmp_path)
    place = storage(tmp_path / "place")
    back_up(older, place)
    config = dataclasses.replace(config_in(tmp_path / "elsewhere"), catalog=f"postgres:{database}")
    with pytest.raises(TidegateError, match=r"DuckLake 0\.3.*makes 1\.0 in Postgres"):
        put_back(config, place)
    assert not list(Path(config.data).glob("*"))
    with pytest.raises(LakeMissingError):
        back_up(config, place)


def test_an_older_catalog_in_postgres_is_backed_up(tmp_path: Path, database: str) -> None:
    older = unpacked(OLDER_DUCKLAKE, tmp_path)
    with connect_with(["postgres_scanner", "sqlite_scanner"]) as con:
        con.execute(f"attach {literal(database)} as server (type postgres)")
        con.execute(f"attach {literal(str(older.catalog_file))} as file (type sqlite, read_only)")
        for (table,) in con.execute("select table_name from duckdb_tables() where database_name = 'file'").fetchall():
            con.execute(f"create table server.public.{quoted(table)} as from file.{quoted(table)}")
    place = storage(tmp_path / "place")
    done = back_up(dataclasses.replace(older, catalog=f"postgres:{database}"), place)
    assert done.contents.ducklake == "0.3"
    assert done.contents.rows == back_up(older, place).contents.rows


def test_what_is_not_whole_is_not_restored(shop: Shop, tmp_path: Path) -> None:
    shop.publish(DAYS, rows=30)
    place = tmp_path / "place"
    done = back_up(shop.lake.config, storage(place))
    there = config_in(tmp_path / "elsewhere")
    file = place / "data" / next(iter(done.contents.files))
    content = file.read_bytes()
    file.unlink()
    refused("lacks 1 data files of this backup", there, place)
    file.write_bytes(content)
    packed = place / "backups" / done.backup.name
    packed.write_bytes(packed.read_bytes()[:-100])
    refused("is not whole", there, place)


def test_a_lake_that_lost_a_file_is_not_backed_up(shop: Shop, tmp_path: Path) -> None:
    shop.publish(DAYS, rows=30)
    place = tmp_path / "place"
    sorted(Path(shop.lake.config.data, "serving").rglob("*.parquet"))[0].unlink()
    with pytest.raises(TidegateError, match=r"The lake lacks 1 of its data files.*tidegate repair"):
        back_up(shop.lake.config, storage(place))
    assert Place(storage(place)).backups() == []


def test_a_place_holds_the_backups_of_one_lake(shop: Shop, tmp_path: Path) -> None:
    place = storage(tmp_path / "place")
    back_up(shop.lake.config, place)
    other = config_in(tmp_path / "other")
    put_lake(other)
    with pytest.raises(TidegateError, match="holds backups of another lake"):
        back_up(other, place)
    with pytest.raises(LakeMissingError):
        back_up(config_in(tmp_path / "none"), place)


def test_the_archive_and_dagsters_record_are_in_it(shop: Shop, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    for name in ("objects/ab/abcd", "deliveries/orders/eu/2024-06-01/x.json", "incoming/draft", "damaged/x"):
        (archive / name).parent.mkdir(parents=True, exist_ok=True)
        (archive / name).write_text(name)
    dagster = tmp_path / "dagster"
    (dagster / "history").mkdir(parents=True)
    (dagster / "dagster.yaml").write_text(f"base_dir: {dagster}/history/runs\n")
    with closing(sqlite3.connect(dagster / "history" / "runs.db")) as runs, runs:
        runs.execute("pragma journal_mode = wal")
        runs.execute("create table runs as select 1 as n")
        # Not closed yet, so that what was written is in the log beside it.
        place = storage(tmp_path / "place")
        done = back_up(shop.lake.config, place, storage(archive), dagster)
    assert done.archived_copied == 2
    elsewhere = tmp_path / "elsewhere"
    restored = put_back(config_in(elsewhere), place)
    assert not restored.archive_was_there
    found = sorted(str(path.relative_to(elsewhere)) for path in (elsewhere / "archive").rglob("*") if path.is_file())
    assert found == ["archive/deliveries/orders/eu/2024-06-01/x.json", "archive/objects/ab/abcd"]
    assert (elsewhere / "dagster" / "dagster.yaml").read_text() == f"base_dir: {elsewhere}/dagster/history/runs\n"
    with closing(sqlite3.connect(elsewhere / "dagster" / "history" / "runs.db")) as runs:
        assert runs.execute("select n from runs").fetchall() == [(1,)]


def test_an_attached_backup_is_a_lake(shop: Shop, tmp_path: Path) -> None:
    """What is in a backup's file is a catalog that any DuckLake opens over the data beside it."""
    from tidegate.backup.packed import CATALOG, unpack

    shop.publish(DAYS, rows=30)
    place = tmp_path / "place"
    done = back_up(shop.lake.config, storage(place))
    unpack(place / "backups" / done.backup.name, tmp_path / "unpacked")
    opened = dataclasses.replace(shop.lake.config, catalog=f"sqlite:{tmp_path / 'unpacked' / CATALOG}")
    with Lake.open(opened, read_only=True) as lake:
        assert contents_of(lake) == contents_of(shop.lake)
