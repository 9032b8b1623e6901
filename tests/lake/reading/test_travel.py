"""Going back in time: the lake as it was at any moment since its oldest snapshot, and a sentence for every other."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.errors import TidegateError
from tidegate.lake.reading.query import run_query
from tidegate.lake.reading.travel import moment_of, shown, snapshot_at
from tidegate.ledger.upkeep.maintenance import maintain_until
from tidegate.window import ONE_DAY, Window
from tidegate.zones import Zone

if TYPE_CHECKING:
    from tests.support.lake.shop import Home, Shop

DAY = dt.date(2024, 6, 1)
ONE = Window.of_day(DAY)
SERVED = "select order_date, total_orders from serving.daily_sales order by all"
MICROSECOND = dt.timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-01-31", "2024-01-31T00:00:00Z"),
        ("2024-01-31T18:30", "2024-01-31T18:30:00Z"),
        ("2024-01-31 18:30:05", "2024-01-31T18:30:05Z"),
        ("2024-01-31T18:30Z", "2024-01-31T18:30:00Z"),
        ("2024-01-31T18:30+02:00", "2024-01-31T16:30:00Z"),
        ("20240131T183000.25-0500", "2024-01-31T23:30:00.250000Z"),
        ("2024-W05-3", "2024-01-31T00:00:00Z"),
    ],
)
def test_a_moment_is_utc_when_it_names_no_zone_and_a_day_is_its_start(text: str, moment: str) -> None:
    assert shown(moment_of(text)) == moment


def test_a_day_starts_when_it_does_in_the_platforms_time_zone() -> None:
    berlin = Zone("Europe/Berlin")

    assert shown(moment_of("2024-07-01", berlin)) == "2024-06-30T22:00:00Z"
    assert shown(moment_of("2024-07-01T00:00", berlin)) == "2024-07-01T00:00:00Z", "a time without a zone is UTC"


@pytest.mark.parametrize(
    "text", ["", "yesterday", "18:30", "2024-02-30", "2024-1-1", "1706725800", "0001-01-01T00:00+14:00", "'; drop \0"]
)
def test_what_is_no_moment_is_told_with_how_to_write_one(text: str) -> None:
    with pytest.raises(TidegateError, match=r"is not a moment\. Write it as 2024-01-31"):
        moment_of(text)


@given(st.datetimes(timezones=st.timezones()))
def test_a_moment_reads_back_as_it_is_shown(moment: dt.datetime) -> None:
    try:
        in_utc = moment.astimezone(dt.UTC)
    except OverflowError:
        # Beyond the years that there are in UTC.
        return
    assert moment_of(shown(moment)) == in_utc


@pytest.mark.slow
def test_every_commit_can_be_gone_back_to(shop: Shop) -> None:
    snapshots = [shop.publish(ONE, factor=factor).published[DAY][0].lake_snapshot for factor in (1, 2, 3)]
    times = dict(shop.lake.con.execute("select snapshot_id, snapshot_time from lake.snapshots()").fetchall())
    for factor, snapshot in enumerate(snapshots, start=1):
        assert snapshot is not None
        assert snapshot_at(shop.lake.config, times[snapshot]) == snapshot
        assert run_query(shop.lake.config, SERVED, times[snapshot]).rows == [(DAY, factor)]
        assert snapshot_at(shop.lake.config, times[snapshot] - MICROSECOND) == snapshot - 1
    assert run_query(shop.lake.config, SERVED).rows == [(DAY, 3)]


def test_writers_and_travellers_do_not_see_each_other(shop: Shop) -> None:
    shop.publish(ONE)
    then = dt.datetime.now(dt.UTC)
    with shop.home.open(snapshot=snapshot_at(shop.lake.config, then)) as traveller:
        before = traveller.con.execute("from serving.daily_sales").fetchall()
        shop.publish(Window(DAY, DAY + 2 * ONE_DAY), factor=7)
        assert traveller.con.execute("from serving.daily_sales").fetchall() == before
    assert run_query(shop.lake.config, SERVED, then).rows == [(DAY, 1)]


def test_what_has_not_come_yet_is_told(shop: Shop) -> None:
    with pytest.raises(TidegateError, match=r"2999-01-01T00:00:00Z has not come yet"):
        snapshot_at(shop.lake.config, moment_of("2999-01-01"))


def test_before_there_was_a_lake_is_told_with_when_it_was_made(shop: Shop) -> None:
    shop.publish(ONE)
    with pytest.raises(
        TidegateError, match=r"There was no lake at 2024-01-31T00:00:00Z: it was made at (\S+)\."
    ) as told:
        snapshot_at(shop.lake.config, moment_of("2024-01-31"))
    made_at = moment_of(str(told.value).split()[-1].rstrip("."))
    assert snapshot_at(shop.lake.config, made_at) == 0
    with pytest.raises(TidegateError, match=f"The lake was read as of {shown(made_at)}; what was made later is not"):
        run_query(shop.lake.config, SERVED, made_at)


@pytest.mark.slow
def test_an_expired_moment_is_told_with_the_oldest_that_is_there(shop: Shop) -> None:
    shop.publish(ONE)
    then = dt.datetime.now(dt.UTC)
    shop.publish(ONE, factor=2)
    now = dt.datetime.now(dt.UTC)
    maintain_until(shop.lake, now, now)
    with pytest.raises(TidegateError, match=r"no longer known.* oldest .* TIDEGATE_SNAPSHOT_DAYS") as told:
        run_query(shop.lake.config, SERVED, then)
    oldest = str(told.value).split(" was made at ")[1].split()[0].rstrip(".")
    assert run_query(shop.lake.config, SERVED, moment_of(oldest)).rows == [(DAY, 2)]


def test_a_traveller_cannot_write(shop: Shop) -> None:
    shop.publish(ONE)
    with shop.home.open(snapshot=1) as traveller, pytest.raises(Exception, match="read-only"):
        traveller.con.execute("delete from ops.builds")


def test_a_snapshot_that_is_gone_is_told(home: Home) -> None:
    home.open()
    with pytest.raises(TidegateError, match="No snapshot found at version 99"):
        home.open(snapshot=99)


def test_there_is_no_lake_to_go_back_in(bare_home: Home) -> None:
    with pytest.raises(TidegateError, match="There is no lake at"):
        snapshot_at(bare_home.config, moment_of("2024-01-31"))
