"""Which SQL statements only read the lake, decided from DuckDB's own parse tree and never from the text.

What is allowed is listed; everything else is refused. Running a statement belongs to `query`.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import duckdb
from duckdb import DuckDBPyConnection

from tidegate.errors import TidegateError
from tidegate.lake.sql import CATALOG, SCHEMAS, literal

# Functions in a `from`. All others of DuckDB and its extensions read or write files, run a text as SQL, show or change
# settings, or change the lake: `ducklake_*` delete files before they find that the catalog may not be written.
# fmt: off
TABLE_FUNCTIONS = frozenset({
    # computing
    "range", "generate_series", "unnest", "repeat", "repeat_row", "json_each", "json_tree",
    # looking at the lake
    "snapshots", "current_snapshot", "last_committed_snapshot", "table_info", "table_changes", "table_insertions",
    "table_deletions", "ducklake_snapshots", "ducklake_current_snapshot", "ducklake_last_committed_snapshot",
    "ducklake_table_info", "ducklake_table_changes", "ducklake_table_insertions", "ducklake_table_deletions",
    "ducklake_list_files",
    # looking at its tables and functions
    "duckdb_columns", "duckdb_functions", "duckdb_schemas", "duckdb_tables", "duckdb_types", "duckdb_views",
    "pragma_table_info", "pragma_version",
})
# fmt: on

# Functions of values that reach for more than their arguments: settings, variables, logs, sequences, a text as SQL.
# All others of this version of DuckDB were looked at, and compute; a test fails when there are new ones to look at.
REACHING_FUNCTIONS = frozenset(
    {"current_setting", "getenv", "getvariable", "json_serialize_plan", "nextval", "currval", "setseed", "write_log"}
)

# What describes the lake's tables, and stands in no schema of the lake.
SYSTEM_SCHEMA = "information_schema"
SYSTEM_VIEWS = frozenset(
    {"duckdb_columns", "duckdb_schemas", "duckdb_tables", "duckdb_types", "duckdb_views", "sqlite_master"}
)

# The words between `explain` and what it explains, as in `explain (analyze, format json)`.
EXPLAIN_OPTIONS = frozenset(
    {"(", ")", ",", "analyze", "format", "json", "text", "html", "graphviz", "yaml", "mermaid", "true", "false"}
)


_WORD = re.compile(r"\w+|.", re.DOTALL)


def reading_statement(con: DuckDBPyConnection, sql: str) -> str:
    """`sql` as it is to be run, when it is one statement that only reads the lake attached to `con`.

    Raises TidegateError for anything else, and duckdb.Error for what cannot be parsed.
    """
    # A lone surrogate, of an argument that is not UTF-8, has no place in SQL.
    explaining, statement = _explained(sql.encode("utf-8", "replace").decode())
    row = con.execute(f"select json_serialize_sql({literal(statement)})").fetchone()
    tree = json.loads(row[0]) if row else {"error": True}
    if tree["error"]:
        raise _not_a_select(con, sql)
    if len(tree["statements"]) != 1:
        raise TidegateError(f"One statement at a time, please; this is {len(tree['statements'])}.")
    _refuse_all_but_the_lake(con, list(_nodes(tree)))
    return explaining + statement


def _not_a_select(con: DuckDBPyConnection, sql: str) -> TidegateError:
    # Raises what DuckDB says of an SQL that it cannot parse.
    kinds = [statement.type.name for statement in con.extract_statements(sql)]
    word = _words(sql)[0].upper()
    named = word if kinds == [word] else f"{word} ({', '.join(kinds)})"
    return TidegateError(
        f"`tidegate query` only reads; {named} is not allowed. Nothing was changed. Allowed are a select, and "
        "`describe`, `summarize`, `show` or `explain` of a select. To change data, put a corrected file into the "
        "landing folder and run its day; to go back to an earlier version of a day: tidegate rollback."
    )


def _explained(sql: str) -> tuple[str, str]:
    """The `explain` before a statement, written again from its words, and the statement; "" where there is none."""
    words = _words(sql)
    if words[:1] != ["explain"]:
        return "", sql
    options = words[1:2] if words[1:2] == ["analyze"] else _in_brackets(words[1:])
    count = 1 + len(options)
    starts = [start for start, _ in duckdb.tokenize(sql)]
    return f"explain {' '.join(options)} ", sql.encode()[starts[count] :].decode() if count < len(starts) else ""


def _words(sql: str) -> list[str]:
    """The tokens of a statement, each up to the first sign that is not a letter; comments are no tokens."""
    # DuckDB counts bytes.
    text = sql.encode()
    found = (_WORD.match(text[start:].decode()) for start, _ in duckdb.tokenize(sql))
    return [match[0].lower() for match in found if match]


def _in_brackets(words: list[str]) -> list[str]:
    """The options in brackets that `words` begin with; none when it is a select that is in them."""
    options = list(itertools.takewhile(lambda word: word in EXPLAIN_OPTIONS and word != ")", words))
    closed = words[len(options) : len(options) + 1] == [")"]
    return [*options, ")"] if options[:1] == ["("] and closed else []


def _refuse_all_but_the_lake(con: DuckDBPyConnection, nodes: list[dict[str, Any]]) -> None:
    table_functions = [node["function"] for node in nodes if node.get("type") == "TABLE_FUNCTION"]
    in_from = {id(function) for function in table_functions}
    names = {function["function_name"].lower() for function in table_functions}
    if (unknown := names - TABLE_FUNCTIONS) and (refused := unknown - _macros_of_the_lake(con)):
        raise _refused(f"the function `{min(refused)}` in a `from`")
    called = {node["function_name"].lower() for node in nodes if "function_name" in node and id(node) not in in_from}
    if refused := called & REACHING_FUNCTIONS:
        raise _refused(f"the function `{min(refused)}`")
    tables = {_Table.of(node) for node in nodes if node.get("type") == "BASE_TABLE"}
    schemas, system_views = _schemas(con), _system_views(con)
    for table in tables:
        if not table.is_readable(schemas, system_views):
            raise _refused(f"`{table}`")


@dataclass(frozen=True)
class _Table:
    """A table's name as it was written, in lower case. What was left out is ""."""

    catalog: str
    schema: str
    name: str

    @classmethod
    def of(cls, node: dict[str, Any]) -> Self:
        return cls(*(node[key].lower() for key in ("catalog_name", "schema_name", "table_name")))

    def is_readable(self, schemas: set[str], system_views: set[str]) -> bool:
        """Whether it can only be one of the lake, of a `with`, or one that describes them."""
        if self.schema in ("", "main", CATALOG):
            # DuckDB finds its own views by their bare name: `pg_settings` is one.
            known = self.name in SYSTEM_VIEWS or self.name not in system_views
        else:
            known = self.schema in schemas
        return known and self.catalog in ("", CATALOG)

    def __str__(self) -> str:
        return ".".join(filter(None, (self.catalog, self.schema, self.name)))


def _macros_of_the_lake(con: DuckDBPyConnection) -> set[str]:
    """Written by those who write the lake; a reader cannot add one."""
    condition = f"database_name = {literal(CATALOG)} and function_type = 'table_macro'"
    return _names(con, "function_name", "duckdb_functions()", condition)


def _schemas(con: DuckDBPyConnection) -> set[str]:
    # Tidegate's own are known before anything is in them, so DuckDB can say so.
    return {SYSTEM_SCHEMA, *SCHEMAS} | _names(
        con, "schema_name", "duckdb_schemas()", f"database_name = {literal(CATALOG)}"
    )


def _system_views(con: DuckDBPyConnection) -> set[str]:
    return _names(con, "view_name", "duckdb_views()", f"internal and schema_name <> {literal(SYSTEM_SCHEMA)}")


def _names(con: DuckDBPyConnection, column: str, source: str, condition: str) -> set[str]:
    return {name for (name,) in con.execute(f"select lower({column}) from {source} where {condition}").fetchall()}


def _refused(what: str) -> TidegateError:
    return TidegateError(
        f"`tidegate query` reads the lake and nothing else, so it does not allow {what}. Nothing was read or changed. "
        "Write tables as `serving.daily_sales`; for all else that DuckDB can do there is `tidegate shell`."
    )


def _nodes(tree: object) -> Iterator[dict[str, Any]]:
    """Every object in a parse tree. Without recursion: whoever wrote the statement decides how deep it is."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
