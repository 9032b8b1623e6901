"""A mart in Python in Dagster's UI, in a real browser: where it stands, its checks, and whose line made it fail."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.support.python_models import PROJECTS, project_with
from tests.support.ui.pages import assets_from_left, chromium, launch, open_check, open_page
from tests.support.ui.server import Server, make_dev

from tidegate.orchestration.assets.serving import GATE
from tidegate.window import ONE_DAY

CHROMIUM = shutil.which("chromium")

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
    pytest.mark.timeout(600),
]

DOUBLED = """
def model(dbt, session):
    visits = dbt.ref("daily_visits").df()
    if (visits["visitors"] == 13).any():
        raise ValueError("nobody counts to 13")
    return visits.assign(visitors=visits["visitors"] * 2)
"""
YAML = """
  - name: doubled
    config: {materialized: incremental, meta: {tidegate: {day: visit_date}}}
    columns:
      - {name: visit_date, data_type: date}
      - {name: visitors, data_type: bigint, data_tests: [not_null]}
"""
GOOD = dt.date(2024, 3, 3)
BAD = GOOD + ONE_DAY


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("python")
    project = project_with(folder / "project", {"doubled.py": DOUBLED}, YAML)
    home = folder / "home"
    for day, visitors in ((GOOD, 12), (BAD, 13)):
        delivery = home / "landing" / "visits" / str(day)
        delivery.mkdir(parents=True)
        (delivery / "visits.csv").write_text(f"place,visitors\nBergen,{visitors}\n")
        (delivery / "_SUCCESS").touch()
    settings = {
        "TIDEGATE_CONTRACTS": str(PROJECTS / "contracts"),
        "TIDEGATE_DBT_PROJECT": str(project),
        "TIDEGATE_START_DATE": str(GOOD),
    }
    with make_dev(home, **settings) as started:
        started.graphql("mutation { setNuxSeen }")
        yield started


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert CHROMIUM is not None
    with chromium(CHROMIUM) as opened:
        yield opened


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    opened = open_page(browser, server.url)
    yield opened
    opened.close()


def test_it_stands_where_its_lineage_says(page: Page) -> None:
    lefts = assets_from_left(page, ["marts", "serving"])
    assert len(lefts["marts"]) == len(lefts["serving"]) == 2
    page.goto("/assets/marts/doubled?view=lineage")
    for asset in ("daily_visits", "doubled"):
        expect(page.locator("svg foreignObject").get_by_text(asset, exact=True).first).to_be_visible()


def test_a_day_that_it_fails_on_shows_the_authors_line_and_the_other_its_check(page: Page, server: Server) -> None:
    assert server.finished_run(launch(page, "/locations/tidegate.definitions/jobs/daily", str(GOOD), 1)) == "SUCCESS"
    open_check(page, "marts/doubled", "not_null_doubled_visitors", tab="Execution history")
    expect(page.get_by_role("row").filter(has_text=str(GOOD))).to_contain_text("Passed")

    failed = launch(page, "/locations/tidegate.definitions/jobs/daily", str(BAD), 1)
    assert server.finished_run(failed) == "FAILURE"
    page.goto(f"/runs/{failed}")
    line = 'failed in line 5 of models/doubled.py (`raise ValueError("nobody counts to 13")`)'
    expect(page.get_by_text(line).first).to_be_visible()
    open_check(page, "serving/doubled", GATE, tab="Execution history")
    # A description is Markdown there: the line itself stands as code.
    row = page.get_by_role("row").filter(has_text=str(BAD))
    expect(row).to_contain_text("failed in line 5 of models/doubled.py (raise ValueError")
    assert server.query("select visitors from serving.doubled") == [{"visitors": 24}]
