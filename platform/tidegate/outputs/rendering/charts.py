"""The charts of the reports, drawn by matplotlib: columns over time, bars of segments, moves between them, a heat map.

Axes begin at zero, figures stand at what they belong to, and what is missing is left out and named. Only here do
figures become floats, to be lengths on a drawing; every text comes as its caller wrote it. A chart is never the only
place of a figure: the page has a table behind each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from tidegate.outputs.rendering.drawing import TEXT_SIZE, WIDTH, Ink, canvas, panel, text_width, to_svg, write
from tidegate.outputs.rendering.numbers import NOTHING, short, whole

Number = Decimal | int

AXIS_ROOM = 44
# Half of the last label.
RIGHT_ROOM = 12
COLUMN_PANEL = 128
COLUMN_HEADER = 34
COLUMN_LABELS = 18
GAP = 14
ROW = 25
HEADER = 26
CELL = 68

# Text on the fullest cell still has a contrast of 4.5 in both schemes.
FULLEST = 0.5
FAINTEST = 0.06


@dataclass(frozen=True)
class Column:
    """One column: its label below, its figure, or None where there is none. `is_partial`: not all of it is there."""

    label: str
    value: Number | None
    is_main: bool = False
    is_partial: bool = False


@dataclass(frozen=True)
class Series:
    """One row of columns. `note` stands at its right, in the colour of the main column; `level` is a line across."""

    title: str
    columns: Sequence[Column]
    note: str
    level: Number | None = None


def draw_columns(series: Sequence[Series], label: str) -> str:
    """Columns over the same days or weeks, one series above the other, labelled once."""
    height = (COLUMN_HEADER + COLUMN_PANEL) * len(series) + COLUMN_LABELS
    figure = canvas(height)
    for number, one in enumerate(series):
        top = height - COLUMN_HEADER - number * (COLUMN_HEADER + COLUMN_PANEL)
        axes = panel(figure, AXIS_ROOM, top - COLUMN_PANEL + 8, WIDTH - RIGHT_ROOM, top)
        _draw_series(axes, one)
        _draw_column_header(axes, one)
        if number == len(series) - 1:
            _label_columns(axes, [column.label for column in one.columns])
    return to_svg(figure, label)


def _draw_series(axes: Axes, series: Series) -> None:
    values = [float(column.value) for column in series.columns if column.value is not None]
    levels = [float(series.level)] if series.level is not None else []
    _scale(axes, [*values, *levels])
    axes.set_xlim(-0.5, len(series.columns) - 0.5)
    for x, column in enumerate(series.columns):
        if column.value is None:
            write(axes, x, 0, NOTHING, Ink.MUTED, ha="center", va="bottom")
        else:
            _draw_column(axes, x, column, float(column.value))
    axes.axhline(0, color=Ink.AXIS, linewidth=1, clip_on=False)
    if series.level is not None:
        axes.axhline(float(series.level), color=Ink.TEXT, linewidth=1.2, linestyle=(0, (4, 3)), clip_on=False)


def _draw_column(axes: Axes, x: int, column: Column, value: float) -> None:
    ink = Ink.MAIN if column.is_main else Ink.OTHER
    if column.is_partial:
        _box(axes, x - 0.35, 0, 0.7, value, facecolor="none", edgecolor=ink, linewidth=1.4, linestyle=(0, (3, 2)))
    else:
        _box(axes, x - 0.37, 0, 0.74, value, facecolor=ink)


def _box(axes: Axes, x: float, y: float, width: float, height: float, **style: object) -> None:
    """A bar. Matplotlib's own `bar` takes three times as long, for scales and units that are known here."""
    axes.add_patch(Rectangle((x, y), width, height, clip_on=False, **style))  # type: ignore[arg-type]


def _scale(axes: Axes, values: Sequence[float]) -> None:
    """From zero, or below where values are, to a round figure above them all."""
    low, high = min([0.0, *values]), max([0.0, *values])
    if low == high:
        high = 1.0
    ticks = [tick for tick in MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high) if tick >= low or low < 0]
    axes.set_ylim(ticks[0], ticks[-1])
    axes.hlines(
        ticks, 0, 1, color=Ink.GRID, linewidth=0.8, zorder=0, transform=axes.get_yaxis_transform(), clip_on=False
    )
    for tick in ticks:
        axes.annotate(
            short(tick), (0, tick), (-6, 0), ("axes fraction", "data"), "offset points",
            ha="right", va="center", fontsize=TEXT_SIZE - 1, color=Ink.MUTED, parse_math=False, annotation_clip=False,
        )  # fmt: skip


def _draw_column_header(axes: Axes, series: Series) -> None:
    above, edge = 1 + 9 / COLUMN_PANEL, -AXIS_ROOM / (WIDTH - AXIS_ROOM - RIGHT_ROOM)
    _head(axes, edge, above, series.title)
    _head(axes, 1, above, series.note, Ink.MAIN, "right")


def _head(axes: Axes, x: float, y: float, text: str, ink: Ink = Ink.TEXT, side: str = "left") -> None:
    """A heading at a place that is told in shares of the axes."""
    write(axes, x, y, text, ink, ha=side, va="bottom", fontweight="bold", transform=axes.transAxes)


def _label_columns(axes: Axes, labels: Sequence[str]) -> None:
    """As many labels as there is room for, counted from the last, which is the one that matters."""
    room = (WIDTH - AXIS_ROOM - RIGHT_ROOM) / len(labels)
    step = max(1, -int(-(max(map(text_width, labels)) + 6) // room))
    for x in range(len(labels) - 1, -1, -step):
        axes.annotate(
            labels[x], (x, 0), (0, -7), ("data", "axes fraction"), "offset points", ha="center", va="top",
            fontsize=TEXT_SIZE - 1, color=Ink.MUTED, parse_math=False, annotation_clip=False,
        )  # fmt: skip


@dataclass(frozen=True)
class Bar:
    """One bar of a row: its length, and the text at its end."""

    value: Number
    text: str


def draw_bars(names: Sequence[str], columns: Sequence[tuple[str, Sequence[Bar]]], label: str) -> str:
    """For each name a bar in each of two columns, which have a title and a scale of their own."""
    height = ROW * len(names)
    figure = canvas(HEADER + height)
    room = _room_for_names(names)
    _draw_names(panel(figure, 0, 0, room, height), names)
    width = (WIDTH - room - GAP) / 2
    for number, (title, bars) in enumerate(columns):
        left = room + number * (width + GAP)
        axes = panel(figure, left, 0, left + width, height)
        _draw_bars(axes, bars, width, (Ink.MAIN, Ink.SECOND)[number])
        _head(axes, 0, 1 + 4 / height, title)
    return to_svg(figure, label)


def _draw_bars(axes: Axes, bars: Sequence[Bar], width: float, ink: Ink) -> None:
    """Bars from a line at zero; beside the longest there is room for the widest text."""
    values = [float(bar.value) for bar in bars]
    span = (max([0.0, *values]) - min([0.0, *values])) or 1.0
    room = max(text_width(bar.text) for bar in bars) + 8
    unit = span / (width - room)
    low = min([0.0, *values])
    axes.set_xlim(low, low + width * unit)
    axes.set_ylim(len(bars) - 0.5, -0.5)
    for y, (bar, value) in enumerate(zip(bars, values, strict=True)):
        _box(axes, 0, y - 0.31, value, 0.62, facecolor=ink)
        write(axes, max(value, 0) + 5 * unit, y, bar.text)
    axes.axvline(0, color=Ink.AXIS, linewidth=1, clip_on=False)


def _draw_names(axes: Axes, names: Sequence[str]) -> None:
    axes.set_xlim(0, 1)
    axes.set_ylim(len(names) - 0.5, -0.5)
    for y, name in enumerate(names):
        write(axes, 0, y, name)


def _room_for_names(names: Sequence[str]) -> float:
    return min(WIDTH * 0.4, max(map(text_width, names))) + 4


def draw_moves(rows: Sequence[tuple[str, int, int]], titles: tuple[str, str], label: str) -> str:
    """For each row how many left, to the left, and how many came, to the right, on one scale."""
    figure = canvas(HEADER + ROW * len(rows))
    names = _room_for_names([name for name, _, _ in rows])
    width, height = WIDTH - names, ROW * len(rows)
    _draw_names(panel(figure, 0, 0, names, height), [name for name, _, _ in rows])
    axes = panel(figure, names, 0, WIDTH, height)
    most = max([1, *(max(left, came) for _, left, came in rows)])
    unit = most / (width / 2 - text_width(whole(most)) - 8)
    axes.set_xlim(-unit * width / 2, unit * width / 2)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    for y, (_, left, came) in enumerate(rows):
        _box(axes, 0, y - 0.31, -left, 0.62, facecolor=Ink.SECOND)
        _box(axes, 0, y - 0.31, came, 0.62, facecolor=Ink.MAIN)
        write(axes, -left - 5 * unit, y, whole(left), ha="right")
        write(axes, came + 5 * unit, y, whole(came))
    axes.axvline(0, color=Ink.AXIS, linewidth=1, clip_on=False)
    above, apart = 1 + 4 / height, 6 / width
    _head(axes, 0.5 - apart, above, titles[0], Ink.SECOND, "right")
    _head(axes, 0.5 + apart, above, titles[1], Ink.MAIN)
    return to_svg(figure, label)


def draw_heat_map(counts: Sequence[Sequence[int]], titles: tuple[str, str], label: str) -> str:
    """Rows from above and columns from the left, both for scores 1 to 5 of which 5 is best; darker is more."""
    size = len(counts)
    figure = canvas(CELL * 0.65 * size + 52)
    axes = panel(figure, 52, 50, 52 + CELL * size, 50 + CELL * 0.65 * size)
    axes.set_xlim(-0.5, size - 0.5)
    axes.set_ylim(-0.5, size - 0.5)
    most = max(max(row) for row in counts) or 1
    for y, row in enumerate(counts):
        for x, count in enumerate(row):
            alpha = FAINTEST + (FULLEST - FAINTEST) * count / most
            _box(axes, x - 0.48, y - 0.47, 0.96, 0.94, facecolor=Ink.MAIN, alpha=alpha)
            write(axes, x, y, whole(count), Ink.TEXT if count else Ink.MUTED, ha="center")
    for score in range(size):
        write(axes, score, -0.74, str(score + 1), Ink.MUTED, ha="center")
        write(axes, -0.64, score, str(score + 1), Ink.MUTED, ha="center")
    write(axes, (size - 1) / 2, -1.18, titles[1], ha="center")
    write(axes, -0.88, (size - 1) / 2, titles[0], ha="center", rotation=90)
    return to_svg(figure, label)
