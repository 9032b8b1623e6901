"""What a mart means and what holds of it, made from dbt's manifest.

mart_page(manifest, mart)    one page: grain, columns, what every partition passes, what it is made from
marts_page(manifest)         all marts in one table
sources_behind(manifest)     by mart, the sources it stands on
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tidegate.explain.markdown import bullets, code, markup, page, table, text
from tidegate.transform.parsed.graph import Graph
from tidegate.transform.parsed.members import RAW, SERVING, Model, Test

Manifest = Mapping[str, Any]


def marts_of(manifest: Manifest) -> list[Model]:
    """The models that are published, by name."""
    return sorted((m for m in Graph(manifest).models.values() if m.is_mart), key=lambda model: model.name)


def sources_behind(manifest: Manifest) -> dict[str, frozenset[str]]:
    """By mart, the sources that its rows come from, through other marts too."""
    graph = Graph(manifest)
    marts = {mart.name: mart for mart in marts_of(manifest)}
    return {name: _delivered_for(graph, mart, marts) for name, mart in marts.items()}


def _delivered_for(graph: Graph, mart: Model, marts: Mapping[str, Model]) -> frozenset[str]:
    read = _sources_of(graph, mart)
    through = [_delivered_for(graph, marts[table.name], marts) for table in read if table.schema == SERVING]
    return frozenset(table.name for table in read if table.schema == RAW).union(*through)


def marts_page(manifest: Manifest) -> str:
    """The marts side by side."""
    rows = [
        (
            f"[{text(mart.name)}]({mart.name}.md)",
            _partition(mart),
            markup(_first_sentence(_description(manifest, mart))),
        )
        for mart in marts_of(manifest)
    ]
    return page(
        "# What the marts mean",
        "One page a mart, made from the dbt project: what one row is, what each column means, and what every partition "
        "has passed before anybody sees it. They are published in the schema `serving`.",
        table(("mart", "a partition", "what a row is"), rows),
        "Every model, column, test and the way from sources to marts: [dbt's own pages](dbt:overview).",
    )


def mart_page(manifest: Manifest, mart: Model) -> str:
    """Everything that the dbt project says of a mart."""
    graph = Graph(manifest)
    return page(
        f"# {text(mart.name)}",
        markup(_description(manifest, mart)),
        f"Published as {code(f'serving.{mart.name}')}. A partition is {_partition(mart)}: the rows with that "
        f"{code(mart.day_column)}. It is replaced as a whole, together with the other marts of its partition."
        f"{_reach(mart)}",
        "## Columns",
        table(("column", "type", "meaning"), _columns(manifest, mart)),
        "## What every partition has passed",
        "Each promise is a dbt test and an asset check. A partition that breaks one of those that hold it is not "
        "published; consumers keep its last good version.",
        table(("promise", "if broken", "check"), _promises(graph, mart)),
        _worked_examples(manifest, mart),
        "## What it is made from",
        bullets(_origins(graph, mart)),
    )


def _partition(mart: Model) -> str:
    return f"a {mart.cadence.singular}"


def _reach(mart: Model) -> str:
    return f" Its rows are made of the {mart.reaches_back} days before it." if mart.reaches_back else ""


def _description(manifest: Manifest, mart: Model) -> str:
    description: str = manifest["nodes"][mart.unique_id]["description"]
    return description


def _first_sentence(description: str) -> str:
    return " ".join(description.split()).split(". ")[0].rstrip(".") + "."


def _columns(manifest: Manifest, mart: Model) -> list[tuple[str, str, str]]:
    columns = manifest["nodes"][mart.unique_id]["columns"].values()
    return [(code(c["name"]), code(c["data_type"]), markup(c["description"])) for c in columns]


def _promises(graph: Graph, mart: Model) -> list[tuple[str, str, str]]:
    tests = [test for test in graph.tests.values() if test.asset == mart.asset]
    return [
        (markup(test.description), "the partition is held" if test.blocking else "it warns", code(test.name))
        for test in sorted(tests, key=_holding_first)
    ]


def _holding_first(test: Test) -> tuple[bool, str]:
    return not test.blocking, test.name


def _worked_examples(manifest: Manifest, mart: Model) -> str:
    """What the mart's unit tests compute by hand."""
    examples = [
        f"**{text(unit['name'].replace('_', ' '))}.** {markup(unit.get('description') or '')}"
        for unit in manifest.get("unit_tests", {}).values()
        if unit["model"] == mart.name
    ]
    return f"Its arithmetic is held by examples, worked out by hand:\n\n{bullets(sorted(examples))}" if examples else ""


def _origins(graph: Graph, mart: Model) -> list[str]:
    read = [_linked(table) for table in _sources_of(graph, mart)]
    models = [graph.models[m] for m in graph.with_ancestors([mart.unique_id]) if m != mart.unique_id]
    between = [code(f"{model.schema}.{model.name}") for model in sorted(models, key=lambda model: model.name)]
    return [
        f"from: {', '.join(read)}",
        *([f"models between: {', '.join(between)}"] if between else []),
        f"[lineage, SQL and tests in dbt's own pages](dbt:model/{mart.unique_id})",
    ]


def _linked(table: Model) -> str:
    """A table that models read, with the page that explains it."""
    pages = {RAW: "../sources/", SERVING: ""}
    if table.schema not in pages:
        return code(f"{table.schema}.{table.name}")
    return f"[{text(f'{table.schema}.{table.name}')}]({pages[table.schema]}{table.name}.md)"


def _sources_of(graph: Graph, mart: Model) -> list[Model]:
    behind: Iterable[Model] = (graph.models[unique_id] for unique_id in graph.with_ancestors([mart.unique_id]))
    return sorted(graph.sources_of(behind), key=lambda source: source.name)
