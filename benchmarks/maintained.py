"""Maintenance as it will be long after: everything that ended before this moment is old enough to go.

TIDEGATE_HOME=HOME python -m benchmarks.maintained
"""

from __future__ import annotations

import datetime as dt

from tidegate.home import Home
from tidegate.ledger.upkeep.maintenance import maintain_until
from tidegate.orchestration.instance.dagster_home import open_instance
from tidegate.orchestration.instance.retention import forget_partitions, forget_runs
from tidegate.settings import load_settings


def main() -> None:
    home = Home(load_settings())
    now = dt.datetime.now(dt.UTC)
    with home.lake() as lake:
        print(maintain_until(lake, now, now))
    with open_instance(home.settings) as instance:
        print(forget_runs(instance, now), "runs forgotten")
        # Of partitions what is kept is what the UI shows of the newest years.
        longest = now - dt.timedelta(days=max(home.settings.run_days, home.settings.event_days))
        print(forget_partitions(instance, longest), "records of partitions forgotten")


if __name__ == "__main__":
    main()
