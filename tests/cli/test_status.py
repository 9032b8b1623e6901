"""`tidegate status` is one screen: with 400 days, 50 sources and 30 products, and everything wrong at once."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from rich.cells import cell_len

from tidegate.cli.ages import ago
from tidegate.cli.causes import causes_of
from tidegate.cli.read_status import PeriodStatus, ProductStatus, PublishedPartitions, RecentRun, Status
from tidegate.cli.show_status import cropped, status_lines
from tidegate.cli.verdict import Standing, verdict_of
from tidegate.intake.rows_without_a_day import AwaitingRows
from tidegate.ledger.deliveries import StandingIn
from tidegate.ledger.incidents import IncidentRecord
from tidegate.ledger.names import DeliveryId
from tidegate.orchestration.history.breaker import Breaker
from tidegate.publishing.promises import Overdue, Promise
from tidegate.window import ONE_DAY, Cadence
from tidegate.zones import UTC

NOW = dt.datetime(2026, 3, 5, 9, tzinfo=dt.UTC)
YESTERDAY = dt.date(2026, 3, 4)
DAYS = [YESTERDAY - ONE_DAY * ago for ago in range(400)]

# A laptop's terminal, split in two, has as many.
LINES = 45


def product(number: int, newest: dt.date, overdue: bool = False) -> ProductStatus:
    late = Overdue(YESTERDAY, Cadence.daily, NOW - dt.timedelta(hours=2)) if overdue else None
    return ProductStatus(f"product_{number}", Promise(), [PublishedPartitions(Cadence.daily, 399, newest, late)])


def calm() -> Status:
    """All is well: the newest day of every product is published."""
    return Status(
        home="/srv/tidegate",
        now=NOW,
        unattended=True,
        daemon_seen_at=NOW - dt.timedelta(seconds=12),
        products=[product(number, YESTERDAY) for number in range(30)],
        zone=UTC,
        verdicts={"accepted": 20_000},
        quarantined=[],
        quarantined_since=None,
        held={},
        stale_days=[],
        periods=[],
        days_before_start=[],
        stand_ins=[],
        interim=[],
        waived=[],
        rolled_back={},
        unmade_marts=[],
        retired_marts=[],
        outputs_due=0,
        index=None,
        recent_runs=[],
        awaiting=[],
        first_day=DAYS[-1],
        leaving=[],
        lacking=[],
        older_logic=[],
        shapes=[],
        incidents=[],
        older_contracts={},
    )


def everything_wrong() -> Status:
    """Each of 400 days is held for each of 50 sources, with other figures, and everything else is wrong too."""
    monday = dt.date(2026, 3, 2)
    moment = (NOW - dt.timedelta(hours=26)).replace(tzinfo=None)
    return replace(
        calm(),
        daemon_seen_at=NOW - dt.timedelta(hours=3),
        products=[product(number, DAYS[number], overdue=number % 2 == 0) for number in range(30)],
        quarantined=[(f"source_{s}", f"reason_{r}", s * r + 1) for s in range(50) for r in range(20)],
        quarantined_since=DAYS[6],
        held={
            day: [
                f"product_1: source_{s}/{region} {day} rejected: {i + 1:,} of {s} rows. Fix it."
                for s in range(50)
                for region in ("eu", "us")
            ]
            for i, day in enumerate(DAYS)
        },
        stale_days=DAYS[::2],
        periods=[PeriodStatus(Cadence.weekly, {monday: [f"product_2: marts/x {monday}: failed."]}, [monday], [monday])],
        stand_ins=[StandingIn(f"source_{s}", "eu", day, day - ONE_DAY) for s in range(50) for day in DAYS[:9]],
        waived=[DeliveryId(f"source_{s}", "eu", day) for s in range(50) for day in DAYS[:9]],
        rolled_back={(day, "daily"): f"{day} was rolled back by ann." for day in DAYS[:30]},
        outputs_due=7000,
        index="/srv/tidegate/outputs/reports/index.html",
        recent_runs=[RecentRun("f" * 36, "daily", YESTERDAY, YESTERDAY, "FAILURE", moment, 1.0, 7)] * 5,
        awaiting=[AwaitingRows(f"source_{s}", day, 3) for s in range(50) for day in DAYS[:9]],
        leaving=[(f"source_{s}", "eu") for s in range(50)],
        lacking=[(day, f"source_1/eu {day}") for day in DAYS[:50]],
        incidents=[incident(number, moment) for number in range(60)],
        older_contracts={f"source_{s}": 400 for s in range(50)},
    )


def incident(number: int, moment: dt.datetime) -> IncidentRecord:
    key = f"disk/{number}"
    return IncidentRecord(key, "disk", (), "", (), "HIGH", "It is full. " * 9, "", "open", moment, moment, 1)


def text_of(status: Status, breakers: dict[str, Breaker] | None = None, verbose: bool = False) -> list[str]:
    breakers = breakers or {}
    return [line.text for line in status_lines(status, breakers, verdict_of(status, breakers), verbose)]


def test_it_is_one_screen_whatever_is_wrong() -> None:
    breakers = {f"source_{s}": Breaker(failures=5, error="no route. " * 20) for s in range(50)}
    status = everything_wrong()
    lines = list(status_lines(status, breakers, verdict_of(status, breakers)))
    rows = sum(-(-cell_len(line.text) // 80) if not line.may_be_cropped else 1 for line in lines)
    assert rows <= LINES, "\n".join(line.text for line in lines)
    assert len(text_of(status, breakers, verbose=True)) > 200


def test_the_same_cause_is_one_of_ranges_of_days_and_of_regions() -> None:
    gap = DAYS[3]
    held = {
        day: [f"sales, money: orders/{region} {day}: {n} rows are bad. Fix them." for region in ("us", "eu")]
        for n, day in enumerate(DAYS[:7])
        if day != gap
    }
    held[gap] = [f"orders/asia {gap}: no delivery was loaded."]
    every, one = causes_of(held)
    assert (every.products, every.sentence) == ("sales, money", "orders/{eu, us}: 0 rows are bad. Fix them.")
    assert len(every.days) == 6
    assert one.days == (gap,)
    shown = text_of(replace(calm(), held=held))
    at = shown.index(f"  6 days: {DAYS[2]}..{DAYS[0]}, {DAYS[6]}..{DAYS[4]}")
    assert shown[at + 1] == "    sales, money: orders/{eu, us}: 0 rows are bad."


def test_other_sources_and_other_words_are_other_causes() -> None:
    held = {DAYS[0]: [f"a/eu {DAYS[0]}: no delivery.", f"b/eu {DAYS[0]}: no delivery.", f"a/eu {DAYS[0]}: late."]}
    assert {cause.sentence for cause in causes_of(held)} == {"a/eu: no delivery.", "b/eu: no delivery.", "a/eu: late."}


def test_the_verdict_comes_first_with_what_is_published_and_the_daemon() -> None:
    assert text_of(calm())[:3] == [
        "Good: nothing is late or held.",
        f"Published until {YESTERDAY}: product_0, product_1, product_2 and 27 more.",
        "Home /srv/tidegate; daemon seen 12 s ago; now 2026-03-05 09:00 (UTC)",
    ]


def test_late_is_worse_than_a_dead_daemon_and_that_is_worse_than_held() -> None:
    held = replace(calm(), held={YESTERDAY: ["x"]})
    dead = replace(held, daemon_seen_at=NOW - dt.timedelta(hours=3))
    late = replace(dead, products=[product(1, DAYS[1], overdue=True)])
    standings = [verdict_of(status, {}).standing for status in (calm(), held, dead, late)]
    assert standings == [Standing.good, Standing.held, Standing.broken, Standing.late]
    assert len(verdict_of(late, {}).sentences) == 4
    by_hand = replace(dead, unattended=False)
    assert verdict_of(by_hand, {}).standing is Standing.held, "nobody waits for a daemon"


def test_a_morning_without_days_does_not_say_that_its_product_is_published() -> None:
    days = PublishedPartitions(Cadence.daily, 0, None, None)
    mornings = PublishedPartitions(Cadence.morning, 1, YESTERDAY, None)
    status = replace(calm(), products=[replace(product(1, YESTERDAY), published=[days, mornings])])
    assert "Nothing is published yet." in text_of(status)


def test_nothing_is_published_and_nothing_was_delivered() -> None:
    empty = replace(calm(), products=[product(1, YESTERDAY)], verdicts={}, daemon_seen_at=None)
    empty = replace(empty, products=[replace(empty.products[0], published=[])])
    lines = text_of(empty)
    assert "Nothing is published yet." in lines
    assert "Deliveries: none yet" in lines
    assert any("no daemon has run here" in line for line in lines)


@pytest.mark.parametrize(
    ("passed", "said"),
    [
        (dt.timedelta(seconds=-5), "0 s ago"),
        (dt.timedelta(seconds=59), "59 s ago"),
        (dt.timedelta(minutes=59), "59 min ago"),
        (dt.timedelta(hours=47), "47 h ago"),
        (dt.timedelta(days=400), "400 days ago"),
    ],
)
def test_ages_are_a_number_and_a_unit(passed: dt.timedelta, said: str) -> None:
    assert ago(NOW - passed, NOW) == said


def test_wide_characters_are_cropped_by_what_they_take() -> None:
    assert cell_len(cropped("売上" * 100, 40)) <= 40
    assert cropped("short", 40) == "short"
