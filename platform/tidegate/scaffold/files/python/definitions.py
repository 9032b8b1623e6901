"""Assets, sensors, schedules and resources of your own, beside those that Tidegate makes of contracts and dbt models.

The UI and the daemon take them over when they load the project; reload the code location after a change. An error here
is shown with its file and line, and everything of Tidegate's still loads.
"""

import dagster as dg

from tidegate.dagster import TidegateResource, daily_partitions, published_asset, when_published


@dg.asset(partitions_def=daily_partitions(), deps=[published_asset("@mart@")], group_name="own")
def announcement(context: dg.AssetExecutionContext, tidegate: TidegateResource) -> dg.MaterializeResult[None]:
    """An example: how many rows of a day are published."""
    rows = len(tidegate.published("@mart@", context))
    context.log.info(f"{context.partition_key}: {rows} rows of @mart@ are published.")
    return dg.MaterializeResult(metadata={"rows": rows})


defs = dg.Definitions(assets=[announcement], sensors=[when_published("@product@", run=announcement)])
