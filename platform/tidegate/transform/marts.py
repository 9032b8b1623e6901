"""What the manifest says about models and tests, as far as Tidegate acts on it.

Which table and day column a model has, which check a test is, what a day needs before it may be published.
Pure: the content of a manifest.json goes in. Running anything does not belong here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tidegate.errors import TidegateError
from tidegate.lake.gate import Mart
from tidegate.transform.columns import refuse_columns_no_table_can_have
from tidegate.window import Cadence

RAW, MARTS, SERVING = "raw", "marts", "serving"

# The column that holds the day of every table in `raw`.
DELIVERY_DAY = "_delivered_on"


@dataclass(frozen=True)
class Model:
    """A dbt model, or a source's table: where it is, what it has, and which column holds its day."""

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
    # A source that is empty where no contract delivers it, by intention.
    optional: bool = False

    @property
    def asset(self) -> str:
        return f"{self.schema}/{self.name}"

    @property
    def is_mart(self) -> bool:
        return self.schema == MARTS


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


@dataclass(frozen=True)
class Marts:
    """What a partition of a cadence needs to be published: the marts, the models behind them, the blocking checks."""

    marts: tuple[Mart, ...]
    models: frozenset[str]
    blocking_checks: frozenset[tuple[str, str]]


class Graph:
    """Models, sources and data tests of a manifest, by dbt's unique id."""

    def __init__(self, manifest: Mapping[str, Any]) -> None:
        self._manifest = manifest

    @cached_property
    def models(self) -> dict[str, Model]:
        nodes = self._manifest["nodes"].values()
        return {node["unique_id"]: _model(node) for node in nodes if node["resource_type"] == "model"}

    @cached_property
    def sources(self) -> dict[str, Model]:
        """The tables of `raw` that models read, and those of `serving` and `ops` that models of other cadences do."""
        return {source["unique_id"]: self._source(source) for source in self._manifest["sources"].values()}

    @cached_property
    def tables(self) -> dict[str, Model]:
        """Models and sources."""
        return {**self.models, **self.sources}

    @cached_property
    def deliveries(self) -> frozenset[str]:
        """The names of the sources that models read from `raw`."""
        return frozenset(source.name for source in self.sources.values() if source.schema == RAW)

    @cached_property
    def tests(self) -> dict[str, Test]:
        nodes = self._manifest["nodes"].values()
        return {node["unique_id"]: self._test(node) for node in nodes if node["resource_type"] == "test"}

    @cached_property
    def daily_reach(self) -> int:
        """Days before its own that a day is made of, models that read back behind one another added up."""
        reach: dict[str, int] = {}

        def reach_of(unique_id: str) -> int:
            if unique_id not in reach:
                model = self.models.get(unique_id)
                daily = model is not None and model.cadence is Cadence.daily
                reach[unique_id] = (
                    model.reaches_back + max(map(reach_of, model.parents), default=0) if model and daily else 0
                )
            return reach[unique_id]

        return max((reach_of(model.unique_id) for model in self.models_of(Cadence.daily)), default=0)

    def models_of(self, cadence: Cadence) -> list[Model]:
        return [model for model in self.models.values() if model.cadence is cadence]

    def tests_of(self, cadence: Cadence) -> list[Test]:
        """The tests that are checks of the cadence's models; of sources, the daily ones."""
        weekly = {model.asset for model in self.models_of(Cadence.weekly)}
        return [test for test in self.tests.values() if (test.asset in weekly) is (cadence is Cadence.weekly)]

    def marts_of(self, cadence: Cadence) -> Marts:
        """The marts of a cadence, and all of that cadence that stands behind any mart.

        What stands behind a weekly mart day by day must be sound for the day to be published.
        """
        marts = [model for model in self.models_of(cadence) if model.is_mart]
        behind = self.with_ancestors(model.unique_id for model in self.models.values() if model.is_mart)
        models = [model for model in self.models_of(cadence) if model.unique_id in behind]
        raw = [source for source in self.sources_of(models) if source.schema == RAW]
        assets = {table.asset for table in (*models, *raw)}
        checks = [test for test in self.tests.values() if test.blocking and test.asset in assets]
        return Marts(
            marts=tuple(sorted((Mart(model.name, model.day_column) for model in marts), key=str)),
            models=frozenset(model.name for model in models),
            blocking_checks=frozenset((check.asset, check.name) for check in checks),
        )

    def read_by(self, models: Collection[Model]) -> list[Model]:
        """The tables that the models read themselves, other models among them."""
        own = {model.unique_id for model in models}
        parents = {parent for model in models for parent in model.parents} - own
        return [table for unique_id, table in self.tables.items() if unique_id in parents]

    def sources_of(self, models: Iterable[Model]) -> list[Model]:
        """The source tables that the models read themselves."""
        parents = {parent for model in models for parent in model.parents}
        return [source for unique_id, source in self.sources.items() if unique_id in parents]

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

    def _source(self, node: Mapping[str, Any]) -> Model:
        published = [model for model in self.models.values() if model.is_mart and model.name == node["identifier"]]
        if node["schema"] == SERVING and published:
            # As it is promoted: what its mart is.
            return dataclasses.replace(
                published[0],
                unique_id=node["unique_id"],
                schema=SERVING,
                fqn=tuple(node["fqn"]),
                partitioned_by=None,
                parents=(),
                file=node["original_file_path"],
            )
        return _source(node)

    def _test(self, node: Mapping[str, Any]) -> Test:
        config = node["config"]
        return Test(
            unique_id=node["unique_id"],
            name=node["name"],
            asset=self._tested(node).asset,
            fqn=tuple(node["fqn"]),
            severity="error" if config["severity"].lower() == "error" else "warning",
            dimension=config["meta"].get("dimension", ""),
            description=node["description"],
            parents=tuple(node["depends_on"]["nodes"]),
            fail_calc=config["fail_calc"],
            warn_if=config["warn_if"],
            error_if=config["error_if"],
            limit=config["limit"],
            keeps_failures=bool(config["store_failures"]),
        )

    def _tested(self, node: Mapping[str, Any]) -> Model:
        """The model or source that a test is a check of, chosen as dagster-dbt chooses it."""
        named = node["config"]["meta"].get("dagster", {}).get("ref", {}).get("name")
        if named:
            tested = [model for model in self.models.values() if model.name == named]
        elif node.get("attached_node"):
            tested = [self.tables[node["attached_node"]]]
        else:
            tested = [self.tables[parent] for parent in node["depends_on"]["nodes"] if parent in self.tables]
        if len(tested) != 1:
            raise TidegateError(
                f"dbt test {node['name']} ({node['original_file_path']}) does not say which model it checks: "
                f"{len(tested)} are in question. "
                "Name one in the test's config: meta={'dagster': {'ref': {'name': '<model>'}}}."
            )
        return tested[0]


def _model(node: Mapping[str, Any]) -> Model:
    meta = node["config"]["meta"].get("tidegate", {})
    day = meta.get("day")
    if not day:
        raise TidegateError(
            f"dbt's {node['name']} ({node['original_file_path']}) does not say which column holds its day. "
            "Name it in its YAML: config: {meta: {tidegate: {day: <column>}}}."
        )
    columns = _columns(node)
    refuse_columns_no_table_can_have(node["name"], node["original_file_path"], columns, day)
    return Model(
        unique_id=node["unique_id"],
        schema=node["schema"],
        name=node["alias"],
        fqn=tuple(node["fqn"]),
        day_column=day,
        columns=columns,
        partitioned_by=node["config"].get("partition_by"),
        cadence=Cadence(meta.get("cadence", Cadence.daily)),
        reaches_back=int(meta.get("reaches_back_days", 0)),
        parents=tuple(node["depends_on"]["nodes"]),
        file=node["original_file_path"],
    )


def _source(node: Mapping[str, Any]) -> Model:
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


def _columns(node: Mapping[str, Any]) -> dict[str, str]:
    return {column["name"]: column["data_type"] for column in node["columns"].values()}
