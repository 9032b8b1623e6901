"""Every way a gate can be closed keeps its day out of serving, and says why to the person on call."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tidegate.ledger.builds import begin_build, finish_build, interrupt_build
from tidegate.ledger.checks import record_checks
from tidegate.ledger.deliveries import record_deliveries
from tidegate.publishing.gate import closed_among, days_to_look_at, held_days
from tidegate.publishing.requirements import GateRequirements
from tidegate.window import ONE_DAY, Window

if TYPE_CHECKING:
    from tests.support.lake.shop import Shop

DAY = dt.date(2024, 6, 2)
WINDOW = Window(DAY - ONE_DAY, DAY + 2 * ONE_DAY)
ONE = Window.of_day(DAY)
BUILT = ("stg_orders", "daily_sales", "daily_sales_by_region")


def change(shop: Shop, statement: str) -> None:
    shop.lake.con.execute(statement)


def redeliver(shop: Shop, verdict: str = "accepted", reason: str | None = None) -> None:
    row = shop.delivery(DAY, fingerprint="new", verdict=verdict, reason=reason)
    shop.lake.unit_of_work(lambda con: record_deliveries(con, [row]))


def check(shop: Shop, asset: str, name: str, subject: str, passed: bool) -> None:
    row = shop.check(DAY, asset, name, subject, passed)
    shop.lake.unit_of_work(lambda con: record_checks(con, [row]))


def the_newest_delivery_was_rejected(shop: Shop) -> None:
    redeliver(shop, "rejected", "412 of 5,000 rows broke the contract")


def the_newest_delivery_was_rejected_without_a_reason(shop: Shop) -> None:
    redeliver(shop, "rejected")


def a_newer_delivery_was_not_checked(shop: Shop) -> None:
    redeliver(shop)


def the_check_of_the_newest_delivery_failed(shop: Shop) -> None:
    redeliver(shop)
    check(shop, "raw/orders/eu-west", "values_are_valid", "new", passed=False)


def it_was_never_built(shop: Shop) -> None:
    change(shop, f"delete from ops.builds where partition_day = '{DAY}'")


def a_build_is_under_way(shop: Shop) -> None:
    shop.lake.unit_of_work(lambda con: begin_build(con, "half", [DAY], BUILT, "run-9"))


def the_newest_build_failed(shop: Shop) -> None:
    a_build_is_under_way(shop)
    shop.lake.unit_of_work(lambda con: finish_build(con, "half", [DAY]))


def a_model_of_the_newest_build_failed(shop: Shop) -> None:
    a_build_is_under_way(shop)
    errors = {"stg_orders": "Runtime Error in model stg_orders\n  No column net.\n\nLINE 3: select net\n  ^"}
    behind = ["daily_sales", "daily_sales_by_region", "stg_orders"]
    shop.lake.unit_of_work(lambda con: finish_build(con, "half", [], None, behind, errors))


def a_disk_was_full(shop: Shop) -> None:
    a_build_is_under_way(shop)
    shop.lake.unit_of_work(lambda con: interrupt_build(con, "half", {"stg_orders": f"No space left. {'x' * 600}"}))


def one_model_is_being_built(shop: Shop) -> None:
    shop.lake.unit_of_work(lambda con: begin_build(con, "half", [DAY], ["stg_orders"], "run-9"))


def a_check_failed(shop: Shop) -> None:
    check(shop, "marts/daily_sales", "revenue_adds_up", shop.builds[-1], passed=False)


def a_check_never_ran(shop: Shop) -> None:
    change(
        shop,
        f"delete from ops.check_results where check_name = 'keys_are_unique' and partition_day = '{DAY}'",
    )


def a_check_ran_only_on_an_older_build(shop: Shop) -> None:
    shop.lake.unit_of_work(lambda con: begin_build(con, "newer", [DAY], BUILT, "run-9"))
    shop.lake.unit_of_work(lambda con: finish_build(con, "newer"))
    check(shop, "staging/stg_orders", "keys_are_unique", "newer", passed=True)


def a_check_of_an_older_build_came_last(shop: Shop) -> None:
    older = shop.builds[-1]
    shop.build(ONE)
    check(shop, "marts/daily_sales", "revenue_adds_up", older, passed=True)


def a_check_names_a_build_that_never_was(shop: Shop) -> None:
    check(shop, "marts/daily_sales", "revenue_adds_up", "made up", passed=True)


def a_check_names_a_build_of_another_day(shop: Shop) -> None:
    other = shop.build(Window.of_day(DAY + ONE_DAY), factor=2)
    check(shop, "marts/daily_sales", "revenue_adds_up", other, passed=True)


CLOSED: list[tuple[Callable[[Shop], None], list[str]]] = [
    (
        the_newest_delivery_was_rejected,
        ["412 of 5,000 rows broke the contract."],
    ),
    (
        the_newest_delivery_was_rejected_without_a_reason,
        ["orders/eu-west 2024-06-02 was rejected; no reason was recorded."],
    ),
    (
        a_newer_delivery_was_not_checked,
        [
            "raw/orders/eu-west 2024-06-02: the check values_are_valid has not run on what is there now, "
            "only on an earlier version. Run the day again."
        ],
    ),
    (
        the_check_of_the_newest_delivery_failed,
        [
            "raw/orders/eu-west 2024-06-02: the check values_are_valid failed: 7 of 10 rows are wrong. "
            "Fix the file and drop it again."
        ],
    ),
    (
        it_was_never_built,
        ["daily_sales, daily_sales_by_region, stg_orders 2024-06-02: never built. Run the day."],
    ),
    (
        a_build_is_under_way,
        [
            "daily_sales, daily_sales_by_region, stg_orders 2024-06-02: build half of run run-9 began at TIME UTC "
            "and has not finished. Let it end or, if it died, run the day again."
        ],
    ),
    (
        the_newest_build_failed,
        [
            "daily_sales, daily_sales_by_region, stg_orders 2024-06-02: build half of run run-9 failed. "
            "See why in that run's log. Fix it and run the day again."
        ],
    ),
    (
        a_model_of_the_newest_build_failed,
        [
            "daily_sales, daily_sales_by_region, stg_orders 2024-06-02: build half of run run-9 failed. "
            "stg_orders: Runtime Error in model stg_orders No column net. Fix it and run the day again."
        ],
    ),
    (
        a_disk_was_full,
        [
            "daily_sales, daily_sales_by_region, stg_orders 2024-06-02: build half of run run-9 was interrupted. "
            f"stg_orders: No space left. {'x' * 485}… Run the day again."
        ],
    ),
    (
        one_model_is_being_built,
        [
            "stg_orders 2024-06-02: build half of run run-9 began at TIME UTC and has not finished. "
            "Let it end or, if it died, run the day again."
        ],
    ),
    (
        a_check_failed,
        [
            "marts/daily_sales 2024-06-02: the check revenue_adds_up failed: 7 of 10 rows are wrong. "
            "Fix the file and drop it again."
        ],
    ),
    (
        a_check_never_ran,
        ["staging/stg_orders 2024-06-02: the check keys_are_unique has not run. Run the day again."],
    ),
    *(
        (
            story,
            [
                "marts/daily_sales 2024-06-02: the check revenue_adds_up has not run on what is there now, "
                "only on an earlier version. Run the day again."
            ],
        )
        for story in (
            a_check_ran_only_on_an_older_build,
            a_check_of_an_older_build_came_last,
            a_check_names_a_build_that_never_was,
            a_check_names_a_build_of_another_day,
        )
    ),
]


def without_times(sentence: str) -> str:
    words = sentence.split(" began at ")
    return sentence if len(words) == 1 else f"{words[0]} began at TIME UTC{words[1].split(' UTC', 1)[1]}"


@pytest.mark.parametrize(("story", "sentences"), CLOSED, ids=[story.__name__ for story, _ in CLOSED])
def test_a_closed_gate_holds_its_day_and_no_other(
    shop: Shop, story: Callable[[Shop], None], sentences: list[str]
) -> None:
    shop.publish(WINDOW, factor=1)
    shop.build(WINDOW, factor=2)
    story(shop)
    assert days_to_look_at(shop.lake.con, WINDOW.days, shop.requirements, few=0) == [DAY]
    promotion = shop.promote(WINDOW)
    assert {day: list(map(without_times, why)) for day, why in promotion.held.items()} == {DAY: sentences}
    assert list(promotion.published) == [day for day in WINDOW.days if day != DAY]
    # The held day's last good version stays.
    assert [(row[0], row[1]) for row in shop.served()] == [(day, 1 if day == DAY else 2) for day in WINDOW.days]


def a_later_build_ran_the_check_of_a_model_it_left_alone(shop: Shop) -> None:
    shop.lake.unit_of_work(lambda con: begin_build(con, "partial", [DAY], ["stg_orders"], "run-9"))
    shop.lake.unit_of_work(lambda con: finish_build(con, "partial"))
    check(shop, "staging/stg_orders", "keys_are_unique", "partial", passed=True)
    check(shop, "marts/daily_sales", "revenue_adds_up", "partial", passed=True)


def a_failed_check_was_fixed(shop: Shop) -> None:
    a_check_failed(shop)
    shop.build(ONE, factor=2)


def a_rejected_delivery_was_fixed(shop: Shop) -> None:
    the_newest_delivery_was_rejected(shop)
    shop.deliver(ONE)


def another_day_is_bad(shop: Shop) -> None:
    row = shop.delivery(DAY + ONE_DAY, verdict="rejected", fingerprint="x")
    shop.lake.unit_of_work(lambda con: record_deliveries(con, [row]))


def a_blocking_check_found_only_a_warning(shop: Shop) -> None:
    row = shop.check(DAY, "raw/orders/eu-west", "values_are_valid", f"print-eu-west-{DAY}", False, severity="warning")
    shop.lake.unit_of_work(lambda con: record_checks(con, [row]))


def a_check_that_is_not_required_failed(shop: Shop) -> None:
    check(shop, "marts/daily_sales", "looks_usual", shop.builds[-1], passed=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    "story",
    [
        a_later_build_ran_the_check_of_a_model_it_left_alone, a_failed_check_was_fixed,
        a_rejected_delivery_was_fixed, another_day_is_bad, a_blocking_check_found_only_a_warning,
        a_check_that_is_not_required_failed,
    ],
)  # fmt: skip
def test_an_open_gate_stays_open(shop: Shop, story: Callable[[Shop], None]) -> None:
    shop.deliver(WINDOW)
    shop.build(WINDOW)
    story(shop)
    assert closed_among(shop.lake.con, ONE.days, shop.requirements) == {}
    assert held_days(shop.lake.con, ONE, [shop.requirements]) == {}
    # Nor is there more to look at, where many days are asked for.
    assert days_to_look_at(shop.lake.con, [DAY], shop.requirements, few=0) == []


def test_a_source_with_one_region_may_leave_it_out_of_its_assets_name(shop: Shop) -> None:
    required = GateRequirements(
        frozenset({("orders", "eu-west")}), frozenset(), frozenset({("raw/orders", "values_are_valid")}), ()
    )
    row = shop.delivery(DAY, "eu-west")
    shop.lake.unit_of_work(lambda con: record_deliveries(con, [row]))
    assert list(closed_among(shop.lake.con, ONE.days, required)) == [DAY]
    assert days_to_look_at(shop.lake.con, [DAY], required, few=0) == [DAY]
    check(shop, "raw/orders", "values_are_valid", row.fingerprint, passed=True)
    assert closed_among(shop.lake.con, ONE.days, required) == {}
    assert days_to_look_at(shop.lake.con, [DAY], required, few=0) == []


def test_a_test_of_a_source_counts_by_the_build_it_ran_in(shop: Shop) -> None:
    required = dataclasses.replace(shop.requirements, blocking_checks=frozenset({("raw/orders", "orders_has_rows")}))
    shop.deliver(WINDOW)
    older = shop.build(WINDOW)
    check(shop, "raw/orders", "orders_has_rows", older, passed=True)
    assert closed_among(shop.lake.con, ONE.days, required) == {}
    assert days_to_look_at(shop.lake.con, [DAY], required, few=0) == []
    newer = shop.build(WINDOW)
    assert list(closed_among(shop.lake.con, ONE.days, required)) == [DAY]
    assert days_to_look_at(shop.lake.con, [DAY], required, few=0) == [DAY]
    check(shop, "raw/orders", "orders_has_rows", newer, passed=True)
    assert closed_among(shop.lake.con, ONE.days, required) == {}
    assert days_to_look_at(shop.lake.con, [DAY], required, few=0) == []


def test_a_check_of_nothing_that_was_ever_built_is_not_forgotten(shop: Shop) -> None:
    required = GateRequirements(frozenset(), frozenset(), frozenset({("marts/other", "x")}), ())
    assert closed_among(shop.lake.con, ONE.days, required) == {
        DAY: ["marts/other 2024-06-02: the check x has not run. Run the day again."]
    }


def test_an_unknown_day_says_all_that_is_missing_in_few_words(shop: Shop) -> None:
    many = dataclasses.replace(shop.requirements, models=frozenset(f"model_{i}" for i in range(12)))
    assert closed_among(shop.lake.con, ONE.days, many)[DAY] == [
        "orders/eu-west 2024-06-02: no delivery was loaded. Once it has landed, run the day.",
        "orders/us-east 2024-06-02: no delivery was loaded. Once it has landed, run the day.",
        "marts/daily_sales 2024-06-02: the check revenue_adds_up has not run. Run the day again.",
        "staging/stg_orders 2024-06-02: the check keys_are_unique has not run. Run the day again.",
    ]


def test_hostile_names_are_names(shop: Shop) -> None:
    name = "a\"b'; drop table ops.builds; --"
    required = GateRequirements(
        frozenset({(name, name)}), frozenset({name}), frozenset({(f"raw/{name}/{name}", name)}), ()
    )
    row = dataclasses.replace(shop.delivery(DAY, name), source=name, fingerprint=name)
    shop.lake.unit_of_work(lambda con: record_deliveries(con, [row]))
    shop.lake.unit_of_work(lambda con: begin_build(con, name, [DAY], [name], name))
    assert len(closed_among(shop.lake.con, ONE.days, required)[DAY]) == 2
    shop.lake.unit_of_work(lambda con: finish_build(con, name))
    check(shop, f"raw/{name}/{name}", name, name, passed=True)
    assert closed_among(shop.lake.con, ONE.days, required) == {}
    assert days_to_look_at(shop.lake.con, [DAY], required, few=0) == []


def test_held_days_are_those_that_something_was_delivered_for(shop: Shop) -> None:
    shop.deliver(ONE)
    held = held_days(shop.lake.con, WINDOW, [shop.requirements])
    assert list(held) == [DAY]
    assert held[DAY][0] == "daily_sales, daily_sales_by_region, stg_orders 2024-06-02: never built. Run the day."


def test_of_no_days_none_is_closed(shop: Shop) -> None:
    assert closed_among(shop.lake.con, [], shop.requirements) == {}
