"""The rule by which a figure is called unusual."""

from __future__ import annotations

from decimal import Decimal
from statistics import median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.outputs.pages.anomalies import LIMITS, MAD_FACTOR, MIN_COMPARABLE_DAYS, compare, judge, limit_of

DRAWS = 1_000_000
AMOUNTS = st.decimals(min_value=-(10**6), max_value=10**9, places=4)


def decimals(*values: float | str) -> list[Decimal]:
    return [Decimal(str(value)) for value in values]


def test_the_score_is_the_modified_z_score_of_iglewicz_and_hoaglin() -> None:
    # By hand: the median is 12, distances are 2 1 0 1 2 3, their median 1.5; 0.6745 * (20 - 12) / 1.5 = 3.597.
    verdict = judge(Decimal(20), decimals(10, 11, 12, 12, 13, 14, 15, 9))

    assert verdict.median == 12
    assert verdict.score == Decimal("3.60")
    assert not verdict.is_flagged
    assert verdict.direction == "above"


@pytest.mark.parametrize(("value", "is_flagged"), [("25.1", False), ("25.2", True), ("-1.1", False), ("-1.2", True)])
def test_beyond_the_limit_is_unusual_on_either_side(value: str, is_flagged: bool) -> None:
    # 5.9 * 1.5 / 0.6745 = 13.121 from the median of 12.
    assert judge(Decimal(value), decimals(10, 11, 12, 12, 13, 14, 15, 9)).is_flagged is is_flagged


@pytest.mark.slow
@pytest.mark.parametrize(("days", "limit"), LIMITS.items())
def test_of_ordinary_figures_one_in_a_hundred_is_unusual(days: int, limit: Decimal) -> None:
    draws = np.random.default_rng(days).standard_normal((DRAWS, days + 1))
    value, others = draws[:, 0], draws[:, 1:]
    middle = np.median(others, axis=1)
    mad = np.median(np.abs(others - middle[:, None]), axis=1)

    score = np.abs(float(MAD_FACTOR) * (value - middle) / mad)

    assert np.mean(score > float(limit)) == pytest.approx(0.01, rel=0.05)
    assert limit_of(days) == limit


def test_more_days_than_a_brief_compares_with_are_judged_like_its_most() -> None:
    assert limit_of(13) == LIMITS[8]


def test_one_wild_day_among_the_others_does_not_hide_the_next() -> None:
    others = decimals(100, 101, 99, 100, 102, 98, 100_000)

    assert judge(Decimal(200), others).is_flagged


@pytest.mark.parametrize("count", range(MIN_COMPARABLE_DAYS + 2))
def test_too_few_days_flag_nothing(count: int) -> None:
    verdict = judge(Decimal(10**9), decimals(*range(count)))

    assert verdict.comparable_days == count
    assert verdict.is_flagged is (count >= MIN_COMPARABLE_DAYS)
    assert (verdict.median is None) is (count == 0)


def test_days_without_the_figure_are_not_compared_with() -> None:
    verdict = judge(Decimal(10), [None, *decimals(1, 2, 3, 4), None])

    assert verdict.comparable_days == 4
    assert not verdict.is_flagged


def test_where_most_days_are_the_same_the_mean_distance_is_the_measure() -> None:
    # Five zeros and 6: the mean distance is 1, so the score of 10 is 10 / 1.253314 = 7.98, and of 11 it is 8.78.
    others = decimals(0, 0, 0, 0, 0, 6)

    assert judge(Decimal(10), others).score == Decimal("7.98")
    assert not judge(Decimal(10), others).is_flagged
    assert judge(Decimal(11), others).is_flagged


def test_where_all_days_are_the_same_any_other_figure_is_unusual() -> None:
    others = decimals(*[7] * MIN_COMPARABLE_DAYS)

    assert judge(Decimal(8), others).is_flagged
    assert judge(Decimal(8), others).score is None
    assert not judge(Decimal(7), others).is_flagged
    assert judge(Decimal(7), others).direction == "at"


def test_a_figure_that_does_not_exist_is_not_judged() -> None:
    assert not judge(None, decimals(*range(8))).is_flagged


def test_what_is_only_compared_is_never_flagged() -> None:
    verdict = compare(Decimal(10**9), decimals(*range(8)))

    assert (verdict.median, verdict.score, verdict.is_flagged) == (Decimal("3.5"), None, False)


@given(st.lists(AMOUNTS, min_size=MIN_COMPARABLE_DAYS, max_size=8), AMOUNTS)
def test_the_order_of_days_does_not_matter_and_their_median_is_never_unusual(
    others: list[Decimal], value: Decimal
) -> None:
    backwards = list(reversed(others))

    assert judge(value, others) == judge(value, backwards)
    assert not judge(median(others), others).is_flagged
