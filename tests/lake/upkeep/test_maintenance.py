"""Upkeep changes how content is stored and never the content."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.lake.queries import stale_days

from tidegate.errors import TidegateError
from tidegate.lake.content import Content, content_of
from tidegate.lake.identity import METADATA
from tidegate.lake.sql import qualified
from tidegate.lake.upkeep import catalog_rows, small_partitions
from tidegate.lake.upkeep.catalog_copies import COPIES_KEPT, keep_copy
from tidegate.lake.upkeep.leftovers import FEW_LEFTOVERS
from tidegate.lake.upkeep.maintenance import LONGEST_TRANSACTION, TO_THE_DAY
from tidegate.lake.upkeep.small_partitions import FILES_WORTH_MERGING
from tidegate.ledger import publications
from tidegate.ledger.deliveries import newest_deliveries
from tidegate.ledger.upkeep.maintenance import maintain, maintain_until
from tidegate.publishing.gate import closed_among
from tidegate.window import ONE_DAY, Window

if TYPE_CHECKING:
    from tests.support.lake.shop import Home, Shop

    from tidegate.lake.connect import Lake

DAY = dt.date(2024, 6, 1)
DAYS = Window(DAY, DAY + 4 * ONE_DAY)


def busy_days(shop: Shop) -> None:
    for day in DAYS.days:
        shop.publish(Window.of_day(day), rows=30)
    shop.build(Window(DAY, DAY + 2 * ONE_DAY), factor=2, rows=30)
    shop.promote(Window(DAY, DAY + 2 * ONE_DAY))


def contents(lake: Lake) -> dict[str, Content]:
    tables = lake.con.execute(
        "select schema_name, table_name from duckdb_tables() where database_name = 'lake'"
    ).fetchall()
    return {f"{s}.{t}": content_of(lake.con, f"select * from {qualified(s, t)}") for s, t in tables}


def files(lake: Lake) -> int:
    return len(list(Path(lake.config.data).rglob("*.parquet")))


def upkeep_now(lake: Lake) -> tuple[int, int, int]:
    now = dt.datetime.now(dt.UTC)
    done = maintain_until(lake, now, now)
    return done.files_merged, done.snapshots_expired, done.files_deleted


@pytest.mark.slow
def test_contents_ledger_and_gates_stay(shop: Shop) -> None:
    busy_days(shop)
    lake = shop.lake
    before = (
        contents(lake),
        publications.newest_publications(lake.con),
        newest_deliveries(lake.con, None, DAYS),
    )
    files_before = files(lake)
    assert all(figure > 0 for figure in upkeep_now(lake))
    assert files(lake) < files_before
    after = (contents(lake), publications.newest_publications(lake.con), newest_deliveries(lake.con, None, DAYS))
    assert after == before
    assert closed_among(lake.con, DAYS.days, shop.requirements) == {}
    assert stale_days(lake.con) == []
    assert upkeep_now(lake)[0] == 0
    shop.publish(DAYS, factor=9, rows=2)
    assert shop.served() == [(day, 9, 18) for day in DAYS.days]
    assert len(shop.served("daily_sales_by_region")) == 8


@pytest.mark.slow
def test_what_is_younger_than_asked_is_kept(shop: Shop) -> None:
    busy_days(shop)
    snapshot = publications.newest_publications(shop.lake.con)[0].lake_snapshot
    done = maintain(shop.lake, 0)
    assert (done.snapshots_expired, done.files_deleted) == (0, 0)
    served = shop.lake.con.execute(f"select count(*) from serving.daily_sales at (version => {snapshot})").fetchone()
    assert served == (4,)


@pytest.mark.slow
def test_what_was_made_later_on_the_same_day_is_kept(shop: Shop) -> None:
    """Regression: told a moment, DuckLake 1.0 drops all of its day on a SQLite catalog."""
    shop.publish(DAYS)
    now = dt.datetime.now(dt.UTC)
    later = shop.publish(DAYS, factor=2).published[DAY][0].lake_snapshot
    shop.publish(DAYS, factor=3)
    assert maintain_until(shop.lake, now, now).snapshots_expired > 0
    served = shop.lake.con.execute(f"select distinct total_orders from serving.daily_sales at (version => {later})")
    assert served.fetchall() == [(2,)]
    oldest = shop.lake.con.execute("select min(snapshot_time) from lake.snapshots()").fetchone()
    assert oldest is not None
    assert oldest[0] > now


@pytest.mark.slow
def test_files_that_went_out_of_use_today_are_kept(shop: Shop) -> None:
    busy_days(shop)
    before = files(shop.lake)
    now = dt.datetime.now(dt.UTC)
    maintain_until(shop.lake, now, now - LONGEST_TRANSACTION - TO_THE_DAY)
    assert files(shop.lake) >= before
    assert maintain(shop.lake, 0).files_deleted == 0
    assert files(shop.lake) >= before


def test_a_snapshot_is_entered_before_its_commit_message_goes(shop: Shop) -> None:
    shop.publish(DAYS)
    expected = {row.lake_snapshot for row in publications.newest_publications(shop.lake.con)}
    shop.lake.con.execute("update ops.publications set lake_snapshot = null")
    upkeep_now(shop.lake)
    assert {row.lake_snapshot for row in publications.newest_publications(shop.lake.con)} == expected


def test_files_that_a_killed_writer_left_are_deleted(shop: Shop) -> None:
    shop.lake.con.execute("create table raw.orders (day date, writer varchar, n bigint)")
    victim = shop.home.start("stop_before_commit", DAY, "new")
    victim.wait_for("written")
    victim.kill()
    left = len(list(Path(shop.home.config.data, "raw").rglob("*.parquet")))
    assert left > 0
    upkeep_now(shop.lake)
    assert list(Path(shop.home.config.data, "raw").rglob("*.parquet")) == []


def write_files(lake: Lake, count: int) -> None:
    """A table of so many partitions, and so of as many files."""
    lake.con.execute("create table raw.many (day integer, n integer)")
    lake.con.execute("alter table raw.many set partitioned by (day)")
    lake.con.execute(f"insert into raw.many select i % {count}, i from range({12 * count}) as r(i)")


def test_files_of_others_stay(shop: Shop) -> None:
    """Regression: any Parquet in the data folder was deleted that the catalog did not name, whosever it was."""
    lake = shop.lake
    write_files(lake, 2)
    data, ours = Path(lake.config.data), next(Path(lake.config.data).rglob("*.parquet"))
    elsewhere = ["landing/orders.parquet", ours.name, f"raw/{ours.name}", f"raw/nobodys/{ours.name}"]
    beside = [f"raw/many/{name}" for name in ("mine.parquet", "ducklake-1.parquet", f"sub/{ours.name}", "README.txt")]
    for name in (*elsewhere, *beside):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_bytes(ours.read_bytes())
    upkeep_now(lake)
    assert all((data / name).exists() for name in (*elsewhere, *beside))


def test_an_old_copy_of_the_catalog_deletes_nothing_unasked(home: Home) -> None:
    """Its files of since then are named nowhere, like those of a killed writer."""
    catalog = home.config.catalog_file
    assert catalog
    with home.open() as lake:
        lake.con.execute("create table raw.many (day integer, n integer)")
    old = catalog.read_bytes()
    with home.open() as lake:
        lake.con.execute("drop table raw.many")
        write_files(lake, FEW_LEFTOVERS + 1)
    catalog.write_bytes(old)
    with home.open() as lake:
        before = files(lake)
        with pytest.raises(TidegateError, match=r"101 files in .* named nowhere.*tidegate maintain --delete-leftovers"):
            upkeep_now(lake)
        assert files(lake) == before
        now = dt.datetime.now(dt.UTC)
        assert maintain_until(lake, now, now, delete_leftovers=True).files_deleted == FEW_LEFTOVERS + 1


@pytest.mark.slow
def test_a_copy_of_the_catalog_is_kept_before_anything_is_deleted(shop: Shop) -> None:
    catalog = shop.lake.config.catalog_file
    assert catalog
    busy_days(shop)
    before = contents(shop.lake)
    maintain(shop.lake, 0)
    (copy,) = (catalog.parent / "copies").iterdir()
    shop.lake.close()
    for suffix in ("", "-wal", "-shm"):
        catalog.with_name(catalog.name + suffix).unlink(missing_ok=True)
    copy.rename(catalog)
    assert contents(shop.home.open()) == before


def test_copies_are_few_and_only_copies_go(home: Home) -> None:
    catalog = home.config.catalog_file
    assert catalog
    mine = catalog.parent / "copies" / f"{catalog.name}.before-the-move"
    copies = [keep_copy(catalog, dt.datetime(2024, 6, day, tzinfo=dt.UTC)) for day in range(1, 3)]
    mine.write_text("a person's")
    copies += [keep_copy(catalog, dt.datetime(2024, 6, day, tzinfo=dt.UTC)) for day in range(3, 8)]
    assert sorted(mine.parent.iterdir()) == [*copies[-COPIES_KEPT:], mine]


def test_a_damaged_catalog_is_not_maintained(home: Home) -> None:
    with home.open() as lake:
        write_files(lake, 200)
    catalog = home.config.catalog_file
    assert catalog
    content = bytearray(catalog.read_bytes())
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    with pytest.raises(TidegateError, match="is damaged"):
        catalog.write_bytes(content)
        keep_copy(catalog, dt.datetime.now(dt.UTC))
    assert list((catalog.parent / "copies").iterdir()) == []


@pytest.mark.slow
def test_readers_and_a_writer_go_on_beside_it(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog_rows, "ROWS_WORTH_A_FILE", 1)
    busy_days(shop)
    shop.build(DAYS, factor=4, rows=10)
    shop.promote(DAYS)
    reader = shop.home.start("poll_serving", 4)
    reader.wait_for("reading")
    writer = shop.home.start("overwrite_at_once", DAY, "a", 5)
    writer.wait_for("ready")
    writer.tell("go")
    for factor in (5, 6):
        maintain(shop.lake, 30)
        shop.build(DAYS, factor=factor, rows=10)
        shop.promote(DAYS)
    writer.wait_for("done")
    reader.tell("stop")
    assert reader.result().split(" ", 1)[1] == "[]"
    assert shop.lake.con.execute("select count(*) from raw.orders").fetchone() == (200,)


def test_hostile_table_names_are_names(shop: Shop) -> None:
    lake = shop.lake
    name = "a\"b'; drop table ops.builds; --"
    lake.con.execute(f"create table {qualified('raw', name)} as select i from range(50) as r(i)")
    for _ in range(3):
        lake.con.execute(f"insert into {qualified('raw', name)} from range(50)")
    assert maintain(lake, 30).files_merged == 4
    assert lake.con.execute(f"select count(*) from {qualified('raw', name)}").fetchone() == (200,)


def count_of(lake: Lake, table: str) -> int:
    row = lake.con.execute(f"select count(*) from {METADATA}.{table}").fetchone()
    assert row
    return int(row[0])


def rows_of_many(lake: Lake) -> list[tuple[object, ...]]:
    return lake.con.execute("select rowid, day, n from raw.many order by all").fetchall()


@pytest.mark.slow
def test_small_partitions_become_one_file_and_stay_one(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = shop.lake
    write_files(lake, FILES_WORTH_MERGING + 1)
    then = lake.con.execute("select max(snapshot_id) from lake.snapshots()").fetchone()
    lake.con.execute("delete from raw.many where day = 3 and n > 200")
    rows, made = rows_of_many(lake), files(lake)
    assert made > FILES_WORTH_MERGING

    with monkeypatch.context() as patch:
        # Between the two transactions that it takes.
        patch.setattr(small_partitions, "_forget_partitions", killed)
        with pytest.raises(KeyboardInterrupt):
            maintain(lake, 0)
    maintain(lake, 0)

    assert rows_of_many(lake) == rows
    assert then
    before = lake.con.execute(f"select count(*) from raw.many at (version => {then[0]})").fetchone()
    assert before == (12 * (FILES_WORTH_MERGING + 1),)
    for day in range(100, 103):
        lake.con.execute(f"insert into raw.many select {day}, i from range(12) as r(i)")
    lake.con.execute("delete from raw.many where day = 5")
    rows = rows_of_many(lake)
    upkeep_now(lake)
    upkeep_now(lake)
    assert rows_of_many(lake) == rows
    # The old rows, which of them are deleted, and the new ones.
    assert len(list(Path(lake.config.data, "raw", "many").rglob("*.parquet"))) <= 3


def killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_large_partitions_keep_a_file_each(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_partitions, "SMALL_FILE_BYTES", 1)
    write_files(shop.lake, FILES_WORTH_MERGING + 1)
    upkeep_now(shop.lake)
    assert len(list(Path(shop.lake.config.data, "raw", "many").rglob("*.parquet"))) == FILES_WORTH_MERGING + 1


def test_rows_in_the_catalog_that_no_snapshot_shows_are_deleted(shop: Shop) -> None:
    lake = shop.lake
    # The ledger has tables of rows in the catalog as well.
    before = set(inlined_tables(lake))
    lake.con.execute("create table raw.few (n integer)")
    for n in range(5):
        lake.con.execute(f"insert into raw.few values ({n})")
    lake.con.execute("delete from raw.few where n < 2")
    then = lake.con.execute("select max(snapshot_id) from lake.snapshots()").fetchone()
    assert then
    lake.con.execute("delete from raw.few where n = 2")
    (table,) = set(inlined_tables(lake)) - before
    assert count_of(lake, table) == 5

    maintain(lake, 0)
    assert count_of(lake, table) == 5
    assert lake.con.execute(f"select n from raw.few at (version => {then[0]}) order by n").fetchall() == [
        (2,),
        (3,),
        (4,),
    ]

    upkeep_now(lake)
    assert count_of(lake, table) == 2
    assert lake.con.execute("select n from raw.few order by n").fetchall() == [(3,), (4,)]


@pytest.mark.slow
def test_many_rows_in_the_catalog_go_into_a_file_and_keep_their_ids(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog_rows, "ROWS_WORTH_A_FILE", 30)
    lake = shop.lake
    lake.con.execute("create table raw.few (n integer, words varchar[])")
    for n in range(12):
        lake.con.execute(f"insert into raw.few select {n}, ['it''s', null] from range(3)")
    lake.con.execute("alter table raw.few add column later varchar")
    lake.con.execute("insert into raw.few values (100, [], 'now'), (101, null, null)")
    lake.con.execute("delete from raw.few where n = 5")
    lake.con.execute("update raw.few set n = 7 where n = 6")
    then = lake.con.execute("select max(snapshot_id) from lake.snapshots()").fetchone()
    assert then
    rows = "select rowid, n, words, later from raw.few"
    before = lake.con.execute(f"{rows} order by rowid").fetchall()

    maintain(lake, 0)

    assert list(Path(lake.config.data, "raw", "few").rglob("*.parquet"))
    assert lake.con.execute(f"{rows} order by rowid").fetchall() == before
    assert lake.con.execute(f"{rows} at (version => {then[0]}) order by rowid").fetchall() == before
    for n in range(12):
        lake.con.execute(f"insert into raw.few (n) select {n} from range(3)")
    before = lake.con.execute(f"{rows} order by rowid").fetchall()
    upkeep_now(lake)
    upkeep_now(lake)
    assert lake.con.execute(f"{rows} order by rowid").fetchall() == before
    assert len(list(Path(lake.config.data, "raw", "few").rglob("*.parquet"))) == 1


def inlined_tables(lake: Lake) -> list[str]:
    rows = lake.con.execute(f"select table_name from {METADATA}.ducklake_inlined_data_tables").fetchall()
    return [name for (name,) in rows]
