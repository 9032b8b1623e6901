"""Whatever was run before, in whatever order, the lake ends as if only the final files had been run once, in order.

Compared by the content of every table from quarantine to serving, not by what runs say of themselves.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.support.examples import THOROUGH
from tests.support.runs.histories import (
    DAYS,
    MONDAY,
    WHOLE,
    Backfill,
    Deliver,
    Purge,
    Run,
    Spoil,
    days,
    runs,
    windows,
)
from tests.support.runs.home import NewHome, TemporaryHome
from tests.support.runs.landing import REGIONS, Landing, Line, sound_lines

from tidegate.orchestration.names import BUILD_JOBS
from tidegate.window import Cadence, Window

pytestmark = pytest.mark.slow

# An example is about ten runs. HYPOTHESIS_PROFILE=thorough tries new ones for an hour or so.
EXAMPLES = 200 if THOROUGH else 2

Delivery = tuple[dt.date, str]
Files = dict[Delivery, list[Line]]


# --- what may happen


@dataclass(frozen=True)
class BuildMonday:
    """The Monday after the days is built, of what is published of them by then."""


Event = Deliver[Line] | Spoil | Purge | Run | Backfill | BuildMonday

regions = st.sampled_from(REGIONS)


@st.composite
def lines(draw: st.DrawFn, day: dt.date) -> tuple[Line, ...]:
    """Lines delivered on a day, for that day or days before. Few orders, so that deliveries share them: a line may
    be corrected, moved to another day or come from two regions."""
    keys = st.tuples(st.sampled_from(["a", "b", "c"]), st.sampled_from([1, 2]))
    dates = st.sampled_from([date for date in DAYS if date <= day])
    chosen = draw(st.lists(keys, max_size=4, unique=True))
    return tuple(
        Line(
            order,
            draw(dates),
            number,
            quantity=draw(st.sampled_from([1, 3, -1])),
            unit_price=draw(st.sampled_from(["10.0000", "0.3333", "-1"])),
            category=draw(st.sampled_from(["books", "toys"])),
            customer_id=draw(st.sampled_from(["c1", "c2", ""])),
        )
        for order, number in chosen
    )


deliveries = days.flatmap(lambda day: st.builds(Deliver, st.just(day), regions, lines(day)))
events = st.one_of(
    deliveries,
    deliveries,
    st.builds(Spoil, days, regions),
    st.builds(Purge, days),
    runs,
    st.builds(Backfill, windows),
    st.builds(BuildMonday),
)


# --- making it happen


@dataclass
class History:
    """A home to which things happen, what its files are, and which days have not seen their newest files."""

    home: TemporaryHome
    files: Files = field(default_factory=dict)
    spoiled: set[Delivery] = field(default_factory=set)
    unseen: set[dt.date] = field(default_factory=lambda: set(DAYS))

    def __post_init__(self) -> None:
        for day in DAYS:
            self.home.landing.customers(day)

    def happen(self, event: Event) -> None:
        match event:
            case Deliver(day, region, of_lines):
                self.deliver(day, region, list(of_lines))
            case Spoil(day, region):
                self.home.landing.spoil(day, region)
                self.spoiled.add((day, region))
                self.unseen.add(day)
            case Purge(day):
                if day not in self.unseen:
                    self.home.landing.purge(day)
            case Run(some, restating):
                for day in some:
                    self.run(day, restating)
            case Backfill(window):
                self.home.backfill(window)
                self.unseen -= set(window.days)
            case BuildMonday():
                build_monday(self.home)

    def deliver(self, day: dt.date, region: str, of_lines: list[Line]) -> None:
        self.home.landing.orders(day, region, of_lines)
        self.files[day, region] = of_lines
        self.spoiled.discard((day, region))
        self.unseen.add(day)

    def run(self, day: dt.date, restating: bool) -> None:
        if restating:
            self.home.run(day)
        else:
            self.home.runner.run(Window.of_day(day))
        self.unseen.discard(day)

    def end(self, order: Sequence[dt.date]) -> None:
        """What is missing or spoiled is delivered, and every day that has not seen its files is run."""
        for day in DAYS:
            for region in REGIONS:
                if (day, region) in self.spoiled or (day, region) not in self.files:
                    self.deliver(day, region, self.files.get((day, region), []))
        for day in order:
            if day in self.unseen:
                self.run(day, restating=False)
        assert all(outcome.succeeded for outcome in self.home.runner.restate())
        if not self.home.query(f"select 1 from ops.publications where cadence = '{Cadence.weekly}'"):
            build_monday(self.home)


def build_monday(home: TemporaryHome) -> None:
    outcome = home.runner.run(MONDAY, job=BUILD_JOBS[Cadence.weekly])
    assert outcome.succeeded, outcome.held


def run_once_in_order(home: TemporaryHome, files: Files) -> None:
    deliver_all(home.landing, files)
    for outcome in home.backfill(WHOLE):
        assert outcome.succeeded, outcome.held
    build_monday(home)


def deliver_all(landing: Landing, files: Files) -> None:
    for day in DAYS:
        landing.customers(day)
    for (day, region), of_lines in files.items():
        landing.orders(day, region, of_lines)


def sound_files() -> Files:
    """Every region delivers every day; the last day also a late line and a correction of the first day's."""
    files = {(day, region): sound_lines(day, region) for day in DAYS for region in REGIONS}
    corrected = dataclasses.replace(files[DAYS[0], "north"][0], quantity=7)
    files[DAYS[-1], "north"] += [Line("late", DAYS[0]), corrected]
    return files


# --- what must come of it


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=not THOROUGH,
    # A failing history is some ten runs; trying hundreds of shorter ones is for the thorough profile.
    phases=(Phase.explicit, Phase.generate, Phase.shrink) if THOROUGH else (Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(happened=st.lists(events, min_size=3, max_size=8 if THOROUGH else 6), order=st.permutations(DAYS))
@pytest.mark.timeout(3600 if THOROUGH else 1200)
def test_any_history_ends_in_the_same_lake(new_home: NewHome, happened: list[Event], order: list[dt.date]) -> None:
    history = History(new_home())
    for event in happened:
        history.happen(event)
    history.end(order)
    once = new_home()
    run_once_in_order(once, history.files)
    try:
        assert history.home.contents() == once.contents()
    finally:
        history.home.close()
        once.close()


@pytest.fixture(scope="module")
def in_order(new_module_home: NewHome) -> TemporaryHome:
    """A home in which the sound files were run once and in order, to be copied."""
    home = new_module_home()
    run_once_in_order(home, sound_files())
    home.close()
    return home


def test_running_again_changes_nothing(new_home: NewHome, in_order: TemporaryHome) -> None:
    """A day again, a range again, every day again in reverse: nothing changes, and runs in reverse end the same."""
    home, reverse = new_home(like=in_order), new_home()
    once = home.contents()

    home.run(DAYS[1])
    assert home.contents() == once
    home.backfill(Window(DAYS[0], DAYS[-1]))
    assert home.contents() == once

    deliver_all(reverse.landing, sound_files())
    for day in reversed(DAYS):
        assert all(outcome.succeeded for outcome in reverse.run(day))
        # Built of the last day alone, the Monday follows the others as they come.
        if day == DAYS[-1]:
            build_monday(reverse)
    assert reverse.contents() == once


def test_a_day_whose_file_became_empty_is_as_if_it_always_was(new_home: NewHome, in_order: TemporaryHome) -> None:
    home, once = new_home(like=in_order), new_home()
    files = sound_files()
    for region in REGIONS:
        files[DAYS[1], region] = []
        home.landing.empty(DAYS[1], region)
    home.run(DAYS[1])

    run_once_in_order(once, files)
    assert home.contents() == once.contents()
    assert home.query(f"select net_revenue from serving.daily_sales where order_date = '{DAYS[1]}'") == [(0,)]


def test_a_line_that_moves_to_another_day_leaves_its_old_one(new_home: NewHome, in_order: TemporaryHome) -> None:
    """Regression: the day it left is on none of the new delivery's rows, and must be restated all the same."""
    home, once = new_home(like=in_order), new_home()
    files = sound_files()
    moved = dataclasses.replace(files[DAYS[0], "north"][1], ordered_on=DAYS[1])
    as_delivered_first = home.contents()

    files[DAYS[1], "south"].append(moved)
    home.landing.orders(DAYS[1], "south", files[DAYS[1], "south"])
    home.run(DAYS[1])
    run_once_in_order(once, files)
    assert home.contents() == once.contents()

    # Taken back, it returns to where it was.
    files[DAYS[1], "south"].remove(moved)
    home.landing.orders(DAYS[1], "south", files[DAYS[1], "south"])
    home.run(DAYS[1])
    assert home.contents() == as_delivered_first
