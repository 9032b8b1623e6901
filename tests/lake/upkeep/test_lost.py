"""A lake that lost a file: what is said of it, and that its days can be run again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tidegate.errors import TidegateError
from tidegate.lake.reading.query import run_query
from tidegate.ledger.deliveries import newest_deliveries
from tidegate.ledger.upkeep.after_lost_files import forget_lost_files
from tidegate.ledger.upkeep.maintenance import maintain_until
from tidegate.publishing.due.partitions import due_again
from tidegate.publishing.gate import closed_among
from tidegate.window import ONE_DAY, Window

if TYPE_CHECKING:
    from tests.support.lake.shop import Home, Shop

DAY = dt.date(2024, 6, 1)
DAYS = Window(DAY, DAY + 3 * ONE_DAY)
ONE = Window.of_day(DAY)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def blank(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def file_of(shop: Shop, schema: str, table: str) -> Path:
    files = sorted(Path(shop.lake.config.data, schema, table).rglob("*.parquet"), key=lambda path: path.name)
    return files[-1]


@pytest.mark.slow
@pytest.mark.parametrize("lose", [Path.unlink, cut, blank])
def test_a_query_says_which_file_the_lake_lost(shop: Shop, lose: Callable[[Path], None]) -> None:
    shop.publish(DAYS, rows=30)
    file = file_of(shop, "serving", "daily_sales_by_region")
    lose(file)
    said = r"The lake is damaged.* serving\.daily_sales_by_region .*run --partition"
    with pytest.raises(TidegateError, match=said) as told:
        run_query(shop.lake.config, "select sum(net_revenue) from serving.daily_sales_by_region")
    assert str(file) in str(told.value)


@pytest.mark.slow
def test_what_serving_lost_is_published_again(shop: Shop) -> None:
    """Regression: a day whose file was lost could never be published again."""
    shop.publish(DAYS, rows=30)
    before = shop.served("daily_sales_by_region")
    assert forget_lost_files(shop.lake, "run-2") == []
    cut(file_of(shop, "serving", "daily_sales_by_region"))
    (lost,) = forget_lost_files(shop.lake, "run-2")
    assert (lost.table, lost.first, lost.last) == ("daily_sales_by_region", DAY, DAYS.last)
    assert [each.day for each in due_again(shop.lake.con, [shop.requirements])] == list(DAYS.days)
    shop.promote(DAYS)
    assert shop.served("daily_sales_by_region") == before
    assert [each.day for each in due_again(shop.lake.con, [shop.requirements])] == []
    now = dt.datetime.now(dt.UTC)
    maintain_until(shop.lake, now, now)
    assert shop.served("daily_sales_by_region") == before


def test_what_a_mart_lost_is_built_again_before_its_day_is_published(shop: Shop) -> None:
    shop.publish(DAYS, rows=30)
    before = shop.served("daily_sales_by_region")
    file_of(shop, "marts", "daily_sales_by_region").unlink()
    assert len(forget_lost_files(shop.lake, "run-2")) == 1
    assert list(closed_among(shop.lake.con, DAYS.days, shop.requirements)) == list(DAYS.days)
    assert shop.served("daily_sales_by_region") == before
    shop.build(DAYS, rows=30)
    assert sorted(shop.promote(DAYS).published) == list(DAYS.days)
    assert shop.served("daily_sales_by_region") == before


def test_what_raw_lost_counts_as_not_delivered(shop: Shop) -> None:
    shop.publish(DAYS)
    lake = shop.lake
    lake.con.execute("create table raw.orders (day date, n integer); alter table raw.orders set partitioned by (day)")
    lake.con.execute(f"insert into raw.orders select date '{DAY}' + (i % 3)::integer, i from range(90) as r(i)")
    (file,) = Path(lake.config.data, "raw", "orders", f"day={DAY}").iterdir()
    blank(file)
    forget_lost_files(lake, "run-2")
    assert lake.con.execute("select count(*) from raw.orders").fetchone() == (60,)
    assert {row.partition_day for row in newest_deliveries(lake.con, None, DAYS)} == set(DAYS.days) - {DAY}
    lake.con.execute(f"insert into raw.orders select date '{DAY}', i from range(30) as r(i)")
    assert lake.con.execute("select count(*) from raw.orders where n >= 0").fetchone() == (90,)


def test_a_ledger_that_lost_a_file_is_not_run_over(shop: Shop) -> None:
    shop.lake.con.execute("insert into ops.pipeline_runs (run_id) select i from range(1000) as r(i)")
    file_of(shop, "ops", "pipeline_runs").unlink()
    with pytest.raises(TidegateError, match=r"ledger is damaged: ops\.pipeline_runs: .*tidegate repair"):
        forget_lost_files(shop.lake, "run-2")


def test_a_damaged_catalog_is_told_in_a_sentence(home: Home) -> None:
    catalog = home.config.catalog_file
    assert catalog
    content = catalog.read_bytes()
    for damaged in (b"no database at all" * 100, content[:4096] + b"\0" * (len(content) - 4096), content[:5000]):
        catalog.write_bytes(damaged)
        for read_only in (True, False):
            with pytest.raises(TidegateError, match=r"(is damaged|There is no lake|cannot be opened)"):
                home.open(read_only)


def test_a_file_that_was_registered_from_elsewhere_is_not_lost(shop: Shop, tmp_path: Path) -> None:
    lake, elsewhere = shop.lake, tmp_path / "elsewhere.parquet"
    lake.con.execute(f"copy (select 1 as n) to '{elsewhere}' (format parquet)")
    lake.con.execute("create table raw.registered (n integer)")
    lake.con.execute(f"call ducklake_add_data_files('lake', 'registered', ['{elsewhere}'], schema => 'raw')")
    assert forget_lost_files(lake, "run-1") == []
    assert lake.con.execute("select n from raw.registered").fetchall() == [(1,)]
