"""What a build changes, what it leaves alone, and what it says of it in its result and in the ledger."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from duckdb import DuckDBPyConnection
from tests.support.orders import MODELS, day, expected_marts, line, marts_in, write_customers, write_orders

from tidegate.lake.connect import Lake
from tidegate.ledger.upkeep.opening import open_lake
from tidegate.settings import Settings
from tidegate.transform.build import BuildResult, TestOutcome, build_window
from tidegate.transform.models import Rows, Statement
from tidegate.transform.parsed.graph import Graph
from tidegate.transform.parsed.project import DbtProject
from tidegate.window import Window

FIVE_DAYS = Window(day(1), day(6))
EVERY_DAY = [line(f"order-{number}", day(number)) for number in range(1, 6)]
MARTS = ("daily_sales", "daily_sales_by_category", "daily_sales_by_region", "orders_daily_summary")


def named(test: str, settings: Settings) -> str:
    """The unique id of a test."""
    tests = Graph(DbtProject(settings).manifest()).tests.values()
    return next(found.unique_id for found in tests if found.name == test)


def failing(result: BuildResult) -> dict[str, TestOutcome]:
    return {test.name: test for test in result.tests if test.failures}


def build_models(settings: Settings, lake: Lake, window: Window) -> None:
    result = build_window(DbtProject(settings), lake, window, run_id="test", nodes=MODELS)
    assert [model.message for model in result.failed_models] == []


def ledger_builds(lake: Lake, result: BuildResult) -> list[tuple[Any, ...]]:
    return lake.con.execute(
        "select partition_day, status, len(models), run_id from ops.builds "
        f"where build_id = '{result.build_id}' order by partition_day"
    ).fetchall()


@pytest.mark.slow
def test_staging_takes_what_came_as_late_as_its_contract_allows_and_a_line_without_its_time_fails_a_check(
    settings: Settings, lake: Lake, tmp_path: Path
) -> None:
    """Regression: dbt had a lateness of its own, and rows that came later than that were on no day."""
    contracts = tmp_path / "contracts"
    shutil.copytree(settings.contracts, contracts)
    orders = contracts / "orders.odcs.yaml"
    lateness = "property: allowedLatenessDays\n    value: "
    orders.write_text(orders.read_text().replace(f"{lateness}7", f"{lateness}10"))
    settings = settings.model_copy(update={"contracts": contracts})
    write_orders(lake, [line("late", day(1), delivered_on=day(10))])
    lake.con.execute("insert into raw.orders (order_id, _delivered_on) values ('timeless', '2024-01-10')")

    check = named("stg_orders_every_delivered_line_is_within_reach", settings)
    result = build_window(
        DbtProject(settings), lake, Window(day(1), day(11)), run_id="test", nodes={"model.shop.stg_orders", check}
    )
    staged = lake.con.execute("select order_id, order_date from staging.stg_orders").fetchall()
    assert staged == [("late", day(1))]
    assert result.tests[0].failures == {day(10): 1}


@pytest.mark.slow
def test_a_sound_window_is_built_checked_and_entered(
    settings: Settings, lake: Lake, capfd: pytest.CaptureFixture[str]
) -> None:
    write_orders(lake, EVERY_DAY)
    write_customers(lake, {on: ["anna"] for on in FIVE_DAYS.days})
    result = build_window(DbtProject(settings), lake, FIVE_DAYS, run_id="run-1")

    assert failing(result) == {}
    assert {model.status for model in result.models.values()} == {"success"}
    summary = result.models["model.shop.orders_daily_summary"]
    assert (summary.asset, summary.rows) == ("marts/orders_daily_summary", dict.fromkeys(FIVE_DAYS.days, 1))
    assert capfd.readouterr() == ("", "")

    assert ledger_builds(lake, result) == [(on, "built", len(result.models), "run-1") for on in FIVE_DAYS.days]
    checks = lake.con.execute(
        "select count(*), count(distinct partition_day), bool_and(passed), min(observed), "
        f"count(distinct dimension) from ops.check_results where subject = '{result.build_id}'"
    ).fetchone()
    assert checks == (5 * len(result.tests), 5, True, "0 failing rows", 6)


@pytest.mark.slow
def test_an_overwritten_window_empties_its_days_and_leaves_its_neighbours(settings: Settings, lake: Lake) -> None:
    write_orders(lake, EVERY_DAY)
    build_models(settings, lake, FIVE_DAYS)

    # Day 3 became empty; the others changed as well, but only day 3 is built again.
    write_orders(lake, [line(f"new-{number}", day(number), quantity=9) for number in (1, 2, 4, 5)])
    build_models(settings, lake, Window.of_day(day(3)))

    expected = expected_marts([row for row in EVERY_DAY if row.order_date != day(3)], FIVE_DAYS)
    assert marts_in(lake, MARTS) == expected
    assert expected["daily_sales"][2]["total_orders"] == 0


@pytest.mark.slow
def test_a_line_that_moved_leaves_its_old_day(settings: Settings, lake: Lake) -> None:
    lines = [*EVERY_DAY, line("moving", day(2))]
    write_orders(lake, lines)
    build_models(settings, lake, FIVE_DAYS)
    assert marts_in(lake, MARTS) == expected_marts(lines, FIVE_DAYS)

    lines.append(line("moving", day(3), delivered_on=day(4)))
    write_orders(lake, lines)
    build_models(settings, lake, Window(day(2), day(4)))
    assert marts_in(lake, MARTS) == expected_marts(lines, FIVE_DAYS)
    orders = [row["total_orders"] for row in marts_in(lake, MARTS)["daily_sales"]]
    assert orders == [1, 1, 2, 1, 1]


@pytest.mark.slow
def test_failing_tests_are_traced_to_their_days_and_stop_nothing(settings: Settings, lake: Lake) -> None:
    wrong: dict[str, Any] = {"unit_price": Decimal(-1)}
    lines = [*EVERY_DAY, line("wrong", day(3), **wrong), line("wronger", day(3), **wrong), line("bad", day(5), **wrong)]
    write_orders(lake, lines)
    write_customers(lake, {on: ["anna"] if on != day(2) else ["bert"] for on in FIVE_DAYS.days})
    result = build_window(DbtProject(settings), lake, FIVE_DAYS, run_id="run-1")

    found = failing(result)
    assert set(found) == {"stg_orders_amounts_are_plausible", "orders_daily_summary_customers_are_known"}
    plausible = found["stg_orders_amounts_are_plausible"]
    assert (plausible.asset, plausible.blocking) == ("staging/stg_orders", True)
    assert plausible.failures == {day(3): 2, day(5): 1}
    known = found["orders_daily_summary_customers_are_known"]
    assert (known.severity, known.blocking, known.failures) == ("warning", False, {day(2): 1})

    # The marts behind the failed test are built all the same: that the days are held is the gate's business.
    assert marts_in(lake, MARTS) == expected_marts(lines, FIVE_DAYS)
    assert {status for _, status, *_ in ledger_builds(lake, result)} == {"built"}
    checks = lake.con.execute(
        "select partition_day, passed, blocking, severity, dimension, observed, run_id from ops.check_results "
        "where check_name = 'stg_orders_amounts_are_plausible' order by partition_day"
    ).fetchall()
    facts = (True, "error", "accuracy")
    assert checks == [
        (on, rows == 0, *facts, f"{rows} failing row{'' if rows == 1 else 's'}", "run-1")
        for on, rows in zip(FIVE_DAYS.days, (0, 0, 2, 0, 1), strict=True)
    ]


@pytest.mark.slow
def test_a_customer_that_is_not_in_the_mart_or_there_twice_fails_its_day(settings: Settings, lake: Lake) -> None:
    write_customers(lake, {on: ["anna", "bert"] for on in FIVE_DAYS.days})
    build_models(settings, lake, FIVE_DAYS)
    lake.con.execute(
        f"""
        delete from marts.daily_customers where snapshot_date = '{day(1)}';
        delete from marts.daily_customers where snapshot_date = '{day(2)}' and customer_id = 'anna';
        insert into marts.daily_customers from marts.daily_customers where snapshot_date = '{day(3)}';
        update marts.daily_customers set customer_id = null where snapshot_date = '{day(4)}' and customer_id = 'anna'
        """
    )

    check = named("daily_customers_has_every_staged_customer", settings)
    (found,) = build_window(DbtProject(settings), lake, FIVE_DAYS, run_id="test", nodes={check}).tests
    assert (found.asset, found.blocking) == ("marts/daily_customers", True)
    assert found.failures == dict.fromkeys(map(day, (1, 2, 3, 4)), 1)


def test_a_model_that_fails_fails_its_days_and_skips_what_is_behind_it(settings: Settings, lake: Lake) -> None:
    write_orders(lake, EVERY_DAY)
    lake.con.execute("alter table raw.orders drop column country")
    window = Window(day(1), day(3))
    result = build_window(DbtProject(settings), lake, window, run_id="run-1")

    assert [model.name for model in result.failed_models] == ["stg_orders"]
    assert "country" in result.failed_models[0].message
    status = {model.name: model.status for model in result.models.values()}
    assert status["stg_customers"] == status["stg_payments"] == "success"
    assert status["daily_sales"] == status["int_orders"] == "skipped"
    assert {test.asset for test in result.tests} == {
        "staging/stg_customers",
        "staging/stg_payments",
        "marts/daily_customers",
    }
    # What is not made of it is built, so that it holds nothing else.
    built = sum(outcome == "success" for outcome in status.values())
    failed = len(status) - built
    assert {entry[:3] for entry in ledger_builds(lake, result)} == {
        entry for on in window.days for entry in ((on, "built", built), (on, "failed", failed))
    }


def test_a_selection_builds_and_checks_exactly_that(settings: Settings, lake: Lake) -> None:
    write_orders(lake, EVERY_DAY)
    window = Window.of_day(day(1))
    build_models(settings, lake, window)
    write_orders(lake, [line("new", day(1)), line("newer", day(1))])

    unique = named("stg_orders_lines_are_unique", settings)
    result = build_window(DbtProject(settings), lake, window, run_id="run-2", nodes={"model.shop.stg_orders", unique})
    assert [model.name for model in result.models.values()] == ["stg_orders"]
    assert [test.name for test in result.tests] == ["stg_orders_lines_are_unique"]
    assert result.models["model.shop.stg_orders"].rows == {day(1): 2}
    assert marts_in(lake, ["daily_sales"])["daily_sales"][0]["total_orders"] == 1

    only_a_test = {named("daily_sales_counts_every_staged_line", settings)}
    result = build_window(DbtProject(settings), lake, window, run_id="run-3", nodes=only_a_test)
    assert (result.models, set(failing(result))) == ({}, {"daily_sales_counts_every_staged_line"})


def test_nothing_loaded_yet_builds_empty_days(settings: Settings, lake: Lake) -> None:
    window = Window(day(1), day(3))
    result = build_window(DbtProject(settings), lake, window, run_id="run-1")
    assert failing(result) == {}
    assert marts_in(lake, MARTS) == {name: expected_marts([], window)[name] for name in MARTS}


@pytest.mark.slow
def test_models_that_another_writer_gets_ahead_of_run_again(
    settings: Settings, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_orders(lake, EVERY_DAY)
    build_models(settings, lake, FIVE_DAYS)
    ran: list[str] = []
    overwrite = Statement.overwrite

    def get_ahead(statement: Statement, con: DuckDBPyConnection, rows: Rows) -> None:
        # Somebody's own script: it takes no turn, so its commit comes between the models' reads and their commit.
        overwrite(statement, con, rows)
        if not ran:
            with open_lake(lake.config) as other:
                other.con.execute("create table raw.notes (note integer)")
        ran.append(statement.model.name)

    monkeypatch.setattr(Statement, "overwrite", get_ahead)
    result = build_window(DbtProject(settings), lake, FIVE_DAYS, run_id="test", nodes=MODELS)
    assert set(Counter(ran).values()) == {2}
    assert {model.status for model in result.models.values()} == {"success"}
    assert marts_in(lake, MARTS) == expected_marts(EVERY_DAY, FIVE_DAYS)


FIRST_BUILD = """
import sys
from tidegate.lake.config import LakeConfig
from tidegate.ledger.upkeep.opening import open_lake
from tidegate.settings import load_settings
from tidegate.transform.build import build_window
from tidegate.transform.parsed.graph import Graph
from tidegate.transform.parsed.project import DbtProject
from tidegate.window import Window
home, first, last = sys.argv[1:]
settings = load_settings(home=home, threads=1)
with open_lake(LakeConfig.of(settings)) as lake:
    result = build_window(DbtProject(settings), lake, Window.of_keys(first, last), run_id=first)
print([model.message for model in result.failed_models], [test.name for test in result.tests if test.failures])
"""


@pytest.mark.slow
def test_two_first_builds_at_once_create_the_tables_once(settings: Settings, lake: Lake) -> None:
    write_orders(lake, EVERY_DAY)
    write_customers(lake, {on: ["anna"] for on in FIVE_DAYS.days})
    windows = [("2024-01-01", "2024-01-03"), ("2024-01-03", "2024-01-05")]
    builds = [
        subprocess.Popen(
            [sys.executable, "-c", FIRST_BUILD, str(settings.home), *window], stdout=subprocess.PIPE, text=True
        )
        for window in windows
    ]
    assert [build.communicate(timeout=120)[0].strip() for build in builds] == ["[] []"] * len(windows)
    assert marts_in(lake, MARTS) == expected_marts(EVERY_DAY, FIVE_DAYS)
