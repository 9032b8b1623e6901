"""docs/promises.md names tests that exist, each in the column of the `make` target that runs it."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tidegate.settings import CHECKOUT

TESTS = CHECKOUT / "tests"
PAGE = CHECKOUT / "docs" / "promises.md"
NAMED = re.compile(r"`([\w/]+\.py::\w+)`")

# What `make test` leaves to `make test-all`.
LONG = {"slow", "system"}


def rows() -> list[list[str]]:
    """The cells of every promise: what is promised, what `make test` shows of it, and what `make test-all` adds."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if row[0] != "promise"]


def named(cell: str) -> list[str]:
    return NAMED.findall(cell)


@cache
def marks_by_test(path: Path) -> dict[str, set[str]]:
    """The marks of each test of a file, its module's included."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    of_module = {mark for node in body if _is_pytestmark(node) for mark in _marks_within(node)}
    functions = [node for node in body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    return {test.name: of_module.union(*map(_marks_of, test.decorator_list)) for test in functions}


def _is_pytestmark(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark"


def _marks_of(decorator: ast.expr) -> set[str]:
    """The mark that a decorator is; one that stands within it is of one of several parameters."""
    return _marks_within(decorator.func if isinstance(decorator, ast.Call) else decorator)


def _marks_within(node: ast.AST) -> set[str]:
    """`slow` of `pytest.mark.slow`, wherever in `node` it stands."""
    attributes = [part for part in ast.walk(node) if isinstance(part, ast.Attribute)]
    return {part.attr for part in attributes if ast.unparse(part.value) == "pytest.mark"}


def is_long(test: str) -> bool | None:
    """Whether `make test` leaves this test to `make test-all`; None where there is no such test."""
    file, _, name = test.partition("::")
    path = TESTS / file
    marks = marks_by_test(path).get(name) if path.is_file() else None
    return None if marks is None else bool(marks & LONG)


@pytest.mark.parametrize("row", rows(), ids=lambda row: re.sub(r"[^\w ]", "", row[0])[:40])
def test_every_promise_is_shown_by_make_test_and_every_test_named_is_there(row: list[str]) -> None:
    _, quick, long = row
    assert named(quick)
    assert {test: is_long(test) for test in named(quick)} == dict.fromkeys(named(quick), False)
    assert {test: is_long(test) for test in named(long)} == dict.fromkeys(named(long), True)


def test_all_of_the_invariants_are_there() -> None:
    words = [match[1] for row in rows() if (match := re.match(r"\*\*([\w ]+)\.\*\*", row[0]))]
    assert len(words) == len(set(words)) == 9


def test_a_test_that_is_not_there_or_elsewhere_is_found() -> None:
    assert is_long("docs/test_promises.py::test_a_test_that_is_not_there_or_elsewhere_is_found") is False
    assert is_long("e2e/test_crash.py::test_a_first_run_that_is_killed_can_be_run_again") is True
    assert is_long("docs/test_promises.py::test_nothing") is None
    assert is_long("docs/test_nothing.py::test_nothing") is None
