"""Whatever changes in between (data, formulas, contract, regions, marts, archive, writers, machines), the same lake
comes of it.

A home to which all of that happened is compared with one that saw only the last contract, the last project and the last
files, once and in order. What data alone does in any order is in `test_any_order`.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import gc
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from tests.support.runs.business import FAR_EAST, Business, Sale, SalesLanding
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
from tests.support.runs.machine import Machine
from tests.support.runs.processes import start_tidegate

from tidegate.changes.apply import apply_plan
from tidegate.changes.plan import make_plan
from tidegate.changes.switching import Decision as DecisionOnChange
from tidegate.changes.take_back import take_back
from tidegate.errors import TidegateError
from tidegate.ledger.changes import changes_made
from tidegate.ledger.rollbacks import standing_rollbacks
from tidegate.ledger.upkeep.maintenance import maintain_until
from tidegate.ledger.versions import versions_of
from tidegate.orchestration.names import BUILD_JOBS
from tidegate.publishing.rollback import Decision, roll_back
from tidegate.window import Cadence, Window

PLACES = ("north", "south")
DECISION = DecisionOnChange("test", None)

pytestmark = pytest.mark.slow

# A history is about ten runs. TIDEGATE_HISTORIES asks for other ones, and more. Each process draws its own at random:
# two processes of 150 are 300 histories.
HISTORIES = int(os.environ.get("TIDEGATE_HISTORIES", "0"))
EXAMPLES = HISTORIES or 1

# A killed process ends within this time, unless it is done before; drawn, so that any moment is hit.
LONGEST_LIFE_SECONDS = 4.0


# --- what may happen


@dataclass(frozen=True)
class LeaveToSensors:
    """Sensors look until none asks for anything; what they ask for is run."""


@dataclass(frozen=True)
class RunBeside:
    """Another process runs a day while this one runs one."""

    others: dt.date
    ours: dt.date


@dataclass(frozen=True)
class Kill:
    """A process that runs a day is killed after so many seconds."""

    day: dt.date
    seconds: float


@dataclass(frozen=True)
class Deploy:
    """Other contracts and another project: a rule, a clock, the regions, a formula or the marts are edited."""

    change: str


@dataclass(frozen=True)
class RollBack:
    """A day shows again what an earlier publication of it showed, if it has one."""

    day: dt.date


@dataclass(frozen=True)
class Maintain:
    """Upkeep that keeps no snapshot but the newest."""


@dataclass(frozen=True)
class CopyArchive:
    """The archive is restored from a copy that lost the files' times."""


@dataclass(frozen=True)
class Plan:
    """What the project has now is built beside, and compared; whatever happens before it is applied."""


@dataclass(frozen=True)
class Apply:
    """What was planned is applied, if the project still has it; held days stay as they are."""


@dataclass(frozen=True)
class TakeBack:
    """The newest change that was applied is taken back, if it can be."""


Event = (
    Deliver[Sale] | Spoil | Purge | Run | Backfill | LeaveToSensors | RunBeside | Kill | Deploy | RollBack | Maintain
    | CopyArchive | Plan | Apply | TakeBack
)  # fmt: skip

# Why a change is not applied or taken back, where that is as it should be.
REFUSED = (
    r"There is no plan of what the project has now|has the logic that the project has now"
    r"|before it could be applied|There is no change|was taken back already|is published again since"
    r"|has dropped the lake's snapshot"
)

# By name, what a deployment changes of the one before it. The first ones change no shape and no region: plans alone
# bring them to what is published already.
FORMULA = "another formula of the totals, or the old one"
RULE = "a stricter rule, or the old one"
LATENESS = "less time to be late, or the old one"
CLOCK = "another clock of the north, or the old one"
PLANNED = (FORMULA, RULE, LATENESS, CLOCK)
CHANGES: dict[str, Callable[[Business], Business]] = {
    FORMULA: lambda b: dataclasses.replace(b, factor=4 - b.factor),
    RULE: lambda b: dataclasses.replace(b, highest=120 - b.highest),
    LATENESS: lambda b: dataclasses.replace(b, lateness=8 - b.lateness),
    CLOCK: lambda b: dataclasses.replace(b, clock="UTC" if b.clock != "UTC" else FAR_EAST),
    "the mart of categories, there or not": lambda b: dataclasses.replace(b, categories=not b.categories),
    "the south, there or not": lambda b: dataclasses.replace(b, regions=_toggled(b.regions)),
    "another name of the north": lambda b: dataclasses.replace(b, regions=_renamed(b.regions)),
}


def _toggled(regions: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return regions[:1] if len(regions) > 1 else (*regions, ("south", "south"))


def _renamed(regions: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    place, name = regions[0]
    return ((place, "nord" if name == place else place), *regions[1:])


places = st.sampled_from(PLACES)


@st.composite
def sales(draw: st.DrawFn, day: dt.date) -> tuple[Sale, ...]:
    """Sales delivered on a day, for that day or days before. Few ids, so that deliveries share them: a sale may be
    corrected, moved to another day or come from two regions. One keeps every contract: none rejects them all."""
    dates = st.sampled_from([date for date in DAYS if date <= day])
    drawn = [
        Sale(sale_id, draw(dates), draw(st.sampled_from([5, 50])), draw(st.sampled_from(["books", "toys"])))
        for sale_id in draw(st.lists(st.sampled_from("abcd"), max_size=4, unique=True))
    ]
    return (*drawn, Sale("sound", day, 5)) if drawn else ()


deliveries = days.flatmap(lambda day: st.builds(Deliver, st.just(day), places, sales(day)))
events = st.one_of(
    deliveries,
    deliveries,
    deliveries,
    st.builds(Deploy, st.sampled_from(sorted(CHANGES))),
    st.builds(Deploy, st.sampled_from(sorted(CHANGES))),
    st.builds(Deploy, st.sampled_from(PLANNED)),
    st.builds(Plan),
    st.builds(Apply),
    st.builds(Apply),
    st.builds(TakeBack),
    runs,
    st.builds(Backfill, windows),
    st.builds(Backfill, st.just(WHOLE)),
    st.builds(LeaveToSensors),
    st.builds(RollBack, days),
    st.builds(Spoil, days, places),
    st.builds(Purge, days),
    st.builds(Maintain),
    st.builds(CopyArchive),
    st.builds(RunBeside, days, days),
    st.builds(Kill, days, st.floats(0, LONGEST_LIFE_SECONDS)),
)

# --- making it happen


@dataclass
class History:
    """A home to which things happen, what its files are, and which days have not seen their newest files."""

    home: TemporaryHome
    projects: Path
    business: Business
    files: dict[tuple[dt.date, str], tuple[Sale, ...]] = field(default_factory=dict)
    spoiled: set[tuple[dt.date, str]] = field(default_factory=set)
    # Deliveries whose newest bytes are in the archive, by day, place and the region's name then.
    captured: set[tuple[dt.date, str, str]] = field(default_factory=set)
    landed: set[tuple[dt.date, str]] = field(default_factory=set)
    unseen: set[dt.date] = field(default_factory=lambda: set(DAYS))

    def __post_init__(self) -> None:
        self.deploy(self.business)

    @property
    def landing(self) -> SalesLanding:
        return SalesLanding(Path(self.home.settings.landing))

    def happen(self, event: Event) -> None:
        self._files_change(event)
        self._home_changes(event)
        self._logic_changes(event)
        self._days_are_run(event)

    def _files_change(self, event: Event) -> None:
        match event:
            case Deliver(day, place, of_sales):
                self.deliver(day, place, of_sales)
            case Spoil(day, place):
                self.deliver(day, place, tuple(Sale(f"spoiled-{i}", day, amount=-1) for i in range(4)))
                self.spoiled.add((day, place))
            case Purge(day):
                self.purge(day)

    def _home_changes(self, event: Event) -> None:
        match event:
            case Deploy(change):
                self.deploy(CHANGES[change](self.business), runs_days=change not in PLANNED)
            case RollBack(day):
                self.roll_back(day)
            case Maintain():
                self.maintain()
            case CopyArchive():
                self.copy_archive()

    def _logic_changes(self, event: Event) -> None:
        match event:
            case Plan():
                make_plan(self.home.home)
            case Apply():
                with refused_as_it_should():
                    apply_plan(self.home.home, DECISION, leave_held=True)
            case TakeBack():
                with self.home.home.lake() as lake:
                    changes = changes_made(lake.con)
                with refused_as_it_should():
                    take_back(self.home.home, changes[-1].change_id if changes else "none", DECISION)

    def _days_are_run(self, event: Event) -> None:
        match event:
            case Run(some, restating):
                for day in some:
                    self.run(day, restating)
            case Backfill(window):
                self.home.backfill(window)
                self.saw(*window.days)
            case LeaveToSensors():
                self.machine().settle()
                self.saw_landed()
            case RunBeside(others, ours):
                self.run_beside(others, ours)
            case Kill(day, seconds):
                self.kill(day, seconds)

    def deliver(self, day: dt.date, place: str, of_sales: tuple[Sale, ...]) -> None:
        self.landing.deliver(place, day, of_sales)
        self.files[day, place] = of_sales
        self.spoiled.discard((day, place))
        self.landed.add((day, place))
        self.captured -= {each for each in self.captured if each[:2] == (day, place)}
        self.unseen.add(day)

    def purge(self, day: dt.date) -> None:
        for place, name in self.business.regions:
            if (day, place, name) in self.captured:
                self.landing.purge(place, day)
                self.landed.discard((day, place))

    def run(self, day: dt.date, restating: bool) -> None:
        if restating:
            self.home.run(day)
        else:
            self.home.runner.run(Window.of_day(day))
        self.saw(day)

    def saw(self, *some: dt.date) -> None:
        """A run of these days has captured what there was of them."""
        self.unseen -= set(some)
        self.captured |= {
            (day, place, name) for day in some for place, name in self.business.regions if (day, place) in self.landed
        }

    def saw_landed(self) -> None:
        """Sensors have captured what landed; a changed contract is not theirs to notice."""
        self.captured |= {
            (day, place, name) for place, name in self.business.regions for day in DAYS if (day, place) in self.landed
        }

    def machine(self) -> Machine:
        return Machine(self.home, self.home.runner.instance)

    def run_beside(self, others: dt.date, ours: dt.date) -> None:
        self.home.close()
        process = start_tidegate(self.home, self.home.settings.home / "other.log", "run", "--partition", str(others))
        self.run(ours, restating=True)
        process.exit_code()
        assert "Traceback" not in process.printed(), process.printed()
        self.saw(others)

    def kill(self, day: dt.date, seconds: float) -> None:
        self.home.close()
        process = start_tidegate(self.home, self.home.settings.home / "killed.log", "run", "--partition", str(day))
        process.ended_within(seconds)
        process.kill()
        assert "Traceback" not in process.printed(), process.printed()

    def deploy(self, business: Business, *, runs_days: bool = True) -> None:
        self.home.close()
        self.business = business
        contracts = self.home.settings.home.with_name(f"{self.home.settings.home.name}-contracts")
        business.write_contracts(contracts)
        project = business.project_in(self.projects)
        self.home.settings = self.home.settings.model_copy(update={"contracts": contracts, "dbt_project": project})
        # Whoever adds a region or a mart runs the days again.
        if runs_days:
            self.unseen |= set(DAYS)

    def roll_back(self, day: dt.date) -> None:
        with self.home.home.lake() as lake:
            versions = [each for each in versions_of(lake.con, day) if each.cadence == Cadence.daily]
            stands = [each.content for each in versions if each.stands]
            earlier = [each for each in versions if each.can_be_read and each.content not in stands]
            marts = {mart.name for mart in self.home.home.requirements_of(Cadence.daily).marts}
            for version in earlier[-1:]:
                if _marts_of(self.home, version.publication_id) == marts:
                    roll_back(lake, self.home.home.products_of, Decision(day, version.publication_id, "test", None))

    def maintain(self) -> None:
        now = dt.datetime.now(dt.UTC)
        with self.home.home.lake() as lake:
            maintain_until(lake, now, now)

    def copy_archive(self) -> None:
        archive = Path(self.home.settings.archive)
        if archive.is_dir():
            copy = archive.with_name("archive-copy")
            # Every file made now, in an order of its own.
            shutil.copytree(archive, copy, copy_function=shutil.copyfile)
            for path in sorted(copy.rglob("*"), key=lambda path: path.name):
                os.utime(path, (1, 1))
            shutil.rmtree(archive)
            copy.rename(archive)

    # --- how it ends

    def end(self, order: Sequence[dt.date]) -> None:
        """What is missing or spoiled is delivered, every day that has not seen its files is run, rollbacks are over."""
        self.deliver_what_lacks()
        for day in order:
            if day in self.unseen:
                self.run(day, restating=False)
        self.restate()
        self.end_rollbacks()
        build_monday(self.home)
        self.machine().settle()
        if make_plan(self.home.home):
            apply_plan(self.home.home, DECISION)
        self.machine().settle()
        assert list(self.home.runner.restate()) == []

    def deliver_what_lacks(self) -> None:
        for day in DAYS:
            for place, name in self.business.regions:
                known = (day, place) in self.landed or (day, place, name) in self.captured
                if (day, place) in self.spoiled or not known:
                    self.deliver(day, place, self.sound(day, place))

    def sound(self, day: dt.date, place: str) -> tuple[Sale, ...]:
        return () if (day, place) in self.spoiled else self.files.get((day, place), ())

    def restate(self) -> None:
        for outcome in self.home.runner.restate():
            assert outcome.succeeded, outcome.held

    def end_rollbacks(self) -> None:
        """Other data ends a rollback; the data of now is then published again."""
        with self.home.home.lake() as lake:
            standing = standing_rollbacks(lake.con)
        # A Monday is one of data of any of its days.
        days = {each.partition_day if each.cadence == Cadence.daily else DAYS[0] for each in standing}
        rolled_back = sorted(days & set(DAYS))
        place, _ = self.business.regions[-1]
        for day in rolled_back:
            final, sold_on = self.files[day, place], self.business.day_by_clock(place, day)
            for of_sales in ((*final, Sale("never seen", sold_on, amount=7)), final):
                self.deliver(day, place, of_sales)
                self.run(day, restating=True)


@contextmanager
def refused_as_it_should() -> Iterator[None]:
    try:
        yield
    except TidegateError as error:
        assert re.search(REFUSED, str(error)), error


def _marts_of(home: TemporaryHome, publication_id: str) -> set[object]:
    return {
        mart for (mart,) in home.query(f"select mart from ops.publications where publication_id = '{publication_id}'")
    }


def build_monday(home: TemporaryHome) -> None:
    """Unless it followed the days already."""
    if not home.query(f"select 1 from ops.publications where cadence = '{Cadence.weekly}'"):
        assert home.runner.run(MONDAY, job=BUILD_JOBS[Cadence.weekly]).succeeded


def run_once_in_order(home: TemporaryHome, history: History) -> None:
    once = History(home, history.projects, history.business)
    for place, _ in history.business.regions:
        for day in DAYS:
            once.deliver(day, place, history.files[day, place])
    for outcome in home.backfill(WHOLE):
        assert outcome.succeeded, outcome.held
    build_monday(home)


# --- what must come of it

Rows = dict[str, list[tuple[object, ...]]]


def derived(home: TemporaryHome, business: Business) -> Rows:
    """The rows of every table after raw."""
    return {
        f"{schema}.{table}": home.query(f"select * from {schema}.{table} order by all")
        for schema, table in business.tables
    }


def accepted_and_quarantined(home: TemporaryHome, business: Business) -> Rows:
    """The rows of the regions that the contract now has, where they came from and why they were refused."""
    names = ", ".join(f"'{name}'" for _, name in business.regions)
    return {
        "raw": home.query(
            "select _region, _delivered_on, sale_id, category, amount, sold_at "
            f"from raw.sales where _region in ({names}) order by all"
        ),
        "quarantine": home.query(
            f"select _region, _delivered_on, reasons, raw from quarantine.sales where _region in ({names}) order by all"
        ),
    }


def miscounted(home: TemporaryHome) -> list[tuple[object, ...]]:
    """Accepted deliveries that stand and whose rows are not those of raw."""
    return home.query(
        """
        with standing as (
            select region, partition_day, rows_loaded from ops.deliveries where verdict <> 'rejected'
            qualify row_number() over (partition by region, partition_day order by rowid desc) = 1
        ),
        loaded as (select _region, _delivered_on, count(*) as rows from raw.sales group by all)
        select s.*, l.rows from standing as s
        left join loaded as l on l._region = s.region and l._delivered_on = s.partition_day
        where coalesce(l.rows, 0) <> s.rows_loaded
        union all
        select region, partition_day, rows_loaded, rows_quarantined from ops.deliveries
        where rows_read <> rows_loaded + rows_quarantined
        """
    )


@pytest.fixture(scope="module")
def ended() -> Iterator[list[Business]]:
    """What each history that ended in the same lake ended as; their number is printed last."""
    businesses: list[Business] = []
    yield businesses
    print(f"\n{len(businesses)} histories of changes ended in the same lake.")


@pytest.fixture(scope="session")
def projects(tmp_path_factory: pytest.TempPathFactory, parsed: Path) -> Path:
    assert parsed.is_dir(), "dbt and Dagster are imported by then"
    # Garbage collection looks through none of that again: one CPU second in twenty.
    gc.freeze()
    return tmp_path_factory.mktemp("projects")


# One sale of each day in each place.
SOUND = tuple((Sale(f"{place}-{day}", day, 5),) for day in DAYS for place in PLACES)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=not HISTORIES,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
@example(
    keyed=True,
    beginning=SOUND,
    happened=[
        Deploy(FORMULA),
        Plan(),
        Deliver(DAYS[2], "north", (Sale("late", DAYS[0], 50), Sale("sound", DAYS[2], 5))),
        Spoil(DAYS[1], "south"),
        Run((DAYS[2], DAYS[1]), restating=True),
        Apply(),
        Deliver(DAYS[0], "south", (Sale("sound", DAYS[0], 50),)),
        TakeBack(),
        Deploy(FORMULA),
        Run((DAYS[0],), restating=False),
        Plan(),
        Apply(),
        Deploy(FORMULA),
    ],
    order=DAYS,
)
@example(
    keyed=False,
    beginning=SOUND,
    happened=[
        Deploy(RULE),
        Plan(),
        Deliver(DAYS[2], "north", (Sale("late", DAYS[0], 50), Sale("small", DAYS[0], 5), Sale("sound", DAYS[2], 5))),
        Spoil(DAYS[1], "south"),
        Run((DAYS[2], DAYS[1]), restating=True),
        Apply(),
        Deploy(CLOCK),
        Plan(),
        Deliver(DAYS[0], "north", (Sale("sound", DAYS[0], 50), Sale("small", DAYS[0], 5))),
        Apply(),
        Deploy(LATENESS),
        TakeBack(),
        Plan(),
    ],
    order=DAYS,
)
@given(
    keyed=st.booleans(),
    beginning=st.tuples(*(sales(day) for day in DAYS for _ in PLACES)),
    happened=st.lists(events, min_size=4, max_size=9 if HISTORIES else 7),
    order=st.permutations(DAYS),
)
@pytest.mark.timeout(20_000 if HISTORIES else 1200)
def test_any_history_of_changes_ends_in_the_same_lake(
    new_home: NewHome,
    projects: Path,
    ended: list[Business],
    keyed: bool,
    beginning: tuple[tuple[Sale, ...], ...],
    happened: list[Event],
    order: list[dt.date],
) -> None:
    history = History(new_home(), projects, Business(keyed=keyed))
    for (day, place), of_sales in zip([(day, place) for day in DAYS for place in PLACES], beginning, strict=True):
        history.deliver(day, place, of_sales)
    history.happen(Backfill(WHOLE))
    for event in happened:
        history.happen(event)
    history.end(order)
    once = new_home()
    try:
        run_once_in_order(once, history)
        assert miscounted(history.home) == []
        assert accepted_and_quarantined(history.home, history.business) == accepted_and_quarantined(
            once, history.business
        )
        assert derived(history.home, history.business) == derived(once, history.business)
        ended.append(history.business)
    finally:
        history.home.close()
        once.close()
        for home in (history.home, once):
            shutil.rmtree(home.settings.home)
