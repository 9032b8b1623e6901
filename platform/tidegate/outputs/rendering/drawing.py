"""From a matplotlib figure to an SVG that stands in a page: its colours are the page's, for light and for dark.

Matplotlib draws with stand-in colours, which become CSS variables afterwards, so that one drawing serves both schemes,
screen and print. Nothing in the output depends on the machine, its fonts or the time: the same figures give the same
bytes. What the charts show belongs to `charts`. Importing matplotlib takes half a second: only who draws imports this.
"""

from __future__ import annotations

import base64
import io
import re
from enum import StrEnum
from xml.etree import ElementTree as ET

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

# A drawing is so many units wide; a unit is a pixel on a page that shows it at that width. A phone of 360 pixels shows
# it at four fifths, where letters of 13 units are still 10 pixels high.
WIDTH = 400
TEXT_SIZE = 13
# Matplotlib's units: a figure is measured in inches of 72 units.
UNITS_PER_INCH = 72
FONTS = "system-ui, Segoe UI, Roboto, Helvetica Neue, DejaVu Sans, sans-serif"

# Nobody can measure text here, for the reader's fonts are not known: an upper bound of a letter's mean width.
LETTER_WIDTH = 0.58

SVG = "http://www.w3.org/2000/svg"


class Ink(StrEnum):
    """What is drawn, by its role. The value is what matplotlib draws with in its stead; colours are `style.css`'s."""

    TEXT = "#aa0001"
    MUTED = "#aa0002"
    GRID = "#aa0003"
    AXIS = "#aa0004"
    # What the page is about, what it is compared with, and the second of two series.
    MAIN = "#aa0005"
    OTHER = "#aa0006"
    SECOND = "#aa0007"

    @property
    def variable(self) -> str:
        return f"var(--{self.name.lower()})"


# For a picture in Markdown, which no style sheet reaches.
PAPER = "#ffffff"
COLOURS_ON_PAPER = {
    Ink.TEXT: "#1b2430",
    Ink.MUTED: "#566270",
    Ink.GRID: "#e3e7ec",
    Ink.AXIS: "#8a94a1",
    Ink.MAIN: "#1f5fbf",
    Ink.OTHER: "#8995a5",
    Ink.SECOND: "#b45708",
}


def canvas(height: float) -> Figure:
    """An empty figure, `WIDTH` units wide and `height` units high. It is nobody else's: no pyplot, no global state."""
    figure = Figure(figsize=(WIDTH / UNITS_PER_INCH, height / UNITS_PER_INCH), dpi=UNITS_PER_INCH)
    FigureCanvasSVG(figure)
    return figure


def panel(figure: Figure, left: float, bottom: float, right: float, top: float) -> Axes:
    """Bare axes at these units from the figure's left and lower edges: no frame, no ticks, no labels."""
    height = figure.get_figheight() * UNITS_PER_INCH
    axes = figure.add_axes((left / WIDTH, bottom / height, (right - left) / WIDTH, (top - bottom) / height))
    axes.set_frame_on(False)
    axes.set_xticks([])
    axes.set_yticks([])
    return axes


def write(axes: Axes, x: float, y: float, text: str, ink: Ink = Ink.TEXT, **options: object) -> None:
    """Put `text` at a place of the axes. It is a value, never mathematics, and holds nothing that XML cannot."""
    style: dict[str, object] = {"fontsize": TEXT_SIZE, "va": "center"} | options
    axes.text(x, y, printable(text), color=ink, parse_math=False, **style)  # type: ignore[arg-type]


def printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)


def text_width(text: str) -> float:
    """About how many units wide `text` is, rather too many than too few."""
    return len(text) * TEXT_SIZE * LETTER_WIDTH


def to_svg(figure: Figure, label: str) -> str:
    """The figure as an SVG element whose colours are CSS variables. `label` is for whoever cannot see it."""
    drawn = io.StringIO()
    # Text stays text: it can be found, read out and enlarged.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "tidegate"}):
        figure.savefig(drawn, format="svg", transparent=True, metadata={"Date": None})
    # What is parsed is matplotlib's own output, in which every value is escaped.
    root = ET.fromstring(drawn.getvalue())  # noqa: S314
    _drop_what_no_page_needs(root)
    for element in root.iter():
        _simplify(element)
    root.set("role", "img")
    root.set("aria-label", printable(label))
    ET.register_namespace("", SVG)
    svg = ET.tostring(root, encoding="unicode")
    for ink in Ink:
        svg = svg.replace(ink.value, ink.variable)
    return svg


def to_data_uri(svg: str) -> str:
    """An SVG of `to_svg` as a picture that has its own colours, on white."""
    for ink, colour in COLOURS_ON_PAPER.items():
        svg = svg.replace(ink.variable, colour)
    svg = svg.replace("<svg ", f'<svg width="{WIDTH}" style="background: {PAPER}; font-family: {FONTS}" ', 1)
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def _drop_what_no_page_needs(root: ET.Element) -> None:
    for parent in list(root.iter()):
        for child in list(parent):
            if _tag(child) in {"metadata", "defs"} or _draws_nothing(child):
                parent.remove(child)


def _draws_nothing(element: ET.Element) -> bool:
    """Matplotlib writes the transparent backgrounds of figure and axes too."""
    return len(element) == 1 and _tag(element[0]) == "path" and "fill: none; stroke: none" in _style(element[0])


def _style(element: ET.Element) -> str:
    style = element.get("style", "")
    return style if "stroke" in style else f"{style}; stroke: none"


def _simplify(element: ET.Element) -> None:
    # Everything has a name in matplotlib's output; in a page of several drawings they would not be unique.
    for attribute in ("id", "width", "height", "version", "clip-path"):
        element.attrib.pop(attribute, None)
    for attribute in ("d", "x", "y", "transform"):
        if attribute in element.attrib:
            element.set(attribute, _shorter(element.attrib[attribute]))
    if _tag(element) == "text":
        # The page's font, not the list of those that matplotlib knows.
        element.set("style", re.sub(r"font-family: [^;]*(; )?", "", element.get("style", "")))
    if _tag(element) not in {"text", "tspan"}:
        element.text = None
    element.tail = None


def _shorter(numbers: str) -> str:
    """A path or place with a hundredth of a unit, which is more than anybody sees."""
    return re.sub(r"(\.\d{2})\d+", r"\1", " ".join(numbers.split()))


def _tag(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]
