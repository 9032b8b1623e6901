"""Where figures come from: what happened to a partition, why it shows what it shows, and making it again."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from tests.support.runs.changing import DAILY_VISITS, DAYS, MONDAY, deliver, with_project
from tests.support.runs.home import TemporaryHome

from tidegate.changes.apply import apply_plan
from tidegate.changes.plan import make_plan
from tidegate.changes.switching import Decision
from tidegate.errors import TidegateError
from tidegate.ledger.plans import open_plans
from tidegate.outputs.pages.origin import checks_in_words, deliveries_table, read_origins
from tidegate.provenance.history import history_of
from tidegate.provenance.verify import verify
from tidegate.provenance.why import why
from tidegate.window import Cadence

FIRST, SECOND = DAYS.days[:2]
DOUBLED = {"daily_visits.sql": DAILY_VISITS.replace("sum(visitors)", "2 * sum(visitors)")}


def nothing_is_left(home: TemporaryHome) -> bool:
    schemas = home.query("select count(*) from duckdb_schemas() where starts_with(schema_name, 'plan_')")
    rows = home.query("select (select count(*) from ops.plan_partitions) + (select count(*) from ops.plan_deliveries)")
    with home.home.lake() as lake:
        return schemas == rows == [(0,)] and not open_plans(lake.con)


@pytest.mark.slow
def test_the_history_of_a_day_is_told_in_order(crowd: TemporaryHome) -> None:
    deliver(crowd, FIRST, 20)
    crowd.run(FIRST)
    home = with_project(crowd, DOUBLED)
    make_plan(home.home)
    apply_plan(home.home, Decision("tester", "twice as many"))
    with home.home.lake() as lake:
        events = history_of(lake.con, FIRST, Cadence.daily)
        of_monday = {event.what for event in history_of(lake.con, MONDAY, Cadence.weekly)}
    assert [event.at for event in events] == sorted(event.at for event in events)
    whats = [event.what for event in events if event.what in ("delivery", "change")]
    assert whats == ["delivery", "delivery", "change"]
    assert next(event.said for event in events if event.what == "change").startswith("applied as change ")
    of_visits = [event.said for event in events if event.what == "publication" and event.subject == "daily_visits"]
    assert [said.rpartition(", ")[2] for said in of_visits] == ["for the first time", "restated", "restated"]
    assert of_monday >= {"build", "publication", "change"}
    home.close()


def test_why_leads_from_a_figure_to_the_lines_of_the_file(crowd: TemporaryHome) -> None:
    found = why(crowd.home, "daily_places", FIRST, "visitors", {"place": "Bergen"})
    assert found.values == [{"place": "Bergen", "visitors": 10}]
    (lines,) = found.lines
    (line,) = lines.lines
    file = Path(crowd.settings.landing) / "visits" / str(FIRST) / line.file
    assert line.line is not None
    assert file.read_text().splitlines()[line.line - 1] == "Bergen,10"
    assert line.delivery == f"visits/shop {FIRST}"
    (delivery,) = found.deliveries
    assert (delivery.delivery, delivery.rows_loaded, delivery.archived) == (line.delivery, 2, line.archived)
    assert found.built_by is not None
    assert not found.built_by.is_of_older_logic
    assert {check.name for check in found.checks} >= {"daily_places_are_unique"}
    assert not found.failed_checks


def test_a_page_tells_of_each_day_what_why_tells_of_it(crowd: TemporaryHome) -> None:
    days = [FIRST, SECOND, DAYS.end]
    product = next(each for each in crowd.home.products_of(Cadence.daily) if "daily_places" in each.names)
    with crowd.home.lake() as lake, lake.one_moment() as con:
        origins = read_origins(con, product, "daily_places", days)
    assert set(origins) == {FIRST, SECOND}, "nothing is published of the other"
    for day, origin in origins.items():
        found = why(crowd.home, "daily_places", day)
        of_day = [(each.delivery, each.rows_loaded, each.contract_version) for each in found.deliveries]
        assert [(each.delivery, each.rows_loaded, each.contract_version) for each in origin.deliveries] == of_day
        assert (origin.checks, list(origin.failed)) == (len(found.checks), [])
        assert deliveries_table(origin).rows[0][:2] == (f"visits/shop {day}", of_day[0][2])
        assert checks_in_words(origin) == f"{len(found.checks)} checks behind daily_places passed."


def test_the_history_of_a_monday_is_its_own(old: TemporaryHome) -> None:
    with old.home.lake() as lake:
        events = history_of(lake.con, MONDAY, Cadence.weekly)
        assert [event.what for event in events[:2]] == ["build", "publication"]
        assert {event.subject for event in events} == {"weekly_visits"}
        assert history_of(lake.con, DAYS.end, Cadence.daily) == []


def test_why_of_a_monday_names_the_published_days(crowd: TemporaryHome) -> None:
    found = why(crowd.home, "weekly_visits", MONDAY)
    assert [(each.kind, each.name, each.day, each.changed_since) for each in found.others] == [
        ("mart", "daily_visits", day, False) for day in DAYS.days if day < MONDAY
    ]


@pytest.mark.slow
def test_why_says_whose_decision_it_was(crowd: TemporaryHome) -> None:
    home = with_project(crowd, DOUBLED)
    older = why(home.home, "daily_visits", FIRST).built_by
    assert older is not None
    assert older.is_of_older_logic
    make_plan(home.home)
    apply_plan(home.home, Decision("tester", "twice as many"))
    (decision,) = why(home.home, "daily_visits", FIRST).decisions
    assert "by tester" in decision
    assert "twice as many" in decision
    home.close()


@pytest.mark.parametrize(
    ("mart", "day", "column", "key", "says"),
    [
        ("no_such", FIRST, None, None, "There is no mart 'no_such'. Known: daily_places, daily_visits, weekly_visits"),
        ("daily_visits", DAYS.end, None, None, "was not published"),
        ("daily_visits", FIRST, "nothing", None, "has no column 'nothing'. It has: visit_date"),
        ("daily_visits", FIRST, None, {"x'; drop": "1"}, "has no column"),
    ],
)
def test_what_cannot_be_asked_says_what_can(
    old: TemporaryHome, mart: str, day: dt.date, column: str | None, key: dict[str, str] | None, says: str
) -> None:
    with pytest.raises(TidegateError, match=says):
        why(old.home, mart, day, column, key)


def test_a_hostile_value_is_a_value(old: TemporaryHome) -> None:
    found = why(old.home, "daily_places", FIRST, None, {"place": "x' or '1'='1"})
    assert found.values == []
    assert [len(lines.lines) for lines in found.lines] == [0]


@pytest.mark.slow
def test_a_partition_is_built_again_from_the_archive_and_equal(crowd: TemporaryHome) -> None:
    before = crowd.contents()
    verified = verify(crowd.home, FIRST, Cadence.daily)
    assert verified.is_equal
    assert (verified.deliveries, len(verified.marts)) == (1, 2)
    assert verify(crowd.home, MONDAY, Cadence.weekly).is_equal
    assert crowd.contents() == before
    assert nothing_is_left(crowd)


@pytest.mark.slow
def test_rows_that_somebody_changed_by_hand_are_seen(crowd: TemporaryHome) -> None:
    with crowd.home.lake() as lake:
        lake.con.execute(f"update serving.daily_visits set visitors = 999 where visit_date = '{FIRST}'")
        lake.con.execute(f"update raw.visits set visitors = 998 where _delivered_on = '{SECOND}' and visitors > 1")
    verified = verify(crowd.home, FIRST, Cadence.daily)
    assert not verified.is_equal
    assert verified.altered == ["daily_visits"]
    visits = next(each for each in verified.marts if each.mart == "daily_visits")
    assert visits.rows is not None
    assert visits.rows.samples == [(str(FIRST), "visitors", 999, 11)]
    assert verify(crowd.home, SECOND, Cadence.daily).is_equal, "it is made of the archive, not of raw"
    assert nothing_is_left(crowd)


def test_what_was_built_by_other_logic_is_not_compared(crowd: TemporaryHome) -> None:
    home = with_project(crowd, DOUBLED)
    with pytest.raises(TidegateError, match=r"built with other logic of daily_visits.* than the project has now"):
        verify(home.home, FIRST, Cadence.daily)
    with pytest.raises(TidegateError, match="Nothing is published"):
        verify(home.home, DAYS.end, Cadence.daily)
    assert nothing_is_left(home)
    home.close()
