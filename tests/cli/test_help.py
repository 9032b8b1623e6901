"""What every command has in common: its help, completion, JSON of what is listed, and what it ends with."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from tests.docs.docs_commands import tidegate_commands
from typer.testing import CliRunner

from tidegate import cli
from tidegate.changes.proposal.verdict import Verdict
from tidegate.cli import app, exit_codes
from tidegate.cli.verdict import Standing
from tidegate.machine.stopping import EXIT_CODE
from tidegate.settings import CHECKOUT

# typer's own.
NOT_UNDERSTOOD = 2

LISTS = (
    *("tables", "publications", "changes", "backups", "history", "status", "quality", "doctor"),
    *("breaker list", "quarantine list", "quarantine show", "incidents list", "incidents show"),
)


@pytest.fixture(scope="module")
def whole() -> Any:
    """The command, put together once."""
    return typer.main.get_command(app)


def test_no_flag_is_shown_with_a_value(whole: Any) -> None:
    flags = [
        (command.name, flag.display_type_rich(context))
        for command in _all(whole)
        for context in [command.make_context("tidegate", [], resilient_parsing=True)]
        for flag in command.get_params(context)
        if getattr(flag, "is_flag", False)
    ]
    assert {"backfill", "status", "draft"} <= {name for name, _ in flags}
    assert [each for each in flags if each[1]] == []
    shown = CliRunner().invoke(app, ["backfill", "--help"]).stdout
    assert ("--resume" in shown, "bool" in shown) == (True, False)


def test_whatever_lists_is_there_for_programs() -> None:
    commands = tidegate_commands()
    assert [name for name in LISTS if "--format" not in commands[name]] == []


def test_a_shell_completes_commands_and_options(whole: Any) -> None:
    assert {"--install-completion", "--show-completion"} <= {each for param in whole.params for each in param.opts}
    asked = {"_TIDEGATE_COMPLETE": "complete_bash", "COMP_WORDS": "tidegate qua", "COMP_CWORD": "1"}
    completed = CliRunner().invoke(app, [], env=asked, prog_name="tidegate")
    assert completed.stdout.split() == ["quality", "quarantine"]


def test_every_exit_code_stands_in_the_table() -> None:
    """The names in each `typer.Exit(…)`, and their values, beside the rows of docs/operating.md."""
    values = {
        **{name: {value} for name, value in vars(exit_codes).items() if name.isupper()},
        "EXIT_CODE": {EXIT_CODE},
        # status --check and ci
        "verdict": {int(each) for each in Standing},
        "checked": {each.exit_code for each in Verdict},
    }
    named = set(_names_in_exits())
    assert named - values.keys() == set()
    codes = {code for name in named for code in values[name]} | {NOT_UNDERSTOOD}
    table = (CHECKOUT / "docs" / "operating.md").read_text().partition("\n## Exit codes\n")[2].partition("\n## ")[0]
    assert sorted(map(int, re.findall(r"^\| (\d+) \|", table, re.MULTILINE))) == sorted(codes)


def test_a_command_that_does_not_exist_ends_with_what_the_table_says() -> None:
    assert CliRunner().invoke(app, ["no-such-command"]).exit_code == NOT_UNDERSTOOD
    assert CliRunner().invoke(app, ["run", "--partition"]).exit_code == NOT_UNDERSTOOD


def _all(command: Any) -> Iterator[Any]:
    yield command
    for each in getattr(command, "commands", {}).values():
        yield from _all(each)


def _names_in_exits() -> Iterator[str]:
    for file in Path(str(cli.__file__)).parent.glob("*.py"):
        for call in ast.walk(ast.parse(file.read_text())):
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "typer.Exit":
                (status,) = call.args
                chosen = [status.body, status.orelse] if isinstance(status, ast.IfExp) else [status]
                for each in chosen:
                    found = each.args[0] if isinstance(each, ast.Call) else each
                    yield ast.unparse(found).partition(".")[0]
