"""A plan as people see it: what comes from data and from errors is text there, and nothing else."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

from tests.support.plans import HOSTILE, PLANNED

from tidegate.changes.showing.markdown import as_markdown
from tidegate.changes.showing.page import as_page
from tidegate.cli.show_plan import as_json

COST = "To build 20 days: 1,234,567 rows to read, about 4 min, going by earlier builds, and 12.3 MB of disk."


class _Page(HTMLParser):
    """The elements of a page, and the text that a reader sees."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += f" {data}"


def test_the_page_shows_figures_as_a_chart_and_whatever_data_holds_as_text() -> None:
    page = _Page(as_page(PLANNED))
    assert COST in page.text
    assert page.text.count(HOSTILE) == 3
    assert "svg" in page.elements and not page.elements & {"script", "img", "a"}
    assert re.search(r"net_revenue of sales, planned less published\s+In sum -190\.00, on 20 days\.", page.text)
    # A table for whoever cannot see the chart.
    assert "net_revenue by day, the last 14 that differ" in page.text
    assert "-9.50 (-9.5%)" in page.text


def test_markdown_has_the_figures_as_a_table_and_no_mark_that_comes_from_data() -> None:
    text = as_markdown(PLANNED)
    assert COST in text
    assert "| 2024-01-20 | 100.00 | 90.50 | -9.50 (-9.5%) |" in text
    assert "| net_revenue | 20 | -190.00 |" in text
    without_escapes = re.sub(r"\\.", "", text)
    assert not re.search(r"<img|\]\(|@owner|://|`|\*bold", without_escapes)
    (sample,) = [line for line in without_escapes.splitlines() if "onerror" in line and line.startswith("|")]
    assert sample.count("|") == 5


def test_json_has_the_figures_of_all_partitions_and_what_it_costs() -> None:
    plan = json.loads(as_json(PLANNED))
    assert plan["cost"] == {"partitions": {"daily": 20}, "rows": 1_234_567, "seconds": 240.0, "bytes": 12_300_000}
    assert len(plan["marts"][0]["figures"][0]["days"]) == 20


def test_nothing_to_plan_is_a_page_too() -> None:
    assert "All that is published has the logic that the project has now" in _Page(as_page(None)).text
