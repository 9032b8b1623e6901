"""`make docs` builds one site: every guide, source and mart is in it, no link is broken, and it needs no network."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from tests.support.ui.pages import chromium

from tidegate.contract.reading.odcs import load_contracts
from tidegate.explain.markdown import code
from tidegate.explain.marts import Manifest, marts_of, sources_behind
from tidegate.explain.site import READING_ORDER
from tidegate.settings import CHECKOUT, load_settings
from tidegate.transform.parsed.project import DbtProject

# Sphinx takes its time; of the pages by themselves make test has test_sources.py and docs/test_pages.py.
pytestmark = pytest.mark.slow

# What a browser fetches by itself, by element and attribute; following a link is the reader's doing.
FETCHED = {("script", "src"), ("img", "src"), ("link", "href"), ("iframe", "src"), ("source", "src")}


class Page(HTMLParser):
    """The links of a page, what a browser fetches for it, and the places in it that a link can lead to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.places: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name == "id" and value:
                self.places.add(value)
            elif tag == "a" and name == "href" and value:
                self.links.append(value)
            elif (tag, name) in FETCHED and value:
                self.fetched.append(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, as `make docs` builds it: any warning of Sphinx is an error."""
    site = tmp_path_factory.mktemp("docs") / "site"
    done = subprocess.run(
        ["make", "docs", f"SITE={site}"], cwd=CHECKOUT, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return site


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return DbtProject(load_settings(home=tmp_path_factory.mktemp("home"))).manifest()


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    """The site's own pages; dbt's are one program."""
    return {path: Page(path) for path in site.rglob("*.html") if site / "dbt" not in path.parents}


def test_every_guide_source_and_mart_has_its_page(site: Path, manifest: Manifest) -> None:
    guides = [path.stem for path in (CHECKOUT / "docs").glob("*.md")]
    sources = [f"sources/{name}" for name in load_contracts(CHECKOUT / "contracts")]
    marts = [f"marts/{mart.name}" for mart in marts_of(manifest)]

    assert [name for name in ("index", *guides, *sources, *marts) if not (site / f"{name}.html").is_file()] == []


def test_every_page_is_in_the_table_of_contents(site: Path, pages: dict[Path, Page]) -> None:
    # What Sphinx itself adds can be reached from every page, by the search field.
    written = {str(path.relative_to(site)) for path in pages} - {"search.html", "genindex.html"}

    assert written <= {urlsplit(link).path or "index.html" for link in pages[site / "index.html"].links} | {
        "index.html"
    }


def test_no_link_within_the_site_is_broken(pages: dict[Path, Page]) -> None:
    broken = [
        f"{page.path.name}: {link}"
        for page in pages.values()
        for link in (*page.links, *page.fetched)
        if not urlsplit(link).scheme and not _leads_somewhere(page, link, pages)
    ]
    assert broken == []


def _leads_somewhere(page: Page, link: str, pages: dict[Path, Page]) -> bool:
    parts = urlsplit(link)
    target = (page.path.parent / unquote(parts.path)).resolve() if parts.path else page.path
    if target in pages and parts.fragment:
        return unquote(parts.fragment) in pages[target].places
    return target.is_file()


def test_no_page_asks_for_anything_over_the_network(site: Path, pages: dict[Path, Page]) -> None:
    fetched = [link for page in pages.values() for link in page.fetched if urlsplit(link).netloc]
    assert fetched == []
    styles = [
        path for path in site.rglob("*.css") if re.search(r"@import|url\(\s*[\"']?(https?:)?//", path.read_text())
    ]
    assert styles == []


def test_dbts_own_pages_are_one_file_with_all_models(site: Path) -> None:
    dbt = Page(site / "dbt" / "index.html")

    assert [link for link in dbt.fetched if urlsplit(link).netloc] == []
    assert "model.shop.daily_sales" in dbt.path.read_text(encoding="utf-8")


def test_a_marts_page_tells_its_columns_promises_and_sources(site: Path, manifest: Manifest) -> None:
    sources = site.with_name("site-source")
    for mart in marts_of(manifest):
        written = (sources / "marts" / f"{mart.name}.md").read_text(encoding="utf-8")
        assert [column for column in mart.columns if f"| {code(column)} |" not in written] == [], mart.name
    behind = sources_behind(manifest)
    assert behind["daily_sales"] == {"orders", "payments"}
    assert behind["customer_rfm"] == {"orders", "payments", "customers"}, "through a mart of days"
    daily_sales = (sources / "marts" / "daily_sales.md").read_text(encoding="utf-8")
    assert "A partition is a day: the rows with that `order_date`." in daily_sales
    assert "| `unique_customers` | `bigint` | Distinct customers of the sale lines. |" in daily_sales
    assert "| Every day has all figures. If this fails: fix the model. | the partition is held |" in daily_sales
    assert "from: [raw.orders](../sources/orders.md), [raw.payments](../sources/payments.md)" in daily_sales
    assert "**days are measured.** Distinct orders, guests and customers" in daily_sales
    weekly = (sources / "marts" / "customer_rfm.md").read_text(encoding="utf-8")
    assert "A partition is a Monday: the rows with that `as_of_date`." in weekly
    assert "Its rows are made of the 365 days before it." in weekly
    assert "[serving.orders\\_daily\\_summary](orders_daily_summary.md)" in weekly


def test_the_order_of_the_guides_names_no_page_twice() -> None:
    assert len(set(READING_ORDER)) == len(READING_ORDER)


@pytest.mark.system
@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs Chromium: apt-get install chromium")
def test_a_browser_asks_for_nothing_but_the_sites_own_files(site: Path) -> None:
    asked: list[str] = []
    with chromium(shutil.which("chromium") or "") as browser:
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.goto((site / "marts" / "daily_sales.html").as_uri())
        page.get_by_role("link", name="lineage, SQL and tests in dbt").click()
        page.get_by_role("heading", name="daily_sales").first.wait_for()

    assert asked
    assert [url for url in asked if urlsplit(url).scheme not in ("file", "data", "blob")] == []
