"""The colours of both schemes: enough contrast to read text and to tell shapes, by WCAG 2.2's formula."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from tidegate.outputs.rendering.charts import FULLEST
from tidegate.outputs.rendering.drawing import COLOURS_ON_PAPER, PAPER, Ink

STYLE = files("tidegate.outputs.rendering").joinpath("templates", "style.css").read_text()
# The rules that set the page's colours, in the order of the file.
LIGHT, DARK = (
    dict(re.findall(r"--([\w-]+): (#\w{6});", rule)) for rule in re.findall(r":root \{(.*?)\}", STYLE, re.S)[:2]
)

TEXT = 4.5
SHAPES = 3.0
Colour = tuple[float, float, float]


def channels(colour: str) -> Colour:
    red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return red, green, blue


def luminance(colour: Colour) -> float:
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Colour, other: Colour) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "ground", "least"),
    [
        *((ink, ground, TEXT) for ink in ("text", "muted", "main") for ground in ("card", "page")),
        ("flag", "flag-back", TEXT),
        ("text", "flag-back", TEXT),
        # The titles of a chart's series have its colour.
        ("second", "card", TEXT),
        ("other", "card", SHAPES),
        ("axis", "card", SHAPES),
    ],
)
def test_inks_stand_out_from_their_ground(scheme: dict[str, str], ink: str, ground: str, least: float) -> None:
    assert contrast(channels(scheme[ink]), channels(scheme[ground])) >= least


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_figures_can_be_read_on_the_fullest_cell_of_a_heat_map(scheme: dict[str, str]) -> None:
    main, card = channels(scheme["main"]), channels(scheme["card"])
    red, green, blue = (FULLEST * m + (1 - FULLEST) * c for m, c in zip(main, card, strict=True))

    assert contrast(channels(scheme["text"]), (red, green, blue)) >= TEXT


def test_this_day_and_the_days_before_differ_in_more_than_hue() -> None:
    for scheme in (LIGHT, DARK):
        assert abs(luminance(channels(scheme["main"])) - luminance(channels(scheme["other"]))) > 0.1


def test_every_ink_has_a_colour_and_pictures_on_paper_have_those_of_the_light_page() -> None:
    assert {ink.name.lower() for ink in Ink} <= LIGHT.keys() == DARK.keys()
    assert {ink.name.lower(): colour for ink, colour in COLOURS_ON_PAPER.items()}.items() <= LIGHT.items()
    assert LIGHT["card"] == PAPER
