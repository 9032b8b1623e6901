"""What is published is asked for once per content, whatever became visible when; what was there before is not."""

from __future__ import annotations

import datetime as dt

from tidegate.orchestration.own.hooks import OVERLAP, Seen, key_of
from tidegate.publishing.published import Published
from tidegate.window import Cadence

DAYS = [dt.date(2024, 3, day) for day in (1, 2, 3)]
NOON = dt.datetime.fromisoformat("2024-03-04 12:00")
MINUTE = dt.timedelta(minutes=1)


def published(day: dt.date, at: dt.datetime, content: str = "a", changed_at: dt.datetime | None = None) -> Published:
    return Published("sales", Cadence.daily, day, content, (("daily_sales", 1),), at, changed_at or at, False)


def asked_for(seen: Seen, *shown: Published) -> tuple[list[dt.date], Seen]:
    """The days that a look at these asks for, and what is seen then, by way of the cursor."""
    fresh, then = seen.then(shown)
    return [each.day for each in fresh], Seen.of(then.to_cursor())


def test_the_first_look_takes_the_newest_partition_and_later_ones_what_came_since() -> None:
    first, second, third = (published(day, NOON + n * MINUTE) for n, day in enumerate(DAYS))
    days, seen = asked_for(Seen.of(None), first, second)
    assert days == DAYS[1:2]
    days, seen = asked_for(seen, first, second, third)
    assert days == DAYS[2:]
    assert asked_for(seen, first, second, third)[0] == []


def test_what_is_dated_before_the_last_look_and_became_visible_after_it_is_asked_for() -> None:
    _, seen = asked_for(Seen.of(None), published(DAYS[1], NOON))
    late = published(DAYS[0], NOON - MINUTE)
    assert late.published_at >= seen.look_from
    assert asked_for(seen, late, published(DAYS[1], NOON))[0] == DAYS[:1]


def test_the_same_content_published_again_asks_for_nothing_and_coming_back_to_an_earlier_one_does() -> None:
    first = published(DAYS[0], NOON)
    _, seen = asked_for(Seen.of(None), first)
    days, seen = asked_for(seen, published(DAYS[0], NOON + 2 * OVERLAP, changed_at=NOON))
    assert days == []
    later = NOON + 3 * OVERLAP
    days, seen = asked_for(seen, published(DAYS[0], later, "b"))
    assert days == DAYS[:1]
    back = published(DAYS[0], later + MINUTE, "a")
    assert asked_for(seen, back)[0] == DAYS[:1]
    assert key_of(back) != key_of(first)


def test_nothing_published_asks_for_nothing() -> None:
    assert Seen.of(None).then([]) == ([], Seen(None))
    assert Seen(None).to_cursor() is None
