"""After a power cut the catalog names no file that never reached the disk."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tidegate.lake.identity import named_files
from tidegate.ledger.upkeep.maintenance import maintain
from tidegate.window import ONE_DAY, Window

if TYPE_CHECKING:
    from tests.support.lake.shop import Shop

DAYS = Window(dt.date(2024, 6, 1), dt.date(2024, 6, 1) + 3 * ONE_DAY)


def test_what_is_published_is_on_the_disk_before_the_catalog_names_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: set[str] = set()
    sync = os.fsync

    def watched(descriptor: int) -> None:
        synced.add(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        sync(descriptor)

    shop.deliver(DAYS)
    shop.build(DAYS, rows=30)
    monkeypatch.setattr(os, "fsync", watched)
    shop.promote(DAYS)
    data = Path(shop.lake.config.data)
    assert {str(path) for path in (data / "serving").rglob("*.parquet")} <= synced
    assert {str(data), str(data / "serving"), str(data / "serving" / "daily_sales_by_region")} <= synced

    shop.lake.con.execute("create table raw.many (n integer)")
    for _ in range(3):
        shop.lake.con.execute("insert into raw.many from range(100)")
    maintain(shop.lake, 0)
    of_raw = {str(data / name) for name in named_files(shop.lake.con) if name.startswith("raw/")}
    assert synced & of_raw


def test_old_files_are_not_synced_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.publish(DAYS, rows=30)
    long_ago = 1_700_000_000
    for path in Path(shop.lake.config.data).rglob("*"):
        os.utime(path, (long_ago, long_ago))
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    shop.lake.unit_of_work(lambda con: con.execute("select 1"), [("serving", "daily_sales_by_region")])
    assert synced == []
