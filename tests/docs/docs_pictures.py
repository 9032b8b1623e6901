"""Takes docs/images/lineage.png again, when assets were added: `.venv/bin/python -m tests.docs.docs_pictures`.

The picture is of `make dev` on the demo shop of `make run`, in a home of its own; it takes a few minutes and Chromium.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.ui.pages import chromium, open_groups
from tests.support.ui.server import make_dev

from tidegate.settings import CHECKOUT

PICTURE = CHECKOUT / "docs" / "images" / "lineage.png"

# The others stay closed, so that names can be read.
OPEN_GROUPS = ("marts", "serving", "weekly_marts", "weekly_serving")
WIDTH, HEIGHT = 1300, 720


def take_lineage(picture: Path) -> None:
    """The asset graph, with a fortnight of the demo shop in it."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        subprocess.run(["make", "run", f"TIDEGATE_HOME={home}"], cwd=CHECKOUT, check=True)
        with make_dev(home) as server, chromium(shutil.which("chromium") or "chromium") as browser:
            server.graphql("mutation { setNuxSeen }")
            # Twice as sharp, for it is shown smaller than it is.
            page = browser.new_page(
                base_url=server.url, viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=2
            )
            open_groups(page, OPEN_GROUPS)
            page.get_by_role("button", name="Hide navigation").click()
            # What is loaded last is whether an asset's partitions are there, which colours it.
            page.wait_for_load_state("networkidle")
            page.screenshot(path=picture)


if __name__ == "__main__":
    take_lineage(Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE)
