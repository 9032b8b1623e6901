"""`tidegate doctor`: whether the home can work here, in words that say what to do."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import TYPE_CHECKING

import typer

from tidegate.cli import console
from tidegate.cli.exit_codes import FAILED, GOOD
from tidegate.cli.settings import load_settings
from tidegate.cli.words import AsTextOrJson, TextOrJson, with_plain_errors

if TYPE_CHECKING:
    from tidegate.orchestration.doctor.finding import Finding


@with_plain_errors
def doctor(format: AsTextOrJson = TextOrJson.text) -> None:
    """Check settings, definitions, credentials, clocks, space, versions, lake, sources and daemon. Changes nothing."""
    from tidegate.home import Home
    from tidegate.orchestration.doctor.examine import examine

    found: list[Finding] = []
    for finding in examine(Home(load_settings(), read_only=True), dt.datetime.now(dt.UTC)):
        found.append(finding)
        if format is TextOrJson.text:
            _print(finding)
    if format is TextOrJson.json:
        console.print_json([dataclasses.asdict(finding) for finding in found])
    raise typer.Exit(FAILED if any(finding.state == "bad" for finding in found) else GOOD)


def _print(finding: Finding) -> None:
    text = f"{finding.check}: {finding.sentence} {finding.what_to_do}".rstrip()
    match finding.state:
        case "good":
            console.say(text)
        case "warning":
            console.warn(text)
        case "bad":
            console.complain(text)
