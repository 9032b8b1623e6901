"""What is published is told once per content, in the order of days; what was there before the first look is not."""

from __future__ import annotations

import datetime as dt

import pytest

from tidegate.orchestration.own.hooks import Shown, _not_seen

DAYS = [dt.date(2024, 3, day) for day in (1, 2, 3)]
NOON = dt.datetime(2024, 3, 4, 12, tzinfo=dt.UTC)
SHOWN = [Shown(day, NOON + dt.timedelta(minutes=n), f"content-{n}") for n, day in enumerate(DAYS)]


@pytest.mark.parametrize(
    ("cursor", "days"),
    [
        (None, DAYS[-1:]),
        (NOON.isoformat(), DAYS[1:]),
        (SHOWN[-1].published_at.isoformat(), []),
        ((NOON - dt.timedelta(days=1)).isoformat(), DAYS),
    ],
)
def test_only_what_came_after_the_last_look_is_asked_for(cursor: str | None, days: list[dt.date]) -> None:
    assert [each.day for each in _not_seen(SHOWN, cursor)] == days


def test_nothing_published_asks_for_nothing() -> None:
    assert _not_seen([], None) == []


def test_other_content_of_a_day_is_another_request() -> None:
    first, again = (Shown(DAYS[0], NOON, content) for content in ("a", "b"))
    assert first.key != again.key
