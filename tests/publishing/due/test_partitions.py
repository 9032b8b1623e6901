"""Which days are due follows from the ledger, whatever came in which order and whatever broke between."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import TYPE_CHECKING

import pytest

from tidegate.ledger.builds import begin_build, finish_build, interrupt_build
from tidegate.ledger.checks import record_checks
from tidegate.ledger.contents import Seed, enter_contents, seed_contents
from tidegate.ledger.deliveries import record_deliveries
from tidegate.ledger.entries import utc_now
from tidegate.ledger.names import DeliveryId
from tidegate.ledger.waivers import Waiver, grant, standing_waivers
from tidegate.publishing.due.partitions import Due, due_partitions
from tidegate.publishing.gate import closed_among
from tidegate.window import ONE_DAY, Window

if TYPE_CHECKING:
    from tests.support.lake.shop import Shop

DAY = dt.date(2024, 6, 2)
ONE = Window.of_day(DAY)
NEXT = DAY + ONE_DAY


def due(shop: Shop) -> dict[dt.date, Due]:
    return {day.day: day for day in due_partitions(shop.lake.con, shop.requirements)}


def deliver(shop: Shop, day: dt.date, region: str = "eu-west", **fields: object) -> None:
    row = shop.delivery(day, region, **fields)
    checks = [shop.check(day, f"raw/orders/{region}", "values_are_valid", row.fingerprint)]
    shop.lake.unit_of_work(lambda con: record_deliveries(con, [row]))
    shop.lake.unit_of_work(lambda con: record_checks(con, checks))


def begin(shop: Shop, name: str, window: Window = ONE, models: tuple[str, ...] = ()) -> None:
    shop.lake.unit_of_work(lambda con: begin_build(con, name, window.days, models or shop.models, "run-9"))


def waive(shop: Shop, region: str) -> None:
    waiver = Waiver("orders", region, DAY, "it is late", utc_now())
    shop.lake.unit_of_work(lambda con: grant(con, [waiver]))


def test_a_day_is_due_once_all_of_its_regions_are_in_until_it_is_published(shop: Shop) -> None:
    deliver(shop, DAY, "us-east")
    assert due(shop) == {}
    deliver(shop, DAY, "eu-west")
    assert list(due(shop)) == [DAY]
    assert not due(shop)[DAY].restates
    assert due(shop)[DAY].causes == ("orders/eu-west 2024-06-02", "orders/us-east 2024-06-02")
    shop.build(ONE)
    assert list(due(shop)) == [DAY]  # a run that died before it published
    shop.promote(ONE)
    assert due(shop) == {}


def test_a_rejected_delivery_makes_nothing_due(shop: Shop) -> None:
    deliver(shop, DAY, "us-east")
    deliver(shop, DAY, "eu-west", verdict="rejected", reason="It is garbage.")
    assert due(shop) == {}
    shop.publish(ONE)
    deliver(shop, NEXT, "us-east", touched=(DAY, NEXT))
    deliver(shop, DAY, "eu-west", verdict="rejected", reason="It is garbage.", fingerprint="garbage")
    assert due(shop) == {}


@pytest.mark.slow
def test_rows_of_a_later_delivery_restate_their_day_and_are_its_cause(shop: Shop) -> None:
    shop.publish(ONE)
    deliver(shop, NEXT, "us-east", touched=(DAY, NEXT))
    found = due(shop)[DAY]
    assert found.restates
    assert found.causes == ("orders/us-east 2024-06-03",)
    assert NEXT not in due(shop)
    shop.build(ONE)
    shop.promote(ONE)
    assert due(shop) == {}


def test_the_view_says_which_inputs_of_what_was_made_differ(shop: Shop) -> None:
    differing = "select thing, partition, kind, name, day from ops.due"
    shop.publish(ONE)
    assert shop.lake.con.execute(differing).fetchall() == []
    deliver(shop, NEXT, "us-east", touched=(DAY, NEXT))
    assert shop.lake.con.execute(differing).fetchall() == [
        ("daily default", DAY, "delivery", "orders/us-east 2024-06-03", DAY)
    ]
    shop.build(ONE)
    assert shop.lake.con.execute(differing).fetchall() == []


def test_every_further_delivery_is_a_newer_entry(shop: Shop) -> None:
    shop.publish(ONE)
    deliver(shop, NEXT, "us-east", touched=(DAY,))
    first = due(shop)[DAY].entry
    deliver(shop, NEXT, "eu-west", touched=(DAY,))
    assert due(shop)[DAY].entry > first


def test_a_day_that_its_checks_hold_is_not_due(shop: Shop) -> None:
    shop.deliver(ONE)
    build_id = shop.build(ONE)
    failed = shop.check(DAY, "marts/daily_sales", "revenue_adds_up", build_id, passed=False)
    shop.lake.unit_of_work(lambda con: record_checks(con, [failed]))
    assert due(shop) == {}


def test_a_failed_build_is_answered_and_a_broken_off_one_is_not(shop: Shop) -> None:
    shop.deliver(ONE)
    begin(shop, "failed")
    shop.lake.unit_of_work(lambda con: finish_build(con, "failed", [DAY]))
    assert due(shop) == {}
    begin(shop, "interrupted")
    shop.lake.unit_of_work(lambda con: interrupt_build(con, "interrupted"))
    first = due(shop)[DAY].build
    assert "interrupted" in closed_among(shop.lake.con, ONE.days, shop.requirements)[DAY][0]
    begin(shop, "killed")
    assert due(shop)[DAY].build > first


def test_a_broken_off_build_of_a_published_day_is_done_again(shop: Shop) -> None:
    shop.publish(ONE)
    begin(shop, "killed")
    assert due(shop)[DAY].restates
    assert due(shop)[DAY].causes == ()


def test_building_some_models_by_hand_does_not_make_the_day_done(shop: Shop) -> None:
    shop.deliver(ONE)
    begin(shop, "by hand", models=("stg_orders",))
    shop.lake.unit_of_work(lambda con: finish_build(con, "by hand"))
    assert list(due(shop)) == [DAY]


@pytest.mark.slow
def test_a_changed_seed_makes_due_what_reads_it(shop: Shop) -> None:
    def due_with(content: str) -> list[dt.date]:
        required = dataclasses.replace(shop.requirements, seeds=(Seed("codes", content),))
        return [each.day for each in due_partitions(shop.lake.con, required)]

    shop.publish(ONE)
    assert due_with("first") == []  # nobody knows what it was
    shop.lake.unit_of_work(lambda con: enter_contents(con, seed_contents([Seed("codes", "first")], "another build")))
    assert due_with("first") == []
    assert due_with("second") == [DAY]
    shop.build(ONE)
    shop.promote(ONE)
    assert due_with("first") == []
    assert due_with("second") == [DAY]


@pytest.mark.slow
def test_a_waived_region_lets_the_day_through_and_restates_it_when_it_comes(shop: Shop) -> None:
    deliver(shop, DAY, "us-east")
    assert any("eu-west" in why for why in closed_among(shop.lake.con, ONE.days, shop.requirements)[DAY])
    waive(shop, "eu-west")
    waive(shop, "eu-west")
    assert standing_waivers(shop.lake.con) == [DeliveryId("orders", "eu-west", DAY)]
    assert list(due(shop)) == [DAY]
    shop.build(ONE)
    assert list(shop.promote(ONE).published) == [DAY]
    assert due(shop) == {}
    deliver(shop, DAY, "eu-west")
    assert standing_waivers(shop.lake.con) == []
    assert (due(shop)[DAY].restates, due(shop)[DAY].causes) == (True, ("orders/eu-west 2024-06-02",))


@pytest.mark.parametrize("verdict", ["accepted", "rejected"])
def test_a_waiver_does_not_outlive_the_delivery(shop: Shop, verdict: str) -> None:
    deliver(shop, DAY, "us-east")
    waive(shop, "eu-west")
    deliver(shop, DAY, "eu-west", verdict=verdict, reason="It is garbage.", touched=())
    assert (list(due(shop)) == [DAY]) == (verdict == "accepted")
