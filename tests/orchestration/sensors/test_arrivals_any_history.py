"""Whatever arrives, changes, vanishes and comes back between ticks: all of it is asked for, and nothing twice."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.examples import examples
from tests.support.runs.today import days_ago
from tests.support.runs.watched import Place, Watched

from tidegate.home import Home
from tidegate.lake.sql import qualified
from tidegate.ledger.known import known_deliveries
from tidegate.ledger.names import Partition
from tidegate.sources.origin import listing_of
from tidegate.sources.places import origin_of

DAYS = [days_ago(ago) for ago in range(9, 5, -1)]
PLACES: list[Place] = [(region, day) for region in ("north", "south") for day in DAYS]

places = st.sampled_from(PLACES)


def folder_of(watched: Watched, place: Place) -> Path:
    return watched.landing.root / "orders" / place[0] / str(place[1])


def deliver(watched: Watched, place: Place) -> None:
    watched.land(place[1], place[0])


def correct(watched: Watched, place: Place) -> None:
    """Other bytes in the same file, of the same length and with the same time."""
    file = folder_of(watched, place) / "orders.csv"
    if file.exists():
        file.write_text(file.read_text()[::-1])
        os.utime(file, (1, 1))


def send_again(watched: Watched, place: Place) -> None:
    file = folder_of(watched, place) / "orders.csv"
    if file.exists():
        file.write_bytes(file.read_bytes())


def take_back_the_marker(watched: Watched, place: Place) -> None:
    (folder_of(watched, place) / "_SUCCESS").unlink(missing_ok=True)


def mark_complete(watched: Watched, place: Place) -> None:
    if folder_of(watched, place).is_dir():
        (folder_of(watched, place) / "_SUCCESS").touch()


def purge(watched: Watched, place: Place) -> None:
    shutil.rmtree(folder_of(watched, place), ignore_errors=True)


def move_in(watched: Watched, place: Place) -> None:
    """A folder made elsewhere, long ago."""
    purge(watched, place)
    deliver(watched, place)
    made, elsewhere = folder_of(watched, place), watched.landing.root / "elsewhere"
    made.rename(elsewhere)
    for path in (*elsewhere.iterdir(), elsewhere):
        os.utime(path, (1, 1))
    elsewhere.rename(made)


EVENTS = [deliver, deliver, correct, send_again, take_back_the_marker, mark_complete, purge, move_in]


def tick_and_load_all(watched: Watched) -> None:
    check_tick(watched, lambda asked: asked)


def tick_and_load_some(watched: Watched) -> None:
    """The other runs were killed, or are still in the queue."""
    check_tick(watched, lambda asked: asked[::2])


def tick(watched: Watched) -> None:
    check_tick(watched, lambda asked: [])


def check_tick(watched: Watched, load: Callable[[list[Place]], list[Place]]) -> None:
    waiting = set(places_waiting(watched))
    asked = watched.asked()
    assert set(asked) <= waiting
    oldest = sorted({day for _, day in waiting})[:2]
    assert set(asked) == {place for place in waiting if place[1] in oldest}
    watched.load(load(asked))


def places_waiting(watched: Watched) -> list[Place]:
    """What stands in landing complete and is not in the ledger as it stands, told without cursor or digest."""
    orders = watched.orders
    with watched.home.lake() as lake:
        known = known_deliveries(lake.con, "orders", [Partition(*place) for place in PLACES])
    waiting = []
    for region, day in PLACES:
        listing = listing_of(origin_of(orders, orders.region(region), watched.home.outside), day)
        complete = (folder_of(watched, (region, day)) / "_SUCCESS").exists()
        entry = known.get(Partition(region, day))
        if listing and complete and (entry is None or entry.listing != listing):
            waiting.append((region, day))
    return waiting


steps = st.one_of(
    st.tuples(st.sampled_from(EVENTS), places),
    st.tuples(st.sampled_from([tick, tick_and_load_some, tick_and_load_all])),
)


@pytest.mark.slow
@examples(6)
@given(st.lists(steps, min_size=5, max_size=30))
def test_every_delivery_is_asked_for_and_nothing_unchanged_is(
    watched: Watched, history: list[tuple[Callable[..., None], Place] | tuple[Callable[..., None]]]
) -> None:
    begin_anew(watched)
    for step, *place in history:
        step(watched, *place)
    cursor = watched.cursors.get("orders")
    watched.load_all()
    assert places_waiting(watched) == []
    # Nothing has to be remembered of what was loaded.
    assert len(cursor or "") < 10
    watched.cursors["orders"] = None
    assert watched.asked() == []


def begin_anew(watched: Watched) -> None:
    shutil.rmtree(watched.landing.root, ignore_errors=True)
    watched.cursors.clear()
    if watched.home.settings.chunk_days != 2:
        watched.home = Home(watched.home.settings.model_copy(update={"chunk_days": 2}))
    with watched.home.lake() as lake:
        lake.unit_of_work(lambda con: con.execute(f"delete from {qualified('ops', 'deliveries')}"))
