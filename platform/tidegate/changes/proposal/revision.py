"""The revision that a proposed change is to go into: its dbt project and contracts, taken out of git into a folder.

git only reads the repository: no work tree is added to it.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from tidegate.errors import TidegateError
from tidegate.machine.commits import ask_git
from tidegate.settings import Settings
from tidegate.transform.parsed.files import packages_folder


@dataclass(frozen=True)
class Revision:
    """A revision as it was named, the commit that it is, and where its dbt project and contracts are."""

    name: str
    commit: str
    dbt_project: Path
    contracts: Path

    def __str__(self) -> str:
        return self.name if self.commit.startswith(self.name) else f"{self.name} ({self.commit})"


def take_out(settings: Settings, name: str, into: Path) -> Revision:
    """Have the project and the contracts of a revision in `into`. Contracts that are not in the project's repository
    are taken as they are.

    Raises TidegateError, with nothing changed, where the project is in no repository, or the revision is not in it or
    does not have them.
    """
    repository = _repository_of(settings.dbt_project)
    if repository is None:
        raise TidegateError(
            f"{settings.dbt_project} is in no git repository, so there is no revision {name} of it. Nothing was "
            "changed. Set TIDEGATE_DBT_PROJECT to a dbt project that is kept under git."
        )
    commit = _commit(repository, name)
    project, contracts = into / "dbt_project", into / "contracts"
    _extract(repository, commit, name, settings.dbt_project, project)
    _copy_packages(settings.dbt_project, project)
    if _repository_of(settings.contracts) == repository:
        _extract(repository, commit, name, settings.contracts, contracts)
    else:
        contracts = settings.contracts
    return Revision(name, commit, project, contracts)


def _repository_of(folder: Path) -> Path | None:
    if not folder.is_dir():
        return None
    done = _git(folder, "rev-parse", "--show-toplevel")
    return Path(done.stdout.decode().removesuffix("\n")).resolve() if done.returncode == 0 else None


def _commit(repository: Path, name: str) -> str:
    done = _git(repository, "rev-parse", "--verify", "--short=12", "--end-of-options", f"{name}^{{commit}}")
    if done.returncode != 0:
        raise TidegateError(
            f"The repository {repository} has no revision {name}. Nothing was changed. Name one that it has; in a "
            "pipeline, have the checkout fetch it first (fetch-depth: 0, or git fetch)."
        )
    return done.stdout.decode().strip()


def _extract(repository: Path, commit: str, name: str, folder: Path, into: Path) -> None:
    path = folder.resolve().relative_to(repository).as_posix()
    tree = commit if path == "." else f"{commit}:{path}"
    done = _git(repository, "archive", "--format=tar", tree)
    if done.returncode != 0:
        raise TidegateError(
            f"The revision {name} does not have {path}: {done.stderr.decode(errors='replace').strip()}. Nothing was "
            "changed. Name a revision that has it as --base."
        )
    into.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        inside = [member for member in archive if not _leads_out(member, into)]
        archive.extractall(into, inside, filter="data")


def _leads_out(member: tarfile.TarInfo, into: Path) -> bool:
    """Whether it is a link out of the folder, as to a package elsewhere: nothing that is there is in the revision."""
    try:
        tarfile.data_filter(member, str(into))
    except (tarfile.AbsoluteLinkError, tarfile.LinkOutsideDestinationError):
        return True
    return False


def _copy_packages(project: Path, into: Path) -> None:
    """dbt's packages are installed beside a project and not kept in git: those of now are taken."""
    installed, taken_out = packages_folder(project), packages_folder(into)
    names_some = any((into / name).is_file() for name in ("packages.yml", "dependencies.yml"))
    has_some = taken_out.is_dir() and any(taken_out.iterdir())
    if names_some and installed.is_dir() and not has_some:
        shutil.copytree(installed, taken_out, dirs_exist_ok=True)


def _git(folder: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    done = ask_git(folder, *words)
    if done is None:
        raise TidegateError("git is not installed, so no revision can be read. Nothing was changed. Install git.")
    return done
