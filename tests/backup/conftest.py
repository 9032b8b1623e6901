"""A lake on a temporary home, a small shop in it, and backups of both."""

from tests.support.lake.shop import bare_home, home, lake, shop

__all__ = ["bare_home", "home", "lake", "shop"]
