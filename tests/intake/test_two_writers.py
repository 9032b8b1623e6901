"""Two loads of one source at once, on a Postgres catalog: whichever commits second has seen the first."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import pytest
from duckdb import DuckDBPyConnection
from tests.support.intake.shop import DAY, SALES, Shop, csv, open_shop_in, row

from tidegate.errors import LakeBusyError
from tidegate.lake.connect import Lake
from tidegate.ledger.upkeep.opening import open_lake
from tidegate.window import ONE_DAY, Window

T = TypeVar("T")
NEXT_DAY = DAY + ONE_DAY


class Interleaved(Lake):
    """A lake in which something happens once a unit of work has done all but commit."""

    before_commit: Callable[[], object]

    def unit_of_work(self, work: Callable[[DuckDBPyConnection], T], tables: Iterable[tuple[str, str]] = ()) -> T:
        def all_but_commit(con: DuckDBPyConnection) -> T:
            done = work(con)
            self.before_commit()
            return done

        return super().unit_of_work(all_but_commit, tables)


@pytest.mark.slow
def test_a_line_that_moved_between_days_that_are_loaded_at_once_touches_the_day_it_left(
    tmp_path: Path, database: str
) -> None:
    shop = open_shop_in(tmp_path, SALES, f"postgres:{database}")
    # Both days' loads find the tables there, and no row that either of them replaces.
    shop.deliver("north", csv(row(9)), DAY - ONE_DAY)
    shop.load(Window.of_day(DAY - ONE_DAY))
    shop.deliver("north", csv(row(1)), DAY)
    shop.deliver("north", csv(row(1, day=NEXT_DAY)), NEXT_DAY)
    impatient = Shop(tmp_path, open_lake(dataclasses.replace(shop.lake.config, patience=0.1)), shop.contract)

    waits = []

    def load_the_day_before() -> None:
        try:
            impatient.load(Window.of_day(DAY))
        except LakeBusyError as error:
            waits.append(error)

    interleaved = Interleaved.open(shop.lake.config)
    interleaved.before_commit = load_the_day_before
    Shop(tmp_path, interleaved, shop.contract).load(Window.of_day(NEXT_DAY))
    if waits:
        impatient.load(Window.of_day(DAY))

    [(_, touched_last)] = shop.lake.con.execute(
        "select rowid, touched from ops.deliveries order by rowid desc limit 1"
    ).fetchall()
    assert DAY in touched_last
    for lake in (shop.lake, impatient.lake, interleaved):
        lake.close()
