"""A day that has not ended is read while it goes on: what came so far, and all of it once it has ended."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from tests.support.intake.fixtures import OpenShop
from tests.support.intake.shop import DAY, SALES, Shop, csv, row

from tidegate.errors import SourceDownError
from tidegate.intake import finding
from tidegate.intake.load import DeliveryReport
from tidegate.ledger.interim import Interim, interim_deliveries
from tidegate.ledger.known import days_lacking, known_deliveries
from tidegate.ledger.names import Partition
from tidegate.window import ONE_DAY, Window

NOON = dt.datetime.combine(DAY, dt.time(12))
MIDNIGHT = dt.datetime.combine(DAY + ONE_DAY, dt.time())
# It ends after these tests.
ENDLESS = dt.date(2999, 12, 31)
ITS_END = dt.datetime.combine(dt.date(3000, 1, 1), dt.time())

AT_LEAST_THREE = SALES.replace(
    "customProperties:",
    """    quality:
      - {metric: rowCount, mustBeGreaterThan: 2}
customProperties:""",
    1,
)


def at(monkeypatch: pytest.MonkeyPatch, moment: dt.datetime) -> None:
    monkeypatch.setattr(finding, "utc_now", lambda: moment)


def load(shop: Shop, *rows: str, day: dt.date = DAY) -> DeliveryReport:
    if rows:
        shop.deliver("north", csv(*rows), day)
    return shop.load(Window.of_day(day), ["north"])["north"]


def interim(shop: Shop) -> list[Interim]:
    return interim_deliveries(shop.lake.con)


def lacking(shop: Shop) -> list[dt.date]:
    return days_lacking(shop.lake.con, "sales", [("sales", "north")], {}, 10)


def test_while_a_day_goes_on_what_came_so_far_counts(shop: Shop) -> None:
    first = load(shop, row(1, day=ENDLESS), day=ENDLESS)
    assert (first.status, first.rows_loaded) == ("accepted", 1)
    more = load(shop, row(1, day=ENDLESS), row(2, day=ENDLESS), day=ENDLESS)
    assert (more.rows_loaded, shop.raw()) == (2, ["s1", "s2"])
    (of_day,) = interim(shop)
    assert (of_day.day, of_day.until) == (ENDLESS, ITS_END)
    assert lacking(shop) == []
    assert not known_deliveries(shop.lake.con, "sales", [Partition("north", ENDLESS)]).popitem()[1].is_outlived


def test_once_it_has_ended_it_lacks_until_it_was_read_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, NOON)
    load(shop, row(1))
    assert lacking(shop) == [DAY]
    assert known_deliveries(shop.lake.con, "sales", [Partition("north", DAY)]).popitem()[1].is_outlived
    before = shop.content()
    at(monkeypatch, MIDNIGHT)
    # Nothing more came: that is known now, and changes no row.
    again = load(shop)
    assert (again.status, again.touched, shop.content()) == ("accepted", (), before)
    assert (lacking(shop), interim(shop)) == ([], [])


def test_the_moment_before_midnight_is_of_the_day(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, MIDNIGHT - dt.timedelta(microseconds=1))
    load(shop, row(1))
    assert [each.until for each in interim(shop)] == [MIDNIGHT]
    at(monkeypatch, MIDNIGHT)
    load(shop)
    assert interim(shop) == []


def test_what_a_source_still_had_when_the_day_had_ended_is_all_of_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(monkeypatch, NOON)
    folder = shop.deliver("north", csv(row(1)))
    load(shop)
    at(monkeypatch, MIDNIGHT)
    # It answers that there is nothing more: what was read is taken from the archive.
    folder.rename(folder.with_name("elsewhere"))
    assert load(shop).status == "accepted"
    assert (interim(shop), shop.raw()) == ([], ["s1"])


def test_half_a_day_from_the_archive_of_a_source_that_is_down_is_half_a_day(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(monkeypatch, NOON)
    load(shop, row(1))
    assert load(shop, row(1, price="-1")).status == "rejected"
    at(monkeypatch, MIDNIGHT)
    monkeypatch.setattr(finding, "listing_of", down)
    assert load(shop).status == "accepted"
    assert (lacking(shop), [each.day for each in interim(shop)]) == ([DAY], [DAY])


@pytest.mark.parametrize("was_killed", [True, False])
def test_half_a_day_that_only_the_archive_knows_is_half_a_day(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, was_killed: bool
) -> None:
    """As after a ledger that was lost, or a run that was killed before it committed."""
    shop.contract = replace(shop.contract, intraday=dt.timedelta(minutes=15))
    at(monkeypatch, NOON)
    with pytest.MonkeyPatch.context() as patch:
        if was_killed:
            patch.setattr(finding.Finding, "note_fates", lambda *_: None)
        load(shop, row(1))
    shop.lake.con.execute("delete from ops.deliveries")
    at(monkeypatch, MIDNIGHT)
    monkeypatch.setattr(finding, "listing_of", down)
    assert load(shop).status == "accepted"
    assert [each.day for each in interim(shop)] == [DAY]


def test_nothing_stands_in_for_half_a_day(open_shop: OpenShop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = open_shop(SALES + "  - {property: fallback, value: last_good}\n")
    yesterday = DAY - ONE_DAY
    load(shop, row(0, day=yesterday), day=yesterday)
    at(monkeypatch, NOON)
    load(shop, row(1))
    at(monkeypatch, MIDNIGHT)
    monkeypatch.setattr(finding, "listing_of", down)
    assert load(shop).stands_in_for is None
    assert [each.day for each in interim(shop)] == [DAY]
    # Nor does it for the day after.
    at(monkeypatch, MIDNIGHT + ONE_DAY)
    assert load(shop, day=DAY + ONE_DAY).stands_in_for == yesterday


def down(*_: object) -> None:
    raise SourceDownError("the source is down.")


def test_how_many_rows_there_are_is_judged_once_they_are_all_there(
    open_shop: OpenShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = open_shop(AT_LEAST_THREE)
    at(monkeypatch, NOON)
    assert load(shop, row(1)).status == "accepted"
    at(monkeypatch, MIDNIGHT)
    whole = load(shop)
    assert whole.status == "rejected"
    assert "rows" in str(whole.rejection)
    # What was read before stays, and the day lacks the rest.
    assert shop.raw() == ["s1"]
    assert load(shop, row(1), row(2), row(3)).status == "accepted"
