"""The figures of a Monday's report against the same reckoned in Python from the rows that `serving` holds."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from decimal import Decimal

import pytest
from tests.support.outputs.shop import (
    BEFORE,
    EARLY,
    MONDAY,
    Row,
    Shop,
    amount,
    customer_row,
    day_row,
    delivery,
    never_bought,
)

from tidegate.errors import TidegateError
from tidegate.ledger.deliveries import StandingIn
from tidegate.ledger.names import DeliveryId
from tidegate.ledger.waivers import Waiver, grant
from tidegate.outputs.pages.quality import Quarantined, Rejected, Restated, SourceRows
from tidegate.outputs.pages.weekly import SEGMENTS, Customer, read_week
from tidegate.window import ONE_DAY, Window

WEEK = Window(BEFORE, MONDAY)
TWO_WEEKS = Window(BEFORE - 7 * ONE_DAY, MONDAY)


def days_of(shop: Shop, window: Window) -> list[Row]:
    return [row for row in shop.rows["daily_sales"] if row["order_date"] in window]


def customers_of(shop: Shop, monday: dt.date) -> dict[str, Row]:
    return {row["customer_id"]: row for row in shop.rows["customer_rfm"] if row["as_of_date"] == monday}


def test_weeks_are_summed_over_their_days_and_no_others(full_shop: Shop) -> None:
    facts = read_week(full_shop.con, MONDAY)

    assert [week.first_day for week in facts.weeks] == [MONDAY - ago * 7 * ONE_DAY for ago in range(13, 0, -1)]
    for week in facts.weeks:
        days = days_of(full_shop, Window(week.first_day, week.first_day + 7 * ONE_DAY))
        gross, orders = sum(day["gross_revenue"] for day in days), sum(day["total_orders"] for day in days)
        assert week.days_published == len(days) == 7
        assert week.net_revenue == sum(day["net_revenue"] for day in days)
        assert week.gross_revenue == gross
        assert week.returned_amount == sum(day["returned_amount"] for day in days)
        assert (week.orders, week.units_sold) == (orders, sum(day["units_sold"] for day in days))
        assert week.guest_orders == sum(day["guest_orders"] for day in days)
        assert week.average_order_value is not None
        assert abs(week.average_order_value * orders - gross) <= Decimal("0.00005") * orders
    assert facts.week.first_day == BEFORE
    assert (facts.first_day, facts.last_day) == (BEFORE, MONDAY - ONE_DAY)


def test_customers_who_bought_are_counted_once_in_the_week(shop: Shop) -> None:
    shop.serve_days([day_row(day) for day in TWO_WEEKS.days])
    bought = {"total_orders": 1, "total_returns": 0, "gross_revenue": 1, "returned_amount": 0, "net_revenue": 1}
    returned = bought | {"total_orders": 0, "total_returns": 1}
    shop.serve(
        "orders_daily_summary",
        [
            {"order_date": BEFORE, "customer_id": "a", **bought},
            {"order_date": MONDAY - ONE_DAY, "customer_id": "a", **bought},
            {"order_date": BEFORE, "customer_id": "b", **bought},
            {"order_date": BEFORE, "customer_id": "only returned", **returned},
            {"order_date": MONDAY, "customer_id": "a day late", **bought},
            {"order_date": BEFORE - ONE_DAY, "customer_id": "the week before", **bought},
        ],
    )
    shop.publish_monday([customer_row("a")])

    facts = read_week(shop.con, MONDAY)

    (headline,) = [each for each in facts.headlines if each.measure == "customers_who_bought"]
    assert (headline.value, headline.value_before) == (2, 1)


def headlines_of(shop: Shop) -> dict[str, tuple[object, object, object]]:
    facts = read_week(shop.con, MONDAY)
    return {each.measure: (each.value, each.value_before, each.change_percent) for each in facts.headlines}


def test_headlines_have_their_change_against_the_week_before(shop: Shop) -> None:
    shop.serve_days(
        [day_row(day, net_revenue=100 if day < BEFORE else 125, returned_amount=0) for day in TWO_WEEKS.days]
    )
    shop.publish_monday([customer_row("a")])

    assert headlines_of(shop) == {
        "net_revenue": (875, 700, 25),
        "orders": (70, 70, 0),
        "average_order_value": (Decimal("10.5"), Decimal("10.5"), 0),
        "customers_who_bought": (0, 0, None),
        "returned_amount": (0, 0, None),
    }


def test_weeks_of_unequally_many_days_are_not_compared(shop: Shop) -> None:
    shop.serve_days([day_row(day) for day in TWO_WEEKS.days[:-1]])
    shop.publish_monday([customer_row("a")])

    assert not read_week(shop.con, MONDAY).weeks_compare
    assert headlines_of(shop)["net_revenue"] == (600, 700, None)


def test_segments_are_those_of_the_summary_all_ten_in_their_order(full_shop: Shop) -> None:
    facts = read_week(full_shop.con, MONDAY)
    now, before = customers_of(full_shop, MONDAY), customers_of(full_shop, BEFORE)

    assert [segment.segment for segment in facts.segments] == list(SEGMENTS)
    assert facts.customers == len(now)
    for segment in facts.segments:
        members = [row for row in now.values() if row["segment"] == segment.segment]
        assert segment.customers == len(members)
        assert segment.customers_before == sum(row["segment"] == segment.segment for row in before.values())
        assert segment.total_monetary == sum(row["monetary"] for row in members)
    assert facts.customers_without_purchases == facts.segments[-1].customers > 0


def test_every_customer_of_either_monday_is_in_one_move(full_shop: Shop) -> None:
    facts = read_week(full_shop.con, MONDAY)
    now, before = customers_of(full_shop, MONDAY), customers_of(full_shop, BEFORE)
    expected = Counter(
        (before.get(name, {}).get("segment"), now.get(name, {}).get("segment")) for name in now.keys() | before.keys()
    )

    assert facts.moves is not None
    assert {(move.from_segment, move.to_segment): move.customers for move in facts.moves} == expected
    assert sum(move.customers for move in facts.moves) == len(now.keys() | before.keys())
    assert any(move.from_segment is None for move in facts.moves) and any(
        move.to_segment is None for move in facts.moves
    )


def test_who_became_at_risk_is_counted_and_named_by_revenue(full_shop: Shop) -> None:
    facts = read_week(full_shop.con, MONDAY)
    before = customers_of(full_shop, BEFORE)
    became = [
        row
        for name, row in customers_of(full_shop, MONDAY).items()
        if row["segment"] == "At Risk" and before.get(name, {}).get("segment") != "At Risk"
    ]
    became.sort(key=lambda row: (-row["monetary"], row["customer_id"]))

    assert facts.became_at_risk is not None
    assert facts.became_at_risk.customers == len(became) > 10
    assert facts.became_at_risk.total_monetary == sum(row["monetary"] for row in became)
    assert [customer.customer_id for customer in facts.became_at_risk.most_revenue] == [
        row["customer_id"] for row in became[:10]
    ]
    assert facts.became_at_risk.most_revenue[0] == Customer(
        became[0]["customer_id"], "At Risk", before[became[0]["customer_id"]]["segment"],
        became[0]["recency_days"], became[0]["frequency"], became[0]["monetary"],
    )  # fmt: skip


def test_lapsing_customers_of_high_value_are_those_with_both_flags(full_shop: Shop) -> None:
    lapsing = read_week(full_shop.con, MONDAY).lapsing_high_value
    expected = [row for row in customers_of(full_shop, MONDAY).values() if row["is_lapsing"] and row["is_high_value"]]

    assert lapsing.customers == len(expected) > 15
    assert lapsing.total_monetary == sum(row["monetary"] for row in expected)
    assert [c.monetary for c in lapsing.most_revenue] == sorted((r["monetary"] for r in expected), reverse=True)[:15]


def test_the_heat_map_has_every_customer_with_scores_once(full_shop: Shop) -> None:
    cells = read_week(full_shop.con, MONDAY).heat_map
    scored = [row for row in customers_of(full_shop, MONDAY).values() if row["rfm_score"]]

    assert [(cell.recency_score, cell.frequency_score) for cell in cells] == [
        (r, f) for r in range(1, 6) for f in range(1, 6)
    ]
    for cell in cells:
        members = [
            row
            for row in scored
            if (row["recency_score"], row["frequency_score"]) == (cell.recency_score, cell.frequency_score)
        ]
        assert (cell.customers, cell.total_monetary) == (len(members), sum(row["monetary"] for row in members))


def test_weeks_and_days_that_are_not_published_are_none_and_counted(shop: Shop) -> None:
    shop.serve_days([day_row(BEFORE), day_row(MONDAY - ONE_DAY), day_row(MONDAY - 365 * ONE_DAY)])
    shop.serve_days([day_row(MONDAY - 366 * ONE_DAY), day_row(MONDAY)])
    shop.publish_monday([customer_row("a")])

    facts = read_week(shop.con, MONDAY)

    assert [week.days_published for week in facts.weeks] == [0] * 12 + [2]
    assert facts.week_before.net_revenue is None and facts.week_before.orders is None
    assert facts.week.net_revenue == 200
    assert facts.window_days_published == 3
    assert facts.quality.unpublished_days == WEEK.days[1:-1]


def test_without_the_monday_before_nobody_moved_and_nobody_became_at_risk(shop: Shop) -> None:
    shop.serve_days([day_row(BEFORE)])
    shop.publish_monday([customer_row("a", "At Risk")])

    facts = read_week(shop.con, MONDAY)

    assert facts.moves is None and facts.became_at_risk is None
    assert {segment.customers_before for segment in facts.segments} == {None}


def test_a_monday_before_that_was_published_without_customers_is_one(shop: Shop) -> None:
    shop.serve_days([day_row(BEFORE)])
    shop.publish_monday([], BEFORE)
    shop.publish_monday([customer_row("a", "At Risk")])

    facts = read_week(shop.con, MONDAY)

    assert facts.became_at_risk is not None and facts.became_at_risk.customers == 1
    assert {segment.customers_before for segment in facts.segments} == {0}


def test_a_window_without_sales_has_no_scores_and_no_shares(shop: Shop) -> None:
    shop.serve_days([day_row(BEFORE, total_orders=0, gross_revenue=0, net_revenue=0, average_order_value=None)])
    shop.publish_monday([never_bought("a"), never_bought("b")])

    facts = read_week(shop.con, MONDAY)

    assert facts.heat_map == []
    assert facts.week.average_order_value is None
    assert (facts.customers, facts.customers_without_purchases) == (2, 2)
    assert facts.segments[-1].revenue_share_percent is None
    assert facts.lapsing_high_value.total_monetary == 0


def test_a_segment_that_no_rule_names_comes_last(shop: Shop) -> None:
    shop.serve_days([day_row(BEFORE)])
    shop.publish_monday([customer_row("a", "Zealots"), customer_row("b", "Aliens")])

    assert [segment.segment for segment in read_week(shop.con, MONDAY).segments[-2:]] == ["Aliens", "Zealots"]


def test_a_day_that_is_no_monday_has_no_report(shop: Shop) -> None:
    with pytest.raises(TidegateError, match="2024-06-04 is not a Monday"):
        read_week(shop.con, MONDAY + ONE_DAY)


def test_a_monday_that_is_not_published_has_no_report(shop: Shop) -> None:
    with pytest.raises(TidegateError, match="Monday 2024-06-03 is not published"):
        read_week(shop.con, MONDAY)

    shop.serve_days([day_row(BEFORE)])
    shop.publish_monday([customer_row("a", monday=BEFORE)], BEFORE)
    with pytest.raises(TidegateError, match="tidegate run --partition 2024-06-03"):
        read_week(shop.con, MONDAY)


def test_quality_is_of_the_week_only(shop: Shop) -> None:
    shop.serve_days([day_row(day) for day in WEEK.days])
    shop.publish_monday([customer_row("a")])
    for day in (BEFORE - ONE_DAY, BEFORE, MONDAY - ONE_DAY, MONDAY):
        shop.quarantine("orders", day, ["duplicate_key"], ["duplicate_key", "missing_quantity"])
    shop.quarantine("payments", BEFORE, ["missing_amount"])
    late = (BEFORE - 3 * ONE_DAY, BEFORE, BEFORE + ONE_DAY)
    shop.deliver(
        delivery(BEFORE - ONE_DAY, rows_read=1000),
        delivery(BEFORE, region="eu-west", touched=late),
        delivery(BEFORE, region="us-east", verdict="rejected", reason="broke the contract", rows_loaded=0, touched=()),
        delivery(BEFORE, region="us-west", rows_read=100),
        delivery(BEFORE, region="us-west", verdict="rejected", reason="was empty", rows_read=0, rows_loaded=0),
        delivery(BEFORE + ONE_DAY, "customers", "crm", stands_in_for=BEFORE - ONE_DAY),
        delivery(MONDAY, "customers", "crm", stands_in_for=BEFORE),
    )
    grant(shop.con, [Waiver("payments", "all", day, "late", EARLY) for day in (BEFORE, MONDAY)])

    quality = read_week(shop.con, MONDAY).quality

    assert quality.quarantined == [
        Quarantined("orders", "duplicate_key", 4),
        Quarantined("orders", "missing_quantity", 2),
        Quarantined("payments", "missing_amount", 1),
    ]
    assert quality.rows == [SourceRows("customers", 1, 10, 9, 1), SourceRows("orders", 2, 110, 18, 2)]
    assert quality.rejected == [
        Rejected("orders", "us-east", BEFORE, "broke the contract", stands=False),
        Rejected("orders", "us-west", BEFORE, "was empty", stands=True),
    ]
    assert quality.stand_ins == [StandingIn("customers", "crm", BEFORE + ONE_DAY, BEFORE - ONE_DAY)]
    assert quality.waived == [DeliveryId("payments", "all", BEFORE)]
    assert quality.earlier_days_changed == [BEFORE - 3 * ONE_DAY]


def test_publishing_other_content_is_a_restatement_and_the_same_content_is_none(shop: Shop) -> None:
    shop.serve_days([day_row(day) for day in WEEK.days])
    shop.publish_monday([customer_row("a")])
    again, changed = BEFORE, BEFORE + ONE_DAY
    noon = EARLY + dt.timedelta(hours=6)
    for day in (again, changed, MONDAY):
        shop.publish(day, "daily", ["daily_sales", "orders_daily_summary"], "first")
        shop.publish(day, "daily", ["daily_sales", "orders_daily_summary"], "first")
    for day in (changed, MONDAY):
        shop.publish(day, "daily", ["daily_sales", "orders_daily_summary"], "second", noon)
        # By two products, each for itself.
        for mart in ("daily_sales", "orders_daily_summary"):
            shop.publish(day, "daily", [mart], "third", noon + ONE_DAY)

    assert read_week(shop.con, MONDAY).quality.restated == [Restated(changed, 2, noon + ONE_DAY)]


def test_amounts_beyond_what_a_float_holds_are_exact(shop: Shop) -> None:
    huge = amount("123456789012345678901.2345")
    shop.serve_days([day_row(day, gross_revenue=huge, net_revenue=huge) for day in WEEK.days])
    shop.publish_monday([customer_row("a", monetary=huge), customer_row("b", monetary=amount("0.0001"))])

    facts = read_week(shop.con, MONDAY)

    assert facts.week.net_revenue == 7 * huge
    assert sum(segment.total_monetary for segment in facts.segments) == huge + Decimal("0.0001")
