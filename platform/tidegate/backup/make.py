"""Making a backup: Dagster's record, then the catalog, both as they are at one moment, then the files that it names.

In this order nothing can be missing. A run that the record does not know yet is asked for again; and a file that the
catalog's copy names stays for days after it went out of use (`lake.upkeep.maintenance`), so there is time to copy it.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from tidegate.backup.contents import Contents, name_at
from tidegate.backup.copying import Copying
from tidegate.backup.packed import CATALOG, RECORD, contents_of, pack, refuse_unsound
from tidegate.backup.place import ARCHIVE, BACKUPS, DATA, MadeBackup, Place
from tidegate.backup.record import Record
from tidegate.errors import IncompleteError, TidegateError
from tidegate.lake.catalogs.copies import copy_catalog
from tidegate.lake.catalogs.files import NeededFile, needed_files
from tidegate.lake.catalogs.versions import as_upgraded, version_in, version_made_now
from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake, refuse_missing_catalog
from tidegate.lake.identity import id_of
from tidegate.lake.tables import rows_by_table
from tidegate.storage.files import Storage, StoredFile

AGAIN = "Stopped. No backup was made; what was copied counts for the next one. Go on with: tidegate backup"


@dataclass(frozen=True)
class ToBackUp:
    """The parts of a home that cannot be made again. `archive` is None where that is not to be in it."""

    config: LakeConfig
    data: Storage
    archive: Storage | None
    record: Record
    scratch: Path


@dataclass(frozen=True)
class Done:
    """A backup that was made, and the files that were not in the place before."""

    backup: MadeBackup
    contents: Contents
    files_copied: int
    archived_copied: int


def make_backup(home: ToBackUp, place: Place, now: dt.datetime) -> Done:
    """Make a backup and see that it is sound. Others go on writing.

    Raises TidegateError, with no backup made, where the lake lacks a file, the place is another lake's, or a copy is
    not what it should be.
    """
    refuse_missing_catalog(home.config)
    home.scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="backup-", dir=home.scratch) as name:
        folder = Path(name)
        home.record.copy_to(folder / RECORD)
        copy_catalog(home.config, folder / CATALOG)
        # Listed after the catalog was copied: what that names is there by now.
        there = {file.name: file for file in home.data.files("")}
        contents = _contents(home, folder, there)
        place.belong_to(contents.lake)
        files = _copy_data(home, place, contents, there)
        archived = _copy_archive(home, place)
        return Done(_put(contents, folder, place, now), contents, files, archived)


def _contents(home: ToBackUp, folder: Path, there: Mapping[str, StoredFile]) -> Contents:
    """Open the catalog's copy and count what it holds."""
    made_by = version_in(folder / CATALOG)
    with closing(Lake.open(as_upgraded(folder / CATALOG, home.config), read_only=True)) as lake:
        needed, snapshot, lake_id = needed_files(lake.con), lake.newest_snapshot(), id_of(lake.con)
        lacking = _lacking(home, needed, there)
        rows = rows_by_table(lake.con)
    # A copy of a SQLite catalog is the database itself.
    if made_by == version_made_now() and home.config.catalog_file is None:
        _refuse_other_rows(home.config, snapshot, rows)
    return Contents(
        tidegate=version("tidegate"),
        ducklake=made_by,
        lake=lake_id,
        snapshot=snapshot,
        rows=rows,
        files={file.name: file.size for file in needed},
        lacking=lacking,
        catalog=home.config.catalog,
        data=home.config.data,
        dagster_home=str(home.record.home),
        has_record=home.record.is_whole and bool(home.record.files),
        has_archive=home.archive is not None,
    )


def _refuse_other_rows(config: LakeConfig, snapshot: int, copied: Mapping[str, int]) -> None:
    """Raise TidegateError where the lake held other rows at the moment that was copied."""
    with closing(Lake.open(config, snapshot=snapshot)) as lake:
        original = rows_by_table(lake.con)
    if original != copied:
        tables = sorted({name for name, _ in original.items() ^ copied.items()})
        raise TidegateError(
            f"The copy of the catalog {config.catalog} does not hold what the lake holds, in {', '.join(tables)}. No "
            "backup was made. Run it again; if this happens again, the catalog is damaged (see docs/operating.md)."
        )


def _lacking(home: ToBackUp, needed: list[NeededFile], there: Mapping[str, StoredFile]) -> tuple[str, ...]:
    """The files that only earlier snapshots need and that are not there. Raises TidegateError for one of now."""
    elsewhere = [file.name for file in needed if file.is_elsewhere]
    if elsewhere:
        raise TidegateError(
            f"{len(elsewhere)} files of the lake lie outside of its data folder, like {elsewhere[0]}, and would not be "
            "in a backup. No backup was made. Write their days again, or back these files up yourself."
        )
    lost = [file for file in needed if file.name not in there or there[file.name].size != file.size]
    if of_now := [file.name for file in lost if file.is_of_now]:
        raise TidegateError(
            f"The lake lacks {len(of_now)} of its data files, like {of_now[0]} in {home.data.place}. No backup was "
            "made. Put them back, or have what they held made again with: tidegate repair"
        )
    return tuple(file.name for file in lost)


def _copy_data(home: ToBackUp, place: Place, contents: Contents, there: Mapping[str, StoredFile]) -> int:
    wanted = [there[name] for name in contents.files if name not in contents.lacking]
    copying = Copying(home.data, "", place.storage, f"{DATA}/", AGAIN)
    try:
        copied = copying.copy(wanted, place.sizes(DATA))
    except IncompleteError as error:
        raise TidegateError(f"{error} No backup was made. Run it again: tidegate backup") from error
    in_place = place.sizes(DATA)
    wrong = [file.name for file in wanted if file.name not in in_place or in_place[file.name].size != file.size]
    if wrong:
        raise TidegateError(
            f"{len(wrong)} data files are not in {place.storage.place} as they should be, like {wrong[0]}. No backup "
            "was made. Run it again: tidegate backup"
        )
    return copied


def _copy_archive(home: ToBackUp, place: Place) -> int:
    if home.archive is None:
        return 0
    wanted = [file for file in home.archive.files("") if is_archived(file.name)]
    return Copying(home.archive, "", place.storage, f"{ARCHIVE}/", AGAIN).copy(wanted, place.sizes(ARCHIVE))


def is_archived(name: str) -> bool:
    """Whether a file of the archive's folder is the archive's, and not a draft or what was found damaged."""
    return name.startswith(("objects/", "deliveries/"))


def _put(contents: Contents, folder: Path, place: Place, now: dt.datetime) -> MadeBackup:
    """Write the backup's file, and read it again."""
    name = name_at(now)
    with place.storage.draft(folder) as draft:
        pack(contents, folder, draft)
        refuse_unsound(draft)
        place.storage.put({f"{BACKUPS}/{name}": draft})
    made = place.chosen(name)
    with place.fetched(made, folder) as packed:
        refuse_unsound(packed)
        if contents_of(packed) != contents:
            raise TidegateError(f"The backup {name} in {place.storage.place} is not what was written. Run it again.")
    return made
