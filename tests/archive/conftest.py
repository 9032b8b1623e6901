"""A shop with a real lake, landing and archive in a temporary home."""

from tests.support.intake.fixtures import batch_shop, open_shop, shop, short_pauses

__all__ = ["batch_shop", "open_shop", "shop", "short_pauses"]
