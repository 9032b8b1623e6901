"""The commands about a project of one's own: making one, checking it, its UI, and where Tidegate's dbt package is."""

from __future__ import annotations

import datetime as dt
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli import console
from tidegate.cli.exit_codes import FAILED
from tidegate.cli.settings import load_settings
from tidegate.cli.words import with_plain_errors
from tidegate.errors import TidegateError
from tidegate.project import VARIABLE


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


@with_plain_errors
def new(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that is still to be made, or is empty.")],
    samples: Annotated[
        list[str] | None,
        typer.Option("--from", metavar="FILE|FOLDER|URL", help="A sample to draft a source from; once for each."),
    ] = None,
) -> None:
    """Make a project of your own, with a sample that it can be run with at once: its own, or yours."""
    from tidegate.scaffold.new import new_project

    today = dt.datetime.now(dt.UTC).date()
    project = new_project(folder, today, samples or ())
    console.say(f"{project.folder} is a project with the source {project.source} and the mart {project.mart}.")
    for drafted in project.drafts:
        days = ", ".join(day.isoformat() for day in dict.fromkeys(drafted.draft.days))
        console.say(f"{drafted.source} is drafted from {drafted.draft.rows:,} rows, delivered for {days}.")
        if ahead := [day for day in drafted.draft.days if day >= today]:
            console.warn(f"{drafted.source}: {max(ahead)} has not ended, and can be run from the next day on")
        for left in (*drafted.draft.unsettled, *drafted.draft.open):
            console.warn(f"{drafted.source}: {left}")
    console.say(f"Next: cd {shlex.quote(str(folder))} && make run    then: make dev, make test, and README.md")


@with_plain_errors
def check() -> None:
    """Check the project: contracts, dbt models, unit tests, your own Dagster definitions. The lake is left alone."""
    from tidegate.drafting.syncing import find_drift
    from tidegate.home import Home
    from tidegate.orchestration.assembly import trouble_with_own_definitions
    from tidegate.transform.unit_tests import failed_unit_tests

    settings = load_settings()
    settings.scratch.mkdir(parents=True, exist_ok=True)
    home = Home(settings)
    console.say(f"Contracts: {', '.join(sorted(home.contracts)) or 'none'}.")
    console.say(f"Models: {len(home.graph.models)}; marts: {', '.join(sorted(m for m, _ in home.published_marts))}.")
    _ = home.cadences
    names = {model.name for model in home.graph.models.values()}
    drift = find_drift(home.contracts, settings.dbt_project)
    wrong = [f"{each.sentence}. Correct it with: tidegate contract sync" for each in drift]
    wrong += failed_unit_tests(settings, home.dbt, home.graph, names)
    if trouble := trouble_with_own_definitions(home):
        wrong.append(trouble.sentence)
    if wrong:
        raise TidegateError("\n".join(wrong))
    tests = len(home.dbt.manifest().get("unit_tests", {}))
    console.say(f"Unit tests of SQL: {tests} passed. Your own Dagster definitions: {_own(settings.defs)}.")


def _own(defs: Path) -> str:
    return f"{defs} is sound" if defs.is_file() else "none"


@with_plain_errors
def dev(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where the UI answers.")] = 3000,
    host: Annotated[str, typer.Option(help="By which address.")] = "127.0.0.1",
) -> None:
    """Open the Dagster UI of the project, with its daemon, until Ctrl-C."""
    settings = load_settings()
    workspace = settings.project / "workspace.yaml"
    if not workspace.is_file():
        raise TidegateError(f"{workspace} is missing: it says what Dagster loads. Nothing was started.")
    os.environ |= {
        VARIABLE: str(settings.project),
        "TIDEGATE_HOME": str(settings.home),
        "DAGSTER_HOME": str(settings.dagster_home),
    }
    # In a process of its own: what dbt opens to parse the project would be told as leaked when this becomes another.
    made = subprocess.run([sys.executable, "-m", "tidegate", "init"], stdout=subprocess.DEVNULL, check=False)
    if made.returncode:
        raise typer.Exit(FAILED)
    # Whoever starts this in a script's background has it ignore Ctrl-C, and Dagster then ignores SIGTERM as well.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    module = "tidegate.orchestration.instance.ui"
    words = ["dev", "--workspace", str(workspace), "--host", host, "--port", str(port)]
    os.execv(sys.executable, [sys.executable, "-m", module, *words])  # noqa: S606 - our own module
