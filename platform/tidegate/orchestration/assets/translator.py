"""What dagster-dbt says of the dbt layers: keys, groups, owners, checks and lineage of a cadence's models, as assets.

Importing dagster-dbt takes two seconds of CPU, nearly all of it dbt, so only `dbt_specs` imports this, once for a state
of the project.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, dbt_assets

from tidegate.home import Home
from tidegate.orchestration.asset_keys import raw_key, serving_key
from tidegate.orchestration.names import group_of
from tidegate.orchestration.partition_definitions import days_behind, partitions_of
from tidegate.transform.parsed.nodes import MARTS
from tidegate.window import Cadence

# Objects of this process, by which dagster-dbt runs dbt: Tidegate runs it itself.
OF_THIS_PROCESS = ("dagster_dbt/manifest", "dagster_dbt/dagster_dbt_translator", "dagster_dbt/project")


def assets_of_dagster_dbt(home: Home, owners: list[str], cadence: Cadence) -> dg.AssetsDefinition:
    """The models of a cadence and their tests as dagster-dbt makes assets and checks of them, to be looked at only."""

    @dbt_assets(
        manifest=home.dbt.manifest_path,
        select=" ".join(f"fqn:{'.'.join(model.fqn)}" for model in home.graph.models_of(cadence)),
        dagster_dbt_translator=LayeredTranslator(home, owners),
        partitions_def=partitions_of(home, cadence),
    )
    def described() -> Iterator[Any]:
        yield from ()

    return described


def without_objects(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata that says something to anybody but dagster-dbt's own step."""
    return {name: value for name, value in metadata.items() if name not in OF_THIS_PROCESS}


class LayeredTranslator(DagsterDbtTranslator):
    """Keys by layer (`marts/daily_sales`), and a source's table standing for all its regions' assets."""

    def __init__(self, home: Home, owners: list[str]) -> None:
        super().__init__()
        self._home = home
        self._owners = owners

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        return dg.AssetKey([_layer(dbt_resource_props), _table(dbt_resource_props)])

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        return str(dbt_resource_props["description"])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        return group_of(_layer(dbt_resource_props), self._cadence_of(dbt_resource_props))

    def get_tags(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, str]:
        return {**super().get_tags(dbt_resource_props), "layer": _layer(dbt_resource_props)}

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> list[str]:
        return self._owners

    def get_partitions_def(self, dbt_resource_props: Mapping[str, Any]) -> dg.PartitionsDefinition[str]:
        return partitions_of(self._home, self._cadence_of(dbt_resource_props))

    def _cadence_of(self, dbt_resource_props: Mapping[str, Any]) -> Cadence:
        table = self._home.graph.tables.get(dbt_resource_props["unique_id"])
        # What has no day stands in the lineage beside the days that read it.
        return table.cadence if table else Cadence.daily

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: Any) -> dg.AssetSpec:
        spec = super().get_asset_spec(manifest, unique_id, project)
        model = self._home.graph.tables.get(unique_id)
        published = set(model.parents) & self._home.graph.published.keys() if model else ()
        marts = {self._home.graph.published[parent].name for parent in published}
        deps = [dep for parent in spec.deps for dep in self._as_read(parent, marts)]
        if model and model.reaches_back:
            behind = days_behind(model.cadence, model.reaches_back)
            deps = [dg.AssetDep(dep.asset_key, partition_mapping=behind) for dep in deps]
        return spec.replace_attributes(deps=deps)

    def _as_read(self, dep: dg.AssetDep, published: Collection[str]) -> Iterator[dg.AssetDep]:
        """What a model depends on: a mart that it reads as published in `serving`, and all regions of a source."""
        layer, name = dep.asset_key.path[0], dep.asset_key.path[-1]
        contract = self._home.contracts.get(name)
        if layer == MARTS and name in published:
            yield dg.AssetDep(serving_key(name))
            return
        if layer == "ops":
            # The ledger is not an asset: every step writes it.
            return
        if layer != "raw" or contract is None:
            yield dep
            return
        for region in contract.regions:
            yield dg.AssetDep(raw_key(name, region.name))

    def get_asset_check_spec(
        self, asset_spec: dg.AssetSpec, manifest: Mapping[str, Any], unique_id: str, project: Any
    ) -> dg.AssetCheckSpec | None:
        spec = super().get_asset_check_spec(asset_spec, manifest, unique_id, project)
        if spec is None:
            return None
        test = self._home.graph.tests[unique_id]
        return spec._replace(
            description=test.description,
            partitions_def=asset_spec.partitions_def,
            metadata={**spec.metadata, "dimension": test.dimension},
        )


def _layer(dbt_resource_props: Mapping[str, Any]) -> str:
    return str(dbt_resource_props["schema"])


def _table(dbt_resource_props: Mapping[str, Any]) -> str:
    """The name of a source's table, or of a node's: its alias."""
    return str(dbt_resource_props.get("identifier") or dbt_resource_props["alias"])
