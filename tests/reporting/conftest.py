"""The shop of the lake's tests, whose published days are what outputs are made of."""

from __future__ import annotations

from tests.lake.conftest import home, lake, module_lake, new_shop, shop

__all__ = ["home", "lake", "module_lake", "new_shop", "shop"]
