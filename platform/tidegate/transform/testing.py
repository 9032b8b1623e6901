"""Running dbt's data tests: dbt compiles them, then the lake answers them in one transaction.

dbt itself would take a node, a connection and a transaction for each. What counts as failing is dbt's own rule:
`fail_calc`, `error_if`, `warn_if` and `limit` of the test's config. Tracing a failure to its days belongs to `build`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import duckdb
from duckdb import DuckDBPyConnection

from tidegate.lake.connect import Lake
from tidegate.transform.invoke import NodeResult, run_nodes
from tidegate.transform.parsed.members import Test
from tidegate.transform.parsed.project import DbtProject
from tidegate.transform.statements import sql_over
from tidegate.window import Window


def run_tests(project: DbtProject, lake: Lake, tests: Collection[Test], window: Window) -> dict[str, NodeResult]:
    """What each test says of the window, by dbt's unique id. Raises TidegateError when dbt does not start."""
    # A test that keeps its failing rows in a table of its own is more than a question.
    keepers = [test for test in tests if test.keeps_failures]
    results = run_nodes(project, lake.config, "test", [test.fqn for test in keepers], window)
    asked = {test.unique_id: test for test in tests if not test.keeps_failures}
    compiled = sql_over(project, lake.config, list(asked.values()), window)
    questions = {unique_id: sql for unique_id, sql in compiled.items() if isinstance(sql, str)}
    results |= {unique_id: failed for unique_id, failed in compiled.items() if isinstance(failed, NodeResult)}
    results |= answers(lake.con, asked, questions)
    return results


def answers(con: DuckDBPyConnection, tests: Mapping[str, Test], questions: Mapping[str, str]) -> dict[str, NodeResult]:
    """What each of the tests, whose SQL `questions` holds, says: all of the lake as of one moment."""
    con.begin()
    try:
        return {unique_id: _answer(con, tests[unique_id], sql) for unique_id, sql in questions.items()}
    finally:
        con.rollback()


def _answer(con: DuckDBPyConnection, test: Test, sql: str) -> NodeResult:
    try:
        found = con.execute(_question(test, sql)).fetchone()
    except duckdb.Error as error:
        # DuckDB answers nothing more in a transaction in which a statement failed.
        con.rollback()
        con.begin()
        return NodeResult(test.unique_id, "error", str(error).strip(), None)
    # An aggregate such as sum() over no failing rows is null, which neither warns nor fails.
    failures, should_warn, should_error = found or (0, False, False)
    failures = int(failures or 0)
    if test.severity == "error" and should_error:
        return NodeResult(test.unique_id, "fail", _said(failures, "fail", test.error_if), failures)
    if should_warn:
        return NodeResult(test.unique_id, "warn", _said(failures, "warn", test.warn_if), failures)
    return NodeResult(test.unique_id, "pass", "", failures)


def _question(test: Test, sql: str) -> str:
    limit = f"limit {test.limit}" if test.limit is not None else ""
    # On lines of its own: a test may end in a comment.
    return f"""
select {test.fail_calc}, {test.fail_calc} {test.warn_if}, {test.fail_calc} {test.error_if}
from (
{sql}
{limit}) as failing"""


def _said(failures: int, verb: str, condition: str) -> str:
    rows = f"{failures:,} result{'' if failures == 1 else 's'}"
    return f"Got {rows}, configured to {verb} if {condition}"
