"""What the manifest says about models and tests, as far as Tidegate acts on it.

Which table and day column a model has, which check a test is, what a day needs before it may be published.
Pure: the content of a manifest.json goes in. Running anything does not belong here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tidegate.errors import TidegateError
from tidegate.ledger.calendar import NAME as CALENDAR
from tidegate.ledger.contents import Seed
from tidegate.publishing.promises import Promise
from tidegate.publishing.requirements import DEFAULT_PRODUCT
from tidegate.transform.parsed.columns import refuse_columns_no_table_can_have
from tidegate.transform.parsed.groups import promises_of
from tidegate.transform.parsed.nodes import (
    MARTS,
    Kind,
    Node,
    content_of_seed,
    is_only_a_statement,
    kind_of,
    meta_of,
    refusal,
    refuse_what_reads_snapshots,
    runs_more_than_models,
)
from tidegate.transform.parsed.published import marts_read_as_published
from tidegate.window import Cadence

RAW, SERVING, OPS = "raw", "serving", "ops"

# The argument by which a generic test names columns that are unique together.
_UNIQUE_TOGETHER = {"unique": "columns", "unique_combination_of_columns": "combination_of_columns"}

# The column that holds the day of every table in `raw`.
DELIVERY_DAY = "_delivered_on"


@dataclass(frozen=True)
class Model:
    """A dated dbt model, or a source's table: where it is, what it has, and which column holds its day.

    `parents` are the dated models and sources that it reads, be it through nodes that have no day.
    """

    unique_id: str
    schema: str
    name: str
    fqn: tuple[str, ...]
    day_column: str
    columns: Mapping[str, str]
    partitioned_by: str | None
    cadence: Cadence
    # Days before its own that its rows are made of.
    reaches_back: int
    parents: tuple[str, ...]
    # The file that says so, for people.
    file: str
    # The marts of which it reads no more than the newest day within its reach.
    reads_newest: tuple[str, ...] = ()
    # A source that is empty where no contract delivers it, by intention.
    optional: bool = False
    # The dbt group that it is in.
    product: str = DEFAULT_PRODUCT
    in_python: bool = False
    # Needs dbt only to be compiled.
    is_only_a_statement: bool = False

    @property
    def asset(self) -> str:
        return f"{self.schema}/{self.name}"

    @property
    def is_mart(self) -> bool:
        return self.schema == MARTS


@dataclass(frozen=True)
class Undated:
    """A seed, view, or table without a day: made whole by dbt's `command`, before what reads it."""

    unique_id: str
    schema: str
    name: str
    fqn: tuple[str, ...]
    command: str
    # Of a seed, a hash over its file.
    content: str = ""

    @property
    def asset(self) -> str:
        return f"{self.schema}/{self.name}"


@dataclass(frozen=True)
class Test:
    """A dbt data test, as the check that it is on its asset."""

    __test__ = False  # not one of pytest's

    unique_id: str
    name: str
    asset: str
    fqn: tuple[str, ...]
    severity: str
    dimension: str
    description: str
    parents: tuple[str, ...]
    fail_calc: str
    warn_if: str
    error_if: str
    limit: int | None
    keeps_failures: bool

    @property
    def blocking(self) -> bool:
        return self.severity == "error"


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
            unique_id: _model(
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
            unique_id: _undated(self._nodes[unique_id])
            for unique_id, kind in self._kinds.items()
            if kind is Kind.undated
        }

    @cached_property
    def sources(self) -> dict[str, Model]:
        """The tables of `raw` that models read, and those of `ops`."""
        return {source["unique_id"]: _source(source) for source in self._manifest["sources"].values()}

    @cached_property
    def published(self) -> dict[str, Model]:
        """The marts as they are published, in `serving`: what models of other cadences read of them."""
        marts = [model for model in self.models.values() if model.is_mart]
        return {_as_published(mart.unique_id): _published(mart) for mart in marts}

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
        return raw | {_asset(self._nodes[unique_id]) for unique_id in passed}

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
            as_published = self._name_of(parent) in marts or self._is_published_to_python(node, parent)
            yield _as_published(parent) if as_published else parent

    def _is_published_to_python(self, node: Node, parent: str) -> bool:
        """In Python, what `dbt.ref` gives of a daily mart to a model of another cadence is what is published."""
        read = self._nodes.get(parent)
        if read is None or node.get("language") != "python" or read["schema"] != MARTS:
            return False
        return _cadence_of(read) is Cadence.daily and _cadence_of(node) is not Cadence.daily

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
            read = found | {_as_published(each) for each in found}
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
            tested = [_asset(each) for each in self._nodes.values() if each["name"] == named and _is_table(each)]
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
        of_nodes = {unique_id: _asset(node) for unique_id, node in self._nodes.items() if _is_table(node)}
        return of_nodes | {unique_id: source.asset for unique_id, source in self.sources.items()}


def _columns_of_key(test: Mapping[str, Any], column: str | None) -> tuple[str, ...]:
    """The columns that a generic test says are unique together."""
    given = test["kwargs"].get(_UNIQUE_TOGETHER.get(test["name"], ""), [column] if test["name"] == "unique" else [])
    return tuple(str(name) for name in given if name)


def _asset(node: Node) -> str:
    return f"{node['schema']}/{node['alias']}"


def _is_table(node: Node) -> bool:
    return node["resource_type"] in ("model", "seed", "snapshot")


def _undated(node: Node) -> Undated:
    unique_id, schema, name, fqn = node["unique_id"], node["schema"], node["alias"], tuple(node["fqn"])
    if node["resource_type"] != "seed":
        return Undated(unique_id, schema, name, fqn, "run")
    return Undated(unique_id, schema, name, fqn, "seed", content=content_of_seed(node))


def _model(node: Node, parents: tuple[str, ...], needs_dbt: bool) -> Model:
    meta = meta_of(node)
    columns = _columns(node)
    if node["alias"] == CALENDAR:
        raise refusal(node, f"has the name of {SERVING}.{CALENDAR}, which says the state of each day.", "Rename it")
    refuse_columns_no_table_can_have(node["name"], node["original_file_path"], columns, meta["day"])
    return Model(
        unique_id=node["unique_id"],
        schema=node["schema"],
        name=node["alias"],
        fqn=tuple(node["fqn"]),
        day_column=meta["day"],
        columns=columns,
        partitioned_by=node["config"].get("partition_by"),
        cadence=_cadence_of(node),
        reaches_back=_days_back(node, meta.get("reaches_back_days", 0)),
        parents=parents,
        file=node["original_file_path"],
        reads_newest=_named(node, meta.get("reads_newest", [])),
        product=node["config"].get("group") or DEFAULT_PRODUCT,
        in_python=node["language"] == "python",
        is_only_a_statement=is_only_a_statement(node) and not needs_dbt,
    )


def _cadence_of(node: Node) -> Cadence:
    return Cadence(meta_of(node).get("cadence", Cadence.daily))


def _as_published(unique_id: str) -> str:
    """The name of a mart as it is published, beside dbt's unique ids."""
    return f"{SERVING}.{unique_id}"


def _published(mart: Model) -> Model:
    """As it is promoted: what its mart is."""
    return dataclasses.replace(
        mart, unique_id=_as_published(mart.unique_id), schema=SERVING, partitioned_by=None, parents=()
    )


def _source(node: Mapping[str, Any]) -> Model:
    if node["schema"] == SERVING:
        raise refusal(
            node,
            "is a mart as it is published, by its table.",
            f"Write {{{{ tidegate.published('{node['identifier']}') }}}} where it is read, which keeps the lineage "
            "whole, and remove the source",
        )
    return Model(
        unique_id=node["unique_id"],
        schema=node["schema"],
        name=node["identifier"],
        fqn=tuple(node["fqn"]),
        day_column=DELIVERY_DAY,
        columns=_columns(node),
        partitioned_by=DELIVERY_DAY,
        cadence=Cadence.daily,
        reaches_back=0,
        parents=(),
        file=node["original_file_path"],
        optional=node["config"]["meta"].get("tidegate", {}).get("optional") is True,
    )


def _days_back(node: Mapping[str, Any], written: object) -> int:
    # dbt renders a variable in YAML as text.
    if not isinstance(written, int | str) or not str(written).isdecimal():
        raise TidegateError(
            f"dbt's {node['name']} ({node['original_file_path']}) has {written!r} as reaches_back_days. Nothing was "
            "built. Write how many days before its own it reads, as a whole number from 0."
        )
    return int(written)


def _named(node: Mapping[str, Any], written: object) -> tuple[str, ...]:
    if not isinstance(written, list) or not all(isinstance(name, str) for name in written):
        raise refusal(
            node,
            f"has {written!r} as reads_newest.",
            "Write a list of marts of which it reads only the newest day, or leave it out",
        )
    return tuple(written)


def _columns(node: Mapping[str, Any]) -> dict[str, str]:
    return {column["name"]: column["data_type"] for column in node["columns"].values()}
