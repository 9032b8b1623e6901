"""Markdown of GitHub's kind, as Dagster's UI shows it. Every value is text: none becomes a link or ends a cell."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tidegate.outputs.rendering.page import Table

# All that CommonMark and GitHub's tables give a meaning; a backslash before any of it makes it a letter.
MARKS = re.compile(r"([\\`*_{}\[\]<>()#+\-.!|~&:@$^=\"'/])")


def escaped(text: str) -> str:
    """`text` on one line, every mark of it a letter."""
    return MARKS.sub(r"\\\1", " ".join(text.split()))


def heading(text: str) -> str:
    return f"### {escaped(text)}"


def paragraph(text: str) -> str:
    return escaped(text)


def strong(text: str) -> str:
    return f"**{escaped(text)}**"


def image(label: str, address: str) -> str:
    """A picture; `address` is this package's own."""
    return f"![{escaped(label)}]({address})"


def table(content: Table) -> str:
    """A table, figures to the right; what its caption says stands above."""
    rule = ["---" if number < content.texts else "---:" for number in range(len(content.columns))]
    lines = [_row([escaped(column) for column in content.columns]), _row(rule)]
    lines += [_row([escaped(cell) for cell in row]) for row in content.rows]
    return f"{strong(content.caption)}\n\n" + "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
