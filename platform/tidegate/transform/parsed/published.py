"""Which marts a model reads as published: those that it names in `published('<mart>')`.

A weekly or monthly model is made of what is published, never of candidates, which nobody has let in yet. dbt itself
knows only that the model depends on the mart, so the calls are found in its text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, TemplateError, nodes

from tidegate.errors import TidegateError
from tidegate.transform.parsed.nodes import refusal
from tidegate.window import Cadence

MACRO = "published"

# dbt's own extension of Jinja is for what models do not have: materializations, tests and snapshots.
_JINJA = Environment(extensions=["jinja2.ext.do"])  # noqa: S701 - nothing is rendered


def marts_read_as_published(node: Mapping[str, Any]) -> frozenset[str]:
    """The names in the node's calls of `published`. Raises TidegateError for one that is not written out."""
    if MACRO not in node["raw_code"]:
        return frozenset()
    try:
        calls = list(_JINJA.parse(node["raw_code"]).find_all(nodes.Call))
    except TemplateError as error:
        raise refusal(node, f"cannot be read as a Jinja template: {error}.", "Correct the template") from error
    arguments = [call.args for call in calls if isinstance(call.node, nodes.Name) and call.node.name == MACRO]
    names = [each[0].value for each in arguments if len(each) == 1 and isinstance(each[0], nodes.Const)]
    if len(names) < len(arguments):
        raise refusal(node, f"calls {MACRO} without the name of a mart.", f"Write it out: {MACRO}('daily_sales')")
    return frozenset(map(str, names))


def refuse_candidates(models: Mapping[str, Any]) -> None:
    """Raise TidegateError for a model that reads what another cadence's models have built, be it published or not."""
    wrong = [
        _sentence(model, models[parent])
        for model in models.values()
        for parent in model.parents
        if parent in models and models[parent].cadence is not model.cadence
    ]
    if wrong:
        raise TidegateError("\n".join([*wrong, "Nothing was built or published."]))


def _sentence(model: Any, read: Any) -> str:
    who = f"The {model.cadence} model {model.name} ({model.file}) reads {read.asset}, which is {read.cadence}"
    if model.cadence is Cadence.daily:
        return f"{who}: a day would change with what is made of it. Make {model.name} {read.cadence} too."
    if read.is_mart:
        write = f"{{{{ {MACRO}('{read.name}') }}}} in place of {{{{ ref('{read.name}') }}}}"
        return f"{who}, before it is published. Write {write}."
    return f"{who} and is never published. Make a mart of it, and read {{{{ {MACRO}('<mart>') }}}}."
