"""Assets of the dbt layers that are kept are those that dagster-dbt makes, and need neither it nor dbt."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tests.support.runs.home import TemporaryHome

from tidegate.orchestration.assembly import build_definitions
from tidegate.orchestration.assets.dbt import build_dbt_assets
from tidegate.orchestration.assets.translator import assets_of_dagster_dbt, without_objects
from tidegate.settings import load_settings

# Dagster calls checks per partition a preview, and how a Monday may reach back to before the first day a beta.
pytestmark = [
    pytest.mark.filterwarnings("ignore::dagster.PreviewWarning"),
    pytest.mark.filterwarnings("ignore::dagster.BetaWarning"),
]

LOAD = """
import sys
import tidegate.definitions
print(sorted({"dbt", "dagster_dbt", "pandas"} & set(sys.modules)))
"""


def test_what_is_kept_is_what_dagster_dbt_makes(module_home: TemporaryHome) -> None:
    home = module_home.home
    for cadence in home.cadences:
        for _first_and_again in range(2):
            ours = build_dbt_assets(home, ["team:data"], cadence)
            theirs = assets_of_dagster_dbt(home, ["team:data"], cadence)
            wanted = {
                spec.key: spec.replace_attributes(metadata=without_objects(spec.metadata)) for spec in theirs.specs
            }
            assert {spec.key: spec for spec in ours.specs} == wanted
            checks = {spec.key: spec._replace(metadata=without_objects(spec.metadata)) for spec in theirs.check_specs}
            assert {spec.key: spec for spec in ours.check_specs} == checks
            assert ours.op.tags == theirs.op.tags
            assert ours.partitions_def == theirs.partitions_def


def test_what_shapes_the_assets_makes_them_again(module_home: TemporaryHome) -> None:
    home = module_home.home
    for owner in ("team:one", "team:other"):
        assets = build_dbt_assets(home, [owner], home.cadences[0])
        assert {tuple(spec.owners) for spec in assets.specs} == {(owner,)}


@pytest.mark.slow
def test_definitions_of_a_home_that_has_them_import_no_dbt(
    module_home: TemporaryHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in module_home.environment.items():
        monkeypatch.setenv(name, value)
    # Made here, where dbt is imported already.
    build_definitions(load_settings())
    done = subprocess.run([sys.executable, "-c", LOAD], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
