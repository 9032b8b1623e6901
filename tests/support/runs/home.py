"""A temporary home with everything real in it: landing, archive, lake, parsed dbt project and Dagster's instance.

What tests ask of a home is here; what they expect of it is theirs.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import dagster as dg
from dagster._core.definitions.partitions.subset import PartitionsSubset
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value
from tests.support.lake.copied import put_lake
from tests.support.runs.landing import Landing
from tests.support.shared_folder import shared_folder

from tidegate.home import Home
from tidegate.lake.config import LakeConfig
from tidegate.lake.content import Content, content_by_day, content_by_day_select
from tidegate.lake.tables import table_columns
from tidegate.orchestration.assembly import build_definitions
from tidegate.orchestration.asset_keys import serving_key
from tidegate.orchestration.assets.serving import GATE
from tidegate.orchestration.instance.dagster_home import make_instance
from tidegate.orchestration.outcomes import RunOutcome
from tidegate.orchestration.partition_definitions import partitions_of
from tidegate.orchestration.runs import Runner
from tidegate.settings import Settings, load_settings
from tidegate.transform.parsed.members import DELIVERY_DAY
from tidegate.window import Cadence, Window

CONTRACTS = Path(__file__).with_name("contracts")
FIRST_DAY = dt.date(2024, 3, 1)
EVER = Window(dt.date(1990, 1, 1), dt.date(2100, 1, 1))

# What a delivery and its day are made into. The ledger tells times and runs, so no two of them are equal.
REPRODUCIBLE = ("raw", "quarantine", "staging", "intermediate", "marts", "serving")

# Content by (schema, table, day); a day without rows is not in it.
Contents = dict[tuple[str, str, dt.date], Content]
NewHome = Callable[..., "TemporaryHome"]


def without_mornings(outcomes: Iterable[RunOutcome]) -> list[RunOutcome]:
    """The outcomes of runs but those of mornings, of which there is one after every day: all of these succeed."""
    found = list(outcomes)
    assert all(outcome.succeeded for outcome in found if outcome.window.cadence is Cadence.morning)
    return [outcome for outcome in found if outcome.window.cadence is not Cadence.morning]


@dataclass
class TemporaryHome:
    """One home with a lake. Its Dagster instance is made when first asked for; other processes work on it with
    `environment`."""

    settings: Settings

    @cached_property
    def landing(self) -> Landing:
        return Landing(Path(self.settings.landing))

    @cached_property
    def home(self) -> Home:
        return Home(self.settings)

    @cached_property
    def runner(self) -> Runner:
        self.make_instance_here()
        return Runner.open(self.home)

    @cached_property
    def definitions(self) -> dg.Definitions:
        """As the UI loads them. Making them takes half a second, so all of a home's tests share them."""
        return build_definitions(home=self.home)

    @property
    def environment(self) -> dict[str, str]:
        """By which a process of its own finds this home, and nothing else."""
        self.make_instance_here()
        values = self.settings.model_dump(mode="json")
        return {
            **os.environ,
            **{f"TIDEGATE_{name.upper()}": str(value) for name, value in values.items()},
            "DAGSTER_HOME": str(self.settings.dagster_home),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        }

    def make_instance_here(self) -> None:
        """Dagster's databases as it makes them, which takes half a second of CPU, are copied. What says where they are
        is this home's own."""
        if not self.settings.dagster_home.exists():
            own = shutil.ignore_patterns("dagster.yaml")
            shutil.copytree(new_instance().dagster_home, self.settings.dagster_home, ignore=own)
            make_instance(self.settings)

    def run(self, day: dt.date) -> list[RunOutcome]:
        """Run the day and restate what its deliveries touched, as `tidegate run` does."""
        return without_mornings(self.runner.run_and_restate(Window.of_day(day)))

    def backfill(self, window: Window) -> list[RunOutcome]:
        return without_mornings(self.runner.backfill(window))

    def query(self, sql: str) -> list[tuple[object, ...]]:
        with self.home.lake() as lake:
            return lake.con.execute(sql).fetchall()

    def contents(self, *schemas: str, window: Window = EVER) -> Contents:
        """Content hashes of every table of these schemas, or of all that is reproducible, by day."""
        with self.home.lake() as lake:
            columns = table_columns(lake.con, self._tables(schemas or REPRODUCIBLE))
            selects = [
                content_by_day_select(schema, table, of_table, self._day_column(schema, table), window)
                for (schema, table), of_table in columns.items()
            ]
            return content_by_day(lake.con, selects) if selects else {}

    def _tables(self, schemas: tuple[str, ...]) -> list[tuple[str, str]]:
        models = [(model.schema, model.name) for model in self.home.graph.models.values()]
        marts = [("serving", mart.name) for cadence in Cadence for mart in self.home.requirements_of(cadence).marts]
        sources = [(schema, name) for schema in ("raw", "quarantine") for name in self.home.contracts]
        return [table for table in (*sources, *models, *marts) if table[0] in schemas]

    def _day_column(self, schema: str, table: str) -> str:
        if schema in ("raw", "quarantine"):
            return DELIVERY_DAY
        return next(model.day_column for model in self.home.graph.models.values() if model.name == table)

    def partitions_in_serving(self) -> dict[str, tuple[frozenset[dt.date], frozenset[dt.date]]]:
        """By mart: the days that the UI shows as materialized in `serving`, and those it shows as failed."""
        marts = self.home.requirements_of(Cadence.daily).marts
        return {mart.name: self._partitions_of(serving_key(mart.name)) for mart in marts}

    def _partitions_of(self, asset: dg.AssetKey) -> tuple[frozenset[dt.date], frozenset[dt.date]]:
        return self.partitions_in(self.runner.instance, asset)

    def partitions_in(
        self, instance: dg.DagsterInstance, asset: dg.AssetKey
    ) -> tuple[frozenset[dt.date], frozenset[dt.date]]:
        """The asset's days that the UI of an instance shows as materialized, and those it shows as failed."""
        partitions = partitions_of(self.home, Cadence.daily)
        status = get_and_update_asset_status_cache_value(instance, asset, partitions)
        assert status is not None
        failed = status.deserialize_failed_partition_subsets(partitions)
        materialized = status.deserialize_materialized_partition_subsets(partitions)
        # As in the UI: what failed last is failed, however often it was materialized before.
        return _days(materialized - failed), _days(failed)

    def gate_in(self, instance: dg.DagsterInstance, day: dt.date) -> set[tuple[bool, str]]:
        """What the pages of a day in `serving` say in an instance: whether it may be published, and if not, why."""
        newest = set()
        for mart in self.home.requirements_of(Cadence.daily).marts:
            key = dg.AssetCheckKey(serving_key(mart.name), GATE)
            records = instance.event_log_storage.get_asset_check_execution_history(key, limit=100)
            entries = [record.event for record in records if record.event]
            events = [entry.dagster_event for entry in entries if entry.dagster_event]
            of_day = [event.asset_check_evaluation_data for event in events]
            found = [check for check in of_day if check.partition == str(day)]
            newest |= {(check.passed, check.description or "") for check in found[:1]}
        return newest

    def close(self) -> None:
        """Give up connections; the next use opens others."""
        if "runner" in vars(self):
            self.runner.instance.dispose()
            del self.runner
        vars(self).pop("definitions", None)
        if "home" in vars(self):
            self.home.close()
            del self.home


def copied(home: TemporaryHome, settings: Settings) -> TemporaryHome:
    """A home of these settings with the lake, landing and archive of another that nobody has open, and no runs."""
    settings.scratch.mkdir(parents=True, exist_ok=True)
    put_lake(LakeConfig.of(settings), LakeConfig.of(home.settings))
    for name in ("landing", "archive"):
        shutil.copytree(getattr(home.settings, name), getattr(settings, name))
    return TemporaryHome(settings)


@cache
def new_instance() -> Settings:
    """Where there is an instance that was made and never used."""
    settings = settings_of(shared_folder("instance"))
    make_instance(settings)
    return settings


def _days(partitions: PartitionsSubset) -> frozenset[dt.date]:
    return frozenset(dt.date.fromisoformat(key) for key in partitions.get_partition_keys())


def settings_of(folder: Path, **overrides: object) -> Settings:
    """Settings of a home in `folder`: two regions, a first partition, and a short wait for other writers."""
    defaults: dict[str, object] = {
        "home": folder,
        "contracts": CONTRACTS,
        "start_date": FIRST_DAY,
        # On tables of a few rows one thread is a third faster than two.
        "threads": 1,
        "memory_limit": "1GB",
        "lake_patience": 60.0,
    }
    return load_settings(**{**defaults, **overrides})
