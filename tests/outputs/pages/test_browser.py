"""Report, brief and index in a real browser, from files: no network is asked, all is drawn, anyone can read it."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from tests.support.outputs.over_time import a_quarter
from tests.support.outputs.shop import MONDAY, SPARSE_MONDAY, Shop, all_current
from tests.support.plans import PLANNED
from tests.support.ui.pages import chromium

from tidegate.changes.showing.page import as_page
from tidegate.outputs.pages.brief import make_briefs
from tidegate.outputs.pages.index import DayEntry, WeekEntry, make_index
from tidegate.outputs.pages.quality_page import make_quality_page
from tidegate.outputs.pages.segmentation import make_report
from tidegate.outputs.pages.standing import read_missing
from tidegate.window import ONE_DAY, Cadence, Window

CHROMIUM = shutil.which("chromium")

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]

PAGES = ["report", "sparse-report", "brief", "first-brief", "index", "quality", "plan"]
DRAWINGS = {"report": 4, "sparse-report": 4, "brief": 1, "first-brief": 1, "index": 0, "quality": 2, "plan": 1}
SCHEMES = ["light", "dark"]
PHONE = {"width": 360, "height": 800}
DESK = {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert CHROMIUM is not None
    with chromium(CHROMIUM) as opened:
        yield opened


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, full_shop: Shop) -> Path:
    """Pages as they are stored: of a full week and of a sparse one, of a day with a history and of the first."""
    where = tmp_path_factory.mktemp("pages")
    first_day = min(row["order_date"] for row in full_shop.rows["daily_sales"])
    days = Window(MONDAY - 40 * ONE_DAY, MONDAY).days
    *_, brief = briefs = list(make_briefs(full_shop.con, days, all_current))
    (first,) = make_briefs(full_shop.con, [first_day], all_current)
    reports = {"report": make_report(full_shop.con, MONDAY), "sparse-report": make_report(full_shop.con, SPARSE_MONDAY)}
    weeks = [
        WeekEntry.of(report.json, {"Report": f"{name}.html", "JSON": f"{name}.json"})
        for name, report in reports.items()
    ]
    index = make_index(
        weeks,
        [
            DayEntry.of(each.json, {"Brief": "brief.html", "JSON": "b.json"})
            for each in briefs
            if each.day != MONDAY - 2 * ONE_DAY
        ],
        missing_days=read_missing(full_shop.con, "daily_sales", Cadence.daily),
    )
    pages = {name: report.html for name, report in reports.items()} | {"plan": as_page(PLANNED)}
    pages["quality"] = make_quality_page(a_quarter()).html
    for name, html in {**pages, "brief": brief.html, "first-brief": first.html, "index": index}.items():
        (where / f"{name}.html").write_text(html, encoding="utf-8")
    return where


@contextmanager
def opened(browser: Browser, path: Path, **options: Any) -> Iterator[Page]:
    """The page in a window of its own. Fails if the browser complained, or asked for anything but the file."""
    context = browser.new_context(**{"viewport": DESK, **options})
    page = context.new_page()
    complaints: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(path.as_uri())
    yield page
    assert complaints == []
    assert [url for url in requests if not url.startswith("data:")] == [path.as_uri()]
    context.close()


@pytest.mark.parametrize("name", PAGES)
def test_charts_are_drawn_and_nothing_is_loaded(browser: Browser, folder: Path, name: str) -> None:
    with opened(browser, folder / f"{name}.html") as page:
        drawn = page.eval_on_selector_all(
            "svg[role=img]",
            """drawings => drawings.map(svg => {
                const box = svg.getBoundingClientRect();
                const inside = shape => {
                    const r = shape.getBoundingClientRect();
                    return r.left >= box.left - 1 && r.right <= box.right + 1
                        && r.top >= box.top - 1 && r.bottom <= box.bottom + 1;
                };
                const seen = shape => {
                    const r = shape.getBoundingClientRect(), style = getComputedStyle(shape);
                    return r.width > 0 && r.height > 0 && (style.fill !== 'none' || style.stroke !== 'none');
                };
                const texts = [...svg.querySelectorAll('text')];
                return {width: box.width, shapes: [...svg.querySelectorAll('path')].filter(seen).length,
                        texts: texts.length, outside: texts.filter(t => !inside(t)).map(t => t.textContent)};
            })""",
        )

    assert len(drawn) == DRAWINGS[name]
    for drawing in drawn:
        assert drawing["width"] > 300
        assert drawing["shapes"] >= 2 and drawing["texts"] >= 10
        assert drawing["outside"] == []


@pytest.mark.parametrize("width", [360, 800, 960, 961, 1280])
def test_tiles_are_in_rows_of_two_or_four(browser: Browser, folder: Path, width: int) -> None:
    for name in ("brief", "report"):
        with opened(browser, folder / f"{name}.html", viewport={"width": width, "height": 800}) as page:
            tops = page.eval_on_selector_all(".tiles li", "all => all.map(one => one.getBoundingClientRect().top)")
        assert set(Counter(tops).values()) == {4 if width > 960 else 2}, (name, width)


@pytest.mark.parametrize("name", PAGES)
def test_a_phone_shows_the_whole_width_without_scrolling(browser: Browser, folder: Path, name: str) -> None:
    with opened(browser, folder / f"{name}.html", viewport=PHONE) as page:
        page.eval_on_selector_all("details", "all => all.forEach(one => one.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        smallest = page.evaluate(
            """Math.min(99, ...[...document.querySelectorAll('svg text')].map(text => {
                const scale = text.getScreenCTM();
                return Math.hypot(scale.a, scale.b) * parseFloat(getComputedStyle(text).fontSize);
            }))"""
        )
        # Pixels; the digits of a heat map and of an axis can still be told apart.
        assert smallest >= 9


@pytest.mark.parametrize("name", ["report", "brief", "quality"])
def test_dark_and_light_are_two_sets_of_colours(browser: Browser, folder: Path, name: str) -> None:
    colours = {}
    for scheme in SCHEMES:
        with opened(browser, folder / f"{name}.html", color_scheme=scheme) as page:
            colours[scheme] = page.evaluate(
                """['body', '.card', 'svg text', 'svg path'].map(which => {
                    const style = getComputedStyle(document.querySelector(which));
                    return [style.backgroundColor, style.fill, style.color];
                })"""
            )

    assert all(light != dark for light, dark in zip(colours["light"], colours["dark"], strict=True))
    assert brightness(colours["light"][0][0]) > 200 and brightness(colours["dark"][0][0]) < 60


def brightness(colour: str) -> float:
    return sum(map(float, colour.removeprefix("rgb(").removesuffix(")").split(","))) / 3


@pytest.mark.parametrize("name", PAGES)
def test_paper_is_white_whatever_the_screen_is_and_has_every_table(browser: Browser, folder: Path, name: str) -> None:
    with opened(browser, folder / f"{name}.html", color_scheme="dark") as page:
        page.emulate_media(media="print", color_scheme="dark")
        height = "tables => tables.map(t => t.getBoundingClientRect().height)"
        heights = page.eval_on_selector_all("table:not(.list:not([open]) table)", height)
        # Of years of days, those that are open: not thirty sheets.
        closed = page.eval_on_selector_all(".list:not([open]) table", height)
        background, ink = page.evaluate(
            "(({backgroundColor, color}) => [backgroundColor, color])(getComputedStyle(document.body))"
        )

    assert heights and min(heights) > 0
    assert set(closed) == ({0} if name == "index" else set())
    assert (brightness(background), brightness(ink) < 60) == (255, True)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", PAGES)
def test_an_accessibility_audit_finds_nothing_serious(browser: Browser, folder: Path, name: str, scheme: str) -> None:
    with opened(browser, folder / f"{name}.html", color_scheme=scheme) as page:
        page.eval_on_selector_all("details", "all => all.forEach(one => one.open = true)")
        audit = Axe().run(page).response
        assert len(audit["passes"]) > 15
        assert [
            (finding["id"], [node["html"] for node in finding["nodes"]])
            for finding in audit["violations"]
            if finding["impact"] in {"serious", "critical"}
        ] == []


def test_the_index_leads_to_its_pages_and_its_months_open_by_keyboard(browser: Browser, folder: Path) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        page.goto((folder / "index.html").as_uri())
        page.get_by_role("link", name="Monday 3 June 2024", exact=True).click()
        assert page.get_by_role("heading", level=1).inner_text() == "Week of 27 May to 2 June 2024"
        page.go_back()
        april = page.locator("summary", has_text="April 2024")
        april.focus()
        page.keyboard.press("Enter")
        page.get_by_role("link", name="Tuesday 30 April 2024", exact=True).click()
        assert page.get_by_role("heading", level=1).inner_text().endswith("2024")
