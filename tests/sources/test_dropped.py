"""Files as they are named: in one flat folder, in folders of folders, with markers and sidecars beside them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.support.s3_server import Bucket

from tidegate.archive.archive import Archive
from tidegate.archive.manifest import Captured
from tidegate.contract.day_path import DayPath
from tidegate.contract.landing import ChosenFiles
from tidegate.contract.model import Readiness
from tidegate.errors import IncompleteError, SourceDownError
from tidegate.sources.dropped import DroppedOrigin
from tidegate.storage.files import Storage, write
from tidegate.storage.folder import FolderStorage
from tidegate.storage.s3 import S3Storage

DAY, NEXT = dt.date(2024, 3, 5), dt.date(2024, 3, 6)
AS_IT_IS, MARKED = Readiness("all_regions"), Readiness()


@dataclass
class Place:
    """A landing, and an archive beside it."""

    storage: Storage
    folder: Path
    bucket: Bucket | None = None
    archive: Archive = field(init=False)

    def __post_init__(self) -> None:
        self.archive = Archive(FolderStorage(self.folder.parent / "archive"), self.folder.parent / "scratch")

    def land(self, *names: str) -> None:
        for name in names:
            if self.bucket:
                self.bucket.put(name, f"of {name}".encode())
                continue
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"of {name}")

    def origin(self, *paths: str, readiness: Readiness = AS_IT_IS, chosen: ChosenFiles | None = None) -> DroppedOrigin:
        return DroppedOrigin(
            self.storage, "here", [DayPath.of(path) for path in paths], readiness, chosen or ChosenFiles()
        )

    def capture(self, origin: DroppedOrigin, day: dt.date = DAY) -> Captured | None:
        return origin.capture(self.archive, "things", day)

    def names(self, origin: DroppedOrigin, day: dt.date = DAY) -> list[str]:
        """The files of a day's delivery; and what is listed for it is what its sensor sees."""
        captured = self.capture(origin, day)
        seen = {arrival.day: arrival for arrival in origin.arrivals()}
        arrival = origin.arrival(day)
        assert [each.fingerprint for each in origin.arrivals({day})] == ([arrival.fingerprint] if arrival else [])
        # When an object changed is told to the second by some questions only.
        assert (seen[day].fingerprint if day in seen else None) == (arrival.fingerprint if arrival else None)
        if captured is None:
            return []
        assert seen[day].complete
        assert not [file.name for file in captured.files if file.refused]
        return [file.name for file in captured.files]


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "folder":
        (tmp_path / "landing").mkdir()
        return Place(FolderStorage(tmp_path / "landing", confined=True), tmp_path / "landing")
    bucket: Bucket = request.getfixturevalue("bucket")
    return Place(S3Storage.at(bucket.url, bucket.client, "TIDEGATE_LANDING", SourceDownError), bucket.folder, bucket)


def test_files_of_all_days_in_one_folder(place: Place) -> None:
    place.land("drop/t_20240305.csv", "drop/t_20240305_2.csv", "drop/t_20240306.csv", "drop/other_20240305.csv")
    place.land("drop/t_20240305.csv.md5", "drop/t_20240230.csv", "drop/deep/t_20240305.csv")
    origin = place.origin("drop/t_{day:%Y%m%d}*.csv")
    assert place.names(origin) == ["t_20240305.csv", "t_20240305_2.csv"]
    assert place.names(origin, NEXT) == ["t_20240306.csv"]
    assert [arrival.day for arrival in origin.arrivals()].count(DAY) == 1
    assert place.names(origin, dt.date(2024, 3, 7)) == []


@pytest.mark.parametrize(
    ("path", "below"),
    [
        ("in/{day:%Y/%m/%d}", "in/2024/03/05"),
        ("year={day:%Y}/month={day:%m}/day={day:%d}", "year=2024/month=03/day=05"),
        ("{day:%Y}/{day}/out", "2024/2024-03-05/out"),
    ],
)
def test_a_day_in_several_folders(place: Place, path: str, below: str) -> None:
    place.land(f"{below}/a.csv", f"{below}/b.csv", below.replace("05", "06") + "/c.csv")
    assert place.names(place.origin(path)) == ["a.csv", "b.csv"]


def test_a_folder_of_each_branch_is_one_delivery(place: Place) -> None:
    place.land("eu/2024-03-05/a.csv", "us/2024-03-05/a.csv", "us/2024-03-06/a.csv", "us.txt")
    origin = place.origin("*/{day}")
    assert place.names(origin) == ["eu/2024-03-05/a.csv", "us/2024-03-05/a.csv"]
    assert place.names(origin, NEXT) == ["us/2024-03-06/a.csv"]


def test_names_that_changed_over_time(place: Place) -> None:
    place.land("drop/old-20240305.csv", "drop/new_2024-03-05.csv", "drop/new_2024-03-06.csv")
    origin = place.origin("drop/old-{day:%Y%m%d}.csv", "drop/new_{day}.csv")
    assert place.names(origin) == ["new_2024-03-05.csv", "old-20240305.csv"]
    assert place.names(origin, NEXT) == ["new_2024-03-06.csv"]


def test_files_of_two_folders_keep_their_names_apart(place: Place) -> None:
    place.land("eu/2024-03-05/a.csv", "us/2024-03-05/a.csv")
    assert place.names(place.origin("eu/{day}", "us/{day}")) == ["eu/2024-03-05/a.csv", "us/2024-03-05/a.csv"]


def test_what_lies_beside_data_is_none(place: Place) -> None:
    beside = ("a.csv.md5", "a.csv.SHA256", "_committed_1", "_SUCCESS", ".a.csv.crc", "Thumbs.db", "desktop.ini")
    place.land("2024-03-05/a.csv", *(f"2024-03-05/{name}" for name in beside))
    assert place.names(place.origin("{day}")) == ["a.csv"]


def test_the_contract_says_which_files_count(place: Place) -> None:
    place.land(*(f"2024-03-05/{name}" for name in ("a.csv", "b.CSV", "manifest.json", "_c.csv", "old_d.csv")))
    assert place.names(place.origin("{day}", chosen=ChosenFiles(("*.csv",)))) == ["a.csv", "old_d.csv"]
    assert place.names(place.origin("{day}", chosen=ChosenFiles(("*.csv", "_c*"), ("old_*",)))) == ["_c.csv", "a.csv"]


def test_folders_in_the_day_s_folder(place: Place) -> None:
    place.land("2024-03-05/x.csv", "2024-03-05/region=eu/part-0.csv", "2024-03-05/_temporary/0/part-9.csv")
    place.land("2024-03-05/region=us/hour=1/part-0.csv")
    everywhere = place.origin("{day}", chosen=ChosenFiles(("**",)))
    assert place.names(everywhere) == ["region=eu/part-0.csv", "region=us/hour=1/part-0.csv", "x.csv"]
    parts = place.origin("{day}", chosen=ChosenFiles(("**/part-*.csv",)))
    assert place.names(parts) == ["region=eu/part-0.csv", "region=us/hour=1/part-0.csv"]
    captured = place.capture(place.origin("{day}"))
    assert captured
    assert any("`files: ['**']`" in (file.refused or "") for file in captured.files) or not place.storage.is_far


@pytest.mark.parametrize("marker", ["done/t_{day:%Y%m%d}.ok", "t_{day:%Y%m%d}.ok"])
def test_a_marker_of_the_day_in_a_folder_of_all_days(place: Place, marker: str) -> None:
    place.land("drop/t_20240305.csv", "drop/t_20240306.csv")
    origin = place.origin("drop/t_{day:%Y%m%d}*", readiness=MARKED, chosen=ChosenFiles(marker=marker))
    with pytest.raises(IncompleteError, match=r"has no .*t_20240305.ok"):
        place.capture(origin)
    place.land(f"{'' if '/' in marker else 'drop/'}{marker.replace('{day:%Y%m%d}', '20240305')}")
    assert place.names(origin) == ["t_20240305.csv"]
    assert {arrival.day: arrival.complete for arrival in origin.arrivals()} == {DAY: True, NEXT: False}


@pytest.mark.parametrize(("path", "folder"), [("drop/t_{day:%Y%m%d}*.csv", "drop"), ("{day}", "2024-03-05")])
def test_a_marker_of_each_file(place: Place, path: str, folder: str) -> None:
    place.land(f"{folder}/t_20240305_1.csv", f"{folder}/t_20240305_2.csv", f"{folder}/t_20240305_1.csv.ok")
    origin = place.origin(path, readiness=MARKED, chosen=ChosenFiles(marker="{file}.ok"))
    with pytest.raises(IncompleteError, match=r"has no t_20240305_2.csv.ok yet"):
        place.capture(origin)
    assert [arrival.complete for arrival in origin.arrivals()] == [False]
    place.land(f"{folder}/t_20240305_2.csv.ok")
    assert place.names(origin) == ["t_20240305_1.csv", "t_20240305_2.csv"]


def test_a_file_in_a_shared_folder_says_how_it_may_be_whole(place: Place) -> None:
    place.land("drop/t_2024-03-05.csv", "drop/_SUCCESS")
    with pytest.raises(IncompleteError, match="Write `readiness: quiet`"):
        place.capture(place.origin("drop/t_{day}.csv", readiness=MARKED))


def test_a_folder_that_is_named_like_a_file_is_read(place: Place) -> None:
    place.land("drop/2024-03-05.parquet/part-0", "drop/2024-03-05.parquet/_SUCCESS")
    assert place.names(place.origin("drop/{day}.parquet", readiness=MARKED)) == ["part-0"]


def test_a_changed_file_and_one_that_went_are_seen(place: Place) -> None:
    place.land("drop/t_20240305.csv", "drop/t_20240305_2.csv")
    origin = place.origin("drop/t_{day:%Y%m%d}*.csv")
    [first] = origin.arrivals()
    place.storage.delete(["drop/t_20240305_2.csv"])
    [second] = origin.arrivals()
    write(place.storage, {"drop/t_20240305.csv": b"other content"})
    [third] = origin.arrivals()
    assert len({first.fingerprint, second.fingerprint, third.fingerprint}) == 3


def test_links_lead_nowhere_outside(tmp_path: Path) -> None:
    here = Place(FolderStorage(tmp_path / "landing", confined=True), tmp_path / "landing")
    here.land("drop/t_20240306.csv")
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "t_20240305.csv").write_text("secret")
    links: Sequence[tuple[str, Path]] = [
        ("drop/t_20240305.csv", tmp_path / "secret" / "t_20240305.csv"),
        ("other", tmp_path / "secret"),
    ]
    for name, target in links:
        (here.folder / name).symlink_to(target)
    captured = here.capture(here.origin("*/t_{day:%Y%m%d}.csv"))
    assert captured
    assert {file.refused for file in captured.files} == {"is a link that leads out of landing"}
