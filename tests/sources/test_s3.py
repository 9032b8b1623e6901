"""Landing and archive in S3: what comes out is what comes out of folders, and every failure is a sentence."""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.support.intake.fixtures import OpenShop
from tests.support.intake.s3_shop import S3Shop
from tests.support.intake.shop import DAY, SALES, Shop, csv, row
from tests.support.s3_server import SECRET_KEY, Bucket

from tidegate.errors import ArchiveDownError, IncompleteError, SourceDownError, TidegateError
from tidegate.sources.places import archive_of
from tidegate.storage import s3
from tidegate.storage.files import StoredFile
from tidegate.storage.s3_client import new_s3_client
from tidegate.window import ONE_DAY

PLACES = {"landing": (True, False), "archive": (False, True), "both": (True, True)}


Before = Callable[[str, Callable[[], None]], None]
DAYS = itertools.count()


@pytest.fixture
def s3_shop(batch_shop: Shop, bucket: Bucket) -> Iterator[S3Shop]:
    """One lake for all tests, each of which has a bucket and a day of its own."""
    in_folders = batch_shop.outside
    yield S3Shop(batch_shop, bucket, DAY + ONE_DAY * 10 * next(DAYS))
    batch_shop.outside = in_folders


@pytest.mark.parametrize("places", PLACES)
def test_a_delivery_in_s3_is_the_same_delivery(s3_shop: S3Shop, places: str) -> None:
    files = {"a.csv": csv(row(1), "broken"), "b.csv": csv(row(2)), ".hidden": b"x"}
    s3_shop.shop.deliver("north", files, s3_shop.day)
    of_folders = s3_shop.load()
    content = s3_shop.shop.content()
    landing, archive = PLACES[places]
    s3_shop.in_s3(landing=landing, archive=archive)
    s3_shop.deliver(files)
    of_s3 = s3_shop.load()

    assert (of_s3.status, of_s3.touched) == ("accepted", ())
    assert (of_s3.fingerprint, of_s3.archive, of_s3.rows_read) == (
        of_folders.fingerprint,
        of_folders.archive,
        of_folders.rows_read,
    )
    assert s3_shop.shop.content() == content


def test_the_archive_in_s3_holds_bytes_by_their_hash(s3_shop: S3Shop) -> None:
    s3_shop.in_s3()
    s3_shop.deliver({"a.csv": csv(row(1)), "b.csv": csv(row(1))})
    report = s3_shop.load()
    sha256 = hashlib.sha256(csv(row(1))).hexdigest()

    assert s3_shop.bucket.keys("archive/") == [
        f"archive/deliveries/sales/north/{s3_shop.day}/{report.fingerprint}.json",
        f"archive/deliveries/sales/north/{s3_shop.day}/journal/000001.captured.{report.fingerprint}",
        f"archive/deliveries/sales/north/{s3_shop.day}/journal/000002.accepted.{report.fingerprint}",
        f"archive/objects/{sha256[:2]}/{sha256}",
    ]
    assert s3_shop.bucket.get(f"archive/objects/{sha256[:2]}/{sha256}") == csv(row(1))


@pytest.mark.parametrize("places", ["landing", "both"])
def test_the_archive_stands_in_for_a_bucket_that_was_purged(s3_shop: S3Shop, places: str) -> None:
    landing, archive = PLACES[places]
    s3_shop.in_s3(landing=landing, archive=archive)
    s3_shop.deliver()
    s3_shop.load()
    before = s3_shop.shop.content()
    s3_shop.purge()
    report = s3_shop.load()

    assert (report.status, report.touched) == ("accepted", ())
    assert s3_shop.shop.content() == before
    insisting = s3_shop.load(from_landing=True)
    assert insisting.status == "missing"
    assert f"{s3_shop.bucket.url}/landing/sales/north/{s3_shop.day}/ is not there" in (insisting.rejection or "")


def test_what_never_came_to_the_ledger_is_found_in_the_archive(s3_shop: S3Shop) -> None:
    """The newest good one of a day, where a newer one was rejected; the ledger is lost."""
    s3_shop.in_s3()
    for content in (csv(row(1)), csv(row(2)), b"no header"):
        s3_shop.deliver({"sales.csv": content})
        s3_shop.load()
    for table in ("ops.deliveries", "raw.sales"):
        day = "partition_day" if table.startswith("ops") else "_delivered_on"
        s3_shop.shop.lake.con.execute(f"delete from {table} where {day} = '{s3_shop.day}'")
    s3_shop.purge()

    assert s3_shop.load().status == "accepted"
    assert s3_shop.shop.raw("sale_id", f"_delivered_on = '{s3_shop.day}'") == ["s2"]


def test_a_contract_may_name_a_bucket_of_its_own(open_shop: OpenShop, bucket: Bucket) -> None:
    local = 'type: local, path: "sales/north/{day}"'
    shop = open_shop(SALES.replace(local, f'type: s3, location: "{bucket.url}/landing/sales/north/{{day}}"'))
    s3_shop = S3Shop(shop, bucket)
    s3_shop.in_s3(landing=False, archive=False)
    s3_shop.deliver()

    assert s3_shop.load().rows_loaded == 1


def test_a_delivery_without_its_marker_is_missing_and_says_so(s3_shop: S3Shop) -> None:
    s3_shop.in_s3()
    s3_shop.deliver(complete=False)

    assert "has no _SUCCESS file yet" in (s3_shop.load().rejection or "")


HOSTILE: dict[str, tuple[str, str]] = {
    "a folder in the folder": ("deep/a.csv", "deep/a.csv is in a folder of its own"),
    "a line feed": ("a\nb.csv", "accepted"),
    "a quote": ("a'\";b.csv", "accepted"),
    "a backslash": ("a\\b.csv", "accepted"),
    "another alphabet": ("größe-尺寸.csv", "accepted"),
    "a wildcard": ("*.csv", "accepted"),
    "a percent sign": ("100%25.csv", "accepted"),
    "no format": ("data", "does not tell its format"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_keys(s3_shop: S3Shop, kind: str) -> None:
    name, ends = HOSTILE[kind]
    s3_shop.in_s3()
    s3_shop.deliver({name: csv(row(1))})
    report = s3_shop.load()

    if ends == "accepted":
        assert report.status == "accepted"
        assert s3_shop.shop.raw("_file", f"_delivered_on = '{s3_shop.day}'") == [name]
    else:
        assert ends in (report.rejection or "")


def test_the_empty_object_that_stands_for_a_folder_is_none(s3_shop: S3Shop) -> None:
    s3_shop.in_s3()
    s3_shop.bucket.put(s3_shop.key(""), b"")

    assert s3_shop.origin.capture(archive_of(s3_shop.shop.outside, s3_shop.shop.home), "sales", s3_shop.day) is None


def test_only_the_marker_is_a_delivery_that_is_told(s3_shop: S3Shop) -> None:
    s3_shop.in_s3()
    s3_shop.bucket.put(s3_shop.key("_SUCCESS"), b"")

    assert "_SUCCESS is all there is" in (s3_shop.load().rejection or "")


# --- what changes while we look


@pytest.fixture
def before(s3_shop: S3Shop) -> Iterator[Before]:
    """Lets something happen just before the platform's next request of a kind."""
    with ExitStack() as stack:

        def register(operation: str, act: Callable[[], None]) -> None:
            event, events = f"before-call.s3.{operation}", s3_shop.bucket.client.meta.events

            def once(**_: Any) -> None:
                events.unregister(event, once)
                act()

            events.register(event, once)
            stack.callback(events.unregister, event, once)

        yield register


@pytest.mark.parametrize(
    ("operation", "archive"),
    [("GetObject", False), ("GetObject", True), ("CopyObject", True)],
    ids=["downloading to a folder", "downloading", "copying inside of S3"],
)
@pytest.mark.parametrize("change", ["rewritten", "gone"])
def test_a_source_that_writes_on_meanwhile_is_not_loaded(
    s3_shop: S3Shop, before: Before, operation: str, change: str, archive: bool
) -> None:
    s3_shop.in_s3(archive=archive)
    s3_shop.deliver()
    key = s3_shop.key()

    def act() -> None:
        if change == "gone":
            s3_shop.bucket.delete(key)
        else:
            # Of the same size: only the ETag tells.
            s3_shop.bucket.put(key, csv(row(2)))

    before(operation, act)
    report = s3_shop.load()

    assert report.status == "missing"
    assert "changed or went away while it was being captured" in (report.rejection or "")
    entered = f"from ops.deliveries where partition_day = '{s3_shop.day}'"
    assert s3_shop.shop.lake.con.execute(entered).fetchall() == []
    for archived in s3_shop.bucket.keys("archive/objects/"):
        assert hashlib.sha256(s3_shop.bucket.get(archived)).hexdigest() == archived.rpartition("/")[2]


def test_a_file_that_comes_after_the_marker_is_no_part_of_what_is_loaded(s3_shop: S3Shop, before: Before) -> None:
    s3_shop.in_s3()
    s3_shop.deliver()
    before("GetObject", lambda: s3_shop.bucket.put(s3_shop.key("late.csv"), csv(row(2))))

    assert s3_shop.load().status == "missing"
    assert s3_shop.load().rows_loaded == 2


def test_a_copy_that_the_server_gets_wrong_is_replaced_by_what_was_hashed(s3_shop: S3Shop) -> None:
    """A server that takes no notice of conditions: stood in for by copying another object than was asked for."""
    s3_shop.in_s3()
    s3_shop.deliver()
    sha256 = hashlib.sha256(csv(row(1))).hexdigest()
    archived = f"archive/objects/{sha256[:2]}/{sha256}"

    s3_shop.bucket.put("archive/other", b"other bytes")
    of_another = {"Bucket": s3_shop.bucket.name, "Key": "archive/other"}
    copy_another = ("provide-client-params.s3.CopyObject", lambda params, **_: {**params, "CopySource": of_another})
    s3_shop.bucket.client.meta.events.register(*copy_another)
    try:
        assert s3_shop.load().status == "accepted"
    finally:
        s3_shop.bucket.client.meta.events.unregister(*copy_another)
    assert s3_shop.bucket.get(archived) == csv(row(1))


def test_an_object_too_large_for_one_copy_is_archived(s3_shop: S3Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above 5 GiB parts are copied, which rclone does not know: there the bytes that were hashed are uploaded."""
    monkeypatch.setattr(s3, "MAX_SINGLE_COPY", 10)
    s3_shop.in_s3()
    s3_shop.deliver()
    report = s3_shop.load()
    [archived] = s3_shop.bucket.keys("archive/objects/")

    assert report.status == "accepted"
    assert s3_shop.bucket.get(archived) == csv(row(1))


# --- the archive


@pytest.mark.parametrize("damage", [b"rotten", csv(row(7))], ids=["another size", "the same size"])
def test_a_damaged_object_is_replaced_when_the_right_bytes_come_again(s3_shop: S3Shop, damage: bytes) -> None:
    s3_shop.in_s3()
    s3_shop.deliver()
    s3_shop.load()
    [archived] = s3_shop.bucket.keys("archive/objects/")
    s3_shop.bucket.put(archived, damage)
    again = s3_shop.load()
    s3_shop.purge()
    recalled = s3_shop.load()

    assert (again.status, recalled.status) == ("accepted", "accepted")
    assert s3_shop.bucket.get(archived) == csv(row(1))
    assert [s3_shop.bucket.get(key) for key in s3_shop.bucket.keys("archive/damaged/")] == [damage]


def test_rot_of_the_same_size_is_found_when_it_is_read(s3_shop: S3Shop) -> None:
    s3_shop.in_s3()
    s3_shop.deliver()
    s3_shop.load()
    [archived] = s3_shop.bucket.keys("archive/objects/")
    s3_shop.bucket.put(archived, csv(row(7)))
    s3_shop.purge()

    assert "is not what was archived" in (s3_shop.load().rejection or "")


def test_a_manifest_that_is_gone_is_told(s3_shop: S3Shop, tmp_path: Path) -> None:
    outside = s3_shop.in_s3()

    with pytest.raises(TidegateError, match=r"cannot be read .*there is no s3://"):
        archive_of(outside, tmp_path).recall("deliveries/sales/north/x.json")


def test_files_and_chunks_are_kept_alike(s3_shop: S3Shop, tmp_path: Path) -> None:
    outside = s3_shop.in_s3()
    archive = archive_of(outside, tmp_path)
    (tmp_path / "rows.parquet").write_bytes(b"PAR1 rows")
    adopted = archive.adopt("rows.parquet", tmp_path / "rows.parquet")
    added = archive.add("page-00001.json", iter([b"PAR1", b" rows"]))
    captured = archive.enter("sales", "north", s3_shop.day, [adopted, added])

    assert (adopted.sha256, adopted.bytes) == (added.sha256, added.bytes)
    elsewhere = archive_of(outside, tmp_path / "elsewhere")
    assert elsewhere.recall(captured.manifest) == captured
    assert elsewhere.local(added).read_bytes() == b"PAR1 rows"
    assert json.loads(s3_shop.bucket.get(f"archive/{captured.manifest}"))["region"] == "north"


# --- what S3 refuses


def test_wrong_credentials_are_told_and_shown_nowhere(s3_shop: S3Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    s3_shop.in_s3()
    s3_shop.deliver()
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", f"{SECRET_KEY}-not")
    client = new_s3_client()
    s3_shop.shop.outside = replace(s3_shop.shop.outside, s3_client=lambda: client)
    report = s3_shop.load()

    assert report.status == "missing"
    assert "these credentials may not" in (report.rejection or "")
    assert "Let them have s3:ListBucket there" in (report.rejection or "")
    assert SECRET_KEY not in (report.rejection or "")


@pytest.mark.parametrize("which", ["landing", "archive"])
def test_a_bucket_that_is_not_there_is_told(s3_shop: S3Shop, which: str) -> None:
    places = s3_shop.in_s3()
    s3_shop.deliver()
    nowhere = f"s3://no-such-bucket/{which}"
    s3_shop.shop.outside = replace(places, landing=nowhere) if which == "landing" else replace(places, archive=nowhere)
    report = s3_shop.load()

    assert "there is no such bucket" in (report.rejection or "")
    assert f"fix TIDEGATE_{which.upper()}" in (report.rejection or "")


@pytest.mark.parametrize("which", ["landing", "archive"])
def test_a_server_that_is_down_may_heal(s3_shop: S3Shop, which: str, monkeypatch: pytest.MonkeyPatch) -> None:
    places = s3_shop.in_s3()
    s3_shop.deliver()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    nowhere = new_s3_client()
    error: type[TidegateError] = SourceDownError if which == "landing" else ArchiveDownError
    folder = s3.S3Storage.at(getattr(places, which), nowhere, "TIDEGATE_LANDING", error)

    with pytest.raises(error, match="It may pass; run again"):
        list(folder.files(""))
    with pytest.raises(error):
        folder.find("x")


def test_no_credentials_are_told(s3_shop: S3Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    s3_shop.in_s3()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    folder = s3.S3Storage.at(s3_shop.bucket.url, new_s3_client(), "TIDEGATE_LANDING", SourceDownError)

    with pytest.raises(TidegateError, match="Unable to locate credentials"):
        folder.find("x")


@pytest.mark.parametrize("address", ["s3://", "s3:///a", "s3://UPPER/a", "s3://a", "s3://bucket?x"])
def test_an_address_that_cannot_be_is_refused(s3_shop: S3Shop, address: str, tmp_path: Path) -> None:
    with pytest.raises(TidegateError, match="TIDEGATE_LANDING is "):
        s3.S3Storage.at(address, s3_shop.bucket.client, "TIDEGATE_LANDING", SourceDownError)


def test_a_download_that_breaks_off_goes_on_where_it_was(s3_shop: S3Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection is cut after the first block: stood in for by a body that ends in the client's own error."""
    from botocore.exceptions import IncompleteReadError

    monkeypatch.setattr(s3, "BLOCK", 10)
    s3_shop.in_s3()
    content = csv(*(row(number) for number in range(20)))
    s3_shop.deliver({"sales.csv": content})
    body = s3.S3Storage._body
    cuts = iter([True, True, False])

    def cut_off(folder: s3.S3Storage, found: StoredFile, start: int) -> Any:
        for number, chunk in enumerate(body(folder, found, start)):
            if number == 3 and next(cuts, False):
                raise IncompleteReadError(actual_bytes=0, expected_bytes=1)
            yield chunk

    monkeypatch.setattr(s3.S3Storage, "_body", cut_off)

    assert s3_shop.load().rows_loaded == 20


# --- arrivals


def test_every_day_that_is_there_is_told(s3_shop: S3Shop) -> None:
    s3_shop.in_s3()
    s3_shop.deliver()
    s3_shop.deliver(day=s3_shop.day + ONE_DAY, complete=False)
    for below in ("north/no-day/a.csv", f"north/{s3_shop.day}.csv", f"northern/{s3_shop.day}/a.csv"):
        s3_shop.bucket.put(f"landing/sales/{below}", b"")
    first = list(s3_shop.origin.arrivals())

    assert [(arrival.region, arrival.day, arrival.complete) for arrival in first] == [
        ("north", s3_shop.day, True),
        ("north", s3_shop.day + ONE_DAY, False),
    ]
    assert all(
        dt.timedelta() <= dt.datetime.now(dt.UTC) - arrival.changed_at < dt.timedelta(minutes=1) for arrival in first
    )


def test_the_same_bytes_again_are_no_other_delivery(s3_shop: S3Shop) -> None:
    s3_shop.in_s3()
    s3_shop.deliver()
    [before] = s3_shop.origin.arrivals()
    s3_shop.deliver()
    [again] = s3_shop.origin.arrivals()
    s3_shop.deliver({"sales.csv": csv(row(2))})
    [changed] = s3_shop.origin.arrivals()

    assert before.fingerprint == again.fingerprint != changed.fingerprint


def test_the_capture_of_a_delivery_that_lost_a_race_with_landing_is_incomplete(s3_shop: S3Shop, before: Before) -> None:
    outside = s3_shop.in_s3()
    s3_shop.deliver()
    before("GetObject", lambda: s3_shop.bucket.delete(s3_shop.key()))

    with pytest.raises(IncompleteError):
        s3_shop.origin.capture(archive_of(outside, s3_shop.shop.home), "sales", s3_shop.day)
