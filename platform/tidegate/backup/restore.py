"""A home made of a backup, where there is none: the data files, the archive, Dagster's record, and the catalog last.

The lake is there once its catalog is. A restore that was interrupted before is run again.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tidegate.backup.contents import Contents
from tidegate.backup.copying import Copying
from tidegate.backup.packed import CATALOG, RECORD, contents_of, unpack
from tidegate.backup.place import ARCHIVE, DATA, MadeBackup, Place
from tidegate.backup.record import put_record, refuse_record_in_place
from tidegate.errors import TidegateError
from tidegate.lake.catalogs.copies import put_catalog, refuse_catalog_in_place
from tidegate.lake.catalogs.versions import version_made_now
from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake
from tidegate.lake.identity import MARKER
from tidegate.lake.tables import rows_by_table
from tidegate.storage.files import Storage, StoredFile, write


@dataclass(frozen=True)
class ToRestore:
    """Where the parts of a home go. With `keep_data`, files of the lake that are in its data folder stay there."""

    config: LakeConfig
    data: Storage
    archive: Storage
    dagster_home: Path
    scratch: Path
    keep_data: bool = False


@dataclass(frozen=True)
class Restored:
    """What was restored. `archive_was_there`: it was left as it is; `needs_upgrade`: the lake is of an older "
    "version."""

    backup: MadeBackup
    contents: Contents
    files_copied: int
    archive_was_there: bool
    needs_upgrade: bool


def restore(place: Place, home: ToRestore, name: str | None = None) -> Restored:
    """Make a home of the backup of that name, or of the newest.

    Raises TidegateError, with nothing changed, where anything of it is there already, and where the backup or one of
    its files is not whole.
    """
    refuse_catalog_in_place(home.config)
    refuse_record_in_place(home.dagster_home)
    backup = place.chosen(name)
    home.scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="restore-", dir=home.scratch) as temporary:
        folder = Path(temporary)
        with place.fetched(backup, folder) as packed:
            contents = contents_of(packed)
            _refuse_other_version(home.config, contents)
            _refuse_other_data(home, contents, place)
            in_place = place.sizes(DATA)
            _refuse_lacking(place, contents, in_place)
            unpack(packed, folder)
        # First of all: should this be interrupted, the files there are this lake's.
        write(home.data, {MARKER: f"{contents.lake}\n".encode("ascii")})
        copied = _restore_data(place, home, contents, in_place)
        archive_was_there = _restore_archive(place, home)
        if contents.has_record:
            put_record(folder / RECORD, home.dagster_home, contents.dagster_home)
        put_catalog(folder / CATALOG, home.config)
    needs_upgrade = contents.ducklake != version_made_now()
    if not needs_upgrade:
        _refuse_other_rows(home.config, contents)
    return Restored(backup, contents, copied, archive_was_there, needs_upgrade)


def _refuse_other_version(config: LakeConfig, contents: Contents) -> None:
    """Raise TidegateError where Postgres would get tables that DuckLake here does not make. A file is taken as it
    is."""
    made = version_made_now()
    if config.catalog_file is None and contents.ducklake != made:
        raise TidegateError(
            f"This backup's catalog is of DuckLake {contents.ducklake}, and the one here makes {made} in Postgres. "
            f"Nothing was changed. Restore it with Tidegate {contents.tidegate}, which made it; or set "
            "TIDEGATE_LAKE_CATALOG to a SQLite file, and upgrade that: tidegate upgrade"
        )


def _refuse_other_data(home: ToRestore, contents: Contents, place: Place) -> None:
    """Raise TidegateError where files lie in the data folder: of another lake, or of this one unless they stay."""
    if next(iter(home.data.files("")), None) is None:
        return
    owner = (home.data.read(MARKER) or b"").decode("ascii", "replace").strip()
    if owner != contents.lake:
        raise TidegateError(
            f"The data folder {home.data.place} holds files that are not of the lake {contents.lake} of this backup. "
            "Nothing was changed. Set TIDEGATE_LAKE_DATA, or TIDEGATE_HOME, to an empty folder."
        )
    if not home.keep_data:
        raise TidegateError(
            f"The data folder {home.data.place} holds files of this lake already. Nothing was changed. If its catalog "
            f"is lost, or a restore was interrupted, have them stay: tidegate restore {place.storage.place} "
            "--keep-data. Never do so beside a catalog that is in use: both would write there. For a copy of the "
            "lake, set TIDEGATE_LAKE_DATA, or TIDEGATE_HOME, to an empty folder."
        )


def _refuse_lacking(place: Place, contents: Contents, in_place: Collection[str]) -> None:
    lacking = [name for name in contents.files if name not in in_place and name not in contents.lacking]
    if lacking:
        raise TidegateError(
            f"{place.storage.place} lacks {len(lacking)} data files of this backup, like {lacking[0]}. Nothing was "
            "changed. Put them back, or choose another backup. Without one, the lake is made again from the archive: "
            "tidegate repair"
        )


def _restore_data(place: Place, home: ToRestore, contents: Contents, in_place: Mapping[str, StoredFile]) -> int:
    there = {file.name: file for file in home.data.files("")}
    wanted = [in_place[name] for name in contents.files if name not in contents.lacking]
    return Copying(place.storage, f"{DATA}/", home.data, "", _again(place)).copy(wanted, there)


def _again(place: Place) -> str:
    return f"Stopped. There is no lake yet. Run again: tidegate restore {place.storage.place} --keep-data"


def _restore_archive(place: Place, home: ToRestore) -> bool:
    """Put the archive back, unless there is one; whether there was."""
    if next(iter(home.archive.files("deliveries")), None) is not None:
        return True
    archived = list(place.storage.files(ARCHIVE))
    # What a manifest names is there before it is.
    for part in ("objects", "deliveries"):
        wanted = [file for file in archived if file.name.startswith(f"{ARCHIVE}/{part}/")]
        Copying(place.storage, f"{ARCHIVE}/", home.archive, "", _again(place)).copy(wanted, {})
    return False


def _refuse_other_rows(config: LakeConfig, contents: Contents) -> None:
    with closing(Lake.open(config, read_only=True)) as lake:
        rows = rows_by_table(lake.con)
    if rows != contents.rows:
        raise TidegateError(
            f"The lake at {config.catalog} was restored and does not hold what its backup says. Do not use it: remove "
            "it, and restore another backup."
        )
