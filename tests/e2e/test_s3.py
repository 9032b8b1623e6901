"""The whole day with all in S3: landing, archive and the lake's data. And what is left when landing is purged."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from tests.support.runs.home import FIRST_DAY, NewHome, TemporaryHome
from tests.support.runs.landing import Landing
from tests.support.s3_server import Bucket

from tidegate.window import ONE_DAY, Window

DAYS = Window(FIRST_DAY, FIRST_DAY + ONE_DAY * 2)


def delivered(folder: Path) -> Landing:
    landing = Landing(folder)
    for day in DAYS.days:
        landing.day(day)
    return landing


def upload(bucket: Bucket, folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            bucket.put(f"landing/{path.relative_to(folder)}", path.read_bytes())


@pytest.fixture
def in_s3(new_home: NewHome, bucket: Bucket) -> TemporaryHome:
    return new_home(landing=f"{bucket.url}/landing", archive=f"{bucket.url}/archive", lake_data=f"{bucket.url}/lake")


def published(home: TemporaryHome) -> list[dt.date]:
    return [day for outcome in home.backfill(DAYS) for day in outcome.published]


@pytest.mark.slow
def test_a_day_in_s3_is_the_day_in_folders_and_outlives_its_landing(
    new_home: NewHome, in_s3: TemporaryHome, bucket: Bucket, tmp_path: Path
) -> None:
    in_folders = new_home()
    delivered(Path(in_folders.settings.landing))
    delivered(tmp_path / "delivered")
    upload(bucket, tmp_path / "delivered")

    assert published(in_folders) == published(in_s3) == DAYS.days
    contents = in_s3.contents()
    assert contents == in_folders.contents()
    assert bucket.keys("archive/objects/")
    assert bucket.keys("lake/")

    for key in bucket.keys("landing/"):
        bucket.delete(key)
    assert published(in_s3) == DAYS.days
    assert in_s3.contents() == contents
    [insisting] = in_s3.runner.run_and_restate(DAYS, from_landing=True)
    assert insisting.published == ()
    assert f"{bucket.url}/landing/customers/{FIRST_DAY}/ is not there" in " ".join(insisting.held[FIRST_DAY])


@pytest.mark.slow
def test_insisting_on_landing_holds_the_days_that_it_no_longer_has(temporary_home: TemporaryHome) -> None:
    landing = delivered(Path(temporary_home.settings.landing))
    assert published(temporary_home) == DAYS.days
    landing.purge(FIRST_DAY)
    before = temporary_home.contents()
    [insisting] = temporary_home.runner.run_and_restate(DAYS, from_landing=True)

    assert insisting.published == ()
    assert "is not there or empty" in " ".join(insisting.held[FIRST_DAY])
    assert temporary_home.contents() == before
    assert published(temporary_home) == DAYS.days
