"""The logic of each model: a hash over what determines its result beside data.

That is its SQL, or its Python with the modules of the project that it imports, the macros that it calls, its columns
and settings, the variables that it reads, and the logic of the models that it reads. Comments, layout and the case of
SQL's own words do not count, and neither do dbt's own macros. A manifest says all of it but the values of variables and
the modules, which the caller gives.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from tidegate.transform.parsed.nodes import OF_ENGINES, Node, content_of_seed, meta_of

# What of a node's configuration shapes its rows or its table.
SETTINGS = ("materialized", "incremental_strategy", "partition_by", "unique_key", "pre-hook", "post-hook", "sql_header")

# What of a test's configuration says when it fails.
OF_TESTS = ("severity", "warn_if", "error_if", "fail_calc", "limit", "where")

# Given with every run: the days to build, whose days and where they are, and by which engine, which are not logic. A
# lake keeps its zone.
OF_THE_RUN = frozenset({"window_start", "window_end", "first_day", "timezone", "offsets_of_timezone", "lake", "engine"})

# Of this one, a model reads what is said of its own sources.
BY_SOURCE = "allowed_lateness_days"

# dbt's own and its adapter's: a new version of dbt is not a change of anybody's logic.
OF_DBT = frozenset({"dbt", "dbt_duckdb"})

# What may have a docstring.
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)

_READS_VARIABLE = re.compile(r"""\bvar\(\s*['"]([^'"]+)['"]""")

# Words of these kinds mean the same in any case.
_KEEPS_CASE = frozenset({"VAR", "IDENTIFIER", "STRING", "HEREDOC_STRING", "RAW_STRING", "NATIONAL_STRING", "NUMBER"})


def logic_of(
    manifest: Mapping[str, Any], given: Mapping[str, object], modules: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The logic hash of every model, seed and snapshot by its unique id. `given` are the variables of every run,
    `modules` the sources of the project's Python modules by name."""
    nodes: Mapping[str, Node] = manifest["nodes"]
    found: dict[str, str] = {}

    def logic(unique_id: str) -> str:
        if unique_id not in found:
            node = nodes[unique_id]
            parents = sorted(parent for parent in node["depends_on"].get("nodes", ()) if parent in nodes)
            of_modules = _imported_logic(node["raw_code"], modules or {}) if node.get("language") == "python" else []
            found[unique_id] = _hash([_own_logic(node, manifest, given), *of_modules, *map(logic, parents)])
        return found[unique_id]

    return {unique_id: logic(unique_id) for unique_id, node in nodes.items() if node["resource_type"] != "test"}


def logic_of_tests(manifest: Mapping[str, Any], given: Mapping[str, object], unique_ids: Iterable[str]) -> str:
    """A hash over what these data tests ask, and when that is a failure."""
    nodes: Mapping[str, Node] = manifest["nodes"]
    return _hash(
        [
            unique_id,
            _own_logic(nodes[unique_id], manifest, given),
            {name: nodes[unique_id]["config"].get(name) for name in OF_TESTS},
            nodes[unique_id].get("test_metadata"),
        ]
        for unique_id in sorted(unique_ids)
    )


def _own_logic(node: Node, manifest: Mapping[str, Any], given: Mapping[str, object]) -> list[object]:
    macros = _macros_of(node, manifest["macros"])
    texts = [node.get("raw_code") or "", *(macro["macro_sql"] for macro in macros)]
    return [
        _python_logic(node) if node.get("language") == "python" else sql_words(texts[0]),
        [sql_words(text) for text in texts[1:]],
        sorted((name.lower(), column["data_type"]) for name, column in node["columns"].items()),
        {setting: node["config"].get(setting) for setting in SETTINGS},
        {name: value for name, value in meta_of(node).items() if name not in OF_ENGINES},
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


def _python_logic(node: Node) -> list[object]:
    """What a Python model does, and the settings that it asks dbt for."""
    asked = node["config"].get("config_keys_used") or ()
    return [_python_words(node["raw_code"]), *({name: node["config"].get(name)} for name in asked)]


def _python_words(text: str) -> str:
    """What a module does, without comments, layout and docstrings."""
    module = ast.parse(text)
    for node in ast.walk(module):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return ast.dump(module)


def _imported_logic(text: str, modules: Mapping[str, str]) -> list[str]:
    """What the modules of the project do that this Python imports, be it through one another."""
    found: dict[str, str] = {}
    waiting = [name for name in _imported_names(text, "") if name in modules]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = _python_words(modules[name])
            # A package's own module is imported with each of its modules.
            packages = [".".join(name.split(".")[:depth]) for depth in range(1, name.count(".") + 1)]
            waiting += [each for each in (*_imported_names(modules[name], name), *packages) if each in modules]
    return [f"{name}: {found[name]}" for name in sorted(found)]


def _imported_names(text: str, importer: str) -> list[str]:
    """The names of all modules that this text may import; of what it takes from a module, each may be one."""
    found: list[str] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found += [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            for package in _packages_meant(node, importer):
                found += [package, *(f"{package}.{each.name}" for each in node.names)]
    return found


def _packages_meant(node: ast.ImportFrom, importer: str) -> list[str]:
    """What `from … import` takes from. The importer may be a package or a module in one, to which dots are relative."""
    parts = importer.split(".")
    bases = [parts[: len(parts) - up] for up in (node.level - 1, node.level)] if node.level else [[]]
    return [".".join([*base, *([node.module] if node.module else [])]) for base in bases]


def _hash(parts: Iterable[object]) -> str:
    return hashlib.sha256(json.dumps(list(parts), sort_keys=True, default=str).encode()).hexdigest()[:16]
