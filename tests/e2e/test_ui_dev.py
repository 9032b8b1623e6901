"""Dagster's UI as `make dev` starts it, in a real browser: what one sees and launches there is what the platform does.

One server for all, on a shop of five days. A delivery of one is rejected, which holds both products; the customers of
another are late, which holds the product that is made of them. Nothing here is reached by a way that a person at the
browser does not have; GraphQL only looks at what came of it.
"""

from __future__ import annotations

import datetime as dt
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.support.ui.pages import (
    assets_from_left,
    chromium,
    groups_from_left,
    launch,
    open_check,
    open_page,
)
from tests.support.ui.server import Server, make_dev

from tidegate.demo.dirt import Dirt, DirtKind
from tidegate.demo.shop import write_shop
from tidegate.window import Window

CHROMIUM = shutil.which("chromium")

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
    # One worker for all, since they share a server. The first pays for its start and for the backfill.
    pytest.mark.timeout(900),
]

LAYERS_OF_DAYS = ["sources", "raw", "staging", "intermediate", "marts", "serving"]
# From left to right, by way of mornings, of Mondays and of months, which stand beside each other.
LONGER = ("morning", "weekly", "monthly")
WAYS = [[*LAYERS_OF_DAYS, f"{cadence}_marts", f"{cadence}_serving", "outputs"] for cadence in LONGER]
LAYERS = list(dict.fromkeys(layer for way in WAYS for layer in way))
# Open, these are as much as one screen holds.
OPENED = WAYS[1:]
OF_DAYS = " or ".join(f'group:"{layer}"' for layer in LAYERS_OF_DAYS[1:])
SALES = ["daily_sales", "daily_sales_by_category", "daily_sales_by_region"]
CUSTOMERS = ["daily_customers", "orders_daily_summary"]
DAYS = 5
FIRST = dt.date(2024, 1, 1)
LAST = FIRST + dt.timedelta(days=DAYS - 1)
WHOLE_SHOP = f"[{FIRST}...{LAST}]"


@dataclass(frozen=True)
class Shop:
    """A server, the delivery that its shop got wrong, and the day whose customers did not come."""

    server: Server
    rejected: Dirt
    late: str

    @property
    def held(self) -> str:
        return str(self.rejected.day)

    @property
    def good(self) -> list[str]:
        days = [FIRST + dt.timedelta(days=number) for number in range(DAYS)]
        return [str(day) for day in days if day != self.rejected.day]

    def published(self) -> list[str]:
        rows = self.server.query("select order_date from serving.daily_sales order by order_date")
        return [row["order_date"] for row in rows]


@dataclass(frozen=True)
class Backfill:
    """A backfill launched in the UI, once it is over."""

    status: str
    run_ids: list[str]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    home = tmp_path_factory.mktemp("ui") / "home"
    report = write_shop(home / "landing", first_day=FIRST, days=DAYS, orders_per_day=60, seed=7)
    (rejected,) = [dirt for dirt in report.dirt if dirt.kind is DirtKind.REJECTED]
    late = next(day for day in (FIRST + dt.timedelta(days=number) for number in (1, 2)) if day != rejected.day)
    shutil.rmtree(home / "landing" / "customers" / str(late))
    with make_dev(home) as server:
        # The newsletter's dialog covers the first page that a new instance shows.
        server.graphql("mutation { setNuxSeen }")
        yield Shop(server, rejected, str(late))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert CHROMIUM is not None
    with chromium(CHROMIUM) as opened:
        yield opened


@pytest.fixture
def page(browser: Browser, shop: Shop) -> Iterator[Page]:
    opened = open_page(browser, shop.server.url)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def backfill(browser: Browser, shop: Shop) -> Backfill:
    """All days of the shop, launched from the asset graph of what days are made in, and completed by the daemon."""
    opened = open_page(browser, shop.server.url)
    backfill_id = launch(opened, f"/asset-groups~{quote(OF_DAYS)}/", WHOLE_SHOP, DAYS)
    opened.close()
    done = shop.server.finished_backfill(backfill_id)
    return Backfill(done["status"], [run["id"] for run in done["runs"]])


def test_it_answers_to_no_other_name(shop: Shop) -> None:
    request = urllib.request.Request(f"{shop.server.url}/server_info", headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(request, timeout=60)


def test_the_code_location_loads_without_an_error(page: Page) -> None:
    page.goto("/deployment/locations")
    expect(page.get_by_text("tidegate.definitions").first).to_be_visible()
    expect(page.get_by_text("Loaded", exact=True)).to_be_visible()
    groups_from_left(page)
    expect(page.get_by_text(re.compile("error|failed to load", re.IGNORECASE))).to_have_count(0)


def test_the_asset_graph_reads_left_to_right_by_layer(page: Page) -> None:
    groups = groups_from_left(page)
    assert groups.keys() == set(LAYERS)
    for before, after in (pair for way in WAYS for pair in pairwise(way)):
        assert groups[before] < groups[after], (before, after)


def test_the_asset_graph_reads_left_to_right_with_its_groups_open(page: Page) -> None:
    lefts = assets_from_left(page, list(dict.fromkeys(layer for way in OPENED for layer in way)))
    assert {layer: len(assets) for layer, assets in lefts.items()}.items() >= {"raw": 6, "serving": 5}.items()
    for before, after in (pair for way in OPENED for pair in pairwise(way)):
        # One that only a later layer reads stands beside that: stg_customers beside daily_customers.
        assert min(lefts[before]) < min(lefts[after]), (before, after)


def test_a_partition_materializes_from_the_job_page(page: Page, shop: Shop) -> None:
    run_id = launch(page, "/locations/tidegate.definitions/jobs/daily", str(FIRST), 1)
    assert shop.server.finished_run(run_id) == "SUCCESS"

    page.goto(f"/runs/{run_id}")
    expect(page.get_by_text("Success", exact=True).first).to_be_visible()
    (published,) = shop.server.query(
        "select total_orders, cast(net_revenue as varchar) as net_revenue from serving.daily_sales "
        f"where order_date = '{FIRST}'"
    )
    assert published["total_orders"] > 0
    assert Decimal(published["net_revenue"]) == _delivered_revenue(shop.server, FIRST)


def _delivered_revenue(server: Server, day: dt.date) -> Decimal:
    """The day's revenue straight from the delivered lines, the newest of each."""
    (row,) = server.query(
        f"""
        with newest as (
            select * from raw.orders where cast(ordered_at as date) = '{day}'
            qualify row_number() over (partition by order_id, line_number order by _delivered_on desc) = 1
        )
        select cast(sum(quantity * unit_price - coalesce(discount_amount, 0)) as varchar) as revenue from newest
        """
    )
    return Decimal(row["revenue"])


def test_a_backfill_from_the_asset_graph_holds_of_each_product_exactly_the_days_that_are_not_good_for_it(
    page: Page, shop: Shop, backfill: Backfill
) -> None:
    assert backfill.status == "COMPLETED_FAILED"
    assert len(backfill.run_ids) == 1, "five days fit into one run"
    bad = {mart: [shop.held] for mart in SALES} | {mart: sorted([shop.held, shop.late]) for mart in CUSTOMERS}
    for mart, days in bad.items():
        statuses = shop.server.partitions_by_status(f"serving/{mart}")
        assert statuses.keys() == {"MATERIALIZED", "FAILED"}
        assert days_of(statuses["FAILED"]) == days, mart
    assert shop.published() == shop.good

    page.goto(f"/assets/serving/daily_sales?view=partitions&default_range={WHOLE_SHOP}&partition={shop.held}")
    expect(page.get_by_text("Failed (1)")).to_be_visible()
    expect(page.get_by_text(f"Materialized ({DAYS - 1})")).to_be_visible()
    expect(page.get_by_text("did not materialize this asset")).to_be_visible()
    page.goto(f"/assets/serving/daily_customers?view=partitions&default_range={WHOLE_SHOP}&partition={shop.late}")
    expect(page.get_by_text("Failed (2)")).to_be_visible()
    expect(page.get_by_text(f"Materialized ({DAYS - 2})")).to_be_visible()


def days_of(stretches: list[tuple[str, str]]) -> list[str]:
    """Every day of these stretches of partitions."""
    return [str(day) for first, last in stretches for day in Window.of_keys(first, last).days]


def test_the_run_page_says_why_a_day_is_held(page: Page, shop: Shop, backfill: Backfill) -> None:
    page.goto(f"/runs/{backfill.run_ids[0]}")
    expect(page.get_by_text("Failure", exact=True).first).to_be_visible()
    expect(page.get_by_text(f"{shop.held} is held").first).to_be_visible()
    expect(page.get_by_text(f"orders/{shop.rejected.region} {shop.held} rejected").first).to_be_visible()
    expect(page.get_by_text(f"customers: {shop.late} is held").first).to_be_visible()


@pytest.mark.usefixtures("backfill")
def test_a_contract_check_shows_each_days_result(page: Page, shop: Shop) -> None:
    asset = f"raw/orders/{shop.rejected.region}"
    open_check(page, asset, "values_are_valid")
    expect(page.get_by_text("This is a blocking asset check.")).to_be_visible()

    open_check(page, asset, "values_are_valid", tab="Execution history")
    held = page.get_by_role("row").filter(has_text=shop.held)
    expect(held).to_contain_text("Failed")
    expect(held).to_contain_text("broke the contract")
    expect(page.get_by_role("row").filter(has_text=str(LAST))).to_contain_text("Passed")

    by_status = shop.server.check_partitions_by_status(asset, "values_are_valid")
    assert by_status.get("FAILED") == [(shop.held, shop.held)]
    open_check(page, asset, "values_are_valid", tab="Partitions")
    expect(page.get_by_text("Failed (1)", exact=True)).to_be_visible()
    expect(page.get_by_text(f"Passed ({DAYS - 1})", exact=True)).to_be_visible()


@pytest.mark.usefixtures("backfill")
def test_a_dbt_test_shows_each_days_result(page: Page, shop: Shop) -> None:
    by_status = shop.server.check_partitions_by_status("marts/daily_sales", "daily_sales_figures_add_up")
    assert by_status == {"SUCCEEDED": [(str(FIRST), str(LAST))]}
    open_check(page, "marts/daily_sales", "daily_sales_figures_add_up")
    expect(page.get_by_text("This is a blocking asset check.")).to_be_visible()
    expect(page.get_by_text(re.compile(r"2024-01-0\d")).first).to_be_visible()

    open_check(page, "marts/daily_sales", "daily_sales_figures_add_up", tab="Partitions")
    expect(page.get_by_text(f"Passed ({DAYS})", exact=True)).to_be_visible()


@pytest.mark.usefixtures("backfill")
def test_promoting_by_hand_does_not_pass_a_closed_gate(page: Page, shop: Shop) -> None:
    run_id = launch(page, "/assets/serving/daily_sales", shop.held, 1)
    assert shop.server.finished_run(run_id) == "FAILURE"
    assert {event["stepKey"] for event in shop.server.events_of(run_id)} <= {None, "promote"}

    page.goto(f"/runs/{run_id}")
    expect(page.get_by_text(f"{shop.held} is held").first).to_be_visible()
    assert shop.published() == shop.good


@pytest.mark.usefixtures("backfill")
def test_a_partial_selection_runs_exactly_that(page: Page, shop: Shop) -> None:
    run_id = launch(page, "/assets/marts/daily_sales_by_region", str(LAST), 1)
    assert shop.server.finished_run(run_id) == "SUCCESS"

    events = shop.server.events_of(run_id)
    assert [(event["assetKey"]["path"], event["partition"]) for event in events if "assetKey" in event] == [
        (["marts", "daily_sales_by_region"], str(LAST))
    ]
    checked = [event["evaluation"]["assetKey"]["path"] for event in events if "evaluation" in event]
    assert checked
    assert all(path == ["marts", "daily_sales_by_region"] for path in checked)
    assert shop.server.query(f"select models from ops.builds where run_id = '{run_id}'") == [
        {"models": ["daily_sales_by_region"]}
    ]


@pytest.mark.usefixtures("backfill")
def test_the_brief_of_a_day_is_read_where_it_was_made(page: Page, shop: Shop) -> None:
    run_id = launch(page, "/locations/tidegate.definitions/jobs/daily_outputs", str(LAST), 1)
    assert shop.server.finished_run(run_id) == "SUCCESS"

    page.goto(f"/assets/reports/daily_brief?view=partitions&default_range={WHOLE_SHOP}&partition={LAST}")
    page.get_by_text("[Show Markdown]").click()
    brief = page.get_by_role("dialog")
    expect(brief.get_by_role("heading", name=f"{LAST:%A} {LAST.day} {LAST:%B %Y}")).to_be_visible()
    expect(brief.get_by_role("row").filter(has_text="Net revenue")).to_be_visible()
    picture = brief.get_by_role("img", name="Columns of net revenue")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.complete && image.naturalWidth > 100"), "the picture is drawn"

    page.goto(f"/assets/exports/daily_sales?view=partitions&default_range={WHOLE_SHOP}&partition={LAST}")
    expect(page.get_by_text(f"/exports/daily_sales/{LAST}/latest.json")).to_be_visible()
