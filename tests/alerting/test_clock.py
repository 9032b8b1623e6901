"""The page of quality says what became late by the clock alone, also where nothing was ever published."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from pathlib import Path

import pytest
from tests.alerting.sick import Sick
from tests.support.runs.today import TODAY, at, days_ago

from tidegate.alerting.config import Alerting
from tidegate.alerting.round import alerting_round
from tidegate.orchestration.sensors.due_outputs import due_outputs_of
from tidegate.outputs.making import make_outputs
from tidegate.outputs.pages.quality_files import PAGE, QUALITY
from tidegate.window import Cadence, Window

YESTERDAY = days_ago(1)


def is_due(sick: Sick) -> list[dt.date]:
    return [output.day for output in due_outputs_of(sick.home, Cadence.daily) if output.kind == QUALITY]


def make_page(sick: Sick) -> None:
    makers = [maker for maker in sick.home.makers_of(Cadence.daily) if maker.kind.name == QUALITY]
    with sick.home.lake() as lake:
        making = make_outputs(lake, sick.home.outputs, makers, is_due(sick), "run")
    assert making.unmade == {}
    assert Path(sick.home.settings.outputs, PAGE).read_text().startswith("<!doctype html>")


def look(sick: Sick, now: dt.datetime) -> None:
    with sick.home.lake() as lake:
        alerting_round(sick.home, lake, Alerting(), sick.operations, now, sick.kinds)


@pytest.mark.slow
def test_a_deadline_that_passes_makes_the_page_again_once(sick: Sick) -> None:
    shutil.rmtree(sick.home.settings.outputs, ignore_errors=True)
    sick.contract("orders", published_by=dt.time(6))
    sick.promise(dt.time(9))
    sick.deliver([days_ago(2)])
    sick.watched.publish(Window.of_day(days_ago(2)))
    before, late, overdue, later = (at(TODAY, dt.time(hour)) for hour in (5, 7, 10, 23))
    look(sick, before)
    assert is_due(sick) == [days_ago(2)]
    make_page(sick)
    for moment in (late, overdue):
        look(sick, moment)
        assert is_due(sick) == [days_ago(2)], moment
        make_page(sick)
        look(sick, moment + dt.timedelta(minutes=5))
        assert is_due(sick) == [], moment
    look(sick, later)
    assert is_due(sick) == []
    # It comes after all, which is an event.
    sick.deliver([YESTERDAY])
    make_page(sick)
    look(sick, later)
    assert is_due(sick) == [days_ago(2)]
    make_page(sick)
    look(sick, later)
    assert is_due(sick) == []


@pytest.mark.slow
def test_a_home_that_never_published_has_the_page(sick: Sick) -> None:
    shutil.rmtree(sick.home.settings.outputs, ignore_errors=True)
    assert is_due(sick) == []
    sick.deliver([YESTERDAY], "customers", verdict="rejected", reason="It is broken.", touched=())
    assert is_due(sick) == [YESTERDAY]
    make_page(sick)
    assert is_due(sick) == []
    facts = json.loads(Path(sick.home.settings.outputs, PAGE.replace(".html", ".json")).read_text())
    assert "rejected" in json.dumps(facts)
    # What is published takes its place.
    sick.deliver([days_ago(2)])
    sick.watched.publish(Window.of_day(days_ago(2)))
    assert is_due(sick) == [days_ago(2)]
    make_page(sick)
    assert is_due(sick) == []


@pytest.mark.slow
def test_a_home_in_which_nothing_ever_came_has_the_page_once_something_is_overdue(sick: Sick) -> None:
    shutil.rmtree(sick.home.settings.outputs, ignore_errors=True)
    sick.contract("orders", published_by=dt.time(6))
    look(sick, at(TODAY, dt.time(7)))
    assert is_due(sick) == [YESTERDAY]
    make_page(sick)
    assert is_due(sick) == []
