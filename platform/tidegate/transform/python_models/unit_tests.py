"""Unit tests of models in Python, written as dbt has them for SQL: given rows, and the rows that are expected of them.

dbt itself runs only those of SQL, so it has to find these disabled. Nothing is read from a lake.
"""

from __future__ import annotations

import ast
import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from duckdb import DuckDBPyConnection

from tidegate.errors import TidegateError
from tidegate.lake.sql import literal, quoted
from tidegate.transform.parsed.graph import Graph
from tidegate.transform.parsed.members import Model
from tidegate.transform.parsed.nodes import Node, meta_of
from tidegate.transform.python_models.model import PythonModel
from tidegate.transform.python_models.rows import read
from tidegate.transform.python_models.run import make_rows
from tidegate.transform.python_models.trouble import PythonModelError, rows_shown
from tidegate.window import Window


@dataclass(frozen=True)
class UnitTested:
    """A unit test that ran: why it failed, or nothing."""

    name: str
    model: str
    trouble: str

    @property
    def sentence(self) -> str:
        return f"{self.name} of {self.model} failed: {self.trouble} Nothing was changed. Fix the model, or the test."


def run_unit_tests(manifest: Mapping[str, Any], folder: Path) -> list[UnitTested]:
    """Run the unit tests of the project's models in Python, in the order of their names.

    Raises TidegateError for one that dbt would run, and for one that cannot be read.
    """
    graph = Graph(manifest)
    in_python = {model.name: model for model in graph.models.values() if model.in_python}
    for test in manifest.get("unit_tests", {}).values():
        if test["model"] in in_python:
            raise _unreadable(test, "dbt would run it, and can run only those of SQL. Write config: {enabled: false}")
    disabled = [node for nodes in manifest["disabled"].values() for node in nodes]
    tests = [node for node in disabled if node["resource_type"] == "unit_test" and node["model"] in in_python]
    return [_run(test, graph, in_python[test["model"]], manifest, folder) for test in sorted(tests, key=_name)]


def _name(test: Node) -> str:
    return str(test["name"])


def _run(test: Node, graph: Graph, model: Model, manifest: Mapping[str, Any], folder: Path) -> UnitTested:
    with duckdb.connect() as con:
        tested = _model(manifest["nodes"][model.unique_id], model, folder, _window(test, model))
        given = {name: read(con, query, units=tested.units) for name, query in _given(test, graph, manifest["nodes"])}
        try:
            made = make_rows(con, tested, given)
        except (PythonModelError, duckdb.Error) as error:
            return UnitTested(test["name"], model.name, str(error))
        made.query("made", "create table made_rows as from made")
        return UnitTested(test["name"], model.name, _difference(con, test, model))


def _model(node: Node, model: Model, folder: Path, window: Window) -> PythonModel:
    meta, asked = meta_of(node), node["config"].get("config_keys_used") or ()
    return PythonModel(
        name=model.name,
        folder=str(folder),
        file=model.file,
        code=node["raw_code"],
        day=model.day_column,
        columns=model.columns,
        reads={},
        reaches_back=model.reaches_back,
        units=meta.get("decimals") == "units",
        config={name: node["config"].get(name) for name in asked},
        window=window,
    )


def _window(test: Node, model: Model) -> Window:
    """The partitions that the test is about, from the variables that it overrides."""
    given = (test.get("overrides") or {}).get("vars") or {}
    try:
        start, end = (dt.date.fromisoformat(str(given[name])) for name in ("window_start", "window_end"))
        return Window(start, end, model.cadence)
    except (KeyError, ValueError) as error:
        raise _unreadable(
            test, "it does not say which days it makes. Write overrides: {vars: {window_start: …, window_end: …}}"
        ) from error


def _given(test: Node, graph: Graph, nodes: Mapping[str, Node]) -> Iterator[tuple[str, str]]:
    """By the name that the model reads it by, a query for the given rows."""
    for given in test["given"]:
        name = ".".join(_arguments(test, given["input"]))
        yield name, _query(test, given, _columns_of(name, graph, nodes))


def _arguments(test: Node, written: str) -> tuple[str, ...]:
    """Those of `ref('daily_sales')` or `source('raw', 'orders')`."""
    try:
        (call,) = (each for each in ast.walk(ast.parse(written.strip())) if isinstance(each, ast.Call))
        return tuple(str(ast.literal_eval(argument)) for argument in call.args)
    except (SyntaxError, ValueError) as error:
        raise _unreadable(test, f"its input {written} is neither ref('…') nor source('…', '…')") from error


def _columns_of(name: str, graph: Graph, nodes: Mapping[str, Node]) -> Mapping[str, str]:
    """The columns, with their types, of what a model reads by this name."""
    if "." in name:
        return next((each.columns for each in graph.sources.values() if name.endswith(f".{each.name}")), {})
    found = next((node for node in nodes.values() if node["name"] == name), None)
    columns = found["columns"].values() if found else ()
    return {column["name"]: column["data_type"] or "varchar" for column in columns}


def _query(test: Node, rows: Mapping[str, Any], columns: Mapping[str, str]) -> str:
    if rows["format"] == "sql":
        return str(rows["rows"])
    if rows["format"] != "dict":
        raise _unreadable(test, f"its rows are {rows['format']}. Write them as dict or sql")
    unknown = sorted({name for row in rows["rows"] for name in row} - columns.keys())
    if unknown:
        raise _unreadable(test, f"its rows have {', '.join(unknown)}, which is no column there")
    empty = f"select {_cells({}, columns)} where false"
    return " union all ".join([empty, *(f"select {_cells(row, columns)}" for row in rows["rows"])])


def _cells(row: Mapping[str, object], columns: Mapping[str, str]) -> str:
    """The row with all columns; one that is not named is null."""
    return ", ".join(
        f"cast({_literal(row.get(name))} as {sql_type}) as {quoted(name)}" for name, sql_type in columns.items()
    )


def _literal(value: object) -> str:
    return "null" if value is None else literal(str(value))


def _difference(con: DuckDBPyConnection, test: Node, model: Model) -> str:
    """How the rows in `made_rows` and those expected differ, in the columns that are expected; nothing, if not."""
    expected = _query(test, test["expect"], model.columns)
    names = _expected_columns(con, test, expected)
    columns = ", ".join(map(quoted, names))
    sides = (f"select {columns} from made_rows", f"select {columns} from ({expected})")
    there, lacking = (
        con.execute(f"({one}) except all ({other}) order by all").fetchall()
        for one, other in (sides, tuple(reversed(sides)))
    )
    said = [f"it makes {rows_shown(names, there)}, which is not expected."] if there else []
    said += [f"It does not make {rows_shown(names, lacking)}, which is."] if lacking else []
    return " ".join(said)


def _expected_columns(con: DuckDBPyConnection, test: Node, expected: str) -> Sequence[str]:
    rows = test["expect"]["rows"]
    if test["expect"]["format"] == "dict" and rows:
        return list(rows[0])
    return con.query(expected).columns


def _unreadable(test: Node, why: str) -> TidegateError:
    return TidegateError(f"The unit test {test['name']} ({test['original_file_path']}) cannot run: {why}.")
