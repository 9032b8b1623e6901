"""Backups of lakes in tests: where they go, what is in them, and whether two lakes hold the same."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from tidegate.backup.make import Done, ToBackUp, make_backup
from tidegate.backup.place import Place
from tidegate.backup.record import Record
from tidegate.backup.restore import Restored, ToRestore, restore
from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake
from tidegate.lake.content import Content, content_of
from tidegate.lake.sql import qualified
from tidegate.lake.tables import rows_by_table
from tidegate.storage.files import Storage
from tidegate.storage.places import storage_at
from tidegate.storage.s3_client import new_s3_client


def storage(place: str | Path) -> Storage:
    return storage_at(str(place), "TIDEGATE_BACKUPS", new_s3_client)


def back_up(config: LakeConfig, place: Storage, archive: Storage | None = None, dagster: Path | None = None) -> Done:
    """A backup of a lake, of an archive, and of a folder with Dagster's record, as far as there is one."""
    folder = dagster or config.spill.parent / "dagster"
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    home = ToBackUp(config, storage(config.data), archive, Record(folder, files, True), config.spill.parent / "scratch")
    return make_backup(home, Place(place), dt.datetime.now(dt.UTC))


def put_back(
    config: LakeConfig,
    place: Storage,
    *,
    keep_data: bool = False,
    name: str | None = None,
    data: Storage | None = None,
) -> Restored:
    """A home of its own made of a backup."""
    folder = config.spill.parent
    archive, dagster = storage(folder / "archive"), folder / "dagster"
    home = ToRestore(config, data or storage(config.data), archive, dagster, folder / "scratch", keep_data)
    return restore(Place(place), home, name)


def contents_of(lake: Lake) -> dict[str, Content]:
    """The content of every table."""
    return {name: content_of(lake.con, f"from {qualified(*name.split('.', 1))}") for name in rows_by_table(lake.con)}
