"""Which marts a model reads as published: those that it names in `tidegate.published('<mart>')`.

A model of mornings, weeks or months is made of what is published, never of candidates, which nobody has let in yet. dbt
itself knows only that the model depends on the mart, so the calls are found in its text. In Python, `dbt.ref` of a mart
of days means just that (see `graph`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, TemplateError, nodes

from tidegate.errors import TidegateError
from tidegate.transform.parsed.nodes import refusal
from tidegate.window import Cadence

if TYPE_CHECKING:
    from tidegate.transform.parsed.graph import Graph
    from tidegate.transform.parsed.members import Model

MACRO = "published"
CALL = f"tidegate.{MACRO}"

# What models read that no model builds.
_NOT_BUILT = ("raw", "ops")

# dbt's own extension of Jinja is for what models do not have: materializations, tests and snapshots.
_JINJA = Environment(extensions=["jinja2.ext.do"])  # noqa: S701 - nothing is rendered


def marts_read_as_published(node: Mapping[str, Any]) -> frozenset[str]:
    """The names in the node's calls of `published`. Raises TidegateError for one that is not written out."""
    if MACRO not in node["raw_code"] or node.get("language") == "python":
        return frozenset()
    try:
        calls = list(_JINJA.parse(node["raw_code"]).find_all(nodes.Call))
    except TemplateError as error:
        raise refusal(node, f"cannot be read as a Jinja template: {error}.", "Correct the template") from error
    arguments = [call.args for call in calls if _is_called(call.node)]
    names = [each[0].value for each in arguments if len(each) == 1 and isinstance(each[0], nodes.Const)]
    if len(names) < len(arguments):
        raise refusal(node, f"calls {MACRO} without the name of a mart.", f"Write it out: {CALL}('daily_sales')")
    return frozenset(map(str, names))


def _is_called(called: nodes.Node) -> bool:
    """Whether it is the macro, of Tidegate's package or of the project itself."""
    match called:
        case nodes.Name(name=name) | nodes.Getattr(node=nodes.Name(name="tidegate"), attr=name):
            return bool(name == MACRO)
    return False


def refuse_candidates(graph: Graph) -> None:
    """Raise TidegateError for a model that reads what another cadence's models have built, or a mart of another product
    before it is published; and for one that reads as published what cannot be published before it is built."""
    wrong = [
        sentence
        for model in graph.models.values()
        for parent in model.parents
        if parent in graph.tables and (sentence := _sentence(model, graph.tables[parent], parent in graph.published))
    ]
    if wrong:
        raise TidegateError("\n".join([*wrong, "Nothing was built or published."]))


def _sentence(model: Model, read: Model, as_published: bool) -> str:
    """What is wrong with it that the model reads this; nothing, where all is well."""
    same_cadence = model.cadence is read.cadence
    who = f"The {model.cadence} model {model.name} ({model.file}) reads {read.asset}"
    if read.schema in _NOT_BUILT:
        return ""
    if as_published:
        if not same_cadence and read.cadence is Cadence.daily:
            return ""
        return (
            f"{who}, which is {read.cadence}: it is built with it, before it is published. Read it with "
            f"{{{{ ref('{read.name}') }}}} and put both into one dbt group, or "
            f"give {model.name} the cadence morning, weekly or monthly."
        )
    if same_cadence and not (read.is_mart and read.product != model.product):
        return ""
    if read.cadence is not Cadence.daily:
        return f"{who}, which is {read.cadence}: it would change with what is made of it. Make it {read.cadence} too."
    if read.is_mart and not same_cadence:
        write = f"{{{{ {CALL}('{read.name}') }}}} in place of {{{{ ref('{read.name}') }}}}"
        return f"{who} before it is published. Write {write}."
    if read.is_mart:
        return (
            f"{who}, which is of the product {read.product}, before it is published. Put both into one dbt group, or "
            f"give {model.name} the cadence morning, weekly or monthly and write {{{{ {CALL}('{read.name}') }}}}."
        )
    write = f"{{{{ {CALL}('<mart>') }}}}"
    return f"{who}, which is {read.cadence} and never published. Make a mart of it, and read {write}."
