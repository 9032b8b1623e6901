"""Windows are half-open, and cutting or joining them neither loses nor repeats a day."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.window import Window, windows_of

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
