"""Two processes that run the same day at once leave one copy of it, and who reads meanwhile notices nothing."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path

import pytest
from tests.support.examples import THOROUGH
from tests.support.runs.home import FIRST_DAY, Contents, NewHome, TemporaryHome
from tests.support.runs.landing import REGIONS, Landing, sound_lines
from tests.support.runs.processes import Served, served, start_reader, start_tidegate

from tidegate.ledger.upkeep.opening import open_lake
from tidegate.window import ONE_DAY, Cadence, Window

pytestmark = pytest.mark.slow

# What one writer alone leaves is the same for all tests, so one worker has them.

DAYS = [FIRST_DAY + ONE_DAY * i for i in range(3)]
WHOLE = Window(DAYS[0], DAYS[-1] + ONE_DAY)
PRICES = ("10.0000", "20.0000")
ROUNDS = 10 if THOROUGH else 2


def deliver(landing: Landing, price: str, days: Sequence[dt.date] = DAYS) -> None:
    """The days at this price, without guests, so that the customers' revenue is the day's."""
    for day in days:
        landing.customers(day)
        for region in REGIONS:
            lines = sound_lines(day, region, price, lines=20)
            landing.orders(day, region, [dataclasses.replace(line, customer_id="c1") for line in lines])


@pytest.fixture(scope="module")
def alone(new_module_home: NewHome) -> dict[str, Contents]:
    """What the lake holds when one process alone ran the days, by price."""
    home = new_module_home()
    contents = {}
    for price in PRICES:
        deliver(home.landing, price)
        home.backfill(WHOLE)
        contents[price] = home.contents()
    home.close()
    return contents


def of_first_day(contents: Contents) -> Contents:
    return {key: content for key, content in contents.items() if key[2] == DAYS[0]}


def candidates(contents: Contents) -> Contents:
    return {key: content for key, content in contents.items() if key[0] != "serving"}


def at_once(home: TemporaryHome, folder: Path, *commands: list[str]) -> None:
    """Run `tidegate` with each of these at the same time; each ends well, or says in a sentence why it did not."""
    folder.mkdir()
    logs = [folder / f"{number}.log" for number in range(len(commands))]
    processes = [start_tidegate(home, log, *command) for log, command in zip(logs, commands, strict=True)]
    codes = [process.exit_code() for process in processes]
    printed = "\n".join(process.printed() for process in processes)
    assert "Traceback" not in printed, printed
    # One of them may find the other building, and say so; what the other publishes is the day.
    assert 0 in codes, printed
    assert set(codes) <= {0, 1}, printed


def what_is_served(home: TemporaryHome) -> Served:
    with open_lake(home.home.lake_config, read_only=True) as lake:
        return served(lake, DAYS[0])


@pytest.mark.timeout(900)
def test_the_same_day_at_once_while_a_reader_never_rests(
    new_home: NewHome, alone: dict[str, Contents], tmp_path: Path
) -> None:
    home = new_home()
    deliver(home.landing, PRICES[0], DAYS[:1])
    home.run(DAYS[0])
    published = {what_is_served(home)}

    with start_reader(home, partial(served, day=DAYS[0]), tmp_path / "reader.log") as reader:
        for number in range(1, ROUNDS + 1):
            price = PRICES[number % 2]
            deliver(home.landing, price, DAYS[:1])
            at_once(home, tmp_path / str(number), *[["run", "--partition", str(DAYS[0])]] * 2)
            assert of_first_day(home.contents()) == of_first_day(alone[price])
            published.add(what_is_served(home))
        reads, seen = reader.stop()

    assert reads > ROUNDS
    assert len(published) == len(PRICES)
    for product in home.home.products_of(Cadence.daily):
        of_product = {shown(product.names, marts) for marts in seen}
        assert of_product <= {shown(product.names, marts) for marts in published}
        for marts in of_product:
            assert len({revenue for _, revenue, _, _ in marts}) == 1, marts


def shown(names: Collection[str], marts: Served) -> Served:
    """What is served of these marts: those of one product change at once."""
    return tuple(mart for mart in marts if mart[0] in names)


@pytest.mark.timeout(900)
def test_a_day_and_a_backfill_over_it_at_once(new_home: NewHome, alone: dict[str, Contents], tmp_path: Path) -> None:
    """The first time, both of them also make the lake and Dagster's instance."""
    home = new_home()
    for price in PRICES:
        deliver(home.landing, price)
        backfill = ["backfill", "--from", str(DAYS[0]), "--to", str(DAYS[-1])]
        at_once(home, tmp_path / price, backfill, ["run", "--partition", str(DAYS[1])])
        assert candidates(home.contents()) == candidates(alone[price])
        assert all(outcome.succeeded for outcome in home.backfill(WHOLE))
        assert home.contents() == alone[price]
