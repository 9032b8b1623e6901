"""Rollback, then a re-run of the day, then restatement of another day: ledger and `serving` tell one story."""

from __future__ import annotations

import datetime as dt
import subprocess
from itertools import pairwise

import dagster as dg
import pytest
from tests.support.lake.queries import day_content
from tests.support.runs.home import FIRST_DAY, Contents, TemporaryHome
from tests.support.runs.landing import REGIONS, Line, sound_lines

from tidegate.lake.content import Content
from tidegate.ledger.publications import Publication, newest_publications, publication_history
from tidegate.orchestration.asset_keys import serving_key
from tidegate.orchestration.names import BUILD_JOBS
from tidegate.publishing.gate import Mart
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
    done = subprocess.run(["tidegate", *words], env=home.environment, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return " ".join(done.stdout.split())


def refused(home: TemporaryHome, *words: str) -> str:
    done = subprocess.run(["tidegate", *words], env=home.environment, text=True, capture_output=True, check=False)
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


def test_rollback_then_a_re_run_of_the_day_then_restatement_of_another(temporary_home: TemporaryHome) -> None:
    home = temporary_home
    for day in DAYS.days:
        home.landing.day(day)
    assert all(outcome.succeeded for outcome in home.backfill(DAYS))
    assert home.runner.run(Window.of_day(MONDAY, Cadence.weekly), job=BUILD_JOBS[Cadence.weekly]).succeeded
    sound, first = served(home, SATURDAY, MONDAY), standing(home, SATURDAY)

    home.landing.day(SATURDAY, unit_price="20.0000")
    assert [outcome.window.start for outcome in home.run(SATURDAY)] == [SATURDAY, MONDAY]
    doubled, second = served(home, SATURDAY, MONDAY), standing(home, SATURDAY)
    others = served(home, FRIDAY, SUNDAY)
    assert all(
        doubled[place] != content
        for place, content in sound.items()
        if place[2] == SATURDAY and place[1] not in ("daily_customers", "daily_demand_forecast")
    )

    # Rolled back, each product by its name in the list, and what is made of the day follows.
    listed = tidegate(home, "publications", "--partition", str(SATURDAY))
    for product in ("sales", "customers"):
        assert listed.index(first[product]) < listed.index(second[product])
        said = tidegate(home, "rollback", "--partition", str(SATURDAY), "--to", first[product], "--reason", REASON)
        assert f"Rolled back to {first[product]} by " in said
        assert f"{REASON}." in said
    assert f"tidegate restate: {MONDAY}." in said
    assert served(home, SATURDAY) == {place: content for place, content in sound.items() if place[2] == SATURDAY}
    assert told_in_the_ui(home, SATURDAY)["rolled_back_to"] == first["sales"]
    # The two mornings after the Saturday, too.
    mornings = f"{SUNDAY}..{SUNDAY + ONE_DAY}"
    assert tidegate(home, "restate") == (
        f"2 mornings restated by their days ({mornings}). 1 Monday restated by their days ({MONDAY})."
    )
    assert served(home, SATURDAY, MONDAY) == sound
    assert served(home, FRIDAY, SUNDAY) == others
    assert_one_story(home)

    # The day is run again: its data is what was rejected.
    said = tidegate(home, "run", "--partition", str(SATURDAY))
    assert f"{SATURDAY} goes on to show an earlier publication until its data changes. Rolled back to " in said
    assert all(f"Rolled back to {publication}" in said for publication in first.values())
    assert served(home, SATURDAY, MONDAY) == sound
    told = told_in_the_ui(home, SATURDAY)
    assert (told["rolled_back_to"], told["rolled_back_because"]) == (first["sales"], REASON)
    assert REASON in tidegate(home, "status")
    assert_one_story(home)

    # A late line of Friday comes with Sunday's delivery.
    home.landing.orders(SUNDAY, REGIONS[0], [*sound_lines(SUNDAY, REGIONS[0]), Line("late", FRIDAY)])
    assert {day for outcome in home.run(SUNDAY) for day in outcome.published} == {FRIDAY, SUNDAY, MONDAY}
    # But for the morning of the Saturday, which is made of Friday.
    of_saturday = {place: content for place, content in sound.items() if place[2] == SATURDAY}
    assert {place for place, content in served(home, SATURDAY).items() if content != of_saturday[place]} == {
        ("serving", "daily_demand_forecast", SATURDAY)
    }
    assert served(home, FRIDAY) != {place: content for place, content in others.items() if place[2] == FRIDAY}
    assert_one_story(home)

    # What cannot be put back is told, and changes nothing.
    before = home.contents("serving")
    assert f"There is no publication '{first['sales']}x'" in refused(
        home, "rollback", "--partition", str(SATURDAY), "--to", f"{first['sales']}x"
    )
    assert f"is a publication of {SATURDAY}, not of {FRIDAY}" in refused(
        home, "rollback", "--partition", str(FRIDAY), "--to", first["sales"]
    )
    assert home.contents("serving") == before

    # The day's data changes, and that is the end of it.
    home.landing.day(SATURDAY, unit_price="30.0000")
    of_day, of_monday = home.run(SATURDAY)
    assert (of_day.rolled_back, of_monday.rolled_back) == ({}, {})
    assert set(of_day.rollbacks_ended) == {SATURDAY}
    assert REASON.rstrip(".") in of_day.rollbacks_ended[SATURDAY]
    assert all(
        content not in (sound[place], doubled[place])
        for place, content in served(home, SATURDAY).items()
        # No price is in it.
        if place[1] != "daily_customers"
    )
    assert "rolled_back_to" not in told_in_the_ui(home, SATURDAY)
    assert REASON not in tidegate(home, "status")
    assert_one_story(home)
