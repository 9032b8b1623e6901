"""Exports: what a consumer finds who follows a pointer, whatever happens to who makes them."""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from duckdb import DuckDBPyConnection
from tests.support.lake.copied import put_lake
from tests.support.lake.shop import Home, Shop, config_in
from tests.support.outputs.breaking_store import AWAY, FULL, BreakingStore
from tests.support.outputs.consumer import Seen, follow, in_folder, new_connection
from tests.support.s3_server import Bucket

from tidegate.errors import TidegateError
from tidegate.lake.config import LakeConfig
from tidegate.lake.content import content_of
from tidegate.lake.sql import literal
from tidegate.ledger import outputs as ledger_outputs
from tidegate.ledger.outputs import outputs_made_by
from tidegate.ledger.upkeep.opening import make_lake
from tidegate.outputs.expiry import expire_exports
from tidegate.outputs.exports import Exports, defused
from tidegate.outputs.making import Making, make_outputs
from tidegate.outputs.place import outputs_at
from tidegate.outputs.removed_exports import withdraw_exports
from tidegate.publishing.due.outputs import due_outputs
from tidegate.publishing.requirements import Mart
from tidegate.publishing.retire import retire_marts
from tidegate.storage.files import Storage
from tidegate.storage.folder import FolderStorage
from tidegate.window import ONE_DAY, Cadence, Window

DAY = dt.date(2024, 6, 3)
NEXT = DAY + ONE_DAY
BOTH = Window(DAY, DAY + 2 * ONE_DAY)
MAKERS = [Exports(Mart(name, "order_date"), Cadence.daily) for name in ("daily_sales", "daily_sales_by_region")]
SALES, REGIONS = MAKERS


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """The shop of the lake's tests, that publishes what exports are made of."""
    put_lake(config_in(tmp_path))
    with ExitStack() as stack:
        yield shop_in(tmp_path, stack)


def shop_in(folder: Path, stack: ExitStack) -> Shop:
    """The shop whose lake is there."""
    home = Home(config_in(folder), stack)
    return Shop(home.open(), home)


@pytest.fixture
def store(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "outputs")


def make(shop: Shop, store: Storage, run_id: str = "run-1", days: Window = BOTH, only_due: bool = True) -> Making:
    return make_outputs(shop.lake, store, MAKERS, days.days, run_id, only_due)


def seen(store: FolderStorage, mart: str = "daily_sales", day: dt.date = DAY) -> Seen | None:
    with new_connection() as con:
        return follow(con, in_folder(store.root / "exports"), f"{mart}/{day}", store.root)


def versions(store: FolderStorage, mart: str = "daily_sales", day: dt.date = DAY) -> list[str]:
    return sorted(path.name for path in (store.root / "exports" / mart / str(day)).iterdir() if path.is_dir())


def due(shop: Shop, store: Storage) -> list[tuple[str, dt.date]]:
    kinds = [maker.kind for maker in MAKERS]
    return [(output.kind, output.day) for output in due_outputs(shop.lake.con, kinds, store.place)]


@pytest.mark.slow
def test_every_published_partition_is_exported_once(shop: Shop, store: FolderStorage) -> None:
    published = shop.publish(BOTH, rows=3).published
    making = make(shop, store)
    assert making.unmade == {}
    assert sorted(making.made) == [(maker.kind.name, day) for maker in MAKERS for day in BOTH.days]
    for day in BOTH.days:
        for publication in published[day]:
            found = seen(store, publication.mart, day)
            assert found is not None
            assert (found.rows, found.content_hash) == (publication.rows, publication.content_hash)
            assert (found.publication_id, found.run_id) == (publication.publication_id, "run-1")
    assert due(shop, store) == []
    assert make(shop, store, "run-2").made == {}
    assert versions(store) == ["run-1"]


def test_a_pointer_says_what_it_leads_to(shop: Shop, store: FolderStorage) -> None:
    published = shop.publish(BOTH, rows=3).published
    make(shop, store)
    pointer = json.loads((store.root / "exports" / "daily_sales_by_region" / str(DAY) / "latest.json").read_text())
    publication = next(row for row in published[DAY] if row.mart == "daily_sales_by_region")
    assert pointer["columns"] == [
        {"name": "order_date", "type": "DATE"},
        {"name": "region", "type": "VARCHAR"},
        {"name": "net_revenue", "type": "DECIMAL(38,4)"},
    ]
    assert (pointer["rows"], pointer["cadence"]) == (3, "daily")
    assert pointer["published_at"] == publication.published_at.isoformat() + "Z"
    rows = shop.lake.con.execute(
        f"select count(*) from serving.daily_sales_by_region at (version => {pointer['lake_snapshot']})"
    ).fetchone()
    assert rows == (6,)


def test_the_ledger_says_what_was_made_of_what(shop: Shop, store: FolderStorage) -> None:
    published = shop.publish(BOTH).published
    make(shop, store)
    row = outputs_made_by(shop.lake.con, "run-1")[0]
    assert (row.kind, row.partition_day, row.cadence) == ("exports/daily_sales", DAY, "daily")
    assert row.publication_id == published[DAY][0].publication_id
    assert row.location == f"{store.place}/exports/daily_sales/{DAY}/run-1"


def test_a_day_without_rows_is_exported_too(shop: Shop, store: FolderStorage) -> None:
    shop.deliver(BOTH)
    shop.build(BOTH)
    shop.empty_candidates(Window.of_day(DAY))
    shop.promote(BOTH)
    make(shop, store)
    found = seen(store)
    assert found is not None
    assert found.rows == 0
    file = store.root / "exports" / "daily_sales" / str(DAY) / "run-1" / "daily_sales.csv"
    assert file.read_text() == "order_date,total_orders,net_revenue\n"


@pytest.mark.slow
def test_a_restated_day_gets_a_new_version_and_keeps_the_old_one(shop: Shop, store: FolderStorage) -> None:
    shop.publish(BOTH)
    make(shop, store)
    before = seen(store)
    shop.publish(Window.of_day(DAY), factor=2)
    assert seen(store) == before
    making = make(shop, store, "run-2")
    assert sorted(making.made) == [(maker.kind.name, DAY) for maker in MAKERS]
    after = seen(store)
    assert after is not None
    assert (after.version, versions(store)) == ("run-2", ["run-1", "run-2"])
    assert versions(store, day=NEXT) == ["run-1"]


@pytest.mark.slow
def test_decimals_and_texts_are_exact_in_every_format(shop: Shop, store: FolderStorage) -> None:
    """The consumer compares content hashes, which tell every digit, null from empty text, and one row from two."""
    shop.publish(BOTH)
    texts = ["", "null", 'a "quoted", name', "two\nlines", " space ", "größe", "'; drop table x; --", None]
    amounts = [Decimal("0.0001"), Decimal("-12345678901234567890123456789012.3456"), Decimal("10"), None]
    rows = [f"(date '{DAY}', {_text(text)}, {amount or 'null'})" for text in texts for amount in amounts]
    shop.lake.con.execute(f"delete from marts.daily_sales_by_region where order_date = '{DAY}'")
    shop.lake.con.execute(f"insert into marts.daily_sales_by_region values {', '.join([*rows, rows[0]])}")
    shop.promote(BOTH)
    make(shop, store)
    found = seen(store, "daily_sales_by_region")
    assert found is not None
    assert found.rows == len(rows) + 1


def _text(text: str | None) -> str:
    return "null" if text is None else "'" + text.replace("'", "''") + "'"


@pytest.mark.slow
def test_the_same_rows_are_the_same_bytes(shop: Shop, store: FolderStorage) -> None:
    shop.publish(BOTH, rows=2000)
    make(shop, store)
    make(shop, store, "run-2", only_due=False)
    folder = store.root / "exports" / "daily_sales_by_region" / str(DAY)
    for name in ("daily_sales_by_region.parquet", "daily_sales_by_region.csv"):
        assert (folder / "run-1" / name).read_bytes() == (folder / "run-2" / name).read_bytes()


def test_making_anew_by_hand_makes_what_is_published_and_says_what_is_not(shop: Shop, store: FolderStorage) -> None:
    shop.publish(Window.of_day(DAY))
    make(shop, store)
    making = make(shop, store, "run-2", only_due=False)
    assert sorted(making.made) == [(maker.kind.name, DAY) for maker in MAKERS]
    assert sorted(making.unmade) == [(maker.kind.name, NEXT) for maker in MAKERS]
    assert "Nothing is published" in making.unmade[SALES.kind.name, NEXT]


@pytest.mark.slow
def test_a_run_that_is_repeated_writes_beside_what_it_wrote(shop: Shop, store: FolderStorage) -> None:
    """Kubernetes resumes a run under its old id, and steps are tried again under it."""
    shop.publish(BOTH)
    make(shop, store)
    shop.publish(BOTH, factor=2)
    make(shop, store)
    found = seen(store)
    assert found is not None
    assert (found.version, found.run_id) == ("run-1-2", "run-1")
    assert versions(store) == ["run-1", "run-1-2"]


def test_rows_that_nobody_published_are_not_exported(shop: Shop, store: FolderStorage) -> None:
    shop.publish(BOTH)
    make(shop, store)
    before = seen(store)
    shop.publish(BOTH, factor=2)
    shop.lake.con.execute(f"update serving.daily_sales set net_revenue = 0 where order_date = '{DAY}'")
    making = make(shop, store, "run-2")
    assert list(making.unmade) == [(SALES.kind.name, DAY)]
    assert f"holds 1 rows of {DAY} that are not the 1" in making.unmade[SALES.kind.name, DAY]
    assert seen(store) == before
    found = seen(store, day=NEXT)
    assert found is not None
    assert found.version == "run-2", "its neighbour is exported"
    assert due(shop, store) == [(SALES.kind.name, DAY)]


def test_large_partitions_are_read_one_by_one(
    shop: Shop, store: FolderStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidegate.outputs.exports.ROWS_AT_ONCE", 3)
    shop.publish(BOTH, rows=2)
    assert len(make(shop, store).made) == 4
    assert seen(store, "daily_sales_by_region", NEXT) is not None


@pytest.mark.slow
@pytest.mark.parametrize(("puts", "error"), [(0, FULL), (1, AWAY), (2, AWAY), (3, FULL)])
def test_a_full_disk_leaves_whole_exports(
    shop: Shop, store: FolderStorage, puts: int, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.publish(BOTH)
    make(shop, store)
    old = {day: seen(store, day=day) for day in BOTH.days}
    shop.publish(BOTH, factor=2)
    with monkeypatch.context() as patch:
        patch.setattr("tidegate.outputs.exports.PUTS_AT_ONCE", 1)
        making = make(shop, BreakingStore(store.root, puts, error), "run-2")
    done = BOTH.days[: puts // 2]
    for day in BOTH.days:
        assert (SALES.kind.name, day) in (making.made if day in done else making.unmade)
        assert (seen(store, day=day) == old[day]) is (day not in done)
    told = making.complaint
    assert f"{REGIONS.kind.name} {BOTH}" in told
    assert ("No space left" in told) or ("S3 is away" in told)
    assert make(shop, store, "run-3").unmade == {}
    assert due(shop, store) == []
    assert list((store.root / ".drafts").iterdir()) == []


def test_what_was_not_entered_is_made_again(shop: Shop, store: FolderStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that is killed between its pointer and the ledger."""
    shop.publish(BOTH)

    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("tidegate.outputs.making.record_outputs", die)
        with pytest.raises(KeyboardInterrupt):
            make(shop, store)
    found = seen(store)
    assert found is not None
    assert found.version == "run-1"
    assert due(shop, store)
    make(shop, store, "run-2")
    assert due(shop, store) == []
    assert versions(store) == ["run-1", "run-2"]


# --- names

HOSTILE = '../../\'; drop table "x" größe\n'


def test_a_hostile_mart_stays_in_its_folder(shop: Shop, store: FolderStorage) -> None:
    mart, day_column = Mart(HOSTILE, 'da"y'), 'da"y'
    shop.publish(BOTH)
    con = shop.lake.con
    quoted = '"' + HOSTILE.replace('"', '""') + '"'
    con.execute(f'create table serving.{quoted} ("da""y" date, "select" varchar)')
    con.execute(f"insert into serving.{quoted} values ('{DAY}', 'x')")
    publication = dataclasses.replace(shop.promote(BOTH).published[DAY][0], mart=HOSTILE)
    content = content_of(con, f"select * from serving.{quoted}")
    publication = dataclasses.replace(publication, rows=content.rows, content_hash=content.hash)
    shop.lake.unit_of_work(lambda con: _record(con, publication))
    making = make_outputs(shop.lake, store, [Exports(mart, Cadence.daily)], BOTH.days, HOSTILE)
    assert making.unmade == {}
    (made,) = making.made.values()
    assert day_column in (store.root / "exports").glob("*/*/latest.json").__next__().read_text().replace('\\"', '"')
    assert made.location.startswith(f"{store.place}/exports/")
    assert sorted(path.name for path in store.root.iterdir()) == [".drafts", "exports"]
    con.execute(f"drop table serving.{quoted}")


def _record(con: DuckDBPyConnection, publication: Any) -> None:
    from tidegate.ledger.publications import record_publications

    record_publications(con, [publication])


# --- expiry

NOW = dt.datetime.now(dt.UTC)


def expire(shop: Shop, store: Storage, after: dt.timedelta, days: int = 7) -> int:
    return expire_exports(shop.lake, store, days, NOW + after)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a day of three versions, and its neighbour of one. No test changes it."""
    home = tmp_path_factory.mktemp("restated") / "home"
    put_lake(config_in(home))
    with ExitStack() as stack:
        shop = shop_in(home, stack)
        for number, factor in enumerate((1, 2, 3), start=1):
            shop.publish(BOTH if number == 1 else Window.of_day(DAY), factor)
            make(shop, FolderStorage(home / "outputs"), f"run-{number}")
    return home.rename(home.with_name("kept"))


@pytest.fixture
def restated(kept: Path) -> Iterator[Shop]:
    """The shop of `kept`, copied to where it was made: its ledger says where exports are."""
    home = kept.with_name("home")
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(kept, home)
    with ExitStack() as stack:
        yield shop_in(home, stack)


@pytest.fixture
def exported(restated: Shop, kept: Path) -> FolderStorage:
    return FolderStorage(kept.with_name("home") / "outputs")


def test_a_version_goes_when_it_gave_way_long_ago(restated: Shop, exported: FolderStorage) -> None:
    assert expire(restated, exported, dt.timedelta(days=6, hours=23)) == 0
    assert expire(restated, exported, dt.timedelta(days=7, hours=1)) == 4
    assert versions(exported) == ["run-3"]
    assert versions(exported, day=NEXT) == ["run-1"]
    assert seen(exported) is not None
    assert expire(restated, exported, dt.timedelta(days=1000)) == 0
    assert seen(exported, day=NEXT) is not None


def test_the_time_of_a_version_counts_from_when_it_gave_way(restated: Shop, exported: FolderStorage) -> None:
    """Not from when it was made: a version that stood for a year has consumers yet."""
    a_year_ago = (NOW - dt.timedelta(days=365)).replace(tzinfo=None)
    restated.lake.con.execute(f"update ops.outputs set made_at = '{a_year_ago}' where run_id <> 'run-3'")
    assert expire(restated, exported, dt.timedelta()) == 2
    assert versions(exported) == ["run-2", "run-3"]


def test_what_a_killed_process_left_goes_too(restated: Shop, exported: FolderStorage) -> None:
    """Known to the ledger is only its run: half a version, and a whole one whose pointer stood until the next."""
    restated.lake.con.execute("insert into ops.pipeline_runs (run_id) values ('half')")
    half = exported.root / "exports" / "daily_sales" / str(DAY) / "half" / "daily_sales.csv"
    half.parent.mkdir()
    half.write_text("order_da")
    assert expire(restated, exported, dt.timedelta(days=6)) == 0
    assert half.exists()
    expire(restated, exported, dt.timedelta(days=8))
    assert versions(exported) == ["run-3"]


def test_what_the_ledger_never_named_stays(restated: Shop, exported: FolderStorage) -> None:
    """Regression: a README.txt that somebody put beside the exports was deleted after a week."""
    exports = exported.root / "exports"
    others = ["README.txt", "daily_sales/notes.txt", f"daily_sales/{DAY}/mine/daily_sales.csv"]
    others += [f"daily_sales/{DAY}/run-1/README.txt", f"elsewhere/{DAY}/run-1/elsewhere.csv"]
    for name in others:
        (exports / name).parent.mkdir(parents=True, exist_ok=True)
        (exports / name).write_text("somebody's")
    assert expire(restated, exported, dt.timedelta(days=1000)) == 4
    assert all((exports / name).exists() for name in others)


def test_a_pointer_keeps_its_version_whatever_the_ledger_says(restated: Shop, exported: FolderStorage) -> None:
    for where in ("update ops.outputs set location = 'elsewhere'", "delete from ops.outputs"):
        restated.lake.con.execute(where)
        expire(restated, exported, dt.timedelta(days=1000))
        assert versions(exported) == ["run-1", "run-2", "run-3"]
        assert seen(exported) is not None


def test_a_pointer_that_somebody_spoiled_expires_nothing(restated: Shop, exported: FolderStorage) -> None:
    pointer = exported.root / "exports" / "daily_sales" / str(DAY) / "latest.json"
    for content in ("", "[]", "{}", "null"):
        pointer.write_text(content)
        with pytest.raises(TidegateError, match="is not a pointer any more"):
            expire(restated, exported, dt.timedelta(days=8))
    assert versions(exported) == ["run-1", "run-2", "run-3"]


# --- several at once, and on Postgres


@pytest.fixture(params=["sqlite", "postgres"])
def catalogs(request: pytest.FixtureRequest, tmp_path: Path) -> LakeConfig:
    config = config_in(tmp_path)
    if request.param == "sqlite":
        return config
    return dataclasses.replace(config, catalog=f"postgres:{request.getfixturevalue('database')}")


@pytest.mark.slow
def test_two_that_make_the_same_leave_one_of_each(catalogs: LakeConfig, store: FolderStorage) -> None:
    with ExitStack() as stack:
        lakes = [stack.enter_context(make_lake(catalogs)) for _ in range(2)]
        Shop(lakes[0], Home(catalogs, stack)).publish(BOTH)
        with ThreadPoolExecutor(2) as threads:
            both = list(
                threads.map(
                    lambda lake: make_outputs(lake, store, MAKERS, BOTH.days, f"run-{lakes.index(lake)}"), lakes
                )
            )
        assert sorted([*both[0].made, *both[1].made]) == [
            (maker.kind.name, day) for maker in MAKERS for day in BOTH.days
        ]
        assert {len(versions(store, day=day)) for day in BOTH.days} == {1}
        assert seen(store) is not None
        assert due(Shop(lakes[1], Home(catalogs, stack)), store) == []


# --- S3


@pytest.mark.slow
def test_exports_in_s3_are_the_same(shop: Shop, store: FolderStorage, bucket: Bucket, tmp_path: Path) -> None:
    in_s3 = outputs_at(f"{bucket.url}/some/where", lambda: bucket.client)
    shop.publish(BOTH, rows=3)
    for place in (store, in_s3):
        assert make(shop, place).unmade == {}

    def read(name: str) -> bytes | None:
        key = f"some/where/exports/{name}"
        return bucket.get(key) if key in bucket.keys(key) else None

    with new_connection() as con:
        for maker in MAKERS:
            for day in BOTH.days:
                partition = f"{maker.mart.name}/{day}"
                assert follow(con, read, partition, tmp_path) == seen(store, maker.mart.name, day)
    (row, *_) = ledger_outputs.standing_outputs(shop.lake.con, [SALES.kind.name])
    assert row.location == f"{bucket.url}/some/where/exports/daily_sales/{DAY}/run-1"
    assert due(shop, in_s3) == []

    shop.publish(BOTH, factor=2)
    make(shop, in_s3, "run-2")
    assert expire(shop, in_s3, dt.timedelta(days=8)) == 4
    assert not [key for key in bucket.keys("some/") if "run-1" in key]
    with new_connection() as con:
        found = follow(con, read, f"daily_sales/{DAY}", tmp_path)
    assert found is not None
    assert found.version == "run-2"


def test_a_bucket_that_is_not_there_is_told_of(shop: Shop, bucket: Bucket) -> None:
    shop.publish(BOTH)
    nowhere = outputs_at("s3://no-such-bucket-here", lambda: bucket.client)
    making = make(shop, nowhere)
    assert making.made == {}
    told = making.unmade[SALES.kind.name, DAY]
    assert "there is no such bucket" in told
    assert "TIDEGATE_OUTPUTS" in told


@pytest.mark.parametrize("place", ["gs://bucket/x", "s3://UPPER", "http://x"])
def test_a_place_that_can_be_none_is_refused(place: str) -> None:
    with pytest.raises(TidegateError, match="TIDEGATE_OUTPUTS"):
        outputs_at(place, lambda: None)


def test_no_pointer_leads_to_a_mart_that_was_retired(shop: Shop, store: FolderStorage) -> None:
    shop.publish(BOTH)
    make(shop, store)
    exports = store.root / "exports"
    foreign = exports / "daily_sales" / str(NEXT) / "latest.json"
    foreign.write_text('{"publication_id": "of another lake", "version": "theirs"}')
    kept = [("daily_sales_by_region", Cadence.daily)]
    shop.lake.unit_of_work(lambda con: retire_marts(con, kept, "0123456789abcdef"))

    assert withdraw_exports(shop.lake, store, "run-3") == 2
    assert (seen(store), foreign.exists()) == (None, True)
    assert seen(store, "daily_sales_by_region") is not None
    assert (withdraw_exports(shop.lake, store, "run-4"), outputs_made_by(shop.lake.con, "run-3")) == (0, [])
    # What a pointer led to goes when it would have gone after any other change.
    assert expire_exports(shop.lake, store, 7, dt.datetime.now(dt.UTC)) == 0
    assert expire_exports(shop.lake, store, 7, dt.datetime.now(dt.UTC) + 8 * ONE_DAY) == 2

    # The model is back: its days are published again, and exported again.
    shop.promote(BOTH)
    make(shop, store)
    assert seen(store) is not None


def test_a_formula_in_a_csv_is_defused_where_that_is_wanted(tmp_path: Path) -> None:
    """Of texts only; what the other columns hold is written as it is."""
    file = tmp_path / "x.csv"
    with duckdb.connect() as con:
        texts = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "x=1", "", "'"]
        con.execute(f"create table t as select unnest({literal(texts)}) as name, -5 as amount")
        con.execute(f"copy (select {defused({'name': 'VARCHAR', 'amount': 'INTEGER'})} from t) to '{file}' (header)")
    with file.open(newline="") as stream:
        rows = list(csv.reader(stream))[1:]
    assert [row[0] for row in rows] == ["'=1+1", "'+1", "'-1", "'@x", "'\tx", "'\rx", "x=1", "", "'"]
    assert {row[1] for row in rows} == {"-5"}
