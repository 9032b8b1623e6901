"""The rule by which a day's figure is called unusual.

Pure arithmetic on decimals: which days a day is compared with, and what is shown, belongs to `daily` and `brief`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from statistics import median

from tidegate.outputs.rendering.numbers import FINE, WIDE, rounded

# How far from the median one ordinary figure in a hundred lies, by how many days it is compared with: percentile 99
# of the score where all of them come from one normal distribution (tests/outputs/pages/test_anomalies.py draws
# them). The 3.5 of Iglewicz and Hoaglin (How to Detect and Handle Outliers, 1993) is meant for larger samples:
# beside eight days one ordinary figure in 21 is beyond it, beside five one in 8.
LIMITS = {5: Decimal("14.5"), 6: Decimal("8.1"), 7: Decimal("7.8"), 8: Decimal("5.9")}
# The median absolute deviation of a normal distribution is 0.6745 standard deviations, its mean absolute deviation
# 0.7979, of which this is the inverse.
MAD_FACTOR = Decimal("0.6745")
MEAN_DEVIATION_FACTOR = Decimal("1.253314")
# With fewer the median absolute deviation says nothing: of four days, any two that are alike make it nearly zero.
MIN_COMPARABLE_DAYS = min(LIMITS)
SCORE_UNIT = Decimal("0.01")


@dataclass(frozen=True)
class Verdict:
    """How one figure stands among comparable ones.

    `median` is None without any comparable day, `score` without enough of them, and where all of them are the same:
    then any other figure is flagged.
    """

    value: Decimal | None
    comparable_days: int
    median: Decimal | None
    score: Decimal | None
    is_flagged: bool

    @property
    def direction(self) -> str:
        """`above` or `below` the median, or `at` it."""
        if self.value is None or self.median is None or self.value == self.median:
            return "at"
        return "above" if self.value > self.median else "below"


def judge(value: Decimal | None, comparable: Sequence[Decimal | None]) -> Verdict:
    """Whether `value` is an outlier among `comparable` ones, of which None are left out.

    The modified z-score of Iglewicz and Hoaglin, 0.6745 * (x - median) / MAD, is flagged beyond the limit for so many
    days. Where more than half of the days are the same, MAD is 0 and (x - median) / (1.253314 * mean absolute
    deviation) takes its place; where all are the same, any other value is flagged.
    """
    unjudged = compare(value, comparable)
    known = [other for other in comparable if other is not None]
    if value is None or len(known) < MIN_COMPARABLE_DAYS:
        return unjudged
    middle = median(known)
    spread = _spread(known, middle)
    if spread == 0:
        return replace(unjudged, is_flagged=value != middle)
    score = WIDE.divide(value - middle, spread)
    return replace(unjudged, score=rounded(score, SCORE_UNIT), is_flagged=abs(score) > limit_of(len(known)))


def limit_of(days: int) -> Decimal:
    """The score beyond which a figure is flagged that is compared with so many days, at least `MIN_COMPARABLE_DAYS`."""
    return LIMITS[min(days, max(LIMITS))]


def compare(value: Decimal | None, comparable: Sequence[Decimal | None]) -> Verdict:
    """How `value` stands to the median of `comparable` ones, of which None are left out, without a judgement."""
    known = [other for other in comparable if other is not None]
    return Verdict(value, len(known), rounded(median(known), FINE) if known else None, None, False)


def _spread(values: Sequence[Decimal], middle: Decimal) -> Decimal:
    """An estimate of the standard deviation that outliers among the values hardly move."""
    deviations = [abs(value - middle) for value in values]
    if (mad := median(deviations)) > 0:
        return mad / MAD_FACTOR
    return MEAN_DEVIATION_FACTOR * sum(deviations) / len(deviations)
