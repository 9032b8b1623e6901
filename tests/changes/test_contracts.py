"""Contracts that change: what was delivered is judged again from the archive, planned, applied and taken back."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.runs.changing import DAILY_VISITS, DAYS, MONDAY, deliver, filled_crowd, new_crowd, plan, with_project
from tests.support.runs.home import TemporaryHome
from tests.support.runs.visits_contract import contract, with_contract

from tidegate.changes.apply import apply_plan
from tidegate.changes.compare_contracts import ContractDifference
from tidegate.changes.plan import Planned, make_plan
from tidegate.changes.switching import Decision
from tidegate.changes.take_back import take_back
from tidegate.cli.read_status import read_status
from tidegate.errors import TidegateError
from tidegate.intake.commit import commit_lease
from tidegate.lake.lease import EVERY_DAY, lease

pytestmark = pytest.mark.slow

DECISION = Decision("tester", "because")

# Of 10 to 14 visitors in Bergen, one a day, and 1 in Lund.
FOURTH, LAST = DAYS.days[3], DAYS.days[4]

# A mart of the product that reads no visits.
MARKS = {
    "daily_marks.sql": """
select days.date_day as visit_date, cast(1 as integer) as marks
from {{ tidegate.days_of_window() }} as days
""",
    "daily_marks.yml": """
models:
  - name: daily_marks
    config: {group: crowds, meta: {tidegate: {day: visit_date}}}
    columns:
      - {name: visit_date, data_type: date}
      - {name: marks, data_type: integer}
""",
}


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TemporaryHome]:
    folder = tmp_path_factory.mktemp("old")
    home = filled_crowd(folder, contracts=contract(folder / "contracts"))
    yield home
    home.close()


def of_visits(planned: Planned) -> ContractDifference:
    (found,) = planned.contracts
    return found


def test_rows_that_a_stricter_rule_keeps_out_are_shown_applied_and_taken_back(
    crowd: TemporaryHome, tmp_path: Path
) -> None:
    before = crowd.contents("serving")
    raw = crowd.contents("raw")
    home = with_contract(crowd, maximum=12)
    assert read_status(home.home).older_contracts == {"visits": 5}
    planned = plan(home)
    visits = of_visits(planned)
    assert [term.sentence for term in visits.terms] == [
        "rule visitors_above_maximum: visitors must be at most 1000 → visitors must be at most 12"
    ]
    assert (visits.deliveries, visits.kept_out, visits.let_in) == (5, 2, 0)
    assert [(row.delivery, row.line, tuple(row.reasons)) for row in visits.samples] == [
        (f"shop {day}", 2, ("visitors_above_maximum",)) for day in (FOURTH, LAST)
    ]
    daily = next(mart for mart in planned.marts if mart.mart == "daily_visits")
    assert list(daily.days) == [FOURTH, LAST]
    assert home.contents("serving") == before
    assert home.contents("raw") == raw, "a plan changes nothing"

    change = apply_plan(home.home, DECISION).change
    assert change.sentence.startswith(f"Change {change.change_id[:8]} of the contract of visits and what is made of it")
    always = filled_crowd(tmp_path / "always", contracts=contract(tmp_path / "strict", maximum=12))
    assert home.contents() == always.contents()
    assert make_plan(home.home) is None
    assert read_status(home.home).older_contracts == {}
    assert list(home.runner.restate()) == [], "what is made of the days was applied with them"
    assert home.query("select schema_name from duckdb_schemas() where starts_with(schema_name, 'plan_')") == []

    take_back(home.home, change.change_id, DECISION)
    assert home.contents("serving") == before
    always.close()
    home.close()


def test_a_contract_that_judges_alike_changes_nothing_and_is_known_afterwards(crowd: TemporaryHome) -> None:
    before = crowd.contents()
    home = with_contract(crowd, maximum=2000)
    planned = plan(home)
    assert planned.changes_nothing
    assert not planned.partitions
    assert of_visits(planned).deliveries == 5
    change = apply_plan(home.home, DECISION).change
    assert change.partitions == 0
    assert home.contents() == before
    assert make_plan(home.home) is None
    with pytest.raises(TidegateError, match="changed nothing that is published"):
        take_back(home.home, change.change_id, DECISION)
    home.close()


def test_a_mart_beside_that_reads_nothing_of_the_source_is_not_due_after_it(tmp_path: Path) -> None:
    crowd = new_crowd(tmp_path / "crowd", MARKS, contract(tmp_path / "contracts"))
    for number, day in enumerate(DAYS.days):
        deliver(crowd, day, 10 + number)
    crowd.backfill(DAYS)
    home = with_contract(with_project(crowd, MARKS), maximum=12)
    plan(home)
    apply_plan(home.home, DECISION)
    assert list(home.runner.restate()) == []
    assert make_plan(home.home) is None
    home.close()


def test_a_delivery_that_would_be_rejected_is_named_and_its_day_stays_as_it_is(crowd: TemporaryHome) -> None:
    home = with_contract(crowd, maximum=13, percent=20)
    before = home.contents("serving")
    visits = of_visits(plan(home))
    assert [name for name, _ in visits.rejected] == [f"visits/shop {LAST}"]
    assert "broke the contract, above its limit of 20 %" in visits.rejected[0][1]
    with pytest.raises(TidegateError, match=f"crowds {LAST}: visits/shop {LAST} rejected") as error:
        apply_plan(home.home, DECISION)
    assert "--leave-held" in str(error.value)
    assert make_plan(home.home) is not None, "nothing was changed"

    applied = apply_plan(home.home, DECISION, leave_held=True)
    assert list(applied.left) == [("crowds", LAST)]
    assert home.contents("serving") == before
    assert make_plan(home.home) is None
    newest = f"select verdict from ops.deliveries where partition_day = '{LAST}' order by rowid desc limit 1"
    assert home.query(newest) == [("rejected",)]
    assert home.query(f"select count(*) from raw.visits where _delivered_on = '{LAST}'") == [(2,)]
    home.close()


def test_a_rejected_delivery_that_a_milder_rule_lets_in_is_loaded(tmp_path: Path) -> None:
    strict = contract(tmp_path / "contracts", maximum=13, percent=20)
    crowd = new_crowd(tmp_path / "crowd", contracts=strict)
    for number, day in enumerate(DAYS.days):
        deliver(crowd, day, 10 + number)
    crowd.backfill(DAYS)
    # One that was accepted, and after it one that was not.
    deliver(crowd, FOURTH, 99)
    crowd.run(FOURTH)
    home = with_contract(crowd, maximum=99, percent=20)
    visits = of_visits(plan(home))
    assert visits.accepted == [f"visits/shop {FOURTH}", f"visits/shop {LAST}"]
    apply_plan(home.home, DECISION)
    assert all(outcome.succeeded for outcome in home.runner.restate())
    assert home.query("select visit_date, visitors from serving.daily_visits order by all") == [
        (day, visitors + 1) for day, visitors in zip(DAYS.days, (10, 11, 12, 99, 14), strict=True)
    ]
    home.close()


def test_what_stands_is_judged_again_where_a_newer_delivery_stays_rejected(crowd: TemporaryHome) -> None:
    deliver(crowd, FOURTH, 5000)
    home = with_contract(crowd, percent=20)
    home.run(FOURTH)
    newest = f"select verdict, rows_read from ops.deliveries where partition_day = '{FOURTH}' order by rowid desc"
    assert home.query(newest)[0] == ("rejected", 2)
    quarantine = "select _delivered_on, _verdict, raw from quarantine.visits order by all"
    kept = home.query(quarantine)
    home = with_contract(home, percent=20, maximum=500)
    plan(home)
    applied = apply_plan(home.home, DECISION)
    assert applied.left == {}
    assert home.query(newest)[0] == ("rejected", 2), "it goes on to be the newest"
    assert home.query(quarantine) == kept
    assert make_plan(home.home) is None
    home.close()


def test_breaking_a_promise_needs_a_version_that_says_so(crowd: TemporaryHome) -> None:
    home = with_contract(crowd, required="false")
    planned = plan(home)
    assert of_visits(planned).breaking == ["presence of place: required → may be empty"]
    assert len(planned.failed) == 1
    with pytest.raises(TidegateError, match=r"breaks what it promised.*raise its first number above that of 1\.0\.0"):
        apply_plan(home.home, DECISION)
    home = with_contract(home, required="false", version="2.0.0")
    plan(home)
    apply_plan(home.home, DECISION)
    assert make_plan(home.home) is None
    home.close()


def test_a_type_that_raw_cannot_take_on_says_how_to_rebuild(crowd: TemporaryHome) -> None:
    before = crowd.contents()
    home = with_contract(crowd, type="smallint", version="2.0.0")
    with pytest.raises(TidegateError, match="tidegate rebuild visits"):
        make_plan(home.home)
    assert home.contents() == before
    home.close()


def test_what_arrives_between_plan_and_apply_is_in_it(crowd: TemporaryHome, tmp_path: Path) -> None:
    home = with_contract(crowd, maximum=12)
    plan(home)
    deliver(home, FOURTH, 7)
    deliver(home, MONDAY - dt.timedelta(days=1), 50)
    for day in (FOURTH, MONDAY - dt.timedelta(days=1)):
        home.run(day)
    # Until it is applied, the rule judges what is delivered from then on, and no other day.
    assert home.query("select visitors from serving.daily_visits order by visit_date") == [
        (11,),
        (12,),
        (1,),
        (8,),
        (15,),
    ]
    apply_plan(home.home, DECISION)
    assert all(outcome.succeeded for outcome in home.runner.restate())
    always = filled_crowd(tmp_path / "always", contracts=contract(tmp_path / "strict", maximum=12))
    deliver(always, FOURTH, 7)
    deliver(always, MONDAY - dt.timedelta(days=1), 50)
    for day in (FOURTH, MONDAY - dt.timedelta(days=1)):
        always.run(day)
    assert all(outcome.succeeded for outcome in always.runner.restate())
    assert home.contents() == always.contents()
    always.close()
    home.close()


def test_logic_and_contract_change_at_once(crowd: TemporaryHome, tmp_path: Path) -> None:
    doubled = {"daily_visits.sql": DAILY_VISITS.replace("sum(visitors)", "2 * sum(visitors)")}
    home = with_contract(with_project(crowd, doubled), maximum=12)
    planned = plan(home)
    daily = next(mart for mart in planned.marts if mart.mart == "daily_visits")
    assert list(daily.days) == list(DAYS.days)
    apply_plan(home.home, DECISION)
    always = filled_crowd(tmp_path / "always", doubled, contract(tmp_path / "strict", maximum=12))
    assert home.contents() == always.contents()
    always.close()
    home.close()


def test_nobody_loads_a_source_while_a_change_of_its_contract_is_applied(crowd: TemporaryHome) -> None:
    planning = with_contract(crowd, maximum=12)
    plan(planning)
    planning.close()
    home = TemporaryHome(planning.settings.model_copy(update={"lake_patience": 1}))
    with (
        lease(home.home.lake_config, commit_lease("visits"), [EVERY_DAY], "a load"),
        pytest.raises(TidegateError, match="a load"),
    ):
        apply_plan(home.home, DECISION)
    assert list(itertools.chain(home.query("select count(*) from ops.changes"))) == [(0,)]
    home.close()
