"""What a project's own Dagster definitions may import. See docs/your-own-dagster.md."""

from tidegate.orchestration.own.hooks import (
    daily_partitions,
    monthly_partitions,
    product_assets,
    published_asset,
    weekly_partitions,
    when_published,
)
from tidegate.orchestration.own.resource import TidegateResource

__all__ = [
    "TidegateResource",
    "daily_partitions",
    "monthly_partitions",
    "product_assets",
    "published_asset",
    "weekly_partitions",
    "when_published",
]
