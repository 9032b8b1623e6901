"""What a person does in Dagster's UI, as Playwright does it: look at the graph, launch partitions, open a check.

How Dagster's pages are built is known here and nowhere else: it changes with Dagster.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, Response, expect, sync_playwright

# Without these a browser in a container has no sandbox to start in, or looks for the internet.
CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# The first page of a cold server on a busy machine; nothing waits that long when it is there.
PATIENCE_MS = 90_000
# From the closest view of the graph to the farthest, and how long the way from one to the next is drawn.
MOST_ZOOMS = 10
ZOOM_MS = 500


@contextmanager
def chromium(executable: str) -> Iterator[Browser]:
    """A headless browser."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_OPTIONS)
        yield browser
        browser.close()


def open_page(browser: Browser, url: str) -> Page:
    """A page in which paths are of `url`."""
    page = browser.new_page(base_url=url, viewport={"width": 1600, "height": 900})
    page.set_default_timeout(PATIENCE_MS)
    return page


def groups_from_left(page: Page) -> dict[str, float]:
    """The groups of the asset graph as it opens, collapsed, each with where it begins from the left."""
    page.goto("/asset-groups")
    groups = page.locator("svg foreignObject.group")
    expect(groups.first).to_be_visible()
    lefts = groups.evaluate_all("nodes => nodes.map(n => [n.textContent, n.getBoundingClientRect().left])")
    return dict(sorted(lefts, key=lambda group: float(group[1])))


def open_groups(page: Page, groups: Iterable[str]) -> None:
    """The asset graph with these of its groups open."""
    page.goto("/asset-groups?expanded=" + ",".join(f"global@global:{group}" for group in groups))
    expect(page.locator("svg foreignObject [class*='AssetNode']").first).to_be_visible()


def assets_from_left(page: Page, groups: Collection[str]) -> dict[str, list[float]]:
    """Where each asset begins from the left, by group, in the asset graph with these groups, which are all, open."""
    # A screen that holds all of them at a size at which they show their assets.
    page.set_viewport_size({"width": 5120, "height": 2880})
    open_groups(page, groups)
    _zoom_out(page, len(groups))
    lefts: dict[str, list[float]] = page.evaluate(
        """() => {
            const boxes = [...document.querySelectorAll("svg foreignObject")];
            const rect = node => node.getBoundingClientRect();
            const holds = (outer, inner) => outer.left <= inner.left && inner.right <= outer.right
                && outer.top <= inner.top && inner.bottom <= outer.bottom;
            const assets = boxes.filter(box => box.querySelector("[class*='AssetNode']"));
            const inside = group => assets.map(rect).filter(asset => holds(rect(group), asset));
            return Object.fromEntries(boxes.filter(box => box.matches(".group"))
                .map(group => [group.textContent, inside(group).map(asset => asset.left)]));
        }"""
    )
    return lefts


def _zoom_out(page: Page, groups: int) -> None:
    """See all groups whole: what is out of view is not drawn, and from too far away groups have no assets in them."""
    for _ in range(MOST_ZOOMS):
        boxes = page.locator("svg foreignObject.group")
        bottoms = boxes.evaluate_all("nodes => nodes.map(node => node.getBoundingClientRect().bottom)")
        if len(bottoms) == groups and max(bottoms) < page.evaluate("window.innerHeight"):
            break
        page.get_by_role("button", name="zoom_out").click()
        page.wait_for_timeout(ZOOM_MS)


def launch(page: Page, path: str, partitions: str, count: int) -> str:
    """Materialize `partitions` (a day, or `[first...last]`; `count` of them) with the dialog of the page at `path`.

    Returns the id of the run, or of the backfill where they are many.
    """
    page.goto(path)
    page.get_by_role("button", name="Materialize").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    _accept_warnings(page)
    # Days of a demo shop may lie further back than the 90 that the dialog begins with.
    dialog.get_by_role("button", name="Show all partitions").click()
    days = dialog.get_by_placeholder("ex: ")
    days.fill(partitions)
    days.press("Enter")
    expect(dialog.get_by_text(f"{count} partition{'s' if count > 1 else ''}", exact=True)).to_be_visible()
    with page.expect_response(_is_launch) as launched:
        dialog.get_by_role("button", name=re.compile("^Launch")).click()
    return _launched_id(launched.value.json()["data"])


def _accept_warnings(page: Page) -> None:
    """Assets that are only made together, and those that are made of one that never was, bring up a dialog that says so
    first."""
    warning = page.get_by_text(re.compile("Additional assets will be materialized|have not been materialized yet"))
    expect(warning.or_(page.get_by_text("Launch runs to materialize"))).to_be_visible()
    if warning.is_visible():
        page.get_by_role("dialog").get_by_role("button", name="Confirm").click()


def _is_launch(response: Response) -> bool:
    return "mutation Launch" in (response.request.post_data or "")


def _launched_id(data: dict[str, Any]) -> str:
    answer = next(iter(data.values()))
    launched = answer.get("backfillId") or answer.get("run", {}).get("id")
    assert launched, f"The UI refused to launch: {answer}"
    return str(launched)


def open_check(page: Page, asset: str, check: str, tab: str = "Overview") -> None:
    """The Checks tab of `asset`, with `check` chosen and one of the check's own tabs in front."""
    page.goto(f"/assets/{asset}?view=checks&checkDetail={check}")
    expect(page.get_by_text("About", exact=True)).to_be_visible()
    # The asset's own tabs have some of the same names and come before the check's.
    page.get_by_text(tab, exact=True).last.click()
