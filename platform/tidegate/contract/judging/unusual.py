"""What is unusual about a delivery beside the same source's own past: its row count, and each column's values.

The rule, for one measure of one region (docs/contracts.md has it in words):

- It is compared with the deliveries of the eight weeks before its own day, those of later days never. What is usual is
  the median of the same weekday. At least MIN_SAME_WEEKDAY of them and MIN_DAYS in all must be known.
- How far ordinary days lie from it is told by all days of these weeks, each held against the median of the others of
  its weekday: 1.4826 times the median of the distances, or if that is more, their 80th percentile over 1.2816; both are
  the standard deviation of a normal distribution. Eight days of one weekday alone say too little of that. (Iglewicz
  and Hoaglin, How to Detect and Handle Outliers, 1993, for the score; Rousseeuw and Croux, Alternatives to the Median
  Absolute Deviation, 1993, for what the median does not see: measures that are nearly always the same, and then not.)
- The distance in that unit is held against a limit that a source exceeds by chance once in BUDGET_DAYS: Student's t
  with four degrees of freedom, whose tails are those of small samples of real business, shared among all measures
  of all regions of the source (Bonferroni). Half of the budget is the row counts', which are few and say most.

Everything here is arithmetic on profiles; which are the past's belongs to `intake`.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import acos, asin, cos, expm1, log, log1p, sqrt
from statistics import median
from typing import Literal

from tidegate.contract.judging.profiles import Profile
from tidegate.contract.model import Column, Contract
from tidegate.window import ONE_DAY

# Of a source, so many days have one false alarm on average, over all of its regions and columns.
BUDGET_DAYS = 30
# Longer, and a growing business or a season is taken for an anomaly; shorter, and there are too few of a weekday.
WEEKS = 8
MIN_SAME_WEEKDAY = 5
MIN_DAYS = 20

# The median absolute deviation of a normal distribution is 0.6745 standard deviations.
SIGMAS_PER_MAD = 1.4826
# Of 56 days, eleven may be anything and the 80th percentile still says how far ordinary ones lie. With the median alone
# Online Retail has 29 false alarms in eleven months, with this eleven, and of 14 real closures both see all but one.
PERCENTILE, SIGMAS_PER_PERCENTILE = 0.8, 1 / 1.2816
# Nothing is called unusual for less than the limit times this, however steady the past: 2 % of a row count, of a
# standard deviation. On Online Retail's constant columns the median of distances is 0.
LEAST = 0.02

Measured = Literal["row count", "missing values", "typical value", "spread"]


@dataclass(frozen=True)
class Finding:
    """One measure beside the past. `score` is its distance from what is usual, `limit` what it may be; `column` is
    None for the row count. `value` and `usual` are as people read them."""

    column: str | None
    measured: Measured
    value: float
    usual: float
    score: float
    limit: float

    @property
    def is_unusual(self) -> bool:
        return self.score > self.limit


@dataclass(frozen=True)
class Comparison:
    """A delivery beside its past: of how many days that is, how many of them of its weekday, and what was found.
    Nothing is found where too few days are known."""

    days: int = 0
    same_weekday: int = 0
    findings: tuple[Finding, ...] = ()

    @property
    def is_judged(self) -> bool:
        return self.days >= MIN_DAYS and self.same_weekday >= MIN_SAME_WEEKDAY


def compared_from(day: dt.date) -> dt.date:
    """The first day that a delivery of `day` is compared with."""
    return day - WEEKS * 7 * ONE_DAY


def compare(contract: Contract, day: dt.date, profile: Profile, past: Mapping[dt.date, Profile]) -> Comparison:
    """The delivery of `day` beside those of `past`, of which only the days of the weeks before count."""
    known = {other: past[other] for other in sorted(past) if compared_from(day) <= other < day}
    comparison = Comparison(len(known), sum(other.weekday() == day.weekday() for other in known))
    if not comparison.is_judged:
        return comparison
    findings = [_of_row_count(contract, day, profile, known), *_of_columns(contract, day, profile, known)]
    return Comparison(comparison.days, comparison.same_weekday, tuple(each for each in findings if each))


def limit_of_row_counts(contract: Contract) -> float:
    return _limit(len(contract.regions))


def limit_of_values(contract: Contract) -> float:
    measures = sum(2 + _has_a_spread(column) for column in contract.columns if column.anomaly != "ignore")
    return _limit(max(1, measures) * len(contract.regions))


def _limit(measures: int) -> float:
    return two_sided_t4(0.5 / BUDGET_DAYS / measures)


def two_sided_t4(chance: float) -> float:
    """What |t| of Student's distribution with four degrees of freedom exceeds with this chance (Shaw, Sampling
    Student's T distribution, 2006, gives the closed form)."""
    alpha = chance * (2 - chance)
    return 2 * sqrt(cos(acos(sqrt(alpha)) / 3) / sqrt(alpha) - 1)


# --- one measure


@dataclass(frozen=True)
class _Point:
    """A measure of one day, on a scale where distances are alike for large and small, and of how many values."""

    value: float
    of: int


def _of_row_count(
    contract: Contract, day: dt.date, profile: Profile, past: Mapping[dt.date, Profile]
) -> Finding | None:
    series = {other: _Point(log1p(each.rows_read), each.rows_read) for other, each in past.items()}
    usual = _usual(day, series)
    if usual is None:
        return None
    chance = 1 / sqrt(1 + expm1(usual))
    score = _score(log1p(profile.rows_read), usual, max(_noise(day, series), chance))
    return Finding(None, "row count", profile.rows_read, expm1(usual), score, limit_of_row_counts(contract))


def _of_columns(
    contract: Contract, day: dt.date, profile: Profile, past: Mapping[dt.date, Profile]
) -> Iterator[Finding | None]:
    limit = limit_of_values(contract)
    for column in contract.columns:
        if column.anomaly != "ignore" and column.name in profile.columns:
            yield _of_nulls(column, limit, day, profile, past)
            yield _of_center(column, limit, day, profile, past)
            if _has_a_spread(column):
                yield _of_spread(column, limit, day, profile, past)


def _has_a_spread(column: Column) -> bool:
    return column.logical_type in ("integer", "number")


def _of_nulls(
    column: Column, limit: float, day: dt.date, profile: Profile, past: Mapping[dt.date, Profile]
) -> Finding | None:
    series = {
        other: _Point(_angle(found.nulls / found.rows), found.rows)
        for other, each in past.items()
        if (found := each.columns.get(column.name)) and found.rows
    }
    own = profile.columns[column.name]
    usual = _usual(day, series)
    if usual is None or not own.rows:
        return None
    share = own.nulls / own.rows
    # The angle whose sine is the root of a share has the same standard error for every share.
    noise = max(_noise(day, series, own.rows), 1 / (2 * sqrt(own.rows)))
    score = _score(_angle(share), usual, noise)
    return Finding(column.name, "missing values", share, _share(usual), score, limit)


def _of_center(
    column: Column, limit: float, day: dt.date, profile: Profile, past: Mapping[dt.date, Profile]
) -> Finding | None:
    comparable = _comparable(column, profile, past)
    series = {
        other: _Point(found.center, found.values)
        for other, each in comparable.items()
        if (found := each.columns.get(column.name)) and found.center is not None
    }
    spreads = [
        found.spread for each in comparable.values() if (found := each.columns.get(column.name)) and found.spread
    ]
    own = profile.columns[column.name]
    usual = _usual(day, series)
    if usual is None or own.center is None or not own.values:
        return None
    spread = median(spreads) if spreads else 0.0
    # Rows of one order are alike, so that n of them say less than n values: hence the larger of both.
    noise = max(_noise(day, series, own.values), spread / sqrt(own.values), LEAST * spread, 1e-9)
    score = abs(own.center - usual) / noise
    return Finding(column.name, "typical value", own.center, usual, score, limit)


def _of_spread(
    column: Column, limit: float, day: dt.date, profile: Profile, past: Mapping[dt.date, Profile]
) -> Finding | None:
    series = {
        other: _Point(log(found.spread), found.values)
        for other, each in past.items()
        if (found := each.columns.get(column.name)) and found.spread
    }
    own = profile.columns[column.name]
    usual = _usual(day, series)
    if usual is None or not own.spread or not own.values:
        return None
    score = _score(log(own.spread), usual, max(_noise(day, series, own.values), 1 / sqrt(own.values)))
    return Finding(column.name, "spread", own.spread, expm1(usual) + 1, score, limit)


def _comparable(column: Column, profile: Profile, past: Mapping[dt.date, Profile]) -> Mapping[dt.date, Profile]:
    if column.logical_type != "string":
        return past
    return {day: each for day, each in past.items() if each.hashed_by == profile.hashed_by}


def _angle(share: float) -> float:
    return asin(sqrt(min(1.0, max(0.0, share))))


def _share(angle: float) -> float:
    return (1 - cos(2 * angle)) / 2


# --- what is usual, and how far ordinary days lie from it


def _usual(day: dt.date, series: Mapping[dt.date, _Point]) -> float | None:
    """The median of the same weekday; None where too few days have the measure."""
    same = [point.value for other, point in series.items() if other.weekday() == day.weekday()]
    return median(same) if len(same) >= MIN_SAME_WEEKDAY and len(series) >= MIN_DAYS else None


def _noise(day: dt.date, series: Mapping[dt.date, _Point], values: int | None = None) -> float:
    """How far an ordinary day lies from the median of its weekday, as a standard deviation; of `values` values, which
    are fewer than usual, further."""
    weekdays: dict[int, list[float]] = defaultdict(list)
    for other, point in series.items():
        weekdays[other.weekday()].append(point.value)
    # A weekday on which nothing ever comes says nothing of the others.
    told = [each for weekday, each in weekdays.items() if weekday == day.weekday() or max(each) > min(each)]
    ordered = sorted(distance for each in told for distance in distances(each)) or [0.0]
    far = ordered[min(len(ordered) - 1, int(PERCENTILE * len(ordered)))]
    sigma = max(SIGMAS_PER_MAD * median(ordered), SIGMAS_PER_PERCENTILE * far)
    if values is None:
        return sigma
    usually = median([point.of for point in series.values()])
    return sigma * sqrt(max(1.0, usually / max(1, values)))


def distances(values: Sequence[float]) -> Iterable[float]:
    """Of each value, how far it lies from the median of the others. Nothing for one alone."""
    if len(values) < 2:
        return
    ordered = sorted(values)
    last = len(ordered) - 1
    for i, value in enumerate(ordered):
        # Without the value itself, the middle is at last / 2 of those that are left.
        low, high = (last - 1) // 2, last // 2
        yield abs(value - (ordered[low + (low >= i)] + ordered[high + (high >= i)]) / 2)


def _score(value: float, usual: float, noise: float) -> float:
    return abs(value - usual) / max(noise, LEAST)
