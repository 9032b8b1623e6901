"""A run killed at any moment leaves whole days, and running again ends as if nothing had happened.

The day that is run also corrects the day before it, so a run is: intake, transform, promote, and the same again to
restate the other day. Moments are drawn within each of these, as the ledger tells them.
"""

from __future__ import annotations

import datetime as dt
import random
import signal
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import pytest
from tests.support.examples import THOROUGH
from tests.support.runs.home import FIRST_DAY, Contents, NewHome, TemporaryHome
from tests.support.runs.landing import REGIONS, Landing, Line, sound_lines
from tests.support.runs.processes import Process, start_tidegate

from tidegate.lake.connect import Lake
from tidegate.ledger.upkeep.opening import open_lake
from tidegate.orchestration.assembly import build_definitions
from tidegate.orchestration.history.recent_runs import runs_under_way
from tidegate.orchestration.sensors.run_keeper import keep_runs
from tidegate.window import ONE_DAY, Cadence, Window

pytestmark = pytest.mark.slow

DAY_BEFORE, DAY = FIRST_DAY, FIRST_DAY + ONE_DAY
SEED = 5

# How often a run is looked at. A look takes some 20 ms of CPU, and a run some seconds.
LOOKING_SECONDS = 0.05

# How often a moment is drawn again, nearer to its beginning, when the run was over by then.
TRIES = 5


@dataclass(frozen=True)
class Version:
    """What is delivered: a price of the day's lines, and one of a late line for the day before."""

    price: str
    late_price: str = "10.0000"


FIRST, SECOND, CORRECTING = Version("10.0000"), Version("20.0000"), Version("30.0000", "40.0000")


def deliver(landing: Landing, version: Version) -> None:
    """A day of good and bad lines, with a line of the day before."""
    landing.customers(DAY)
    for region in REGIONS:
        late = Line(f"late-{region}", DAY_BEFORE, unit_price=version.late_price)
        broken = Line(f"broken-{region}", DAY, unit_price="-1")
        landing.orders(DAY, region, [*sound_lines(DAY, region, version.price, lines=30), late, broken])


def run(home: TemporaryHome) -> None:
    for outcome in home.run(DAY):
        assert outcome.succeeded, outcome.held


# What the lake holds when no run was killed, by what was delivered.
Undisturbed = dict[Version, Contents]


@pytest.fixture(scope="module")
def undisturbed(new_module_home: NewHome) -> Undisturbed:
    home = new_module_home()
    home.landing.day(DAY_BEFORE)
    home.run(DAY_BEFORE)
    contents = {}
    for version in (FIRST, SECOND, CORRECTING):
        deliver(home.landing, version)
        run(home)
        contents[version] = home.contents()
    home.close()
    return contents


def serving(contents: Contents) -> Contents:
    return {key: content for key, content in contents.items() if key[0] == "serving"}


def loaded(contents: Contents) -> Contents:
    return {key: content for key, content in contents.items() if key[0] in ("raw", "quarantine")}


def of_day(contents: Contents, day: dt.date) -> Contents:
    return {key: content for key, content in contents.items() if key[2] == day}


def of_marts(names: Collection[str], contents: Contents) -> Contents:
    return {key: content for key, content in contents.items() if key[1] in names}


@dataclass(frozen=True)
class Progress:
    """How far a run has got, by what the ledger has of it."""

    deliveries: int = 0
    builds: int = 0
    publications: int = 0


# A run of these tests enters 3 deliveries, builds a day in one build and publishes it in 4 marts. When it corrects
# the day before, it does all but intake again.
START = Progress()
LOADED = Progress(deliveries=3)
BUILT = Progress(deliveries=3, builds=1)
PUBLISHED = Progress(deliveries=3, builds=1, publications=4)
BUILT_AGAIN = Progress(deliveries=3, builds=2, publications=4)
DONE = Progress(deliveries=3, builds=2, publications=8)

Moment = tuple[Progress, Progress]
INTAKE, TRANSFORM, PROMOTE = (START, LOADED), (LOADED, BUILT), (BUILT, PUBLISHED)
TRANSFORM_AGAIN, PROMOTE_AGAIN = (PUBLISHED, BUILT_AGAIN), (BUILT_AGAIN, DONE)

# Moments, each drawn from where the ledger is in the first state until it is in the second; and 3 more of first runs.
# Before each, the delivery is replaced by the next of its kind. Those of a row come one upon the other, each in what
# the one before left behind, and then all is healed: after each kind of moment at least once.
ROWS_OF_MOMENTS: list[list[Moment]] = [
    [INTAKE],
    [INTAKE, PROMOTE, TRANSFORM],
    [TRANSFORM, PROMOTE],
    [TRANSFORM_AGAIN],
    [PROMOTE_AGAIN],
]
# The longest rows: what many kills leave behind.
if THOROUGH:
    ROWS_OF_MOMENTS += [
        [TRANSFORM, INTAKE, PROMOTE],
        [PROMOTE, TRANSFORM, INTAKE],
        [INTAKE, TRANSFORM, PROMOTE, TRANSFORM_AGAIN],
        [TRANSFORM_AGAIN, PROMOTE_AGAIN],
    ]


class Ledger:
    """The ledger as another process sees it, as progress since it was last started again."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._before = self._rows()

    def start_anew(self) -> None:
        self._before = self._rows()

    def progress(self) -> Progress:
        return Progress(*(now - before for now, before in zip(self._rows(), self._before, strict=True)))

    def reached(self, progress: Progress) -> bool:
        now = self.progress()
        return (
            now.deliveries >= progress.deliveries
            and now.builds >= progress.builds
            and now.publications >= progress.publications
        )

    def _rows(self) -> tuple[int, int, int]:
        # Of deliveries the row ids: an entry that is written again replaces the one before.
        row = self._lake.con.execute("""
            select
                (select coalesce(max(rowid), -1) from ops.deliveries),
                (select count(*) from ops.builds where status <> 'building'),
                (select count(*) from ops.publications)
        """).fetchone()
        assert row is not None
        return row


def wait_for(progress: Progress, ledger: Ledger, process: Process) -> float:
    """Return when the run has got so far, or has ended; and the time by then."""
    while not process.ended_within(LOOKING_SECONDS) and not ledger.reached(progress):
        pass
    return time.monotonic()


def seconds_of_a_run(home: TemporaryHome, ledger: Ledger, log: Path) -> dict[Progress, float]:
    """How long an undisturbed run takes from each state to the next."""
    states = [LOADED, BUILT, PUBLISHED, BUILT_AGAIN, DONE]
    process = start_tidegate(home, log, "run", "--partition", str(DAY))
    moments = [time.monotonic(), *(wait_for(state, ledger, process) for state in states)]
    assert process.exit_code() == 0, process.printed()
    return {state: end - start for state, start, end in zip(states, moments, moments[1:], strict=False)}


@dataclass
class Victim:
    """A home whose runs are killed, and what was delivered to it since it was whole, the newest last."""

    home: TemporaryHome
    ledger: Ledger
    logs: Path
    seconds: dict[Progress, float]
    chance: random.Random
    versions: list[Version] = field(default_factory=lambda: [CORRECTING])
    runs: int = 0

    def deliver(self, version: Version) -> None:
        deliver(self.home.landing, version)
        self.versions.append(version)

    @property
    def newest(self) -> Version:
        return self.versions[-1]

    def kill_a_run(self, state: Progress, next_state: Progress) -> bool:
        """Run the day, and kill it at a moment between two states. False when it ended before."""
        self.ledger.start_anew()
        self.runs += 1
        process = start_tidegate(self.home, self.logs / f"{self.runs}.log", "run", "--partition", str(DAY))
        wait_for(state, self.ledger, process)
        process.ended_within(self.chance.uniform(0, self.seconds[next_state]))
        process.kill()
        if process.exit_code() == -signal.SIGKILL:
            return True
        # Runs have become faster since they were measured, on a machine that others left.
        self.seconds[next_state] /= 2
        return False

    def __str__(self) -> str:
        return f"run {self.runs}, killed after {self.ledger.progress()}"


@pytest.mark.timeout(1200)
def test_a_killed_run_leaves_whole_days_and_running_again_heals(
    new_home: NewHome, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    home = new_home()
    home.landing.day(DAY_BEFORE)
    home.run(DAY_BEFORE)
    deliver(home.landing, FIRST)
    run(home)
    with open_lake(home.home.lake_config, read_only=True) as lake:
        ledger = Ledger(lake)
        deliver(home.landing, CORRECTING)
        seconds = seconds_of_a_run(home, ledger, tmp_path / "undisturbed.log")
        assert home.contents() == undisturbed[CORRECTING]

        victim = Victim(home, ledger, tmp_path, seconds, random.Random(SEED))
        for row in ROWS_OF_MOMENTS:
            for moment in row:
                assert any(kill_and_check(victim, moment, undisturbed) for _ in range(TRIES))
            heal(victim, undisturbed)


def kill_and_check(victim: Victim, moment: Moment, undisturbed: Undisturbed) -> bool:
    """Whether the run was killed; that each day is whole, and one of those that were delivered, is asserted either
    way."""
    state, next_state = moment
    victim.deliver(another_version(victim.newest, correcting=next_state in (BUILT_AGAIN, DONE)))
    killed = victim.kill_a_run(state, next_state)
    assert_nothing_is_under_way(victim.home)
    contents = victim.home.contents("raw", "quarantine", "serving")
    versions = [undisturbed[version] for version in victim.versions]
    for product in victim.home.home.products_of(Cadence.daily):
        for day in (DAY_BEFORE, DAY):
            served = of_marts(product.names, of_day(serving(contents), day))
            assert served in [of_marts(product.names, of_day(serving(version), day)) for version in versions], victim
    assert loaded(contents) in [loaded(version) for version in versions], victim
    return killed


def heal(victim: Victim, undisturbed: Undisturbed) -> None:
    run(victim.home)
    assert victim.home.contents() == undisturbed[victim.newest], victim
    victim.versions = [victim.newest]


def assert_nothing_is_under_way(home: TemporaryHome) -> None:
    """Once the sensor looked, no day is kept from others by a run that was killed."""
    keep_runs(home.home, home.runner.instance, None)
    assert runs_under_way(home.runner.instance) == []


def another_version(old: Version, correcting: bool) -> Version:
    """The next delivery: one that corrects the day before, or leaves it alone where it can."""
    if correcting and old is not CORRECTING:
        return CORRECTING
    return FIRST if old is not FIRST else SECOND


@pytest.mark.timeout(600)
def test_a_first_run_that_is_killed_can_be_run_again(
    new_home: NewHome, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    """The very first run also makes the lake and Dagster's instance."""
    chance = random.Random(SEED)
    published = of_day(serving(undisturbed[FIRST]), DAY)
    for sign in ("dagster", "lake/catalog.sqlite", "archive/deliveries"):
        home = new_home()
        home.landing.day(DAY_BEFORE)
        deliver(home.landing, FIRST)
        process = start_tidegate(home, tmp_path / "run.log", "run", "--partition", str(DAY))
        while not process.ended_within(LOOKING_SECONDS) and not (home.settings.home / sign).exists():
            pass
        process.ended_within(chance.uniform(0, 0.5))
        process.kill()

        assert_nothing_is_under_way(home)
        assert home.contents("serving") in ({}, published), sign
        for day in (DAY, DAY_BEFORE):
            assert all(outcome.succeeded for outcome in home.run(day)), sign
        assert home.contents() == undisturbed[FIRST], sign


def test_a_restatement_killed_before_it_published_is_made_up_for(new_home: NewHome, undisturbed: Undisturbed) -> None:
    """Regression: the day was built after its correction came, so nothing but its publication tells that it is owed."""
    home = new_home()
    home.landing.day(DAY_BEFORE)
    home.run(DAY_BEFORE)
    deliver(home.landing, FIRST)
    home.runner.run(Window.of_day(DAY))
    build_without_publishing(home, DAY_BEFORE)
    names = home.home.requirements_of(Cadence.daily).names
    marts = {key: of for key, of in undisturbed[FIRST].items() if key[0] == "marts"}
    assert of_marts(names, home.contents("marts")) == of_marts(names, marts)
    assert serving(home.contents()) != serving(undisturbed[FIRST])

    run(home)
    assert home.contents() == undisturbed[FIRST]


def build_without_publishing(home: TemporaryHome, day: dt.date) -> None:
    models = [dg.AssetKey(model.asset.split("/")) for model in home.home.graph.models_of(Cadence.daily)]
    job = build_definitions(home=home.home).resolve_implicit_global_asset_job_def()
    built = job.execute_in_process(asset_selection=models, partition_key=str(day), instance=home.runner.instance)
    assert built.success
