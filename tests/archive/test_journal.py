"""The archive alone knows in which order deliveries came and which were good, wherever it was copied to."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from tests.support.intake.archives import folder_archive
from tests.support.intake.shop import DAY, SALES, Shop, csv, open_shop_in, row

from tidegate.archive.journal import History, Stored
from tidegate.archive.manifest import Captured
from tidegate.sources.places import origin_of

A, B, C = ("a" * 64, "b" * 64, "c" * 64)


def history(*names: str, oldest_first: str = "") -> History:
    """Of files by name, manifests written at the times in which `oldest_first` names them."""
    return History.of(Stored(name, float(oldest_first.find(name[0]))) for name in names)


def journal(*events: str) -> list[str]:
    """`captured a` as the name of the journal's next entry."""
    return [f"journal/{n:06}.{event.split()[0]}.{event.split()[1] * 64}" for n, event in enumerate(events, start=1)]


@pytest.mark.parametrize(
    ("events", "known", "expected"),
    [
        (["captured a", "accepted a", "captured b", "accepted b"], None, B),
        (["captured a", "accepted a", "captured b", "rejected b"], None, A),
        (["captured a", "accepted a", "captured b", "rejected b"], B, B),
        (["captured a", "accepted a", "captured b"], A, B),
        (["captured a", "accepted a", "captured b", "accepted b", "captured a", "accepted a"], None, A),
        (["captured a", "accepted a", "captured b", "accepted b", "captured a", "accepted a"], B, A),
        (["captured a", "rejected a", "captured b", "rejected b"], None, B),
        (["captured a", "rejected a", "accepted a", "captured b", "rejected b"], None, A),
        (["captured b", "accepted b", "captured a", "rejected a", "captured a"], B, A),
    ],
)
def test_the_newest_is_loaded_unless_it_was_rejected_and_the_ledger_does_not_know_it(
    events: list[str], known: str | None, expected: str
) -> None:
    # The files' times say the opposite of the journal.
    assert history(f"{A}.json", f"{B}.json", *journal(*events), oldest_first="ba").to_load(known) == expected


def test_without_a_journal_the_ledger_and_then_the_files_times_decide() -> None:
    """As the archives of earlier versions are."""
    old = history(f"{A}.json", f"{B}.json", "notes.txt", "journal/x", oldest_first="ba")

    assert (old.to_load(None), old.to_load(B), old.unjudged) == (A, B, None)
    assert history().to_load(None) is None
    # What was captured since is newer, whatever its time.
    assert history(f"{A}.json", f"{C}.json", *journal("captured c"), oldest_first="ca").to_load(A) == C
    # An entry without its manifest is a capture that died in between.
    assert history(f"{A}.json", *journal("captured a", "accepted a", "captured b")).to_load(A) == A


def test_an_entry_is_written_only_when_something_changed() -> None:
    known = history(f"{A}.json", *journal("captured a", "accepted a"))

    assert known.next_entry("captured", A) is None
    assert known.next_entry("accepted", A) is None
    rejected, captured = known.next_entry("rejected", A), known.next_entry("captured", B)
    assert rejected and rejected.name == f"journal/000003.rejected.{A}"
    assert captured and captured.name == f"journal/000003.captured.{B}"


def test_what_was_captured_and_not_committed_is_loaded_once_landing_is_purged(shop: Shop) -> None:
    shop.load_one("north", csv(row(1)))
    capture_and_die(shop, csv(row(2)))
    shutil.rmtree(shop.folder("north"))

    assert shop.load(regions=["north"])["north"].status == "accepted"
    assert shop.raw() == ["s2"]


def capture_and_die(shop: Shop, content: bytes) -> Captured:
    shop.deliver("north", content)
    origin = origin_of(shop.contract, shop.contract.region("north"), shop.outside)
    captured = origin.capture(folder_archive(shop.archive), "sales", DAY)
    assert captured
    return captured


@pytest.mark.slow
def test_a_lake_is_rebuilt_from_a_copy_of_the_archive_that_lost_its_times(shop: Shop, tmp_path: Path) -> None:
    for content in (csv(row(1)), csv(row(2)), csv(row(1)), b"no header"):
        shop.load_one("north", content)
    copied = tmp_path / "elsewhere"
    shutil.copytree(shop.archive, copied / "archive", copy_function=shutil.copyfile)
    for path in (copied / "archive").rglob("*"):
        os.utime(path, (1, 1))
    rebuilt = open_shop_in(copied, SALES)
    try:
        assert rebuilt.load(regions=["north"])["north"].status == "accepted"
        assert rebuilt.raw() == shop.raw() == ["s1"]
    finally:
        rebuilt.lake.close()
