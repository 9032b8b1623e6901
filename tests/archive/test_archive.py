"""Capturing: bytes are kept under their own hash, once, before anything reads them."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from tests.support.intake.archives import folder_archive, object_path
from tests.support.intake.shop import DAY, Shop, csv, row

from tidegate.archive import archive as archive_module
from tidegate.archive.manifest import Captured, CapturedFile, fingerprint_of
from tidegate.errors import TidegateError
from tidegate.sources.origin import Origin, Outside
from tidegate.sources.places import archive_of, origin_of


def capture(shop: Shop) -> Captured:
    captured = origin(shop).capture(folder_archive(shop.archive), "sales", DAY)
    assert captured is not None
    return captured


def origin(shop: Shop) -> Origin:
    return origin_of(shop.contract, shop.contract.region("north"), shop.outside)


def objects(shop: Shop) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (shop.archive / "objects").glob("*/*")}


def test_a_delivery_is_kept_by_the_hash_of_its_bytes(shop: Shop) -> None:
    contents = {"a.csv": csv(row(1)), "b.csv": csv(row(2)), "c.csv": csv(row(1))}
    shop.deliver("north", contents)
    captured = capture(shop)

    assert objects(shop) == {hashlib.sha256(content).hexdigest(): content for content in contents.values()}
    assert captured.bytes == sum(map(len, contents.values()))
    assert captured.manifest == f"deliveries/sales/north/{DAY}/{captured.fingerprint}.json"
    assert folder_archive(shop.archive).recall(captured.manifest) == captured


def test_the_fingerprint_tells_names_and_bytes_and_nothing_else(shop: Shop) -> None:
    files = [CapturedFile("a", "1" * 64, 5), CapturedFile("b", "2" * 64, 6)]
    renamed = [CapturedFile("c", "1" * 64, 5), files[1]]
    swapped = [CapturedFile("b", "1" * 64, 5), CapturedFile("a", "2" * 64, 6)]

    assert fingerprint_of(files) == fingerprint_of(files[::-1])
    assert len({fingerprint_of(files), fingerprint_of(renamed), fingerprint_of(swapped)}) == 3


def test_hidden_files_and_the_marker_are_no_data(shop: Shop) -> None:
    folder = shop.deliver("north", csv(row(1)))
    before = capture(shop)
    (folder / ".sales.csv.part").write_bytes(b"half")
    (folder / "_SUCCESS").write_text("done")

    assert capture(shop).fingerprint == before.fingerprint


def test_capturing_again_writes_nothing(shop: Shop) -> None:
    shop.deliver("north", csv(row(1)))
    capture(shop)
    before = {path: path.stat().st_mtime_ns for path in shop.archive.rglob("*") if path.is_file()}
    capture(shop)

    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert list((shop.archive / "incoming").iterdir()) == []


def test_what_a_killed_capture_left_is_swept_after_a_day(shop: Shop) -> None:
    incoming = shop.archive / "incoming"
    incoming.mkdir(parents=True)
    old, young, somebodys = "7-0123456789abcdef", "8-0123456789abcdef", "orders.csv"
    for name, age in ((old, 100_000), (young, 1_000), (somebodys, 100_000)):
        (incoming / name).touch()
        os.utime(incoming / name, (time.time() - age,) * 2)
    shop.load_one("north", csv(row(1)))

    assert sorted(path.name for path in incoming.iterdir()) == [young, somebodys]


def test_the_archive_does_not_change_with_landing(shop: Shop) -> None:
    content = csv(row(1))
    folder = shop.deliver("north", content)
    capture(shop)
    with (folder / "sales.csv").open("r+b") as file:
        file.write(b"overwritten in place")

    assert list(objects(shop).values()) == [content]


def test_a_file_that_changes_meanwhile_is_not_loaded_and_its_neighbour_is(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The source writes on while we copy: stood in for by appending just after the copy."""
    folder = shop.deliver("north", csv(row(1)))
    shop.deliver("south", csv(row(2)))
    write = archive_module._write

    def copy_while_the_source_writes(chunks: Iterable[bytes], target: Path) -> tuple[str, int]:
        content = list(chunks)
        if content == [csv(row(1))]:
            with (folder / "sales.csv").open("ab") as file:
                file.write(b"more\n")
        return write(content, target)

    monkeypatch.setattr(archive_module, "_write", copy_while_the_source_writes)
    reports = shop.load(regions=["north", "south"])

    assert reports["north"].status == "missing"
    assert "changed while it was being captured" in (reports["north"].rejection or "")
    assert shop.raw() == ["s2"]


@pytest.mark.parametrize("damage", [b"rotten", csv(row(7))], ids=["another size", "the same size"])
def test_a_damaged_object_is_never_loaded_and_is_replaced_when_the_right_bytes_come_again(
    shop: Shop, damage: bytes
) -> None:
    shop.deliver("north", csv(row(1)))
    captured = capture(shop)
    path = object_path(shop.archive, captured.files[0].sha256)
    path.write_bytes(damage)

    with pytest.raises(TidegateError, match="is not what was archived"):
        folder_archive(shop.archive).recall(captured.manifest)
    assert shop.load(regions=["north"])["north"].status == "accepted"
    assert shop.raw() == ["s1"]
    assert path.read_bytes() == csv(row(1))
    assert [kept.read_bytes() for kept in (shop.archive / "damaged").iterdir()] == [damage]


def damaged_manifests(sound: str) -> dict[str, str]:
    content = json.loads(sound)
    file = content["files"][0]
    return {
        "no JSON": sound[:-20],
        "nested too deeply": "[" * 100_000,
        "a list": "[]",
        "no files": json.dumps({**content, "files": []}),
        "a field is missing": json.dumps({key: value for key, value in content.items() if key != "region"}),
        "a wrong type": json.dumps({**content, "files": [{**file, "bytes": "5"}]}),
        "a file that is none": json.dumps({**content, "files": ["a.csv"]}),
        "a day that is none": json.dumps({**content, "day": "yesterday"}),
        "a path in place of a hash": json.dumps({**content, "files": [{**file, "sha256": "../../secret"}]}),
        "another hash": json.dumps({**content, "files": [{**file, "sha256": "0" * 64}]}),
        "another delivery": json.dumps({**content, "region": "south"}),
        "a name that no file can have": json.dumps({**content, "files": [{**file, "name": "\ud800"}]}),
    }


def test_a_damaged_manifest_is_reported_and_is_replaced_when_the_delivery_comes_again(shop: Shop) -> None:
    shop.deliver("north", csv(row(1)))
    captured = capture(shop)
    manifest = shop.archive / captured.manifest
    sound = manifest.read_text()

    for kind, damaged in damaged_manifests(sound).items():
        manifest.write_text(damaged)
        with pytest.raises(TidegateError, match=r"json cannot be read .* Nothing was changed"):
            folder_archive(shop.archive).recall(captured.manifest)
        assert capture(shop) == captured, kind
        assert manifest.read_text() == sound, kind
    assert len(list((shop.archive / "damaged").iterdir())) == len(damaged_manifests(sound))


def test_a_damaged_archive_costs_only_its_own_delivery(shop: Shop) -> None:
    shop.deliver("north", csv(row(1)))
    shop.deliver("south", csv(row(2)))
    shop.load(regions=["north", "south"])
    object_path(shop.archive, hashlib.sha256(csv(row(1))).hexdigest()).unlink()
    for region in ("north", "south"):
        for file in shop.folder(region).iterdir():
            file.unlink()
    reports = shop.load(regions=["north", "south"])

    assert (reports["north"].status, reports["south"].status) == ("missing", "accepted")
    assert shop.raw() == ["s1", "s2"]


def test_places_must_be_folders() -> None:
    with pytest.raises(TidegateError, match="TIDEGATE_ARCHIVE is ftp://bucket"):
        archive_of(Outside("/landing", "ftp://bucket/archive"), Path())


def test_a_folder_without_anything_is_no_delivery(shop: Shop) -> None:
    shop.folder("north").mkdir(parents=True)

    for day in (DAY, dt.date(1999, 1, 1)):
        assert origin(shop).capture(folder_archive(shop.archive), "sales", day) is None
