"""Days as strips of cells: a line for each source or product, a cell for each day, days that are alike in one piece.

Each kind of cell has a shape of its own beside its colour: who sees no colours sees which is which, on paper too.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from tidegate.outputs.rendering.drawing import TEXT_SIZE, WIDTH, Ink, canvas, panel, text_width, to_svg, write
from tidegate.outputs.rendering.numbers import MONTHS
from tidegate.window import ONE_DAY

ROW = 20
MONTHS_ABOVE = 20
LEGEND = 24
GAP = 6


@dataclass(frozen=True)
class Cell:
    """How one kind of day looks: how high its cell is, in shares of a row, and how it is filled."""

    height: float
    style: dict[str, Any]


# Good days are pale, so that the others stand out.
PALE = Cell(0.3, {"facecolor": Ink.MAIN, "alpha": 0.45})
FULL = Cell(0.3, {"facecolor": Ink.MAIN})
HIGH = Cell(0.84, {"facecolor": Ink.SECOND})
DARK = Cell(0.84, {"facecolor": Ink.TEXT})
EMPTY = Cell(0.7, {"facecolor": "none", "edgecolor": Ink.MUTED, "linewidth": 1})


@dataclass(frozen=True)
class Strip:
    """A line: its name, and what each day is called; "" for a day of which nothing is shown."""

    name: str
    days: Sequence[str]


def draw_strips(strips: Sequence[Strip], cells: dict[str, Cell], first_day: dt.date, label: str) -> str:
    """The strips below each other, months above them and below them what the cells mean."""
    names = min(WIDTH * 0.42, max((text_width(strip.name) for strip in strips), default=0)) + GAP
    height = ROW * len(strips)
    lines = _legend_lines(list(cells))
    figure = canvas(MONTHS_ABOVE + height + LEGEND * len(lines))
    axes = panel(figure, 0, LEGEND * len(lines), WIDTH, LEGEND * len(lines) + height + MONTHS_ABOVE)
    axes.set_xlim(0, WIDTH)
    axes.set_ylim(height, -MONTHS_ABOVE)
    unit = (WIDTH - names) / max((len(strip.days) for strip in strips), default=1)
    _draw_months(axes, names, unit, first_day, max((len(strip.days) for strip in strips), default=0), height)
    for number, strip in enumerate(strips):
        middle = ROW * (number + 0.5)
        write(axes, 0, middle, _fitting(strip.name, names - GAP))
        _draw_strip(axes, strip, cells, names, unit, middle)
    _draw_legend(panel(figure, 0, 0, WIDTH, LEGEND * len(lines)), lines, cells)
    return to_svg(figure, label)


def _draw_strip(axes: Axes, strip: Strip, cells: dict[str, Cell], left: float, unit: float, middle: float) -> None:
    at = 0
    for kind, days in groupby(strip.days):
        count = len(list(days))
        if kind in cells:
            # A line between pieces, where there is room for one.
            _draw_cell(axes, cells[kind], left + at * unit + 0.3, middle, count * unit - 0.6)
        at += count


def _draw_cell(axes: Axes, cell: Cell, x: float, middle: float, width: float) -> None:
    height = ROW * cell.height
    axes.add_patch(Rectangle((x, middle - height / 2), width, height, clip_on=False, **cell.style))


def _draw_months(axes: Axes, left: float, unit: float, first_day: dt.date, days: int, height: float) -> None:
    """A line at each month's first day, and its name where there is room for it."""
    for number in range(days):
        day = first_day + ONE_DAY * number
        if day.day == 1:
            x = left + unit * number
            axes.plot([x, x], [0, height], color=Ink.GRID, linewidth=0.8, zorder=0, clip_on=False)
            name = MONTHS[day.month - 1][:3]
            if x + text_width(name) <= WIDTH:
                write(axes, x, -MONTHS_ABOVE / 2, name, Ink.MUTED, fontsize=TEXT_SIZE - 1)


def _legend_lines(names: Sequence[str]) -> list[list[str]]:
    lines: list[list[str]] = [[]]
    for name in names:
        if lines[-1] and sum(map(_legend_width, [*lines[-1], name])) > WIDTH:
            lines.append([])
        lines[-1].append(name)
    return lines


def _legend_width(name: str) -> float:
    return text_width(name) + 34


def _draw_legend(axes: Axes, lines: Sequence[Sequence[str]], cells: dict[str, Cell]) -> None:
    axes.set_xlim(0, WIDTH)
    axes.set_ylim(LEGEND * len(lines), 0)
    for number, names in enumerate(lines):
        x, middle = 0.0, LEGEND * (number + 0.5)
        for name in names:
            _draw_cell(axes, cells[name], x + 1, middle, 14)
            write(axes, x + 20, middle, name, Ink.MUTED)
            x += _legend_width(name)


def _fitting(text: str, room: float) -> str:
    """The text, cut where there is no room for it; the table has it whole."""
    while text_width(text) > room and len(text) > 1:
        text = text[:-2] + "…"
    return text
