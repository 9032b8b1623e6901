"""Whether everything that dbt reads is filled: a table that nobody fills reads as empty, and zeros are published.

Pure: what the manifest says is held against what contracts deliver. What the tables hold belongs to others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from tidegate.errors import TidegateError
from tidegate.transform.parsed.graph import Graph
from tidegate.transform.parsed.members import RAW, Model


def refuse_what_nobody_fills(graph: Graph, delivered: Mapping[str, Collection[str]], contracts: Path) -> None:
    """Raise TidegateError when a model or test reads a source, or a column of one, that is never filled.

    `delivered` holds the columns in raw of each source with a contract, `contracts` is the folder of these.
    """
    read = {parent for model in graph.models.values() for parent in model.parents}
    read |= {parent for test in graph.tests.values() for parent in test.parents}
    sources = [source for unique_id, source in sorted(graph.sources.items()) if unique_id in read]
    wrong = [sentence for source in sources for sentence in _sentences(source, delivered, contracts)]
    if wrong:
        raise TidegateError("\n".join([*wrong, "Nothing was built or published."]))


def _sentences(source: Model, delivered: Mapping[str, Collection[str]], contracts: Path) -> Iterator[str]:
    who = f"The dbt source {source.schema}.{source.name} in {source.file}"
    if source.schema == RAW and source.name in delivered:
        yield from _columns_that_lack(source, delivered[source.name], who)
    elif source.schema == RAW and not source.optional:
        yield (
            f"{who} is read and no contract in {contracts} delivers it: figures made of it would be zeros. "
            f"Add {source.name}.odcs.yaml there, or remove what reads it. If it may be missing, write in its YAML: "
            "config: {meta: {tidegate: {optional: true}}}."
        )


def _columns_that_lack(source: Model, delivered: Collection[str], who: str) -> Iterator[str]:
    there = {column.lower() for column in delivered}
    lacking = [column for column in source.columns if column.lower() not in there]
    if lacking:
        yield (
            f"{who} has the column {', '.join(lacking)} and its contract has not: it would be null in every row. "
            "Add it to the contract, or remove it from the YAML and from what reads it."
        )
