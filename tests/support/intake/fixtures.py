"""A shop with a real lake, landing and archive in a temporary home."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.intake.shop import SALES, Shop, open_shop_in

from tidegate.sources.http import client as http_client

OpenShop = Callable[[str], Shop]


@pytest.fixture
def open_shop(tmp_path: Path) -> Iterator[OpenShop]:
    """Opens a shop by the text of its contract."""
    shops: list[Shop] = []

    def open_one(contract: str) -> Shop:
        shops.append(open_shop_in(tmp_path, contract))
        return shops[-1]

    yield open_one
    for shop in shops:
        shop.lake.close()


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A source that fails is asked again at once."""
    monkeypatch.setattr(http_client, "FIRST_PAUSE_SECONDS", 0.002)


@pytest.fixture
def shop(open_shop: OpenShop) -> Shop:
    return open_shop(SALES)


@pytest.fixture(scope="module")
def batch_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """One shop for a whole module, in which each case has a day of its own."""
    shop = open_shop_in(tmp_path_factory.mktemp("batch"), SALES)
    yield shop
    shop.lake.close()
