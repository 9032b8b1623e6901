"""What a listing of landing tells: which days are there, whether they are whole, and whether they changed."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from tests.support.intake.fixtures import OpenShop
from tests.support.intake.shop import DAY, SALES, Shop, csv, row

from tidegate.contract.day_path import DayPath
from tidegate.contract.model import Readiness
from tidegate.intake.not_loaded_yet import NEWEST_DAYS, OLDER_DAYS_AT_ONCE, days_of_turn, turns_of
from tidegate.sources.dropped import DroppedOrigin
from tidegate.sources.origin import Arrival, Landing
from tidegate.sources.places import origin_of
from tidegate.storage.files import Segment, StoredFolder
from tidegate.storage.folder import FolderStorage
from tidegate.window import ONE_DAY, Window


def landing(folder: Path, path: str, readiness: Readiness) -> DroppedOrigin:
    return DroppedOrigin(FolderStorage(folder, confined=True), "here", [DayPath.of(path)], readiness)


def arrivals(shop: Shop, region: str = "north") -> dict[dt.date, Arrival]:
    origin = origin_of(shop.contract, shop.contract.region(region), shop.outside)
    assert isinstance(origin, Landing)
    return {arrival.day: arrival for arrival in origin.arrivals()}


def test_every_day_that_is_there_is_told(shop: Shop) -> None:
    before = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=2)
    shop.deliver("north", csv(row(1)))
    shop.deliver("north", csv(row(1)), DAY + ONE_DAY, complete=False)
    shop.deliver("north", {}, DAY + ONE_DAY * 2, complete=False)
    (shop.landing / "sales" / "north" / "no-day").mkdir()
    (shop.landing / "sales" / "north" / "2024-02-30").mkdir()
    (shop.landing / "sales" / "north" / "2024-03-09").write_text("a file")
    found = arrivals(shop)

    assert {day: arrival.complete for day, arrival in found.items()} == {DAY: True, DAY + ONE_DAY: False}
    assert before < found[DAY].changed_at <= dt.datetime.now(dt.UTC)
    assert arrivals(shop, "south") == {}


def test_the_fingerprint_changes_with_the_files_and_only_with_them(shop: Shop) -> None:
    folder = shop.deliver("north", {"a.csv": csv(row(1)), "b.csv": csv(row(2))})
    first = arrivals(shop)[DAY]
    (folder / "_SUCCESS").write_text("again")
    (folder / ".hidden").touch()
    marked = arrivals(shop)[DAY]
    (folder / "a.csv").write_bytes(csv(row(3)))
    os.utime(folder / "a.csv", ns=(1, 1))
    changed = arrivals(shop)[DAY]
    (folder / "b.csv").rename(folder / "c.csv")
    renamed = arrivals(shop)[DAY]

    assert (marked.fingerprint, marked.changed_at >= first.changed_at) == (first.fingerprint, True)
    assert len({first.fingerprint, changed.fingerprint, renamed.fingerprint}) == 3


def test_a_delivery_is_complete_once_nothing_changed_for_long_enough(tmp_path: Path) -> None:
    """Time goes by in the rule and not in the test: a file cannot be given an older ctime."""
    folder = tmp_path / "things" / str(DAY)
    folder.mkdir(parents=True)
    (folder / "a.csv").touch()

    def complete(quiet_minutes: int) -> bool:
        readiness = Readiness("quiet", quiet_minutes)
        [arrival] = DroppedOrigin(
            FolderStorage(tmp_path, confined=True), "here", [DayPath.of("things/{day}")], readiness
        ).arrivals()
        return arrival.complete

    assert (complete(1), complete(0)) == (False, True)


def test_what_is_not_quiet_yet_is_not_loaded(open_shop: OpenShop) -> None:
    quiet = "customProperties:\n  - {property: readiness, value: quiet}\n  - {property: quietMinutes, value: 5}\n"
    impatient = open_shop(SALES.replace("customProperties:\n", quiet))
    impatient.deliver("north", csv(row(1)), complete=False)
    report = impatient.load(regions=["north"])["north"]

    assert report.status == "missing"
    assert "changed less than 5 minutes ago" in (report.rejection or "")


def test_without_markers_what_is_there_is_taken(open_shop: OpenShop) -> None:
    together = "customProperties:\n  - {property: readiness, value: all_regions}\n"
    shop = open_shop(SALES.replace("customProperties:\n", together))
    shop.deliver("north", csv(row(1)), complete=False)

    assert arrivals(shop)[DAY].complete
    assert shop.load(regions=["north"])["north"].status == "accepted"


@pytest.mark.parametrize("path", ["things/{day}/here", "things/dt={day}", "{day}", "things/{day}.d/a/b"])
def test_the_day_may_stand_anywhere_in_the_path(tmp_path: Path, path: str) -> None:
    folder = tmp_path / path.replace("{day}", str(DAY))
    folder.mkdir(parents=True)
    (folder / "_SUCCESS").touch()

    assert [
        arrival.day
        for arrival in DroppedOrigin(
            FolderStorage(tmp_path, confined=True), "here", [DayPath.of(path)], Readiness()
        ).arrivals()
    ] == [DAY]


def test_nothing_is_listed_outside_of_landing(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.csv").touch()
    parent = tmp_path / "landing" / "things"
    parent.mkdir(parents=True)
    (parent / str(DAY)).symlink_to(outside)
    origin = DroppedOrigin(
        FolderStorage(tmp_path / "landing", confined=True), "here", [DayPath.of("things/{day}")], Readiness()
    )
    [before] = origin.arrivals()
    (outside / "more.csv").touch()

    assert list(origin.arrivals()) == [before]


@pytest.mark.parametrize("days", [0, 1, NEWEST_DAYS, NEWEST_DAYS + OLDER_DAYS_AT_ONCE + 1, 3_653])
def test_however_many_days_there_are_a_turn_is_bounded_and_all_turns_see_every_day(days: int) -> None:
    window = Window(DAY, DAY + ONE_DAY * days)
    turns = [days_of_turn(window, turn) for turn in range(turns_of(window))]
    assert {day for turn in turns for day in turn} == set(window.days)
    for turn in turns:
        assert len(turn) == len(set(turn)) <= NEWEST_DAYS + OLDER_DAYS_AT_ONCE
        assert set(window.days[-NEWEST_DAYS:]) <= set(turn)
    assert days_of_turn(window, len(turns)) == turns[0]


class Counted(FolderStorage):
    """A folder that counts which of its places are looked at."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, confined=True)
        self.seen: list[str] = []

    def places(
        self, path: Sequence[Segment], deep: bool = False, files: bool = False
    ) -> Iterator[tuple[str, StoredFolder]]:
        for name, place in super().places(path, deep, files):
            self.seen.append(name)
            yield name, place


def test_of_a_folder_of_years_only_the_days_that_are_asked_for_are_looked_at(tmp_path: Path) -> None:
    for number in range(100):
        (tmp_path / "here" / str(DAY + ONE_DAY * number)).mkdir(parents=True)
        (tmp_path / "here" / str(DAY + ONE_DAY * number) / "a.csv").touch()
    storage, asked = Counted(tmp_path), [DAY, DAY + ONE_DAY * 50, DAY + ONE_DAY * 500]
    origin = DroppedOrigin(storage, "here", [DayPath.of("here/{day}")], Readiness("quiet", quiet_minutes=0))
    assert [arrival.day for arrival in origin.arrivals(asked)] == asked[:2]
    assert storage.seen == [f"here/{day}" for day in asked[:2]]
