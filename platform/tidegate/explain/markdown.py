"""The few pieces of Markdown that generated pages are made of. Whatever text goes in comes out as that text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

# What Markdown, MyST's additions to it, or HTML would take for more than text: anywhere, and where a line begins.
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>&|~$!])")
_SPECIAL_AT_START = re.compile(r"^(\d*)([-#+=%:.)])")

_BACKTICKS = re.compile("`+")


def text(written: str) -> str:
    """Somebody's words as words, on one line: no markup in them has an effect."""
    return _SPECIAL_AT_START.sub(r"\1\\\2", _SPECIAL.sub(r"\\\1", _one_line(written)))


def markup(written: str) -> str:
    """Words in which the author may use Markdown, on one line. dbt's descriptions are such."""
    return _one_line(written)


def code(written: str) -> str:
    """A name or a piece of code, in a fence longer than any run of backticks in it."""
    written = _one_line(written)
    longest = max((len(run) for run in _BACKTICKS.findall(written)), default=0)
    fence = "`" * (longest + 1)
    # CommonMark takes one space off each end, where there is one at both.
    pad = " " if written.startswith(("`", " ")) or written.endswith(("`", " ")) else ""
    return f"{fence}{pad}{written}{pad}{fence}"


def block(written: str, language: str) -> str:
    """A block of code."""
    longest = max((len(run) for run in _BACKTICKS.findall(written)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{written.strip()}\n{fence}"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are Markdown already."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def bullets(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def page(*parts: str) -> str:
    """Parts, one after the other; empty ones are left out."""
    return "\n\n".join(part for part in parts if part) + "\n"


def _one_line(written: str) -> str:
    return " ".join(written.split())


def _cell(written: str) -> str:
    # A bar ends a cell unless a backslash is before it, even in code and behind another backslash; that one goes away.
    return written.replace("|", "\\|")
