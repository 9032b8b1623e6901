"""Rolling a partition back, and telling Dagster: no run did it, and the UI is to show it all the same."""

from __future__ import annotations

import dagster as dg
from dagster import DagsterInstance

from tidegate.home import Home
from tidegate.orchestration.asset_keys import serving_key
from tidegate.orchestration.assets.serving import figures_by_mart
from tidegate.publishing.promote import Promotion
from tidegate.publishing.rollback import Decision, roll_back
from tidegate.window import Cadence


def roll_back_and_report(home: Home, instance: DagsterInstance, decision: Decision) -> Promotion:
    """Put the partition back and record a materialization of each of its marts. Raises TidegateError."""
    with home.lake() as lake:
        rolled_back = roll_back(lake, home.products_of, decision)
        cadence = Cadence(rolled_back.rolled_back[decision.day].cadence)
        shown = {row.mart for row in rolled_back.published[decision.day]}
        marts = tuple(mart for mart in home.requirements_of(cadence).marts if mart.name in shown)
        figures = figures_by_mart(lake, marts, rolled_back)
    for mart, by_day in figures.items():
        for day, metadata in by_day.items():
            instance.report_runless_asset_event(
                dg.AssetMaterialization(
                    serving_key(mart),
                    partition=day.isoformat(),
                    description=rolled_back.rolled_back[day].sentence,
                    metadata=metadata,
                )
            )
    return rolled_back
