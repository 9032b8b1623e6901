"""The commands that keep a home: `tidegate backup`, `backups`, `restore`, `upgrade` and `repair`."""

from __future__ import annotations

import datetime as dt
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli import console
from tidegate.cli.settings import load_settings
from tidegate.cli.words import AsTextOrJson, TextOrJson, ends_when_asked, with_plain_errors
from tidegate.errors import LakeMissingError, TidegateError
from tidegate.machine.stopping import until_asked

if TYPE_CHECKING:
    from tidegate.backup.make import Done
    from tidegate.backup.place import Place
    from tidegate.backup.restore import Restored
    from tidegate.settings import Settings
    from tidegate.storage.files import Storage
    from tidegate.storage.s3 import S3Client

MB = 1_000_000


@with_plain_errors
@ends_when_asked
def backup(
    to: Annotated[
        str | None, typer.Option(metavar="PLACE", help="Folder or URL for backups, instead of TIDEGATE_BACKUPS.")
    ] = None,
    without_archive: Annotated[
        bool, typer.Option("--without-archive", help="Leave out the archive, where it is kept safe otherwise.")
    ] = False,
    keep: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Delete all backups there but the newest N afterwards.")
    ] = None,
) -> None:
    """Copy what the home cannot make again: the lake with its ledger, Dagster's record, the archive. Others go on."""
    from tidegate.backup.expire import keep_newest

    settings = load_settings()
    place = to or settings.backups
    done = make(settings, place, with_archive=not without_archive)
    console.say(
        f"{done.backup.name} is in {place}: {sum(done.contents.rows.values()):,} rows of {len(done.contents.rows)} "
        f"tables in {len(done.contents.files):,} data files, {done.contents.data_bytes / MB:,.1f} MB. New in it: "
        f"{done.files_copied:,} data files and {done.archived_copied:,} files of the archive."
    )
    if done.contents.lacking:
        console.warn(
            f"{len(done.contents.lacking)} files are not in it, which only earlier snapshots need: the lake had lost "
            "them."
        )
    if not done.contents.has_record:
        console.warn("Dagster's record is not in it: it is kept elsewhere, and has backups of its own.")
    if keep:
        expired = keep_newest(_place(place), keep, dt.datetime.now(dt.UTC), settings.scratch)
        console.say(
            f"Deleted: {expired.backups} older backups, and {expired.files} data files that no other one needs."
        )


@with_plain_errors
def backups(
    place: Annotated[str | None, typer.Argument(help="Where they are, instead of TIDEGATE_BACKUPS.")] = None,
    format: AsTextOrJson = TextOrJson.text,
) -> None:
    """The backups that there are, oldest first."""
    where = place or load_settings().backups
    found = _place(where).backups()
    if format is TextOrJson.json:
        console.print_json([{"name": each.name, "made_at": each.made_at, "bytes": each.file.size} for each in found])
        return
    if not found:
        raise TidegateError(f"There is no backup in {where}. Make one: tidegate backup")
    for each in found:
        console.say(f"{each.name}  {each.made_at:%Y-%m-%d %H:%M:%S} UTC  {each.file.size / MB:,.1f} MB and data files")


@with_plain_errors
@ends_when_asked
def restore(
    place: Annotated[str, typer.Argument(metavar="FROM", help="Where the backups are: a folder or URL.")],
    name: Annotated[
        str | None, typer.Option("--backup", metavar="NAME", help="One of `tidegate backups`. Default: the newest.")
    ] = None,
    to: Annotated[Path | None, typer.Option(metavar="HOME", help="The home to make, instead of TIDEGATE_HOME.")] = None,
    keep_data: Annotated[
        bool, typer.Option("--keep-data", help="Have the lake's files that are there stay: only its catalog is lost.")
    ] = False,
) -> None:
    """Make a home of a backup, where there is none. Where catalog, data and archive go, the settings say."""
    from tidegate.backup.restore import ToRestore
    from tidegate.backup.restore import restore as restore_home
    from tidegate.lake.config import LakeConfig

    settings = load_settings(**({"home": to} if to else {}))
    home = ToRestore(
        LakeConfig.of(settings),
        _data(settings),
        _archive(settings),
        settings.dagster_home,
        settings.scratch,
        keep_data,
    )
    _print_restored(restore_home(_place(place), home, name), settings)


@with_plain_errors
@ends_when_asked
def upgrade(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    to: Annotated[
        str | None, typer.Option(metavar="PLACE", help="Where the backup before it goes, instead of TIDEGATE_BACKUPS.")
    ] = None,
) -> None:
    """Bring a home that an older version made up to this one, with a backup before. Stop all that writes first."""
    from tidegate.orchestration.instance.upgrading import planned_upgrade
    from tidegate.orchestration.instance.upgrading import upgrade as upgrade_home

    settings = load_settings()
    planned = planned_upgrade(settings)
    if not planned:
        console.say(f"{settings.home} is up to date. Nothing was changed.")
        return
    for sentence in planned:
        console.say(sentence)
    if dry_run:
        return
    place = to or settings.backups
    made = make(settings, place, with_archive=False)
    console.say(f"A backup was made before: {made.backup.name} in {place}.")
    upgrade_home(settings)
    console.say(
        f"{settings.home} is up to date. To go back: install the Tidegate of before, set the catalog and "
        f"{settings.home}/dagster aside, and run: tidegate restore {place} --backup {made.backup.name} --keep-data"
    )


@with_plain_errors
@ends_when_asked
def repair(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what is lost.")] = False,
    from_archive: Annotated[
        bool,
        typer.Option("--from-archive", help="There is no lake and no backup: make a new one from the archive alone."),
    ] = False,
) -> None:
    """Find what the home has lost, and have it made again from the archive: deliveries, days, exports and pages."""
    from tidegate.cli.progress import Shown
    from tidegate.cli.running import leave_with
    from tidegate.home import Home
    from tidegate.orchestration.repairing import damage_of, make_again
    from tidegate.orchestration.repairing import repair as repair_home

    settings, now = load_settings(), dt.datetime.now(dt.UTC)
    if from_archive and not dry_run:
        aside = make_again(settings, now)
        console.say(f"A new lake is made at {settings.lake_catalog}.")
        if aside:
            console.say(f"The data of the old one is in {aside}.")
    home = Home(settings, read_only=dry_run)
    try:
        damage = damage_of(home, now)
    except LakeMissingError as error:
        raise TidegateError(
            f"{error}. If it is lost, restore a backup: tidegate restore {settings.backups} --keep-data. Without one, "
            "make it again from the archive: tidegate repair --from-archive"
        ) from error
    for sentence in damage.sentences or ["Nothing is lost."]:
        console.say(sentence)
    if damage.unnamed:
        console.say(
            f"Data files that the catalog does not name: {damage.unnamed}. Runs that were killed leave some; many mean "
            "that the catalog is an older one. They do no harm; delete them with: tidegate maintain --delete-leftovers"
        )
    if damage and not dry_run:
        shown = Shown(None)
        outcomes = shown.through(until_asked(repair_home(home, now, shown.step)))
        if damage.outputs or outcomes:
            console.say("Sensors make exports and pages again, or run: tidegate outputs")
        leave_with(outcomes, lambda: "What was not made is still due. Go on with: tidegate repair")


def _print_restored(restored: Restored, settings: Settings) -> None:
    contents = restored.contents
    console.say(
        f"{restored.backup.name} is restored: {sum(contents.rows.values()):,} rows of {len(contents.rows)} tables, the "
        f"lake as it was on {restored.backup.made_at:%Y-%m-%d %H:%M} UTC, in {settings.home}."
    )
    if not contents.has_archive:
        console.say("The archive was not in it. Have TIDEGATE_ARCHIVE lead to it.")
    elif restored.archive_was_there:
        console.say(f"The archive in {settings.archive} was there and stays as it is.")
    if not contents.has_record:
        console.say("Dagster's record was not in it. Make what the home lacks: tidegate init")
    if restored.needs_upgrade:
        console.say(f"The lake is of another version. Go on with Tidegate {contents.tidegate}, or: tidegate upgrade")
    console.say("What was delivered or lost since is loaded again by: tidegate repair")


def make(settings: Settings, place: str, *, with_archive: bool = True) -> Done:
    """Make a backup of the home."""
    from tidegate.backup.make import ToBackUp, make_backup
    from tidegate.lake.config import LakeConfig
    from tidegate.orchestration.instance.record_files import record_of

    home = ToBackUp(
        LakeConfig.of(settings),
        _data(settings),
        _archive(settings) if with_archive else None,
        record_of(settings),
        settings.scratch,
    )
    return make_backup(home, _place(place), dt.datetime.now(dt.UTC))


def _place(place: str) -> Place:
    from tidegate.backup.place import Place

    return Place(_storage(place, "TIDEGATE_BACKUPS"))


def _data(settings: Settings) -> Storage:
    return _storage(settings.lake_data, "TIDEGATE_LAKE_DATA")


def _archive(settings: Settings) -> Storage:
    from tidegate.archive.archive import DRAFTS

    return _storage(settings.archive, "TIDEGATE_ARCHIVE", drafts=DRAFTS)


def _storage(place: str, setting: str, drafts: str | None = None) -> Storage:
    from tidegate.storage.folder import DRAFTS
    from tidegate.storage.places import storage_at

    address = place if "://" in place else str(Path(place).expanduser())
    return storage_at(address, setting, _s3_client, drafts=drafts or DRAFTS)


@cache
def _s3_client() -> S3Client:
    from tidegate.storage.s3_client import new_s3_client

    return new_s3_client()
