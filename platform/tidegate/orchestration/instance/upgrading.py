"""Bringing a home that an older version made up to this one: what that would change, and doing it.

Each of the three keeps its own version: DuckLake's catalog, the ledger in it, and Dagster's databases. The backup
before is the caller's.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tidegate.lake.catalogs.copies import copy_catalog
from tidegate.lake.catalogs.versions import (
    as_upgraded,
    bring_up_to_date,
    version_made_now,
    version_of_catalog,
)
from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import MAKING, Lake
from tidegate.lake.lease import EVERY_DAY, lease
from tidegate.ledger.migrations import STEPS, pending_steps
from tidegate.ledger.schema import lacking
from tidegate.ledger.upkeep.opening import upgrade_ledger
from tidegate.orchestration.instance.dagster_home import make_instance, names_a_moved_module, open_instance
from tidegate.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance


def planned_upgrade(settings: Settings) -> list[str]:
    """What an upgrade would change, in sentences. Reads only."""
    config = LakeConfig.of(settings)
    return [*_of_catalog(config), *_of_ledger(config), *_of_dagster(settings)]


def upgrade(settings: Settings) -> None:
    """Bring the home up to this version. Interrupted, it is run again and goes on."""
    config = LakeConfig.of(settings)
    if _of_catalog(config):
        # Whoever makes or changes a catalog is alone with it.
        with lease(config, MAKING, [EVERY_DAY]):
            bring_up_to_date(config)
    upgrade_ledger(config)
    make_instance(settings)
    with open_instance(settings) as instance:
        if _outdated(instance):
            instance.upgrade()


def _of_catalog(config: LakeConfig) -> list[str]:
    found, wanted = version_of_catalog(config), version_made_now()
    if found == wanted:
        return []
    return [f"The lake's catalog goes from DuckLake {found} to {wanted}. An older DuckLake cannot open it then."]


def _of_ledger(config: LakeConfig) -> list[str]:
    """Read in a copy of the catalog, since one of an older version can be opened in no other way."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "catalog.sqlite"
        copy_catalog(config, copy)
        with Lake.open(as_upgraded(copy, config), read_only=True) as lake:
            lacks, steps = lacking(lake.con), pending_steps(lake.con)
    added = [*(f"ops.{name}" for name in lacks.tables), *(f"ops.{table}.{name}" for table, name in lacks.columns)]
    return [
        *([f"The ledger gets {len(added)} tables and columns: {', '.join(added)}."] if added else []),
        *(
            f"The ledger goes to version {STEPS.index(step) + 1}: {step.name}. "
            f"{'It changes rows.' if step.changes_rows else 'It only adds.'}"
            for step in steps
        ),
    ]


def _of_dagster(settings: Settings) -> list[str]:
    config = settings.dagster_home / "dagster.yaml"
    if not config.exists():
        return ["Dagster's record is made: there is none."]
    if names_a_moved_module(config):
        return [f"{config} gets the new name of a module, and Dagster's databases their newest shape."]
    with open_instance(settings) as instance:
        outdated = _outdated(instance)
    return [f"Dagster's {name} go from revision {found} to {wanted}." for name, found, wanted in outdated]


def _outdated(instance: DagsterInstance) -> list[tuple[str, str, str]]:
    """Dagster's databases that are of an older version of Dagster: name, and the revision that each has and should."""
    storages = {
        "runs": instance.run_storage,
        "events": instance.event_log_storage,
        "schedules": instance.schedule_storage,
    }
    revisions = {name: storage.alembic_version() for name, storage in storages.items() if storage}
    return [(name, str(each[0]), str(each[1])) for name, each in revisions.items() if each and each[0] != each[1]]
