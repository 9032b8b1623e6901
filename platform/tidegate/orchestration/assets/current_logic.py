"""The check of each serving asset that says which of its published partitions stand on older logic.

It is of the asset as a whole, not of a partition, and warns: what was published before an edit is as sound as it was.
The steps that publish evaluate it; so do applying a change and taking one back.
"""

from __future__ import annotations

from collections.abc import Collection

import dagster as dg

from tidegate.home import Home
from tidegate.lake.connect import Lake
from tidegate.orchestration.asset_keys import serving_key
from tidegate.publishing.older_logic import OlderLogic, on_older_logic
from tidegate.publishing.requirements import GateRequirements, Mart
from tidegate.window import named

LOGIC = "logic_is_current"


def logic_spec(mart: Mart) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        LOGIC,
        asset=serving_key(mart.name),
        description="Every published partition was built with the logic that the project has now. If this warns, "
        "consumers see older and newer logic side by side. To see what the newer would change: tidegate plan",
    )


def evaluate_logic(lake: Lake, home: Home, products: Collection[GateRequirements]) -> list[dg.AssetCheckEvaluation]:
    """A result for each mart of the products. The ledger is asked once, however many partitions there are."""
    older = {each.mart: each for each in on_older_logic(lake.con, products, home.dbt.logic())}
    return [_evaluation(mart.name, older.get(mart.name)) for product in products for mart in product.marts]


def _evaluation(mart: str, older: OlderLogic | None) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=serving_key(mart),
        check_name=LOGIC,
        passed=older is None,
        severity=dg.AssetCheckSeverity.WARN,
        blocking=False,
        description=f"{older.sentence} To see what the newer would change: tidegate plan" if older else None,
        metadata={
            "partitions_on_older_logic": len(older.days) if older else 0,
            **({"which": named(older.days, older.cadence)} if older else {}),
        },
    )
