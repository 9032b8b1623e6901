"""README.md and the pages of docs/ as tests read them: blocks of code, code within sentences, links, headings.

A block of `sh` is what a reader types, one of `text` right after it what they then see. A block under a line that ends
in a file's name and a colon is that file's content. Two words after `sh` are for the tests, and no reader sees them:

    sh fails      the last command ends with an error, and that is how it should be
    sh terminal   a terminal of its own: the command goes on until it is stopped
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tidegate.settings import CHECKOUT

Expected = Literal["succeeds", "fails", "goes on"]

_EXPECTED: dict[str, Expected] = {"": "succeeds", "fails": "fails", "terminal": "goes on"}
_FILE_NAMED = re.compile(r"`([\w./-]+\.\w+)`[^`]*:$")


@dataclass(frozen=True)
class Block:
    """A block of code: in which section of the page, from which line, and the file that it is the content of."""

    section: str
    line: int
    language: str
    expected: Expected
    text: str
    file: str | None

    @property
    def commands(self) -> list[str]:
        """The lines of a block of `sh` without comments; a line that ends in a backslash goes on."""
        joined = re.sub(r"\\\n|(^|\s)#.*", " ", self.text)
        return [" ".join(line.split()) for line in joined.splitlines() if line.strip()]


@dataclass(frozen=True)
class Page:
    """One page. `name` is its path in the repository."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path.relative_to(CHECKOUT))

    @cached_property
    def blocks(self) -> list[Block]:
        return list(self._blocks())

    def _blocks(self) -> Iterator[Block]:
        section, before = "", ""
        for token, following in zip(self._tokens, [*self._tokens[1:], None], strict=True):
            if token.type == "heading_open" and token.tag == "h2" and following:
                section = following.content
            elif token.type == "inline":
                before = token.content
            elif token.type in ("fence", "code_block"):
                yield _block(token, section, before)
                before = ""

    @cached_property
    def inline_code(self) -> list[str]:
        """Code within sentences and tables."""
        return [
            child.content for token in self._tokens for child in token.children or () if child.type == "code_inline"
        ]

    @cached_property
    def links(self) -> list[str]:
        """What links and pictures lead to."""
        found = []
        for token in self._tokens:
            for child in token.children or ():
                target = child.attrGet("href") if child.type == "link_open" else child.attrGet("src")
                if target:
                    found.append(str(target))
        return found

    @cached_property
    def anchors(self) -> set[str]:
        """The places that a link into this page may lead to, as GitHub and Sphinx name them."""
        followed = zip(self._tokens, self._tokens[1:], strict=False)
        return {_anchor(inline.content) for token, inline in followed if token.type == "heading_open"}

    @cached_property
    def _tokens(self) -> list[Token]:
        return MarkdownIt("commonmark").enable("table").parse(self.path.read_text(encoding="utf-8"))


def pages() -> list[Page]:
    """Every page that a reader has: those beside README.md, then docs/ by name."""
    return [Page(path) for path in (*sorted(CHECKOUT.glob("*.md")), *sorted((CHECKOUT / "docs").rglob("*.md")))]


def _block(token: Token, section: str, before: str) -> Block:
    language, _, option = token.info.strip().partition(" ")
    assert option in _EXPECTED, f"line {_line(token)}: `{token.info}` is nothing that a block can be"
    named = _FILE_NAMED.search(before) if language not in ("sh", "text") else None
    return Block(section, _line(token), language, _EXPECTED[option], token.content, named[1] if named else None)


def _line(token: Token) -> int:
    return token.map[0] + 1 if token.map else 0


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
