"""What a data test's answer means, and that one that cannot be answered keeps none of the others from it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tidegate.lake.connect import Lake
from tidegate.transform.parsed.members import Test
from tidegate.transform.testing import answers

BLOCKING = Test(
    unique_id="test.tidegate.rows_are_positive",
    name="rows_are_positive",
    asset="staging/stg_orders",
    fqn=("tidegate", "rows_are_positive"),
    severity="error",
    dimension="accuracy",
    description="",
    parents=(),
    fail_calc="count(*)",
    warn_if="!= 0",
    error_if="!= 0",
    limit=None,
    keeps_failures=False,
)
TWO_ROWS = "select * from (values (1), (2)) as found(amount)"


@pytest.mark.parametrize(
    ("changed", "sql", "status", "failures"),
    [
        ({}, TWO_ROWS, "fail", 2),
        ({}, f"{TWO_ROWS} where amount > 2", "pass", 0),
        ({"severity": "warning"}, TWO_ROWS, "warn", 2),
        ({"error_if": "> 10"}, TWO_ROWS, "warn", 2),
        ({"error_if": "> 10", "warn_if": "> 5"}, TWO_ROWS, "pass", 2),
        ({"fail_calc": "sum(amount)"}, TWO_ROWS, "fail", 3),
        ({"fail_calc": "sum(amount)"}, f"{TWO_ROWS} where amount > 2", "pass", 0),
        ({"limit": 1}, TWO_ROWS, "fail", 1),
    ],
)
def test_an_answer_means_what_dbt_says_it_means(
    lake: Lake, changed: dict[str, object], sql: str, status: str, failures: int
) -> None:
    test = replace(BLOCKING, **changed)  # type: ignore[arg-type]
    result = answers(lake.con, {test.unique_id: test}, {test.unique_id: sql})[test.unique_id]
    assert (result.status, result.failures) == (status, failures)


def test_a_test_that_cannot_be_answered_fails_by_itself(lake: Lake) -> None:
    questions = {"before": TWO_ROWS, "broken": "select * from raw.nothing", "after": TWO_ROWS}
    tests = {name: replace(BLOCKING, unique_id=name) for name in questions}
    results = answers(lake.con, tests, questions)
    assert {name: result.status for name, result in results.items()} == {
        "before": "fail",
        "broken": "error",
        "after": "fail",
    }
    assert "does not exist" in results["broken"].message
