"""What every command understands: which project it is for, which home, and the version."""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from tidegate.project import VARIABLE


def _say_version(asked: bool) -> None:
    if asked:
        typer.echo(f"tidegate {version('tidegate')}")
        raise typer.Exit


def everywhere(
    project: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="The project. Default: the working directory, or a folder above it."),
    ] = None,
    home: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="The home. Default: .tidegate in the project.")
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_say_version, help="Print the version and leave.")
    ] = False,
) -> None:
    """Have settings, and every process that a command starts, know of them."""
    for variable, folder in ((VARIABLE, project), ("TIDEGATE_HOME", home)):
        if folder is not None:
            os.environ[variable] = str(folder.expanduser().absolute())
