"""The commands about a project of one's own: where Tidegate's dbt package is, and Dagster's UI of it."""

from __future__ import annotations

from typing import Annotated

import typer

from tidegate.cli import console
from tidegate.cli.words import with_plain_errors
from tidegate.settings import load_settings


@with_plain_errors
def dbt_package(
    link: Annotated[
        bool, typer.Option("--link", help="Link it into the project, and write what dbt looks up there only.")
    ] = False,
) -> None:
    """Print where Tidegate's dbt package is, for the project's packages.yml."""
    from tidegate.transform.package import DBT_PACKAGE, link_package, write_own_macros

    if not link:
        typer.echo(DBT_PACKAGE)
        return
    folder = load_settings().dbt_project
    console.say(f"{link_package(folder)} leads to {DBT_PACKAGE}.")
    console.say(f"{write_own_macros(folder)} is of this version.")
