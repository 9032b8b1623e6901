"""The commands that `tidegate` has, by what one types for them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import typer

from tidegate.cli import app


@cache
def tidegate_commands() -> dict[str, frozenset[str]]:
    """Every command, `run` or `quarantine show`, with its options."""
    return dict(_commands_of(typer.main.get_command(app), ""))


def _commands_of(command: Any, name: str) -> Iterator[tuple[str, frozenset[str]]]:
    # Typer's own classes of commands have no public name.
    for sub_name, sub_command in getattr(command, "commands", {}).items():
        yield from _commands_of(sub_command, f"{name} {sub_name}".strip())
    if not hasattr(command, "commands"):
        yield name, frozenset(option for parameter in command.params for option in parameter.opts)
