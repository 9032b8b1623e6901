"""What the manifest says about models and tests, as far as Tidegate acts on it.

Which table and day column a model has, which check a test is, what a day needs before it may be published.
Pure: the content of a manifest.json goes in. Running anything does not belong here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

from tidegate.errors import TidegateError
from tidegate.ledger.contents import Seed
from tidegate.publishing.promises import Promise
from tidegate.transform.parsed.groups import promises_of
from tidegate.transform.parsed.members import (
    RAW,
    Model,
    Test,
    Undated,
    as_published,
    asset_of,
    cadence_of,
    is_table,
    model_of,
    published_of,
    source_of,
    undated_of,
)
from tidegate.transform.parsed.nodes import (
    MARTS,
    Kind,
    Node,
    kind_of,
    refuse_what_reads_snapshots,
    runs_more_than_models,
)
from tidegate.transform.parsed.published import marts_read_as_published
from tidegate.window import Cadence

# The argument by which a generic test names columns that are unique together.
_UNIQUE_TOGETHER = {"unique": "columns", "unique_combination_of_columns": "combination_of_columns"}


class Graph:
    """Models, sources and data tests of a manifest, by dbt's unique id."""

    def __init__(self, manifest: Mapping[str, Any]) -> None:
        self._manifest = manifest
        self._nodes: Mapping[str, Node] = manifest["nodes"]

    def comments_of(self, unique_id: str) -> dict[str, str]:
        """What the YAML of a model says of its columns."""
        return {name: column.get("description") or "" for name, column in self._nodes[unique_id]["columns"].items()}

    @cached_property
    def _kinds(self) -> dict[str, Kind]:
        refuse_what_reads_snapshots(self._nodes.values())
        return {unique_id: kind_of(node) for unique_id, node in self._nodes.items()}

    @cached_property
    def models(self) -> dict[str, Model]:
        """The dated models: those that have rows of days."""
        return {
            unique_id: model_of(
                self._nodes[unique_id], self._dated(self._parents(unique_id)), self._runs_more_than_models
            )
            for unique_id, kind in self._kinds.items()
            if kind is Kind.dated
        }

    @cached_property
    def _runs_more_than_models(self) -> bool:
        return runs_more_than_models(self._manifest)

    @cached_property
    def undated(self) -> dict[str, Undated]:
        """Seeds, views, and tables without a day."""
        return {
            unique_id: undated_of(self._nodes[unique_id])
            for unique_id, kind in self._kinds.items()
            if kind is Kind.undated
        }

    @cached_property
    def sources(self) -> dict[str, Model]:
        """The tables of `raw` that models read, and those of `ops`."""
        return {source["unique_id"]: source_of(source) for source in self._manifest["sources"].values()}

    @cached_property
    def published(self) -> dict[str, Model]:
        """The marts as they are published, in `serving`: what models of other cadences read of them."""
        marts = [model for model in self.models.values() if model.is_mart]
        return {as_published(mart.unique_id): published_of(mart) for mart in marts}

    @cached_property
    def tables(self) -> dict[str, Model]:
        """Models, sources, and marts as they are published."""
        return {**self.models, **self.sources, **self.published}

    @cached_property
    def tests(self) -> dict[str, Test]:
        nodes = self._manifest["nodes"].values()
        return {node["unique_id"]: self._test(node) for node in nodes if node["resource_type"] == "test"}

    def models_of(self, cadence: Cadence) -> list[Model]:
        return [model for model in self.models.values() if model.cadence is cadence]

    def tests_of(self, cadence: Cadence) -> list[Test]:
        """The tests that are checks of the cadence's models; of sources, the daily ones."""
        cadences = {model.asset: model.cadence for model in self.models.values()}
        return [test for test in self.tests.values() if cadences.get(test.asset, Cadence.daily) is cadence]

    @cached_property
    def promises(self) -> dict[str, Promise]:
        """What each dbt group promises of the product that it is."""
        return promises_of(self._manifest)

    def assets_without_cadence(self, models: Collection[str]) -> set[str]:
        """What these models read that is of no cadence."""
        raw = {source.asset for source in self.sources_of(self.models[each] for each in models) if source.schema == RAW}
        passed = self._passed_through(parent for unique_id in models for parent in self._parents(unique_id))
        return raw | {asset_of(self._nodes[unique_id]) for unique_id in passed}

    def undated_behind(self, unique_ids: Iterable[str]) -> list[Undated]:
        """What these models and tests read that has no day, be it through one another or inlined models."""
        passed = self._passed_through(parent for unique_id in unique_ids for parent in self._parents(unique_id))
        return [undated for unique_id, undated in self.undated.items() if unique_id in passed]

    def seeds_behind(self, unique_ids: Iterable[str]) -> tuple[Seed, ...]:
        """The seeds that these models and tests read, be it through other nodes without a day."""
        undated = self.undated_behind(unique_ids)
        return tuple(Seed(each.name, each.content) for each in undated if each.content)

    def made_before(self, unique_id: str) -> frozenset[str]:
        """The dated models, and what has no day, that a model or node without a day reads."""
        reached = self._reached(self._parents(unique_id))
        return frozenset(each for each in reached if self._kinds.get(each) in (Kind.dated, Kind.undated))

    def _parents(self, unique_id: str) -> tuple[str, ...]:
        return self._read.get(unique_id, ())

    @cached_property
    def _read(self) -> dict[str, tuple[str, ...]]:
        """By node, what it reads itself."""
        return {unique_id: tuple(self._read_by(node)) for unique_id, node in self._nodes.items()}

    def _read_by(self, node: Node) -> Iterator[str]:
        marts = marts_read_as_published(node)
        for parent in node["depends_on"].get("nodes", ()):
            is_published = self._name_of(parent) in marts or self._is_published_to_python(node, parent)
            yield as_published(parent) if is_published else parent

    def _is_published_to_python(self, node: Node, parent: str) -> bool:
        """In Python, what `dbt.ref` gives of a daily mart to a model of another cadence is what is published."""
        read = self._nodes.get(parent)
        if read is None or node.get("language") != "python" or read["schema"] != MARTS:
            return False
        return cadence_of(read) is Cadence.daily and cadence_of(node) is not Cadence.daily

    def _name_of(self, unique_id: str) -> str | None:
        return self._nodes[unique_id]["name"] if unique_id in self._nodes else None

    def _dated(self, unique_ids: Iterable[str]) -> tuple[str, ...]:
        """These nodes as far as they are dated or sources; in place of the others, what these read."""
        reached = self._reached(unique_ids)
        return tuple(each for each in reached if each not in self._nodes or self._kinds[each] is Kind.dated)

    def _passed_through(self, unique_ids: Iterable[str]) -> set[str]:
        return {
            each for each in self._reached(unique_ids) if each in self._nodes and self._kinds[each] is not Kind.dated
        }

    def _reached(self, unique_ids: Iterable[str]) -> list[str]:
        """These nodes and what they read, up to the first that is dated or a source."""
        found: dict[str, None] = {}
        waiting = list(unique_ids)
        while waiting:
            unique_id = waiting.pop(0)
            if unique_id not in found:
                found[unique_id] = None
                if self._kinds.get(unique_id) is not Kind.dated:
                    waiting.extend(self._parents(unique_id))
        return list(found)

    def read_by(self, models: Collection[Model]) -> list[Model]:
        """The tables that the models read themselves, other models among them."""
        own = {model.unique_id for model in models}
        parents = {parent for model in models for parent in model.parents} - own
        return [table for unique_id, table in self.tables.items() if unique_id in parents]

    def sources_of(self, models: Iterable[Model]) -> list[Model]:
        """The sources that the models read themselves, and the marts that they read as published."""
        parents = {parent for model in models for parent in model.parents}
        return [each for unique_id, each in {**self.sources, **self.published}.items() if unique_id in parents]

    @cached_property
    def read_back(self) -> list[Model]:
        """The daily models whose rows of earlier days daily models read."""
        reaching = [model for model in self.models_of(Cadence.daily) if model.reaches_back]
        names = {each.unique_id for each in reaching} | {parent for each in reaching for parent in each.parents}
        return [model for unique_id, model in self.models.items() if unique_id in names]

    def with_ancestors(self, unique_ids: Iterable[str]) -> frozenset[str]:
        """The models and every model upstream of them."""
        found: set[str] = set()
        waiting = list(unique_ids)
        while waiting:
            unique_id = waiting.pop()
            if unique_id in self.models and unique_id not in found:
                found.add(unique_id)
                waiting.extend(self.models[unique_id].parents)
        return frozenset(found)

    def with_descendants(self, unique_ids: Iterable[str]) -> frozenset[str]:
        """The models that read one of these, itself or through others, marts as published too."""
        found = set(unique_ids)
        while True:
            read = found | {as_published(each) for each in found}
            more = {unique_id for unique_id, model in self.models.items() if not read.isdisjoint(model.parents)} - found
            if not more:
                return frozenset(found & self.models.keys())
            found |= more

    def key_of(self, unique_id: str) -> tuple[str, ...]:
        """The columns that tell the rows of a model apart, as a test of it says; none where no test does."""
        keys = [
            _columns_of_key(node["test_metadata"], node["column_name"])
            for node in self._nodes.values()
            if node["resource_type"] == "test" and node.get("attached_node") == unique_id and node.get("test_metadata")
        ]
        return min((key for key in keys if key), key=len, default=())

    def _test(self, node: Mapping[str, Any]) -> Test:
        config = node["config"]
        return Test(
            unique_id=node["unique_id"],
            name=node["name"],
            asset=self._tested(node),
            fqn=tuple(node["fqn"]),
            severity="error" if config["severity"].lower() == "error" else "warning",
            dimension=config["meta"].get("dimension", ""),
            description=node["description"],
            parents=self._dated(node["depends_on"]["nodes"]),
            fail_calc=config["fail_calc"],
            warn_if=config["warn_if"],
            error_if=config["error_if"],
            limit=config["limit"],
            keeps_failures=bool(config["store_failures"]),
        )

    def _tested(self, node: Node) -> str:
        """The asset of the node that a test is a check of, chosen as dagster-dbt chooses it."""
        named = node["config"]["meta"].get("dagster", {}).get("ref", {}).get("name")
        if named:
            tested = [asset_of(each) for each in self._nodes.values() if each["name"] == named and is_table(each)]
        elif node.get("attached_node"):
            tested = [self._assets[node["attached_node"]]]
        else:
            tested = [self._assets[parent] for parent in node["depends_on"]["nodes"] if parent in self._assets]
        if len(tested) != 1:
            raise TidegateError(
                f"dbt test {node['name']} ({node['original_file_path']}) does not say which model it checks: "
                f"{len(tested)} are in question. "
                "Name one in the test's config: meta={'dagster': {'ref': {'name': '<model>'}}}."
            )
        return tested[0]

    @cached_property
    def _assets(self) -> dict[str, str]:
        """The assets of all nodes that are tables, and of sources."""
        of_nodes = {unique_id: asset_of(node) for unique_id, node in self._nodes.items() if is_table(node)}
        return of_nodes | {unique_id: source.asset for unique_id, source in self.sources.items()}


def _columns_of_key(test: Mapping[str, Any], column: str | None) -> tuple[str, ...]:
    """The columns that a generic test says are unique together."""
    given = test["kwargs"].get(_UNIQUE_TOGETHER.get(test["name"], ""), [column] if test["name"] == "unique" else [])
    return tuple(str(name) for name in given if name)
