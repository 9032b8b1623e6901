"""All marts of the good days at once, none of a bad day, and never a half for anyone who looks."""

from __future__ import annotations

import dataclasses
import datetime as dt
import time
from typing import TYPE_CHECKING

import pytest
from tests.support.lake.queries import day_content

from tidegate.errors import TidegateError
from tidegate.lake.content import Content
from tidegate.lake.lease import lease
from tidegate.ledger import publications
from tidegate.ledger.checks import record_checks
from tidegate.publishing.promote import promote
from tidegate.publishing.requirements import GateRequirements, Mart
from tidegate.window import ONE_DAY, Window

if TYPE_CHECKING:
    from tests.support.lake.shop import Shop

DAY = dt.date(2024, 6, 1)
ONE = Window.of_day(DAY)
THREE = Window(DAY, DAY + 3 * ONE_DAY)


def days_from(count: int) -> Window:
    return Window(DAY, DAY + count * ONE_DAY)


def files_of(shop: Shop, mart: str) -> list[tuple[str]]:
    query = f"select data_file from ducklake_list_files('lake', '{mart}', schema => 'serving')"
    return shop.lake.con.execute(query).fetchall()


def test_good_days_are_served_and_entered(shop: Shop) -> None:
    promotion = shop.publish(THREE, factor=2, rows=3)
    assert promotion.held == {}
    assert shop.served() == [(day, 2, 6) for day in THREE.days]
    assert len(shop.served("daily_sales_by_region")) == 9
    assert [row for rows in promotion.published.values() for row in rows] == publications.newest_publications(
        shop.lake.con
    )
    for day, rows in promotion.published.items():
        assert [row.mart for row in rows] == ["daily_sales", "daily_sales_by_region"]
        assert len({row.publication_id for row in rows}) == 1
        for row in rows:
            found = day_content(shop.lake.con, "serving", row.mart, "order_date", day)
            assert Content(row.rows, row.content_hash) == found
            assert (row.build_id, row.run_id, row.cadence) == (shop.builds[-1], "run-1", "daily")


def test_nothing_is_served_of_a_window_without_a_good_day(shop: Shop) -> None:
    # The first look at a product enters it in the calendar.
    shop.promote(THREE)
    before = shop.lake.con.execute("select count(*) from lake.snapshots()").fetchone()
    promotion = shop.promote(THREE)
    assert (promotion.published, list(promotion.held)) == ({}, THREE.days)
    assert shop.lake.con.execute("select count(*) from lake.snapshots()").fetchone() == before


def test_of_31_days_with_a_bad_one_30_are_served(shop: Shop) -> None:
    month = days_from(31)
    bad = month.days[11]
    shop.deliver(month)
    build_id = shop.build(month)
    check = shop.check(bad, "marts/daily_sales", "revenue_adds_up", build_id, passed=False)
    shop.lake.unit_of_work(lambda con: record_checks(con, [check]))
    promotion = shop.promote(month)
    assert list(promotion.held) == [bad]
    assert [row[0] for row in shop.served()] == [day for day in month.days if day != bad]
    assert publications.published_days(shop.lake.con, month) == [day for day in month.days if day != bad]


def test_promoting_again_enters_the_same_hash_and_writes_no_files(shop: Shop) -> None:
    first = shop.publish(ONE, rows=30).published[DAY]
    before = files_of(shop, "daily_sales_by_region")
    second = shop.publish(ONE, rows=30).published[DAY]
    assert [row.content_hash for row in first] == [row.content_hash for row in second]
    assert files_of(shop, "daily_sales_by_region") == before
    history = publications.publication_history(shop.lake.con, DAY)
    assert [row.superseded_by for row in history] == [second[0].publication_id] * 2 + [None] * 2


def test_a_day_whose_candidates_became_empty_is_served_empty(shop: Shop) -> None:
    shop.publish(THREE)
    middle = Window.of_day(THREE.days[1])
    shop.build(middle)
    shop.empty_candidates(middle)
    published = shop.promote(middle).published[THREE.days[1]]
    assert [row.rows for row in published] == [0, 0]
    assert [row[0] for row in shop.served()] == [THREE.days[0], THREE.days[2]]


@pytest.mark.slow
def test_neighbours_keep_their_rows_and_publications(shop: Shop) -> None:
    shop.publish(THREE)
    before = publications.newest_publications(shop.lake.con)
    shop.build(THREE, factor=7)
    shop.promote(Window.of_day(THREE.days[1]))
    assert [row[1] for row in shop.served()] == [1, 7, 1]
    after = publications.newest_publications(shop.lake.con)
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, True, False, False, True, True]


@pytest.mark.slow
def test_rows_taken_out_of_serving_by_hand_come_back(shop: Shop) -> None:
    shop.publish(THREE)
    shop.lake.con.execute("delete from serving.daily_sales where order_date = '2024-06-02'")
    shop.promote(THREE)
    assert [row[0] for row in shop.served()] == THREE.days


@pytest.mark.slow
def test_each_publication_can_be_read_as_it_was(shop: Shop) -> None:
    snapshots = [shop.publish(ONE, factor=factor).published[DAY][0].lake_snapshot for factor in (1, 2, 3)]
    figures = [
        shop.lake.con.execute(f"select total_orders from serving.daily_sales at (version => {snapshot})").fetchall()
        for snapshot in snapshots
    ]
    assert figures == [[(1,)], [(2,)], [(3,)]]
    stored = shop.lake.con.execute("select distinct lake_snapshot from ops.publications order by all").fetchall()
    assert stored == [(snapshot,) for snapshot in snapshots]


def test_a_promote_killed_before_it_could_enter_its_snapshot_is_found_by_its_commit(shop: Shop) -> None:
    snapshot = shop.publish(ONE).published[DAY][0].lake_snapshot
    shop.lake.con.execute("update ops.publications set lake_snapshot = null")
    shop.build(ONE, factor=2)
    assert {row.lake_snapshot for row in publications.newest_publications(shop.lake.con)} == {snapshot}
    shop.lake.unit_of_work(publications.enter_missing_snapshots)
    assert shop.lake.con.execute("select distinct lake_snapshot from ops.publications").fetchall() == [(snapshot,)]


def test_a_column_added_to_a_mart_is_served(shop: Shop) -> None:
    shop.publish(THREE)
    shop.lake.con.execute("alter table marts.daily_sales add column units_sold bigint")
    shop.lake.con.execute("update marts.daily_sales set units_sold = 5 where order_date = '2024-06-02'")
    before = {row.partition_day: row.content_hash for row in publications.newest_publications(shop.lake.con)}
    shop.promote(THREE)
    assert [row[-1] for row in shop.served()] == [None, 5, None]
    sales = [row for row in publications.newest_publications(shop.lake.con) if row.mart == "daily_sales"]
    # A column that is null throughout changes no content.
    assert before[DAY] in {row.content_hash for row in publications.newest_publications(shop.lake.con)}
    assert len({row.content_hash for row in sales}) == 3


def test_a_column_of_another_type_changes_for_all_published_days_at_once_or_for_none(shop: Shop) -> None:
    shop.publish(THREE)
    before = shop.served()
    shop.lake.con.execute("create or replace table marts.daily_sales as select order_date, total_orders, "
                          "12345678901::bigint as net_revenue from marts.daily_sales")  # fmt: skip
    with pytest.raises(
        TidegateError, match=r"net_revenue should become BIGINT, .*2024-06-02\.\.2024-06-03\. .*Nothing"
    ):
        shop.promote(ONE)
    assert shop.served() == before

    shop.promote(THREE)
    figures = shop.lake.con.execute("select typeof(net_revenue), net_revenue from serving.daily_sales").fetchall()
    assert figures == [("BIGINT", 12345678901)] * 3


def test_a_day_column_may_be_a_timestamp(shop: Shop) -> None:
    shop.deliver(THREE)
    shop.build(THREE)
    shop.lake.con.execute(
        "create or replace table marts.daily_sales as select order_date + interval 1 hour as order_date, "
        "total_orders, net_revenue from marts.daily_sales"
    )
    shop.promote(THREE)
    assert [row[0] for row in shop.served()] == [dt.datetime.combine(day, dt.time(1)) for day in THREE.days]


def test_without_marts_a_promote_has_nothing_to_serve(shop: Shop) -> None:
    nothing = GateRequirements(frozenset(), frozenset(), frozenset(), ())
    assert promote(shop.lake, ONE, nothing, "run-1").published == {DAY: []}


def test_a_mart_without_its_day_column_is_told(shop: Shop) -> None:
    shop.deliver(ONE)
    shop.build(ONE)
    shop.lake.con.execute("alter table marts.daily_sales rename column order_date to day")
    with pytest.raises(TidegateError, match=r"marts.daily_sales has no column order_date"):
        shop.promote(ONE)


def test_a_mart_that_is_not_there_is_told(shop: Shop) -> None:
    shop.deliver(ONE)
    shop.build(ONE)
    shop.lake.con.execute("drop table marts.daily_sales")
    with pytest.raises(TidegateError, match=r"marts.daily_sales .* is not there"):
        shop.promote(ONE)


def test_promoting_waits_for_another_promote_of_the_day(shop: Shop) -> None:
    shop.deliver(ONE)
    shop.build(ONE)
    other = shop.home.open(patience=0.2)
    with (
        lease(shop.home.config, "serving", [DAY], "run-9"),
        pytest.raises(TidegateError, match=r"serving 2024-06-01: run run-9"),
    ):
        promote(other, ONE, shop.requirements, "run-1")


@pytest.mark.slow
def test_a_reader_never_sees_a_half(shop: Shop) -> None:
    shop.publish(THREE, factor=1, rows=20)
    reader = shop.home.start("poll_serving", 3)
    reader.wait_for("reading")
    for factor in range(2, 6):
        # Other numbers of rows as well, so that files come and go.
        shop.build(THREE, factor=factor, rows=20 if factor % 2 else 3)
        shop.promote(THREE)
    reader.tell("stop")
    looks, wrong = reader.result().split(" ", 1)
    assert wrong == "[]"
    assert int(looks) >= 2


def test_two_processes_that_promote_one_window_leave_one_copy(shop: Shop) -> None:
    shop.build(THREE, factor=3, rows=20)
    processes = [shop.home.start("promote_when_told", DAY, THREE.days[-1]) for _ in range(2)]
    for process in processes:
        process.wait_for("ready")
    for process in processes:
        process.tell("go")
    assert [process.result() for process in processes] == ["3", "3"]
    assert shop.served() == [(day, 3, 60) for day in THREE.days]
    assert len(shop.served("daily_sales_by_region")) == 60
    assert len(publications.newest_publications(shop.lake.con)) == 6


def test_a_promote_killed_at_any_moment_leaves_all_or_nothing(shop: Shop) -> None:
    shop.publish(THREE, factor=1, rows=20)
    for attempt, delay in enumerate((0.0, 0.03, 0.08)):
        before = shop.served()[0][1]
        shop.build(THREE, factor=attempt + 2, rows=20)
        victim = shop.home.start("promote_when_told", DAY, THREE.days[-1])
        victim.wait_for("ready")
        victim.tell("go")
        time.sleep(delay)
        victim.kill()
        figures = {row[1] for row in shop.served()} | {row[2] for row in shop.served("daily_sales_by_region")}
        assert figures in ({before}, {attempt + 2})
        assert len(shop.served("daily_sales_by_region")) == 60
    shop.promote(THREE)
    assert shop.served() == [(day, 4, 80) for day in THREE.days]


@pytest.mark.slow
def test_a_column_is_removed_from_all_published_days_at_once_or_from_none(shop: Shop) -> None:
    window = Window(dt.date(2024, 6, 1), dt.date(2024, 6, 3))
    shop.publish(window, rows=2)
    before = shop.served()
    narrow = Mart("daily_sales", "order_date", ("order_date", "total_orders"))
    requirements = dataclasses.replace(shop.requirements, marts=(narrow, shop.requirements.marts[1]))

    shop.build(window, 2, 2)
    with pytest.raises(TidegateError, match=r"no longer has net_revenue, .*2024-06-02\. .*Nothing was published"):
        promote(shop.lake, Window.of_day(window.start), requirements, "run-2")
    assert shop.served() == before

    promote(shop.lake, window, requirements, "run-3")
    assert shop.served() == [(day, 2) for day in window.days]
    assert promote(shop.lake, Window.of_day(window.start), requirements, "run-4").held == {}


def test_published_columns_say_what_they_mean(shop: Shop) -> None:
    one = Window.of_day(THREE.start)
    marts = tuple(
        dataclasses.replace(mart, comments={"net_revenue": f"Revenue of {mart.name}."})
        for mart in shop.requirements.marts
    )
    shop.deliver(one)
    shop.build(one)
    promote(shop.lake, one, dataclasses.replace(shop.requirements, marts=marts), "run-1")
    comments = (
        "select table_name, column_name, comment from duckdb_columns() "
        "where schema_name = 'serving' and comment is not null order by all"
    )
    expected = [(name, "net_revenue", f"Revenue of {name}.") for name in ("daily_sales", "daily_sales_by_region")]
    assert shop.lake.con.execute(comments).fetchall() == expected
    shop.publish(one, factor=2)
    assert shop.lake.con.execute(comments).fetchall() == expected
