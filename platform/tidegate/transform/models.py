"""Making the models of a window, with what they read that has no day, in the order in which they read each other.

A model that is only a statement runs on the lake's own connection, its code as dbt compiles it: SQL in one transaction
with all others that are ready, Python in one of its own, and so what Spark made of SQL. What needs more than that, such
as seeds, views and models with hooks, dbt runs. All say what dbt would. What the results mean belongs to `build`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property

import duckdb
from duckdb import DuckDBPyConnection

from tidegate.lake.adopting import Adopted, overwrite_by_files
from tidegate.lake.config import ORDERED, UNORDERED
from tidegate.lake.connect import Lake
from tidegate.lake.overwrite import overwrite_by_query
from tidegate.lake.sql import day_in
from tidegate.lake.tables import table_columns
from tidegate.lake.trouble import is_conflict
from tidegate.transform.invoke import Engine, NodeResult, run_nodes
from tidegate.transform.parsed.graph import Graph
from tidegate.transform.parsed.members import Model, Undated
from tidegate.transform.parsed.project import DbtProject
from tidegate.transform.python_models.model import PythonModel
from tidegate.transform.python_models.trouble import PythonModelError
from tidegate.transform.spark.trouble import SparkError
from tidegate.transform.statements import sql_of_any_window, sql_over
from tidegate.window import Window

Made = Model | Undated
Results = dict[str, NodeResult]

# A model's rows as a query reads them, on the connection that writes them; or as files that were adopted for its table.
Rows = Callable[[DuckDBPyConnection], AbstractContextManager[str | Adopted]]
Write = Callable[[DuckDBPyConnection], NodeResult]

# Of a model in Python, until they are in its table.
PYTHON_ROWS = "rows_of_python_model"


@dataclass(frozen=True)
class Statement:
    """A model that is made by its code alone: what this gives replaces the window's rows, as in `window_overwrite`.
    `text` is the code as dbt compiles it, and `spark` the address of the Spark that runs it, if one does."""

    model: Model
    text: str
    window: Window
    spark: str = ""

    @property
    def is_plain(self) -> bool:
        """Whether the lake's connection makes it by itself, in SQL."""
        return not self.model.in_python and not self.spark

    def fits(self, con: DuckDBPyConnection, columns: Mapping[str, str]) -> bool:
        """Whether it gives these columns with their types, as far as that is known before it runs."""
        if not self.is_plain:
            return True
        try:
            found = con.execute(f"describe from (\n{self.text}\n)").fetchall()
        except duckdb.Error:
            # DuckDB answers nothing more in a transaction in which a statement failed.
            con.rollback()
            con.begin()
            return False
        return {name: sql_type for name, sql_type, *_ in found} == columns

    @contextmanager
    def prepared(self, lake: Lake) -> Iterator[Write]:
        """What writes its rows, in a transaction. Raises PythonModelError where the author's code fails, SparkError,
        and DuckDB's own error for SQL; what takes long and needs no transaction is done before."""
        began = time.perf_counter()
        with self._rows(lake) as rows:

            def write(con: DuckDBPyConnection) -> NodeResult:
                self.overwrite(con, rows)
                return NodeResult(self.model.unique_id, "success", "", None, time.perf_counter() - began)

            yield write

    @contextmanager
    def _rows(self, lake: Lake) -> Iterator[Rows]:
        if self.spark:
            # With its client.
            from tidegate.transform.spark.run import rows_of

            with rows_of(self.spark, self.text, self.model, self.days, lake) as result:
                yield lambda con: nullcontext(result)
        elif self.model.in_python:
            yield self._of_python
        else:
            # On lines of its own: a query may end in a comment.
            yield lambda con: nullcontext(f"(\n{self.text}\n)")

    @contextmanager
    def _of_python(self, con: DuckDBPyConnection) -> Iterator[str]:
        # With what the model imports, pandas perhaps.
        from tidegate.transform.python_models.run import keep_rows

        keep_rows(con, PythonModel.compiled(self.text), f"temporary table {PYTHON_ROWS}")
        yield PYTHON_ROWS
        con.execute(f"drop table {PYTHON_ROWS}")

    @property
    def days(self) -> str:
        """The condition that a row is of the window."""
        return day_in(self.model.day_column, self.window.start, self.window.end)

    def overwrite(self, con: DuckDBPyConnection, rows: Rows) -> None:
        """Replace the window's rows, in a transaction of the caller's. Raises duckdb.InvalidInputException where one of
        the new rows is of another day, or of none."""
        table = (self.model.schema, self.model.name)
        with rows(con) as found:
            if isinstance(found, Adopted):
                overwrite_by_files(con, table, self.days, found)
            else:
                overwrite_by_query(con, table, self.model.columns, self.model.day_column, self.days, found)


@dataclass(frozen=True)
class Making:
    """What is made of which window, and where. `rows` is about how many rows it reads."""

    project: DbtProject
    graph: Graph
    lake: Lake
    window: Window
    rows: int
    nodes: tuple[Made, ...]

    def run(self) -> Results:
        """What became of each node: `success`, `error`, or `skipped` behind an error. Raises TidegateError when dbt
        does not start, and LakeBusyError when others write for too long."""
        on_spark, results = self._statements_on_spark()
        statements = self._statements(leaving=on_spark.keys() | results.keys()) | on_spark
        for nodes in self._in_turns(statements, leaving=results):
            ready = self._ready(nodes, results)
            results |= {node.unique_id: _skipped(node) for node in nodes if node not in ready}
            own = [statements[node.unique_id] for node in ready if node.unique_id in statements]
            results |= self._run_statements(own) if own else self._run_by_dbt(ready)
        return results

    def _statements_on_spark(self) -> tuple[dict[str, Statement], Results]:
        """The models that Spark makes, and dbt's results of those that it cannot compile for it."""
        address = self.project.spark
        models = [node for node in self.nodes if isinstance(node, Model) and address and node.is_for_spark(self.rows)]
        found = sql_over(self.project, self.lake.config, models, self.window, Engine.spark)
        statements = {
            model.unique_id: Statement(model, text, self.window, address)
            for model in models
            if isinstance(text := found[model.unique_id], str)
        }
        return statements, {each: result for each, result in found.items() if isinstance(result, NodeResult)}

    def _statements(self, leaving: Collection[str]) -> dict[str, Statement]:
        """The others that are made by a statement alone. Of one that does not give the columns of its table, dbt says
        so."""
        models = [
            node
            for node in self.nodes
            if isinstance(node, Model) and node.is_only_a_statement and node.unique_id not in leaving
        ]
        texts = sql_of_any_window(self.project, self.lake.config, models, self.window)
        statements = [
            Statement(model, texts[model.unique_id], self.window) for model in models if model.unique_id in texts
        ]
        with self.lake.one_moment() as con:
            there = table_columns(con, [(model.schema, model.name) for model in models])
            return {
                statement.model.unique_id: statement
                for statement in statements
                if statement.fits(con, there[statement.model.schema, statement.model.name])
            }

    @cached_property
    def _before(self) -> Mapping[str, frozenset[str]]:
        """By node, those of the others that it reads."""
        made = {node.unique_id for node in self.nodes}
        return {each: self.graph.made_before(each) & made - {each} for each in made}

    def _in_turns(self, statements: Mapping[str, Statement], leaving: Collection[str]) -> Iterator[list[Made]]:
        """The nodes in the order in which they read each other, in few lists, each to be made in one way."""
        plain = {each for each, statement in statements.items() if statement.is_plain}
        left = {node.unique_id: node for node in self.nodes if node.unique_id not in leaving}
        ways = (left.keys() - statements.keys(), plain, statements.keys() - plain)
        while left:
            for way in ways:
                turn = self._next_of(left, way)
                if turn:
                    yield turn
                for node in turn:
                    del left[node.unique_id]

    def _next_of(self, left: Mapping[str, Made], candidates: Collection[str]) -> list[Made]:
        """Those of the candidates that read nothing but what is made, or is before them in the list."""
        found: dict[str, Made] = {}
        while new := [
            each
            for each in left
            if each in candidates and each not in found and not (self._before[each] & left.keys()) - found.keys()
        ]:
            found |= {each: left[each] for each in new}
        return list(found.values())

    def _ready(self, nodes: Iterable[Made], results: Results) -> list[Made]:
        """Those of the nodes, in their order, that read nothing that was not made or is not to be."""
        bad = {unique_id for unique_id, result in results.items() if not result.good}
        ready = []
        for node in nodes:
            if bad.isdisjoint(self._before[node.unique_id]):
                ready.append(node)
            else:
                bad.add(node.unique_id)
        return ready

    def _run_statements(self, statements: Sequence[Statement]) -> Results:
        """All in one transaction; where one of them fails, each in its own, so that the others are made. Python and
        Spark, which may take long, are not tried twice."""
        self.lake.con.execute(UNORDERED)
        try:
            if not all(statement.is_plain for statement in statements):
                return self._run_one_by_one(statements)
            return self._run_together(statements)
        except duckdb.Error:
            return self._run_one_by_one(statements)
        finally:
            self.lake.con.execute(ORDERED)

    def _run_together(self, statements: Sequence[Statement]) -> Results:
        with ExitStack() as stack:
            writes = {each.model.unique_id: stack.enter_context(each.prepared(self.lake)) for each in statements}
            return self.lake.unit_of_work(
                lambda con: {unique_id: write(con) for unique_id, write in writes.items()},
                [(each.model.schema, each.model.name) for each in statements],
            )

    def _run_one_by_one(self, statements: Sequence[Statement]) -> Results:
        results: Results = {}
        for statement in statements:
            model = statement.model
            if not self._ready([model], results):
                results[model.unique_id] = _skipped(model)
                continue
            try:
                results |= self._run_together([statement])
            except (duckdb.Error, PythonModelError, SparkError) as error:
                results[model.unique_id] = NodeResult(model.unique_id, "error", _said(model, error), None)
        return results

    def _run_by_dbt(self, nodes: Collection[Made]) -> Results:
        """By dbt, and again those that another writer's commit came before, with what they skipped."""
        deadline = time.monotonic() + self.lake.config.patience
        results: Results = {}
        pending = list(nodes)
        while pending:
            # dbt does not repeat a transaction, so where another's commit fails it, nobody else writes meanwhile.
            with self.lake.turn():
                for command, fqns in _by_command(pending).items():
                    results |= run_nodes(
                        self.project, self.lake.config.sized_for(self.rows), command, fqns, self.window
                    )
            pending = [node for node in nodes if not results[node.unique_id].good]
            conflicts = [node for node in pending if is_conflict(duckdb.Error(results[node.unique_id].message))]
            if not conflicts or time.monotonic() > deadline:
                break
            time.sleep(random.uniform(0, 0.5))  # noqa: S311 - not for secrets
        return results


def _said(model: Model, error: Exception) -> str:
    own = isinstance(error, PythonModelError)
    return str(error) if own else f"Runtime Error in model {model.name} ({model.file})\n  {str(error).strip()}"


def _skipped(node: Made) -> NodeResult:
    return NodeResult(node.unique_id, "skipped", "", None)


def _by_command(nodes: Collection[Made]) -> dict[str, list[tuple[str, ...]]]:
    """The nodes by dbt's command for them: seeds first, then all models in the order in which they read each other."""
    commands: dict[str, list[tuple[str, ...]]] = {"seed": [], "run": []}
    for node in nodes:
        commands[node.command if isinstance(node, Undated) else "run"].append(node.fqn)
    return commands
