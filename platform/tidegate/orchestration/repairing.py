"""What a home has lost, and having it made again: from the archive what was delivered, and from that all the rest.

Looking changes nothing. What is lost is told by comparing three things: the catalog with the data files, the archive
with the ledger, and the ledger with the outputs.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from tidegate.home import Home
from tidegate.intake.archived import NotLoaded, archived_and_not_loaded
from tidegate.lake.catalogs.copies import refuse_catalog_in_place
from tidegate.lake.config import LakeConfig
from tidegate.lake.data_files import is_remote
from tidegate.lake.upkeep.leftovers import leftovers
from tidegate.lake.upkeep.lost import LostFile, lost_files
from tidegate.ledger.outputs import OutputRecord
from tidegate.ledger.upkeep.after_lost_files import forget_lost_files
from tidegate.orchestration.instance.initialise import initialise
from tidegate.orchestration.outcomes import RunOutcome
from tidegate.orchestration.partitions import ended_days
from tidegate.orchestration.runs import Runner
from tidegate.orchestration.steps import Progress
from tidegate.outputs.lost_outputs import lost_outputs, owe_outputs
from tidegate.publishing.due.partitions import due_again
from tidegate.settings import Settings
from tidegate.sources.places import archive_of
from tidegate.window import Cadence, windows_of


@dataclass(frozen=True)
class Damage:
    """What a home lacks, and what it has that nobody knows: `unnamed` data files, as after an older catalog was put
    back. `due` are the days that are behind already."""

    lost: Sequence[LostFile]
    not_loaded: Sequence[NotLoaded]
    due: Sequence[dt.date]
    outputs: Sequence[OutputRecord]
    unnamed: int

    @property
    def days_to_load(self) -> list[dt.date]:
        return sorted({each.day for each in self.not_loaded})

    def __bool__(self) -> bool:
        return bool(self.lost or self.not_loaded or self.due or self.outputs)

    @property
    def sentences(self) -> list[str]:
        """What is lost, and what is to be made again."""
        said = [f"Lost: {file.sentence}." for file in self.lost]
        for (source, region), found in groupby(self.not_loaded, key=lambda each: (each.source, each.region)):
            days = ", ".join(map(str, windows_of(each.day for each in found)))
            said.append(f"In the archive and not loaded: {source}/{region} {days}.")
        if self.due:
            said.append(f"Due to be built again: {', '.join(map(str, windows_of(self.due)))}.")
        if self.outputs:
            said.append(f"Exports and pages that are gone: {len(self.outputs)}.")
        return said


def damage_of(home: Home, now: dt.datetime) -> Damage:
    """Look for what the home has lost. Raises LakeMissingError where there is no lake."""
    with home.lake() as lake:
        config = lake.config
        archive = archive_of(home.outside, home.settings.scratch)
        return Damage(
            lost_files(lake),
            archived_and_not_loaded(lake.con, archive, home.contracts, ended_days(home.settings, now)),
            [each.day for each in due_again(lake.con, home.products_of(Cadence.daily))],
            lost_outputs(lake.con, [maker.kind.name for maker in home.makers], home.outputs),
            len(leftovers(lake.con, config.data, now)),
        )


def repair(
    home: Home, now: dt.datetime, on_progress: Callable[[Progress], None] = lambda _: None
) -> Iterator[RunOutcome]:
    """Have what the home lost made again. Interrupted, it is run again and goes on.

    Raises TidegateError where the ledger itself lost a file.
    """
    with home.lake() as lake:
        forget_lost_files(lake, "repair")
        owe_outputs(lake, lost_outputs(lake.con, [maker.kind.name for maker in home.makers], home.outputs))
    # Of what was forgotten, the ledger does not know the deliveries any more.
    found = damage_of(home, now)
    runner = Runner.open(home)
    runner.on_progress = on_progress
    yield from runner.load_again(found.days_to_load)


def make_again(settings: Settings, now: dt.datetime) -> Path | None:
    """Make a new lake where there is none, for `repair` to fill from the archive. Returns where the data folder of the
    old one was set aside, if there was one.

    Raises TidegateError, with nothing changed, where there is a lake, and where the data cannot be set aside.
    """
    config = LakeConfig.of(settings)
    refuse_catalog_in_place(config)
    aside = _set_aside(config, now)
    initialise(settings).close()
    return aside


def _set_aside(config: LakeConfig, now: dt.datetime) -> Path | None:
    """Give a data folder that holds anything another name, and return it. Nothing of it is deleted."""
    if is_remote(config.data):
        # Objects cannot be moved at once; the lake is refused if any are there, with what to do.
        return None
    folder = Path(config.data)
    if not folder.exists() or not any(folder.iterdir()):
        return None
    aside = folder.with_name(f"{folder.name}.lost-{now:%Y%m%dT%H%M%SZ}")
    return folder.rename(aside)
