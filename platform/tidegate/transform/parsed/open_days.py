"""Which nodes only spell the days of a run's window in their SQL, and decide nothing by them.

The SQL of such a node is the same over any window but for the days in it. One whose Jinja asks what month it is may be
another over a window that nobody tried. Pure: reads what the manifest holds of the project's Jinja, and judges
carefully: whatever is not known to spell a day may decide by it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, TemplateSyntaxError, nodes

DAYS = ("window_start", "window_end", "first_day")

# dbt's own blocks, which Jinja alone does not know: each begins a macro.
_BLOCKS = re.compile(r"{%(-?)\s*(end)?(?:test|data_test|materialization|snapshot)\b\s*(\w*)\s*(\([^%]*?\))?[^%]*%}")

# Filters and functions that leave a day as it is spelled.
_SPELLING = ("string", "fromisoformat", "return")


def only_spell_days(manifest: Mapping[str, Any], unique_ids: Collection[str]) -> frozenset[str]:
    """Those of the nodes whose Jinja, with all macros behind it, does nothing with the window's days but write them.

    A model in Python has none: its days stand in the facts that our own macro writes beside it.
    """
    macros = manifest["macros"]
    reading = _reading_days(macros)
    in_python = {unique_id for unique_id in unique_ids if manifest["nodes"][unique_id].get("language") == "python"}
    return frozenset(in_python) | frozenset(
        unique_id
        for unique_id in set(unique_ids) - in_python
        if _spells(manifest["nodes"][unique_id]["raw_code"], reading)
        and all(
            _spells(macros[macro]["macro_sql"], reading)
            for macro in _behind(macros, manifest["nodes"][unique_id]["depends_on"]["macros"])
        )
    )


def _behind(macros: Mapping[str, Any], directly: Iterable[str]) -> set[str]:
    """These macros, and all that they use."""
    found: set[str] = set()
    waiting = [macro for macro in directly if macro in macros]
    while waiting:
        macro = waiting.pop()
        if macro not in found:
            found.add(macro)
            waiting.extend(each for each in macros[macro]["depends_on"]["macros"] if each in macros)
    return found


def _reading_days(macros: Mapping[str, Any]) -> frozenset[str]:
    """The names of the macros that give days of the window, themselves or by another one."""
    own = {unique_id for unique_id, macro in macros.items() if any(day in macro["macro_sql"] for day in DAYS)}
    return frozenset(macro["name"] for unique_id, macro in macros.items() if own & _behind(macros, [unique_id]))


@cache
def _spells(code: str, reading: frozenset[str]) -> bool:
    """Whether a template with days in it only writes them."""
    if not any(name in code for name in (*DAYS, *reading)):
        return True
    try:
        parsed = Environment(extensions=["jinja2.ext.do"]).parse(_BLOCKS.sub(_as_macro, code))  # noqa: S701 - not HTML
    except TemplateSyntaxError:
        return False
    return all(_is_written(statement, reading) for statement in parsed.body)


def _as_macro(block: re.Match[str]) -> str:
    dash, end, name, arguments = block.groups()
    return f"{{%{dash} endmacro %}}" if end else f"{{%{dash} macro {name}{arguments or '()'} %}}"


def _is_written(node: nodes.Node, reading: Collection[str]) -> bool:
    """Whether a statement, and those within it, only write days."""
    if isinstance(node, nodes.Output):
        return all(_is_spelled(each, reading) for each in node.nodes)
    kept = isinstance(node, nodes.AssignBlock | nodes.CallBlock | nodes.FilterBlock)
    return all(
        _is_written(child, reading) if isinstance(child, nodes.Stmt) and not kept else not _has_days(child, reading)
        for child in node.iter_child_nodes()
    )


def _is_spelled(expression: nodes.Node, reading: Collection[str]) -> bool:
    """Whether what an expression gives has days in it only as they are written."""
    match expression:
        case nodes.Concat():
            inner: Iterable[nodes.Node] = expression.nodes
        case nodes.Filter(name=name, node=nodes.Node() as filtered) if name in _SPELLING:
            inner = [filtered]
        case nodes.Call(node=nodes.Getattr(attr=name) | nodes.Name(name=name)) if name in _SPELLING:
            inner = expression.args
        case nodes.Call(node=nodes.Name(name="var"), args=[nodes.Const()], kwargs=[]):
            return True
        case nodes.Call() if _gives_days(expression, reading):
            return not any(_has_days(each, reading) for each in [*expression.args, *expression.kwargs])
        case _:
            return not _has_days(expression, reading)
    return all(_is_spelled(each, reading) for each in inner)


def _has_days(node: nodes.Node, reading: Collection[str]) -> bool:
    """Whether days are asked for anywhere in it. Names alone count, too: `var` and macros may go by other ones."""
    match node:
        case nodes.Call() if _gives_days(node, reading):
            return True
        case nodes.Const(value=value) if value in DAYS:
            return True
        case nodes.Name(name=name) | nodes.Getattr(attr=name) if name in reading:
            return True
    return any(_has_days(child, reading) for child in node.iter_child_nodes())


def _gives_days(call: nodes.Call, reading: Collection[str]) -> bool:
    match call.node:
        case nodes.Name(name="var"):
            # A name that is reckoned may be any.
            return not (call.args and isinstance(call.args[0], nodes.Const) and call.args[0].value not in DAYS)
        case nodes.Name(name=name) | nodes.Getattr(attr=name):
            return name in reading
        case _:
            # Whatever was dispatched to.
            return True
