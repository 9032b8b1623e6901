"""What each category is expected to sell on each of the next 14 days, as known when a day begins.

A day is expected to be like the same weekday of the six weeks before, without the best and the worst of them. Days that
are not published are left out, here as there. Units are counted in hundredths and errors in ten-thousandths, as whole
numbers: a sum of floats depends on their order.
"""

import numpy as np
import pandas as pd

# On Online Retail's year, the mean of four to eight weeks is as good as any other; six without two follow sooner.
WEEKS = 6
DAYS_AHEAD = 14
# So many days before, it is tried how far off the method is.
DAYS_TRIED = 28
# One in ten of the days tried sold less than the interval says, and one in ten more.
OUTSIDE = 10

COLUMNS = ["as_of_date", "product_category", "forecast_date", "days_ahead", "method", "days_tried"]
MEASURES = ["forecast_units", "lower_units", "upper_units", "backtest_error", "naive_error"]


def model(dbt, session):
    sold = sold_by_day(dbt.ref("daily_sales").df(), dbt.ref("daily_sales_by_category").df())
    rows = [row for day in dbt.days for row in forecast(sold, pd.Timestamp(day))]
    return pd.DataFrame(rows, columns=COLUMNS + MEASURES).astype(dict.fromkeys(MEASURES, "Int64"))


def sold_by_day(sales: pd.DataFrame, by_category: pd.DataFrame) -> pd.DataFrame:
    """Units by published day and category: a category without lines sold none."""
    units = by_category.pivot(index="order_date", columns="product_category", values="units_sold")
    return units.astype(float).reindex(sales["order_date"]).fillna(0.0)


def forecast(sold: pd.DataFrame, day: pd.Timestamp) -> list[tuple]:
    """The rows of one partition, from the days before it: a day is missing where it is not published."""
    first = day - pd.Timedelta(days=7 * WEEKS + DAYS_TRIED)
    history = sold.reindex(pd.date_range(first, day - pd.Timedelta(days=1)))
    return [row for category in history if history[category].any() for row in forecast_of(history[category], day)]


def forecast_of(history: pd.Series, day: pd.Timestamp) -> list[tuple]:
    expected, weeks = like_the_same_weekday(history.to_numpy())
    came = history.to_numpy()[-DAYS_TRIED:]
    tried, ahead = expected[:DAYS_TRIED], expected[DAYS_TRIED:]
    known = ~np.isnan(came) & (weeks[:DAYS_TRIED] > 0)
    low, high = interval(tried[known], hundredths(came[known]))
    any_day = rounded(hundredths(history.dropna().to_numpy()).sum(), history.count())
    rows = []
    for i in range(DAYS_AHEAD):
        has_weekday = weeks[DAYS_TRIED + i % 7] > 0
        units = int(ahead[i % 7]) if has_weekday else any_day
        rows.append(
            (
                *(day, history.name, day + pd.Timedelta(days=i), i + 1),
                "mean_of_weekday" if has_weekday else "mean_of_days",
                int(known.sum()),
                units,
                *(None if bound is None else units * bound[0] // bound[1] for bound in (low, high)),
                error(tried[known], hundredths(came[known])),
                error(*last_week(history.to_numpy(), known)),
            )
        )
    return rows


def like_the_same_weekday(units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of the days tried and the week to come: what is expected, in hundredths, and of how many weeks it is made."""
    days = DAYS_TRIED + 7
    back = np.stack([units[7 * week :][:days] for week in range(WEEKS)])
    weeks = (~np.isnan(back)).sum(axis=0)
    # Sorted, days that are not published come last.
    means = [mean_without_extremes(column[:count]) for column, count in zip(np.sort(back, axis=0).T, weeks)]
    return np.array(means), weeks


def mean_without_extremes(sorted_units: np.ndarray) -> int:
    """In hundredths, of three or more without the least and the most."""
    kept = sorted_units[1:-1] if len(sorted_units) > 2 else sorted_units
    return rounded(int(hundredths(kept).sum()), len(kept))


def last_week(units: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same weekday a week before, and what came, on the days tried that have both."""
    before = units[-DAYS_TRIED - 7 : -7]
    both = known & ~np.isnan(before)
    return hundredths(before[both]), hundredths(units[-DAYS_TRIED:][both])


def interval(expected: np.ndarray, came: np.ndarray) -> tuple:
    """The days tried, as (came, expected), that came lower and higher than expected than all but one in ten."""
    pairs = sorted(((int(c), int(e)) for e, c in zip(expected, came) if e > 0), key=lambda pair: pair[0] / pair[1])
    outside = len(pairs) // OUTSIDE
    return (pairs[outside], pairs[-1 - outside]) if outside else (None, None)


def error(expected: np.ndarray, came: np.ndarray):
    """How far off it was, as a share of all that came, in ten-thousandths."""
    total = int(came.sum())
    return rounded(10_000 * int(np.abs(expected - came).sum()), total) if total else None


def hundredths(units: np.ndarray) -> np.ndarray:
    return (units * 100).astype("int64")


def rounded(numerator: int, denominator: int) -> int:
    """The whole number nearest to the ratio, halves up; 0 of nothing."""
    return int((2 * numerator + denominator) // (2 * denominator)) if denominator else 0
