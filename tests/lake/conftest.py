"""A lake on a temporary home, and a small shop in it."""

from tests.support.lake.shop import bare_home, home, lake, module_lake, new_shop, shop

__all__ = ["bare_home", "home", "lake", "module_lake", "new_shop", "shop"]
