"""A look at landing costs memory for what is listed at a time, not for all that ever landed."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.intake.shop import DAY
from tests.support.s3_server import Bucket

from tidegate.contract.day_path import DayPath
from tidegate.contract.model import Readiness
from tidegate.errors import SourceDownError
from tidegate.sources.dropped import DroppedOrigin
from tidegate.sources.origin import Landing
from tidegate.storage.folder import FolderStorage
from tidegate.storage.s3 import S3Storage
from tidegate.storage.s3_listing import read_listings_quickly
from tidegate.window import ONE_DAY

# Two pages of a listing in S3, and five.
FEW, MANY = 400, 1_000
FILES = ("a.csv", "b.csv", "c.csv", "d.csv", "_SUCCESS")


def land(folder: Path, days: int) -> None:
    for number in range(days):
        of_day = folder / str(DAY + ONE_DAY * number)
        of_day.mkdir(parents=True)
        for name in FILES:
            (of_day / name).touch()


def peak_of(origin: Landing) -> tuple[int, int]:
    """The arrivals of one look, and the bytes it held at most."""
    tracemalloc.start()
    try:
        arrivals = sum(1 for _ in origin.arrivals())
        return arrivals, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def in_folder(bucket: Bucket, path: str) -> Landing:
    return DroppedOrigin(FolderStorage(bucket.folder, confined=True), "here", [DayPath.of(path)], Readiness())


def in_s3(bucket: Bucket, path: str) -> Landing:
    folder = S3Storage.at(bucket.url, bucket.client, "TIDEGATE_LANDING", SourceDownError)
    return DroppedOrigin(folder, "here", [DayPath.of(path)], Readiness())


@pytest.mark.slow
@pytest.mark.parametrize("place", [in_folder, in_s3])
def test_memory_does_not_grow_with_what_has_landed(place: Callable[[Bucket, str], Landing], bucket: Bucket) -> None:
    read_listings_quickly(bucket.client)
    land(bucket.folder / "few", FEW)
    land(bucket.folder / "many", MANY)
    peak_of(place(bucket, "few/{day}"))
    few, peak_of_few = peak_of(place(bucket, "few/{day}"))
    many, peak_of_many = peak_of(place(bucket, "many/{day}"))

    assert (few, many) == (FEW, MANY)
    assert peak_of_many < 1.5 * peak_of_few
