"""The logic of each model: a hash over what determines its result beside data.

That is its SQL or Python, the macros that it calls, its columns and settings, the variables that it reads, and the
logic of the models that it reads. Comments, layout and the case of SQL's own words do not count, and neither do dbt's
own macros. A manifest says all of it but the values of variables, which the caller gives.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from tidegate.transform.parsed.nodes import Node, content_of_seed, meta_of

# What of a node's configuration shapes its rows or its table.
SETTINGS = ("materialized", "incremental_strategy", "partition_by", "unique_key", "pre-hook", "post-hook", "sql_header")

# Given with every run: the days to build, whose days and where they are, which are not logic. A lake keeps its zone.
OF_THE_RUN = frozenset({"window_start", "window_end", "first_day", "timezone", "offsets_of_timezone", "lake"})

# Of this one, a model reads what is said of its own sources.
BY_SOURCE = "allowed_lateness_days"

# dbt's own and its adapter's: a new version of dbt is not a change of anybody's logic.
OF_DBT = frozenset({"dbt", "dbt_duckdb"})

_READS_VARIABLE = re.compile(r"""\bvar\(\s*['"]([^'"]+)['"]""")

# Words of these kinds mean the same in any case.
_KEEPS_CASE = frozenset({"VAR", "IDENTIFIER", "STRING", "HEREDOC_STRING", "RAW_STRING", "NATIONAL_STRING", "NUMBER"})


def logic_of(manifest: Mapping[str, Any], given: Mapping[str, object]) -> dict[str, str]:
    """The logic hash of every model, seed and snapshot by its unique id. `given` are the variables of every run."""
    nodes: Mapping[str, Node] = manifest["nodes"]
    found: dict[str, str] = {}

    def logic(unique_id: str) -> str:
        if unique_id not in found:
            node = nodes[unique_id]
            parents = sorted(parent for parent in node["depends_on"].get("nodes", ()) if parent in nodes)
            found[unique_id] = _hash([_own_logic(node, manifest, given), *map(logic, parents)])
        return found[unique_id]

    return {unique_id: logic(unique_id) for unique_id, node in nodes.items() if node["resource_type"] != "test"}


def _own_logic(node: Node, manifest: Mapping[str, Any], given: Mapping[str, object]) -> list[object]:
    macros = _macros_of(node, manifest["macros"])
    texts = [node.get("raw_code") or "", *(macro["macro_sql"] for macro in macros)]
    return [
        _python_words(texts[0]) if node.get("language") == "python" else sql_words(texts[0]),
        [sql_words(text) for text in texts[1:]],
        sorted((name.lower(), column["data_type"]) for name, column in node["columns"].items()),
        {setting: node["config"].get(setting) for setting in SETTINGS},
        meta_of(node),
        content_of_seed(node) if node["resource_type"] == "seed" else None,
        {name: _value(name, node, given) for text in texts for name in _READS_VARIABLE.findall(text)},
    ]


def _value(variable: str, node: Node, given: Mapping[str, object]) -> object:
    value = None if variable in OF_THE_RUN else given.get(variable)
    if variable == BY_SOURCE and isinstance(value, Mapping):
        sources = (parent.split(".") for parent in node["depends_on"].get("nodes", ()) if parent.startswith("source."))
        return {table: value.get(table) for *_, table in sources}
    return value


def _macros_of(node: Node, macros: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Every macro that the node calls, be it through others, in the order of their names."""
    found: set[str] = set()
    waiting = list(node["depends_on"].get("macros", ()))
    while waiting:
        name = waiting.pop()
        if name in macros and name not in found and macros[name]["package_name"] not in OF_DBT:
            found.add(name)
            waiting.extend(macros[name]["depends_on"]["macros"])
    return [macros[name] for name in sorted(found)]


def sql_words(text: str) -> list[str]:
    """The words of SQL with Jinja in it, without comments and layout."""
    # Importing it takes 0.2 s, and a process that builds nothing new does not need it.
    from sqlglot.dialects.duckdb import DuckDB
    from sqlglot.errors import TokenError

    try:
        tokens = DuckDB.Tokenizer().tokenize(text)
    except TokenError:
        # No SQL that can be told apart (an odd quote in Jinja): then comments count too.
        return text.split()
    return [
        f"{token.token_type.name} {token.text if token.token_type.name in _KEEPS_CASE else token.text.lower()}"
        for token in tokens
    ]


def _python_words(text: str) -> list[str]:
    """What a Python model does, without comments, layout and docstrings."""
    module = ast.parse(text)
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return [ast.dump(module)]


def _hash(parts: Iterable[object]) -> str:
    return hashlib.sha256(json.dumps(list(parts), sort_keys=True, default=str).encode()).hexdigest()[:16]
