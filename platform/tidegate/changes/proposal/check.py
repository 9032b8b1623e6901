"""Checking a proposed change: both logics on sample partitions, in a throwaway home that is removed afterwards.

The lake of the settings is only read. Where there is none, the demo's takes its place.
"""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from duckdb import DuckDBPyConnection

from tidegate.changes.affected import find_affected
from tidegate.changes.apply import apply_plan
from tidegate.changes.cost import Cost, estimate_cost
from tidegate.changes.plan import Planned, make_plan
from tidegate.changes.proposal.contract_files import ContractFiles, compare_contracts
from tidegate.changes.proposal.copied_lake import Original, copy_sample
from tidegate.changes.proposal.reads import days_read
from tidegate.changes.proposal.revision import Revision, take_out
from tidegate.changes.proposal.sample import Sample, choose_sample
from tidegate.changes.proposal.verdict import Verdict, verdict_on
from tidegate.changes.switching import Decision
from tidegate.errors import LakeMissingError, TidegateError
from tidegate.home import Home
from tidegate.lake.config import LakeConfig
from tidegate.ledger.upkeep.opening import make_lake, open_lake
from tidegate.machine.stopping import ended_with
from tidegate.settings import Settings

# Who applies the revision's own logic to the copy.
CHECK = Decision("tidegate ci", None)

# Fills the lake of these settings with the demo's days.
FillDemo = Callable[[Settings], object]


@dataclass(frozen=True)
class Checked:
    """What was found. `whole` is what a plan of all of the lake would take, None where the sample is of the demo's;
    `base_failed` says why the revision's own logic could not be built, so that the change is compared with what is
    published."""

    base: Revision
    whole: Cost | None
    sample: Sample
    contracts: ContractFiles
    planned: Planned | None
    base_failed: str | None

    @property
    def verdict(self) -> Verdict:
        return verdict_on(self.planned)


def check_proposal(
    settings: Settings, base: str, days: int, fill_demo: FillDemo, say: Callable[[str], object] = lambda _: None
) -> Checked:
    """Compare the logic of these settings with that of the revision `base`, on so many days of the lake.

    Raises TidegateError, with nothing changed, where there is no such revision, or nothing to try it on.
    """
    with _throwaway_folder() as folder:
        return _Check(settings, folder, take_out(settings, base, folder / "base"), say).run(days, fill_demo)


@contextmanager
def _throwaway_folder() -> Iterator[Path]:
    with (
        tempfile.TemporaryDirectory(prefix="tidegate-ci-", ignore_cleanup_errors=True) as name,
        ended_with(lambda: shutil.rmtree(name, ignore_errors=True)),
    ):
        yield Path(name).resolve()


@dataclass(frozen=True)
class _Check:
    settings: Settings
    folder: Path
    base: Revision
    say: Callable[[str], object]

    def run(self, days: int, fill_demo: FillDemo) -> Checked:
        original = self._lake_to_read(fill_demo)
        with self._home("base-home", original, of_base=True) as before, self._home("home", original) as after:
            self.say("Reading both projects")
            homes = [before, after]
            with open_lake(self._reading(original), read_only=True) as lake, lake.one_moment() as con:
                whole = _cost_of_all(con, after) if original is self.settings else None
                sampled = _sampled(con, lake.config, homes, days)
            sample = sampled.sample
            self.say(f"Copying what is read on {len(sample.reasons)} sample days")
            with make_lake(after.lake_config) as lake:
                copy_sample(lake, sampled, homes)
            base_failed = self._build_base(before)
            before.close()
            planned = make_plan(after, on_chunk=lambda window: self.say(f"Building the change on {window}"))
            contracts = compare_contracts(self.base.contracts, self.settings.contracts)
        return Checked(self.base, whole, sample, contracts, planned, base_failed)

    def _lake_to_read(self, fill_demo: FillDemo) -> Settings:
        """The settings of the lake that the sample is from."""
        try:
            open_lake(self._reading(self.settings), read_only=True).close()
        except LakeMissingError:
            self.say("There is no lake: making the demo's")
            demo = self.settings.at(self.folder / "demo", **self._of_base)
            fill_demo(demo)
            return demo
        return self.settings

    def _reading(self, settings: Settings) -> LakeConfig:
        """The lake of the settings for a reader that keeps what it spills to itself."""
        return dataclasses.replace(LakeConfig.of(settings), spill=self.folder / "spill")

    @contextmanager
    def _home(self, name: str, original: Settings, *, of_base: bool = False) -> Iterator[Home]:
        """A home on the copy of the lake, with the project of a revision or of the work tree. Of the original's places
        it has the archive, which planning only reads; no other that the environment may name."""
        lake = self.folder / "lake"
        settings = self.settings.at(
            self.folder / name,
            archive=original.archive,
            lake_catalog=f"sqlite:{lake / 'catalog.sqlite'}",
            lake_data=str(lake / "data"),
            **(self._of_base if of_base else {}),
        )
        home = Home(settings)
        try:
            yield home
        finally:
            home.close()

    @property
    def _of_base(self) -> dict[str, object]:
        return {"dbt_project": self.base.dbt_project, "contracts": self.base.contracts}

    def _build_base(self, home: Home) -> str | None:
        """Have the copy show what the revision's logic makes of the sample; returns why it cannot."""
        if make_plan(home, on_chunk=lambda window: self.say(f"Building {self.base} on {window}")) is None:
            return None
        try:
            apply_plan(home, CHECK, leave_held=True)
        except TidegateError as error:
            return str(error)
        return None


def _sampled(con: DuckDBPyConnection, config: LakeConfig, homes: list[Home], days: int) -> Original:
    sample = choose_sample(con, homes[0], days)
    if not sample.partitions:
        raise TidegateError(
            f"The lake at {config.catalog} shows no day that a change could be tried on: none is published, or "
            "all are due or rolled back. Nothing was changed. Publish some (tidegate status), or set "
            "TIDEGATE_HOME to another lake, or to a folder without one for the demo's."
        )
    row = con.execute("select id from lake.current_snapshot()").fetchone()
    return Original(config, int(row[0]) if row else 0, sample, days_read(con, homes, sample))


def _cost_of_all(con: DuckDBPyConnection, home: Home) -> Cost:
    affected = find_affected(con, home)
    return estimate_cost(con, home, affected.built, affected.partitions)
