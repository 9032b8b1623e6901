"""What a page is made of, and making it: templates that escape whatever is put into them.

A page is one file: style sheet and drawings stand in it, it has no script, and its own policy forbids the browser to
load anything. What a page says belongs to `segmentation`, `brief` and `index`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


@dataclass(frozen=True)
class Tile:
    """A headline figure, and in words how it stands to what it is compared with."""

    label: str
    value: str
    note: str
    # Where on the page it says what the figure means.
    href: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of cells as they are shown; the first cell heads its row.

    `texts`: how many columns, from the left, are text. Without rows, `nothing` says why.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    nothing: str = ""
    texts: int = 1


@dataclass(frozen=True)
class Picture:
    """A drawing with its title, what it tells in a sentence, and its figures as tables.

    `svg` is None where there is nothing to draw; the sentence says so.
    """

    title: str
    sentence: str
    svg: str | None
    tables: Sequence[Table]

    @property
    def drawing(self) -> Markup | None:
        # From `drawing.to_svg`, which escapes every value in it.
        return Markup(self.svg) if self.svg else None  # noqa: S704


def render(template: str, **values: object) -> str:
    """The page of a template. Values are escaped; a name that the template knows and `values` lacks is an error."""
    return _templates().get_template(template).render(**values)


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("tidegate.outputs.rendering"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
