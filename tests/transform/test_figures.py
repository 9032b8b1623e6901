"""The marts hold what plain Python makes of the same deliveries, whatever the windows they are built in."""

from __future__ import annotations

import pytest
from tests.support.orders import (
    MODELS,
    day,
    expected_marts,
    marts_in,
    random_lines,
    random_payments,
    write_customers,
    write_orders,
    write_payments,
)

from tidegate.lake.connect import Lake
from tidegate.settings import Settings
from tidegate.transform.build import build_window
from tidegate.transform.parsed.project import DbtProject
from tidegate.window import Window

DAYS = 5
ALL = Window(day(1), day(DAYS + 1))


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_marts_equal_an_independent_computation(settings: Settings, lake: Lake, seed: int) -> None:
    lines = random_lines(seed, DAYS)
    payments = random_payments(seed, lines)
    write_orders(lake, lines)
    write_payments(lake, payments)
    write_customers(lake, {on: ["anna", "bert", "cleo", "dora"] for on in ALL.days})
    expected = expected_marts(lines, ALL, payments)

    result = build_window(DbtProject(settings), lake, ALL, run_id="test")
    assert [model.message for model in result.failed_models] == []
    # Orders in two regions are in the data on purpose, and a warning says so.
    assert [test.name for test in result.tests if test.blocking and test.failures] == []
    assert marts_in(lake, expected) == expected

    for window in (Window(day(4), day(6)), Window.of_day(day(1)), Window(day(2), day(4))):
        build_window(DbtProject(settings), lake, window, run_id="test", nodes=MODELS)
    assert marts_in(lake, expected) == expected
