"""Rollback, then a re-run of the day, then restatement of another day: ledger and `serving` tell one story."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import dagster as dg
import pytest
from tests.support.lake.queries import day_content
from tests.support.parsed import EVERY_CADENCE
from tests.support.runs.home import FIRST_DAY, Contents, NewHome, TemporaryHome
from tests.support.runs.landing import REGIONS, Line, sound_lines
from tests.support.runs.processes import run_tidegate

from tidegate.lake.content import Content
from tidegate.ledger.publications import Publication, newest_publications, publication_history
from tidegate.orchestration.asset_keys import serving_key
from tidegate.orchestration.names import BUILD_JOBS
from tidegate.publishing.requirements import Mart
from tidegate.window import ONE_DAY, Cadence, Window

FRIDAY, SATURDAY, SUNDAY = (FIRST_DAY + ONE_DAY * i for i in range(3))
MONDAY = SUNDAY + ONE_DAY
DAYS = Window(FRIDAY, MONDAY)
# Nine runs and seven commands.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

REASON = "The shop counted [twice]"


def tidegate(home: TemporaryHome, *words: str) -> str:
    """What a command prints; it must succeed."""
    home.close()
    done = run_tidegate(home.environment, *words)
    assert done.returncode == 0, done.stderr
    return " ".join(done.stdout.split())


def refused(home: TemporaryHome, *words: str) -> str:
    done = run_tidegate(home.environment, *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback" not in done.stderr
    return " ".join(done.stderr.split())


def served(home: TemporaryHome, *days: dt.date) -> Contents:
    return {place: content for place, content in home.contents("serving").items() if place[2] in days}


def standing(home: TemporaryHome, day: dt.date) -> dict[str, str]:
    """The publications that stand of a day, by product."""
    with home.home.lake() as lake:
        of_marts = {row.mart: row.publication_id for row in newest_publications(lake.con, Window.of_day(day))}
    return {
        product.product: of_marts[mart] for product in home.home.products_of(Cadence.daily) for mart in product.names
    }


def told_in_the_ui(home: TemporaryHome, day: dt.date) -> dict[str, object]:
    """What the newest materialization of a day says."""
    wanted = dg.AssetRecordsFilter(serving_key("daily_sales"), asset_partitions=[str(day)])
    (record,) = home.runner.instance.fetch_materializations(wanted, limit=1).records
    assert record.asset_materialization is not None
    return {name: entry.value for name, entry in record.asset_materialization.metadata.items()}


def assert_one_story(home: TemporaryHome) -> None:
    """`serving` holds what the ledger says stands there, and each publication gave way to the next."""
    marts = {cadence: {mart.name: mart for mart in home.home.requirements_of(cadence).marts} for cadence in Cadence}
    with home.home.lake() as lake:
        stands = newest_publications(lake.con)
        assert {(row.cadence, row.mart, row.partition_day) for row in stands} == {
            (cadence, mart, day)
            for cadence, days in (
                (Cadence.daily, DAYS.days),
                (Cadence.morning, [SATURDAY, SUNDAY, MONDAY]),
                (Cadence.weekly, [MONDAY]),
            )
            for mart in marts[cadence]
            for day in days
        }
        for row in stands:
            day_column = marts[Cadence(row.cadence)][row.mart].day_column
            found = day_content(lake.con, "serving", row.mart, day_column, row.partition_day)
            assert found == Content(row.rows, row.content_hash), row
        for day in DAYS.days:
            assert_handed_on(publication_history(lake.con, day), list(marts[Cadence.daily].values()))


def assert_handed_on(history: list[Publication], marts: list[Mart]) -> None:
    for mart in marts:
        of_mart = [row for row in history if row.mart == mart.name]
        assert [row.superseded_by for row in of_mart] == [
            *(after.publication_id for _, after in pairwise(of_mart)),
            None,
        ]


@dataclass
class Story:
    """A home whose Saturday was published twice, and what it showed then: first what is sound, then twice the
    prices."""

    home: TemporaryHome
    sound: Contents
    first: dict[str, str]
    doubled: Contents
    second: dict[str, str]
    others: Contents

    @classmethod
    def begin(cls, home: TemporaryHome) -> Self:
        for day in DAYS.days:
            home.landing.day(day)
        assert all(outcome.succeeded for outcome in home.backfill(DAYS))
        assert home.runner.run(Window.of_day(MONDAY, Cadence.weekly), job=BUILD_JOBS[Cadence.weekly]).succeeded
        sound, first = served(home, SATURDAY, MONDAY), standing(home, SATURDAY)
        home.landing.day(SATURDAY, unit_price="20.0000")
        assert [outcome.window.start for outcome in home.run(SATURDAY)] == [SATURDAY, MONDAY]
        doubled, second = served(home, SATURDAY, MONDAY), standing(home, SATURDAY)
        assert all(
            doubled[place] != content
            for place, content in sound.items()
            if place[2] == SATURDAY and place[1] not in ("daily_customers", "daily_demand_forecast")
        )
        return cls(home, sound, first, doubled, second, served(home, FRIDAY, SUNDAY))

    def of_saturday(self) -> Contents:
        return {place: content for place, content in self.sound.items() if place[2] == SATURDAY}

    def each_product_is_rolled_back_and_what_is_made_of_the_day_follows(self) -> None:
        home = self.home
        listed = tidegate(home, "publications", "--partition", str(SATURDAY))
        for product in ("sales", "customers"):
            to = self.first[product]
            assert listed.index(to) < listed.index(self.second[product])
            said = tidegate(home, "rollback", "--partition", str(SATURDAY), "--to", to, "--reason", REASON)
            assert f"Rolled back to {to} by " in said
            assert f"{REASON}." in said
        assert f"tidegate restate: {MONDAY}." in said
        assert served(home, SATURDAY) == self.of_saturday()
        assert told_in_the_ui(home, SATURDAY)["rolled_back_to"] == self.first["sales"]
        # The two mornings after the Saturday, too.
        mornings = f"{SUNDAY}..{SUNDAY + ONE_DAY}"
        assert tidegate(home, "restate") == (
            f"2 mornings restated by their days ({mornings}). 1 Monday restated by their days ({MONDAY})."
        )
        assert served(home, SATURDAY, MONDAY) == self.sound
        assert served(home, FRIDAY, SUNDAY) == self.others
        assert_one_story(home)

    def the_day_is_run_again_and_its_data_is_what_was_rejected(self) -> None:
        home = self.home
        said = tidegate(home, "run", "--partition", str(SATURDAY))
        assert f"{SATURDAY} goes on to show an earlier publication until its data changes. Rolled back to " in said
        assert all(f"Rolled back to {publication}" in said for publication in self.first.values())
        assert served(home, SATURDAY, MONDAY) == self.sound
        told = told_in_the_ui(home, SATURDAY)
        assert (told["rolled_back_to"], told["rolled_back_because"]) == (self.first["sales"], REASON)
        assert REASON in tidegate(home, "status")
        assert_one_story(home)

    def a_late_line_of_friday_comes_with_sunday(self) -> None:
        home = self.home
        home.landing.orders(SUNDAY, REGIONS[0], [*sound_lines(SUNDAY, REGIONS[0]), Line("late", FRIDAY)])
        assert {day for outcome in home.run(SUNDAY) for day in outcome.published} == {FRIDAY, SUNDAY, MONDAY}
        # But for the morning of the Saturday, which is made of Friday.
        before = self.of_saturday()
        assert {place for place, content in served(home, SATURDAY).items() if content != before[place]} == {
            ("serving", "daily_demand_forecast", SATURDAY)
        }
        of_friday = {place: content for place, content in self.others.items() if place[2] == FRIDAY}
        assert served(home, FRIDAY) != of_friday
        assert_one_story(home)

    def what_cannot_be_put_back_is_told_and_changes_nothing(self) -> None:
        home, sales = self.home, self.first["sales"]
        before = home.contents("serving")
        unknown = refused(home, "rollback", "--partition", str(SATURDAY), "--to", f"{sales}x")
        assert f"There is no publication '{sales}x'" in unknown
        of_another = refused(home, "rollback", "--partition", str(FRIDAY), "--to", sales)
        assert f"is a publication of {SATURDAY}, not of {FRIDAY}" in of_another
        assert home.contents("serving") == before

    def the_days_data_changes_and_that_is_the_end_of_it(self) -> None:
        home = self.home
        home.landing.day(SATURDAY, unit_price="30.0000")
        of_day, of_monday = home.run(SATURDAY)
        assert (of_day.rolled_back, of_monday.rolled_back) == ({}, {})
        assert set(of_day.rollbacks_ended) == {SATURDAY}
        assert REASON.rstrip(".") in of_day.rollbacks_ended[SATURDAY]
        assert all(
            content not in (self.sound[place], self.doubled[place])
            for place, content in served(home, SATURDAY).items()
            # No price is in it.
            if place[1] != "daily_customers"
        )
        assert "rolled_back_to" not in told_in_the_ui(home, SATURDAY)
        assert REASON not in tidegate(home, "status")
        assert_one_story(home)


def test_rollback_then_a_re_run_of_the_day_then_restatement_of_another(new_home: NewHome) -> None:
    story = Story.begin(new_home(**EVERY_CADENCE))
    story.each_product_is_rolled_back_and_what_is_made_of_the_day_follows()
    story.the_day_is_run_again_and_its_data_is_what_was_rejected()
    story.a_late_line_of_friday_comes_with_sunday()
    story.what_cannot_be_put_back_is_told_and_changes_nothing()
    story.the_days_data_changes_and_that_is_the_end_of_it()
