"""A reader of what is published, as a dashboard is: it asks the same again and again until it is told to end, and looks
whether what it sees belongs together. Writes how long it waited as JSON.

TIDEGATE_HOME=HOME python -m benchmarks.reading --until FILE --took FILE
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake
from tidegate.settings import load_settings

# A dashboard that five people look at.
PAUSE_SECONDS = 0.2

# All marts of a day are published at once: a region's revenue without its day's is a day half published.
HALF_PUBLISHED = """
    select
        (select count(*) from serving.daily_sales) as days,
        (
            select count(*)
            from (select order_date, sum(gross_revenue) as of_day from serving.daily_sales group by all)
            full join (select order_date, sum(gross_revenue) as of_regions from serving.daily_sales_by_region group by all)
            using (order_date)
            where of_day is distinct from of_regions
        ) as half_published
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--until", type=Path, required=True, help="the reader ends once this file is there")
    parser.add_argument("--took", type=Path, required=True)
    given = parser.parse_args()
    waited, days, half_published = [], 0, 0
    with Lake.open(LakeConfig.of(load_settings()), read_only=True) as lake:
        while not given.until.exists():
            began = time.perf_counter()
            row = lake.con.execute(HALF_PUBLISHED).fetchone()
            assert row
            waited.append(time.perf_counter() - began)
            days, half_published = row[0], half_published + row[1]
            time.sleep(PAUSE_SECONDS)
    given.took.write_text(json.dumps({"waited": waited, "days": days, "half_published": half_published}))


if __name__ == "__main__":
    main()
