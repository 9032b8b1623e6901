"""A lake on a temporary home, and a small shop in it."""

from tests.support.lake.shop import bare_home, home, lake, shop

__all__ = ["bare_home", "home", "lake", "shop"]
