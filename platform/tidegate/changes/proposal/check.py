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
        with self._home("base-home", self.base) as before, self._home("home") as after:
            self.say("Reading both projects")
            # Before anything is copied: a project that cannot be read says so at once.
            _ = before.cadences, after.cadences
            whole, original = self._original([before, after], days, fill_demo)
            sample = original.sample
            self.say(f"Copying what is read on {len(sample.reasons)} sample days")
            self._copy(original, [before, after])
            base_failed = self._build_base(before)
            before.close()
            planned = make_plan(after, on_chunk=lambda window: self.say(f"Building the change on {window}"))
            contracts = compare_contracts(self.base.contracts, self.settings.contracts)
        return Checked(self.base, whole, sample, contracts, planned, base_failed)

    @contextmanager
    def _home(self, name: str, revision: Revision | None = None) -> Iterator[Home]:
        """A home on the copy of the lake, with the project of a revision or of the work tree."""
        home = Home(self._settings(name, revision, lake=self.folder / "lake"))
        try:
            yield home
        finally:
            home.close()

    def _settings(self, name: str, revision: Revision | None, lake: Path | None = None) -> Settings:
        """Settings of a home in the folder. Nothing is left to the environment that says where data is."""
        places = {"lake_catalog": f"sqlite:{lake / 'catalog.sqlite'}", "lake_data": str(lake / "data")} if lake else {}
        of_revision = {"dbt_project": revision.dbt_project, "contracts": revision.contracts} if revision else {}
        return self.settings.at(self.folder / name, **places, **of_revision)

    def _original(self, homes: list[Home], days: int, fill_demo: FillDemo) -> tuple[Cost | None, Original]:
        """What is to be copied, and what a plan would take where it is from."""
        config = LakeConfig.of(self.settings)
        try:
            with open_lake(self._reading(config), read_only=True) as lake, lake.one_moment() as con:
                return _cost_of_all(con, homes[-1]), _sampled(con, lake.config, homes, days)
        except LakeMissingError:
            self.say("There is no lake: making the demo's")
            demo = self._settings("demo", self.base)
            fill_demo(demo)
            with open_lake(LakeConfig.of(demo), read_only=True) as lake, lake.one_moment() as con:
                return None, _sampled(con, lake.config, homes, days)

    def _reading(self, config: LakeConfig) -> LakeConfig:
        """The same lake for a reader that keeps what it spills to itself."""
        return dataclasses.replace(config, spill=self.folder / "spill")

    def _copy(self, original: Original, homes: list[Home]) -> None:
        with make_lake(homes[0].lake_config) as lake:
            copy_sample(lake, original, homes)

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
    return estimate_cost(con, home, affected.models, affected.partitions)
