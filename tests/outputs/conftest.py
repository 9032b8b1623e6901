"""Lakes whose `serving` the tests fill themselves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.outputs.shop import (
    BEFORE,
    DAILY,
    EARLY,
    MONDAY,
    SPARSE_MONDAY,
    Shop,
    customer_row,
    delivery,
    lake_in,
    random_customers,
    random_days,
)

from tidegate.lake.connect import Lake
from tidegate.window import ONE_DAY, Window


@pytest.fixture(scope="module")
def module_lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with lake_in(tmp_path_factory.mktemp("lake")) as lake:
        yield lake


@pytest.fixture
def shop(module_lake: Lake) -> Iterator[Shop]:
    """A shop in an empty lake: the module's, in a transaction that never commits. Commits would be most of the time."""
    with module_lake.one_moment() as con:
        yield Shop(con)


@pytest.fixture(scope="session")
def full_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop for tests that only look: 400 days, two Mondays of customers, some of whom came or went in between, and a
    third with hardly any."""
    with lake_in(tmp_path_factory.mktemp("full")) as lake:
        shop = Shop(lake.con)
        shop.serve_days(random_days(Window(MONDAY - 400 * ONE_DAY, MONDAY + 8 * ONE_DAY)))
        shop.tell_the_calendar()
        for day in (MONDAY - ONE_DAY, MONDAY - 3 * ONE_DAY):
            shop.publish(day, "daily", DAILY)
        shop.publish(MONDAY - ONE_DAY, "daily", DAILY, "other", EARLY + ONE_DAY)
        shop.hold(MONDAY - 2 * ONE_DAY, "A model failed: " + "word" * 50)
        shop.publish_monday(random_customers(600, BEFORE, seed=1)[:-20], BEFORE)
        shop.publish_monday(random_customers(600, MONDAY, seed=2)[30:], MONDAY)
        shop.publish_monday([customer_row("a-very-long-name" * 20, monday=SPARSE_MONDAY)], SPARSE_MONDAY)
        rejected = delivery(MONDAY, verdict="rejected", reason="word" * 200, rows_loaded=0, touched=())
        shop.deliver(delivery(MONDAY - ONE_DAY), rejected)
        shop.quarantine("orders", MONDAY - ONE_DAY, ["duplicate_key"])
        yield shop
