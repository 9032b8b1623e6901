"""Windows are half-open, and cutting or joining them neither loses nor repeats a day."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.window import ONE_WEEK, Cadence, Window, windows_of, windows_over

DAY = dt.date(2024, 2, 28)
days = st.dates(dt.date(2020, 1, 1), dt.date(2030, 1, 1))
windows = st.tuples(days, st.integers(0, 400)).map(lambda t: Window(t[0], t[0] + dt.timedelta(days=t[1])))


def test_the_end_is_not_in_the_window() -> None:
    window = Window.of_keys("2024-02-28", "2024-03-01")

    assert window.days == [dt.date(2024, 2, 28), dt.date(2024, 2, 29), dt.date(2024, 3, 1)]
    assert dt.date(2024, 3, 2) not in window
    assert str(window) == "2024-02-28..2024-03-01"
    assert str(Window.of_day(DAY)) == "2024-02-28"


def test_a_window_cannot_end_before_it_starts() -> None:
    with pytest.raises(ValueError, match="cannot end"):
        Window(DAY, DAY - dt.timedelta(days=1))


@given(windows, st.integers(1, 40))
def test_chunks_hold_every_day_once(window: Window, size: int) -> None:
    chunks = list(window.chunks(size))

    assert [day for chunk in chunks for day in chunk.days] == window.days
    assert all(0 < len(chunk.days) <= size for chunk in chunks)


@given(windows)
def test_halves_hold_every_day_once(window: Window) -> None:
    first, second = window.halves()

    assert first.days + second.days == window.days


@given(st.lists(days, max_size=40))
def test_windows_of_days_hold_exactly_these(chosen: list[dt.date]) -> None:
    joined = windows_of(chosen)

    assert [day for window in joined for day in window.days] == sorted(set(chosen))
    assert all(left.end < right.start for left, right in itertools.pairwise(joined))


@pytest.mark.parametrize("cadence", list(Cadence))
@given(day=days, by=st.integers(-40, 40))
def test_partitions_follow_one_another_without_gaps(cadence: Cadence, day: dt.date, by: int) -> None:
    partition = cadence.partition_of(day)

    assert partition <= day < cadence.after(partition, 1)
    assert cadence.after(cadence.after(day, by), -by) == partition
    assert cadence.about(cadence.days_about(partition).start) == partition


def test_a_monday_is_about_the_week_before_it_and_a_month_about_its_own_days() -> None:
    monday, month = dt.date(2024, 3, 4), dt.date(2024, 2, 1)

    assert Cadence.weekly.days_about(monday) == Window(dt.date(2024, 2, 26), monday)
    assert Cadence.weekly.days_about(monday, reach=365).start == dt.date(2023, 3, 5)
    assert Cadence.monthly.days_about(month) == Window(month, dt.date(2024, 3, 1))
    assert Cadence.monthly.days_about(month, reach=31) == Window(dt.date(2024, 1, 1), dt.date(2024, 3, 1))
    assert Cadence.daily.days_about(DAY, reach=1) == Window(DAY - dt.timedelta(days=1), DAY + dt.timedelta(days=1))


def test_a_monday_ends_its_days_and_a_month_its_own() -> None:
    days = Window(dt.date(2024, 1, 31), dt.date(2024, 3, 2))

    assert Cadence.weekly.ended_on(days) == Cadence.weekly.among(days)
    assert Cadence.monthly.ended_on(days).days == [dt.date(2024, 1, 1), dt.date(2024, 2, 1)]
    assert Cadence.daily.ended_on(days).last == dt.date(2024, 2, 29)


def test_a_window_of_months_holds_their_first_days() -> None:
    year = Cadence.monthly.among(Window(dt.date(2023, 12, 2), dt.date(2024, 12, 2)))

    assert [day.month for day in year.days] == list(range(1, 13))
    assert str(year) == "2024-01-01..2024-12-01"
    assert [len(chunk.days) for chunk in year.chunks(5)] == [5, 5, 2]
    with pytest.raises(ValueError, match="a window of months"):
        Window(dt.date(2024, 1, 2), dt.date(2024, 2, 1), Cadence.monthly)


@pytest.mark.parametrize(
    ("days", "windows"),
    [
        ([], []),
        ([5], ["5"]),
        ([1, 2, 3], ["1..3"]),
        ([1, 9, 10], ["1..10"]),
        ([1, 11], ["11", "1"]),
        ([1, 5, 12, 15, 30], ["30", "12..15", "1..5"]),
    ],
)
def test_days_are_asked_for_in_few_windows_the_newest_first(days: list[int], windows: list[str]) -> None:
    """Of ten days at most."""
    found = windows_over((dt.date(2024, 1, day) for day in days), Cadence.daily, 10)
    assert [str(window).replace("2024-01-", "").replace("0", "", 0) for window in found] == [
        "..".join(f"{int(day):02}" for day in window.split("..")) for window in windows
    ]


def test_mondays_are_asked_for_by_the_week() -> None:
    mondays = [dt.date(2024, 1, 1) + number * ONE_WEEK for number in (0, 1, 5)]
    found = list(windows_over(mondays, Cadence.weekly, 3))
    assert found == [
        Window.of_day(mondays[2], Cadence.weekly), Window(mondays[0], mondays[1] + ONE_WEEK, Cadence.weekly)
    ]  # fmt: skip
