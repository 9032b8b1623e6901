"""All metrics of one moment."""

from __future__ import annotations

import datetime as dt
import time

from tidegate.alerting.metrics import of_data, of_platform
from tidegate.alerting.metrics.family import Family, single
from tidegate.alerting.operations import Operations
from tidegate.alerting.scene import Scene
from tidegate.home import Home
from tidegate.lake.connect import Lake
from tidegate.ledger.incidents import newest_incidents


def gather(home: Home, lake: Lake, operations: Operations, now: dt.datetime) -> list[Family]:
    """What the home's metrics are at `now`, which has an offset: from one moment of the lake, in a query a table."""
    began = time.perf_counter()
    with lake.one_moment() as con:
        scene = Scene(home, con, operations, now)
        standing = [each for each in newest_incidents(con).values() if not each.is_over]
        families = [
            *of_data.products(scene, standing),
            *of_data.sources(scene),
            *of_platform.runs(scene),
            *of_platform.daemon(scene),
            *of_platform.lake(scene),
            *of_platform.incidents(standing),
            *of_platform.alerts(scene),
        ]
    took = single("scrape_seconds", "What reading these took.", time.perf_counter() - began)
    return [single("up", "1 while the ledger can be read.", 1), took, *families]
