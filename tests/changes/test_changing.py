"""Changes of logic, planned, applied and taken back: what is published is then as if the project had always been so."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path

import pytest
from tests.support.examples import THOROUGH
from tests.support.runs.changing import (
    ADDED_UP,
    DAILY_PLACES,
    DAILY_VISITS,
    DAILY_YAML,
    DAYS,
    MONDAY,
    NO_PLACES,
    PLACES_YAML,
    STG_VISITS,
    WEEKLY_VISITS,
    Files,
    deliver,
    filled_crowd,
    plan,
    with_project,
)
from tests.support.runs.home import Contents, TemporaryHome

from tidegate.changes.apply import apply_plan
from tidegate.changes.plan import make_plan
from tidegate.changes.switching import Decision
from tidegate.changes.take_back import take_back
from tidegate.cli.read_status import read_status
from tidegate.errors import TidegateError
from tidegate.ledger.changes import changes_made
from tidegate.ledger.upkeep.maintenance import maintain_until
from tidegate.window import ONE_DAY, Cadence, Window

pytestmark = pytest.mark.slow

# As another kind beside it, told apart by no other code.
IF_THOROUGH = pytest.mark.skipif(not THOROUGH, reason="HYPOTHESIS_PROFILE=thorough tries these kinds too")
DECISION = Decision("tester", "because")

THOUSANDFOLD = {"daily_visits.sql": DAILY_VISITS.replace("sum(visitors)", "1000 * sum(visitors)")}
MILDER = {**THOUSANDFOLD, "daily_visits.yml": DAILY_YAML.replace("visitors < 1000", "visitors < 1000000")}
RENAMED_CTE = {"daily_visits.sql": DAILY_VISITS.replace("counted", "figures")}
DOUBLED = {"daily_visits.sql": DAILY_VISITS.replace("sum(visitors)", "2 * sum(visitors)")}


def served(home: TemporaryHome) -> Contents:
    return home.contents("serving")


def changes_of(home: TemporaryHome) -> list[str]:
    with home.home.lake() as lake:
        return [each.change_id for each in changes_made(lake.con)]


def shadows(home: TemporaryHome) -> list[tuple[object, ...]]:
    return home.query("select schema_name from duckdb_schemas() where starts_with(schema_name, 'plan_')")


def test_other_layout_is_no_change(crowd: TemporaryHome) -> None:
    before = served(crowd)
    laid_out = "-- A comment.\n" + DAILY_VISITS.replace("    ", "\t").replace("select", "SELECT")
    home = with_project(crowd, {"daily_visits.sql": laid_out})
    assert make_plan(home.home) is None
    with pytest.raises(TidegateError, match="has the logic that the project has now"):
        apply_plan(home.home, DECISION)
    assert served(home) == before and not shadows(home)
    home.close()


def test_what_is_written_otherwise_and_gives_the_same_is_seen_to_change_nothing(crowd: TemporaryHome) -> None:
    home = with_project(crowd, RENAMED_CTE)
    planned = plan(home)
    assert planned.plan.models == {"daily_visits", "weekly_visits"}
    assert {(mart.mart, mart.partitions, mart.identical) for mart in planned.marts} == {
        ("daily_visits", 5, 5),
        ("weekly_visits", 1, 1),
    }
    assert planned.changes_nothing
    before = served(home)
    apply_plan(home.home, DECISION)
    assert served(home) == before
    assert make_plan(home.home) is None
    home.close()


def test_a_changed_formula_is_shown_applied_everywhere_at_once_and_taken_back(
    crowd: TemporaryHome, tmp_path: Path
) -> None:
    before, home = served(crowd), with_project(crowd, DOUBLED)
    planned = plan(home)
    assert served(home) == before, "a plan changes nothing"
    daily, weekly = planned.marts
    assert (daily.mart, daily.days, daily.identical) == ("daily_visits", list(DAYS.days), 0)
    assert daily.rows is not None
    assert (daily.rows.added, daily.rows.removed, daily.rows.changed) == (0, 0, 5)
    # Of 11 to 15 visitors.
    assert [(each.name, each.rows, each.change) for each in daily.rows.columns] == [("visitors", 5, 65)]
    assert daily.rows.samples[0] == (str(DAYS.start), "visitors", 11, 22)
    assert (weekly.mart, weekly.days) == ("weekly_visits", [MONDAY])

    change = apply_plan(home.home, DECISION).change
    always = filled_crowd(tmp_path / "always", DOUBLED)
    assert home.contents() == always.contents()
    assert not shadows(home) and make_plan(home.home) is None
    # What is made of the days was applied with them, so nothing follows.
    assert list(home.runner.restate()) == []

    taken = take_back(home.home, change.change_id[:8], Decision("tester", "too many"))
    assert served(home) == before
    with home.home.lake() as lake:
        assert [(each.change_id, each.restores) for each in changes_made(lake.con)] == [
            (change.change_id, None),
            (taken.change_id, change.change_id),
        ]
    with pytest.raises(TidegateError, match="was taken back already"):
        take_back(home.home, change.change_id, DECISION)
    # It stands until the data changes.
    home.run(DAYS.start)
    assert served(home) == before
    deliver(home, DAYS.start, 100)
    home.run(DAYS.start)
    assert home.query(f"select visitors from serving.daily_visits where visit_date = '{DAYS.start}'") == [(202,)]
    always.close()
    home.close()


RENAMED: Files = {
    "daily_visits.sql": DAILY_VISITS.replace("visitors, places from", "visitors, places as spots from"),
    "daily_visits.yml": DAILY_YAML.replace("name: places", "name: spots"),
}
RETYPED: Files = {
    "daily_visits.sql": DAILY_VISITS.replace("visitors, places from", "visitors, places::varchar as places from"),
    "daily_visits.yml": DAILY_YAML.replace("places, data_type: bigint", "places, data_type: varchar"),
}
NARROWED: Files = {
    "daily_visits.sql": DAILY_VISITS.replace("visitors, places from", "visitors, places::smallint as places from"),
    "daily_visits.yml": DAILY_YAML.replace("places, data_type: bigint", "places, data_type: smallint"),
}
ADDED: Files = {
    "daily_visits.sql": DAILY_VISITS.replace("visitors, places from", "visitors, places, visitors > 12 as busy from"),
    "daily_visits.yml": DAILY_YAML.replace(
        "data_type: bigint}\n    data", "data_type: bigint}\n      - {name: busy, data_type: boolean}\n    data"
    ),
}
NEW_MART: Files = {
    "daily_crowds.sql": DAILY_VISITS,
    "daily_crowds.yml": DAILY_YAML.replace("daily_visits", "daily_crowds"),
}
STAGING: Files = {"stg_visits.sql": STG_VISITS.replace("place, visitors", "upper(place) as place, visitors")}
MACRO: Files = {"../macros/added_up.sql": ADDED_UP.replace("sum(", "2 * sum(")}
WEEKLY: Files = {"weekly_visits.sql": WEEKLY_VISITS.replace("coalesce(sum", "coalesce(max")}


BACK: Files = {"places_by_day.sql": None, "places_by_day.yml": None}
RENAMED_MART: Files = {
    "daily_places.sql": None,
    "daily_places.yml": None,
    "places_by_day.sql": DAILY_PLACES,
    "places_by_day.yml": PLACES_YAML.replace("daily_places", "places_by_day"),
}


def test_a_mart_that_is_renamed_leaves_serving_and_comes_under_its_new_name_in_one_moment(
    crowd: TemporaryHome, tmp_path: Path
) -> None:
    before = crowd.query("select * from serving.daily_places order by all")
    home = with_project(crowd, RENAMED_MART)
    deliver(home, DAYS.start, 10)
    home.run(DAYS.start)
    assert home.query("select * from serving.daily_places order by all") == before, "never by accident"
    planned = plan(home)
    assert [(mart.name, list(mart.days)) for mart in planned.unmade] == [("daily_places", list(DAYS.days))]
    (new,) = planned.marts
    # The day that was run is published under the new name already.
    assert (new.mart, new.partitions, new.new, new.identical) == ("places_by_day", 4, 4, 0)
    apply_plan(home.home, DECISION)
    assert home.query("select * from serving.places_by_day order by all") == before
    assert home.query("select table_name from duckdb_tables() where schema_name = 'serving' order by all") == [
        ("daily_visits",),
        ("places_by_day",),
        ("weekly_visits",),
    ]
    assert make_plan(home.home) is None

    (change,) = changes_of(home)
    old = with_project(home, BACK)
    take_back(old.home, change, DECISION)
    assert old.query("select * from serving.daily_places order by all") == before
    tables = "select table_name from duckdb_tables() where schema_name = 'serving' order by all"
    # A day of it was published before the change, so that the other name stays as it is too.
    assert old.query(tables) == [("daily_places",), ("daily_visits",), ("places_by_day",), ("weekly_visits",)]
    assert list(old.runner.restate()) == []
    old.close()


def test_a_mart_that_is_removed_leaves_serving_by_apply_and_comes_back_with_its_model(crowd: TemporaryHome) -> None:
    before = crowd.query("select * from serving.daily_places order by all")
    home = with_project(crowd, {"daily_places.sql": None, "daily_places.yml": None})
    home.run(DAYS.start)
    assert home.query("select * from serving.daily_places order by all") == before, "never by accident"
    planned = plan(home)
    assert ([mart.name for mart in planned.unmade], planned.marts) == (["daily_places"], [])
    change = apply_plan(home.home, DECISION).change
    left = "select 1 from duckdb_tables() where schema_name = 'serving' and table_name = 'daily_places'"
    assert (home.query(left), change.marts) == ([], ("daily_places",))
    taken = take_back(home.home, change.change_id, DECISION)
    assert (home.query("select * from serving.daily_places order by all"), taken.marts) == (before, ("daily_places",))
    planned = plan(home)
    assert [(mart.name, len(mart.days)) for mart in planned.unmade] == [("daily_places", 5)], "as before it was applied"
    # And once more.
    out = take_back(home.home, taken.change_id, DECISION)
    assert home.query(left) == []
    # Its rows are candidates still, of the logic that it has.
    back = with_project(home)
    assert all(outcome.succeeded for outcome in back.runner.restate())
    assert back.query("select * from serving.daily_places order by all") == before
    with pytest.raises(TidegateError, match="took daily_places out of serving, which is published again since"):
        take_back(back.home, out.change_id, DECISION)
    back.close()


def test_a_plan_that_nobody_applies_is_dropped_by_maintenance(crowd: TemporaryHome) -> None:
    home = with_project(crowd, RENAMED_CTE)
    planned = plan(home)
    now = dt.datetime.now(dt.UTC)
    with home.home.lake() as lake:
        maintain_until(lake, now - ONE_DAY, now - ONE_DAY)
        assert shadows(home), "it was made just now"
        maintain_until(lake, now + ONE_DAY, now - ONE_DAY)
    assert not shadows(home)
    with pytest.raises(TidegateError, match="There is no plan"):
        apply_plan(home.home, DECISION)
    assert plan(home).plan.plan_id != planned.plan.plan_id
    home.close()


@pytest.mark.parametrize(
    ("changed", "held"),
    [
        pytest.param(NO_PLACES, "no longer has places", id="column dropped"),
        pytest.param(RENAMED, "no longer has places", id="column renamed", marks=IF_THOROUGH),
        pytest.param(RETYPED, "places should become VARCHAR", id="column of another type"),
        pytest.param(NARROWED, "places should become SMALLINT", id="column narrower", marks=IF_THOROUGH),
        pytest.param(ADDED, None, id="column added"),
        pytest.param(NEW_MART, None, id="mart added"),
        pytest.param(STAGING, None, id="staging"),
        pytest.param(MACRO, None, id="macro"),
        pytest.param(WEEKLY, None, id="of Mondays"),
    ],
)
def test_any_change_ends_as_if_it_had_always_been_so_and_can_be_taken_back(
    crowd: TemporaryHome, tmp_path: Path, changed: Files, held: str | None
) -> None:
    before, home = served(crowd), with_project(crowd, changed)
    # Before it is applied, a day that is run goes forward with it, alone, or is held where that would be another shape.
    outcome = home.run(DAYS.start)[0]
    assert bool(outcome.held) == bool(held), outcome.held
    assert re.search(held or "", str(outcome.held))
    went = {key for key, content in served(home).items() if before.get(key) != content}
    assert {day for _, _, day in went} <= (set() if held else {DAYS.start, MONDAY})
    before = served(home)
    plan(home)
    assert {key: content for key, content in home.contents("serving").items() if key in before} == before
    change = apply_plan(home.home, DECISION).change
    always = filled_crowd(tmp_path / "always", changed)
    assert home.contents() == always.contents()
    assert list(home.runner.restate()) == []
    columns = "select * from serving.daily_visits order by all"
    assert home.query(columns) == always.query(columns)

    take_back(home.home, change.change_id, DECISION)
    back = with_project(home)
    assert served(back) == before
    always.close()
    back.close()


def test_exports_of_what_was_applied_are_those_of_a_home_that_always_had_it(
    crowd: TemporaryHome, tmp_path: Path
) -> None:
    before = exported(crowd)
    home = with_project(crowd, NO_PLACES)
    plan(home)
    assert exported(home) == before, "a plan changes nothing"
    change = apply_plan(home.home, DECISION).change
    always = filled_crowd(tmp_path / "always", NO_PLACES)
    assert exported(home) == exported(always)
    take_back(home.home, change.change_id, DECISION)
    back = with_project(home)
    assert exported(back) == before
    always.close()
    back.close()


def exported(home: TemporaryHome) -> dict[str, object]:
    """What consumers get of each mart and partition once exports are up to date: columns, rows, content and files."""
    assert not [outcome.complaints for outcome in home.runner.make_outputs() if outcome.complaints]
    pointers = Path(home.settings.outputs).glob("exports/*/*/latest.json")
    told = {str(file.parent.relative_to(home.settings.outputs)): json.loads(file.read_text()) for file in pointers}
    assert len(told) == 11, "of two marts of days and one of Mondays"
    said = ("columns", "rows", "content_hash")
    return {
        place: ([pointer[name] for name in said], [(file["bytes"], file["sha256"]) for file in pointer["files"]])
        for place, pointer in told.items()
    }


def test_a_day_that_was_built_and_is_held_for_its_shape_is_in_the_plan(crowd: TemporaryHome, tmp_path: Path) -> None:
    before, home = served(crowd), with_project(crowd, NO_PLACES)
    ((change, products),) = read_status(home.home).shapes
    assert (change.removed, products) == (["places"], ["crowds"]), "before anything is run"
    assert "no longer has places" in str(home.run(DAYS.start)[0].held)
    assert served(home) == before
    planned = plan(home)
    assert [(mart.mart, mart.partitions) for mart in planned.marts] == [("daily_visits", 5), ("weekly_visits", 1)]
    apply_plan(home.home, DECISION)
    always = filled_crowd(tmp_path / "always", NO_PLACES)
    assert home.contents() == always.contents()
    assert make_plan(home.home) is None
    always.close()
    home.close()


def test_a_plan_whose_test_fails_is_not_applied_and_goes_on_once_the_model_is_fixed(crowd: TemporaryHome) -> None:
    before = served(crowd)
    home = with_project(crowd, THOUSANDFOLD)
    (sentence,) = plan(home).failed
    assert sentence == "marts/daily_visits: the check daily_visits_are_plausible failed: 1 failing row"
    with pytest.raises(
        TidegateError, match=r"The plan does not hold what it must\..*are_plausible.*2024-03-01\.\.2024-03-05"
    ):
        apply_plan(home.home, DECISION)
    assert served(home) == before
    home = with_project(home, MILDER)
    assert plan(home).failed == {}, "a test that is fixed is asked again, though the models stay as they are"
    home = with_project(home, DOUBLED)
    with pytest.raises(TidegateError, match="There is no plan of what the project has now"):
        apply_plan(home.home, DECISION)
    plan(home)
    apply_plan(home.home, DECISION)
    assert served(home) != before
    home.close()


def test_what_changes_between_plan_and_apply_is_in_it(crowd: TemporaryHome, tmp_path: Path) -> None:
    home = with_project(crowd, DOUBLED)
    plan(home)
    # A day is delivered again: production builds and publishes it with the new logic.
    second = DAYS.start + ONE_DAY
    deliver(home, second, 50)
    home.run(second)
    built: list[Window] = []
    apply_plan(home.home, DECISION, on_chunk=built.append)
    assert Window.of_day(MONDAY, Cadence.weekly) in built
    always = filled_crowd(tmp_path / "always", DOUBLED)
    deliver(always, second, 50)
    always.run(second)
    assert home.contents("serving", "marts") == always.contents("serving", "marts")
    always.close()
    home.close()


def test_a_monday_that_was_built_of_days_of_older_logic_is_in_the_plan(crowd: TemporaryHome) -> None:
    """Production built it with the logic of now: one of its days was delivered again."""
    home = with_project(crowd, DOUBLED)
    deliver(home, DAYS.start, 50)
    home.run(DAYS.start)
    planned = plan(home)
    assert {(mart.mart, mart.partitions, len(mart.days)) for mart in planned.marts} == {
        ("daily_visits", 4, 4),
        ("weekly_visits", 1, 1),
    }
    apply_plan(home.home, DECISION)
    assert list(home.runner.restate()) == [], "the Monday switched with its days"
    # 51 of the first day, 12 and 13, all twice.
    assert home.query("select visitors from serving.weekly_visits") == [(152,)]
    home.close()


def test_a_published_day_that_may_not_be_published_now_keeps_the_rest_from_being_applied_unless_it_is_left(
    crowd: TemporaryHome,
) -> None:
    (Path(crowd.settings.landing) / "visits" / str(DAYS.start) / "visits.csv").write_text("place,visitors\nBergen,x\n")
    assert crowd.run(DAYS.start)[0].held
    home = with_project(crowd, DOUBLED)
    before = home.query("select * from serving.daily_visits order by all")
    plan(home)
    with pytest.raises(TidegateError, match=r"would stay as they are among changed ones.*2024-03-01.*--leave-held"):
        apply_plan(home.home, DECISION)
    assert home.query("select * from serving.daily_visits order by all") == before
    applied = apply_plan(home.home, DECISION, leave_held=True)
    assert list(applied.left) == [("crowds", DAYS.start)]
    after = home.query("select * from serving.daily_visits order by all")
    assert after[0] == before[0] and all(one != other for one, other in zip(before[1:], after[1:], strict=True))
    home.close()
