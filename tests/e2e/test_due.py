"""What is due is what a rebuild from the archive would change: no more, and no less."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.support.runs.business import SOURCE, Business, Sale, SalesLanding
from tests.support.runs.histories import DAYS, WHOLE, Deliver, Spoil, days
from tests.support.runs.home import Contents, NewHome, TemporaryHome

from tidegate.intake.load import load_deliveries
from tidegate.publishing.due.partitions import Due, due_partitions
from tidegate.publishing.promote import promote
from tidegate.transform.build import build_window
from tidegate.window import Cadence, Window, windows_of

pytestmark = pytest.mark.slow

# An example takes some ten seconds. TIDEGATE_HISTORIES asks for other ones, and more.
HISTORIES = int(os.environ.get("TIDEGATE_HISTORIES", "0"))
PLACES = ("north", "south")
places = st.sampled_from(PLACES)


@dataclass(frozen=True)
class DeliverFirstAgain:
    """The very file that was delivered first."""

    day: dt.date
    place: str


@dataclass(frozen=True)
class Build:
    """A day is built and published, or held."""

    day: dt.date


@st.composite
def deliveries(draw: st.DrawFn, of_its_own: bool) -> Deliver[Sale]:
    """Sales of a day and of days before it. `of_its_own`: no other delivery has a version of any of them."""
    day, place = draw(days), draw(places)
    dates = st.sampled_from([date for date in DAYS if date <= day])
    prefix = f"{place} {day} " if of_its_own else ""
    drawn = [
        Sale(f"{prefix}{name}", draw(dates), draw(st.sampled_from([5, 50])))
        for name in draw(st.lists(st.sampled_from("abc"), max_size=3, unique=True))
    ]
    return Deliver(day, place, tuple(drawn))


def histories(of_its_own: bool) -> st.SearchStrategy[list[object]]:
    event = st.one_of(
        deliveries(of_its_own),
        deliveries(of_its_own),
        st.builds(Spoil, days, places),
        st.builds(DeliverFirstAgain, days, places),
        st.builds(Build, days),
    )
    return st.lists(event, min_size=2, max_size=7)


@dataclass
class Shop:
    """A home whose days are loaded, built and published step by step."""

    home: TemporaryHome

    @property
    def landing(self) -> SalesLanding:
        return SalesLanding(Path(self.home.settings.landing))

    def happen(self, event: object) -> None:
        match event:
            case Deliver(day, place, sales):
                self.deliver(day, place, sales)
            case DeliverFirstAgain(day, place):
                self.deliver(day, place, first_sales(day, place))
            case Spoil(day, place):
                self.deliver(day, place, [Sale(f"spoiled-{i}", day, amount=-1) for i in range(4)])
            case Build(day):
                self.build([day])

    def deliver(self, day: dt.date, place: str, sales: Iterable[Sale]) -> None:
        """A file lands and goes into raw, and nothing is built."""
        self.landing.deliver(place, day, sales)
        self.load(Window.of_day(day))

    def load(self, window: Window) -> None:
        with self.home.home.lake() as lake:
            contract = self.home.home.contracts[SOURCE]
            load_deliveries(lake, contract, window, outside=self.home.home.outside, run_id="load")

    def build(self, some: list[dt.date]) -> None:
        (product,) = self.home.home.products_of(Cadence.daily)
        with self.home.home.lake() as lake:
            for window in windows_of(some):
                build_window(self.home.home.dbt, lake, window, run_id="build")
                promote(lake, window, product, "build")

    def due(self) -> list[Due]:
        (product,) = self.home.home.products_of(Cadence.daily)
        with self.home.home.lake() as lake:
            return due_partitions(lake.con, product)

    def complete_days(self) -> set[dt.date]:
        """The days of which no delivery stands rejected."""
        rows = self.home.query(
            "select partition_day from (select partition_day, max_by(verdict, rowid) as verdict from ops.deliveries "
            "group by source, region, partition_day) group by 1 having bool_and(verdict = 'accepted')"
        )
        return {day for (day,) in rows if isinstance(day, dt.date)}

    def contents(self) -> Contents:
        return self.home.contents("staging", "intermediate", "marts", "serving")


def first_sales(day: dt.date, place: str) -> list[Sale]:
    return [Sale(f"{place} {day} first", day, 5)]


def changed_days(before: Contents, after: Contents) -> set[dt.date]:
    return {key[2] for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


@pytest.fixture(scope="module")
def compared() -> Iterator[list[int]]:
    """Of each history how many days were due; said last."""
    found: list[int] = []
    yield found
    print(f"\n{len(found)} histories, {sum(found)} due days, {found.count(0)} histories without any.")


def new_shop(new_home: NewHome, folder: Path) -> Shop:
    business, home = Business(), new_home()
    contracts = home.settings.home.with_name(f"{home.settings.home.name}-contracts")
    business.write_contracts(contracts)
    home.settings = home.settings.model_copy(
        update={"contracts": contracts, "dbt_project": business.project_in(folder)}
    )
    shop = Shop(home)
    for day in DAYS:
        for place in PLACES:
            shop.landing.deliver(place, day, first_sales(day, place))
    shop.load(WHOLE)
    shop.build(DAYS)
    return shop


@pytest.fixture(scope="session")
def projects(tmp_path_factory: pytest.TempPathFactory, parsed: Path) -> Path:
    assert parsed.is_dir(), "dbt is imported by then"
    return tmp_path_factory.mktemp("projects")


@pytest.mark.parametrize("of_its_own", [True, False])
@settings(
    max_examples=HISTORIES or 2,
    deadline=None,
    derandomize=not HISTORIES,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
@pytest.mark.timeout(20_000 if HISTORIES else 600)
def test_what_is_due_is_what_a_rebuild_would_change(
    new_home: NewHome, projects: Path, compared: list[int], of_its_own: bool, data: st.DataObject
) -> None:
    shop = new_shop(new_home, projects)
    try:
        assert shop.due() == []
        for event in data.draw(histories(of_its_own)):
            shop.happen(event)
        due, before = {each.day for each in shop.due()}, shop.contents()
        shop.build(DAYS)
        changed = changed_days(before, shop.contents()) & shop.complete_days()
        if of_its_own:
            assert due == changed
        else:
            # A version that another one hides may change without showing.
            assert due >= changed
        assert shop.due() == []
        compared.append(len(due))
    finally:
        shop.home.close()
