"""Which project a command is for: the folder with somebody's contracts, dbt project and settings.

Finding it belongs here; what is in it is read by `settings` and by what reads each file. Nothing is guessed: a command
outside of any project says so.
"""

from __future__ import annotations

from pathlib import Path

from tidegate.errors import TidegateError

# What a project has, by which it is known from the working directory or a folder below it.
MARKERS = ("workspace.yaml", "contracts")

VARIABLE = "TIDEGATE_PROJECT"


def project_at(named: str | None, start: Path) -> Path | None:
    """The project that is named, or the one that `start` lies in, itself or below; None where it lies in none.

    Raises TidegateError for a named folder that is not there.
    """
    if named:
        folder = Path(named).expanduser().absolute()
        if folder.is_dir():
            return folder
        raise TidegateError(
            f"The project {folder} is not a folder. Nothing was done. Name one with --project or {VARIABLE}."
        )
    return next((folder for folder in (start, *start.parents) if is_project(folder)), None)


def working_directory() -> Path:
    """Where this process works. Raises TidegateError where somebody has removed it meanwhile."""
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise TidegateError("The working directory is gone. Nothing was done. Change to one that is there.") from error


def is_project(folder: Path) -> bool:
    return all((folder / name).exists() for name in MARKERS)


def no_project(start: Path) -> TidegateError:
    return TidegateError(
        f"There is no Tidegate project in {start}, nor in a folder above it: one has {' and '.join(MARKERS)}. "
        f"Nothing was done. Go to your project, name it (tidegate --project FOLDER …, or {VARIABLE}), or make one: "
        "tidegate new shop"
    )
