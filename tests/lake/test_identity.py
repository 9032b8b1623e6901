"""A lake and its data folder know each other: a catalog of another lake, or none, is refused before it can do harm."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tidegate.errors import TidegateError
from tidegate.lake.identity import MARKER
from tidegate.ledger.upkeep.opening import make_lake

if TYPE_CHECKING:
    from tests.support.lake.shop import Home


def refused(home: Home, why: str) -> None:
    before = sorted(Path(home.config.data).rglob("*"))
    for read_only in (True, False):
        with pytest.raises(TidegateError, match=why):
            home.open(read_only)
    assert sorted(Path(home.config.data).rglob("*")) == before


def fill(home: Home) -> None:
    with home.open() as lake:
        lake.con.execute("create table raw.orders as from range(1000)")


def test_the_catalog_of_another_lake_is_refused(home: Home, tmp_path: Path) -> None:
    """Regression: maintenance with another lake's catalog deleted all files as nobody's."""
    fill(home)
    data, aside = Path(home.config.data), tmp_path / "aside"
    data.rename(aside)
    other = dataclasses.replace(home.config, catalog=f"sqlite:{tmp_path}/other.sqlite")
    make_lake(other).close()
    shutil.rmtree(data)
    aside.rename(data)
    home.config = other
    refused(home, r"is not that of the lake with catalog .*other.sqlite: it belongs to the lake \S+, and this is \S+\.")


def test_a_lake_from_before_there_were_marks_gets_one(home: Home) -> None:
    mark = Path(home.config.data, MARKER)
    expected = mark.read_text()
    for is_filled in (False, True):
        if is_filled:
            fill(home)
        mark.unlink()
        with home.open(read_only=True):
            assert not mark.exists()
        with home.open():
            assert mark.read_text() == expected


def test_a_lake_without_a_mark_whose_files_are_not_there_is_refused(home: Home) -> None:
    """A share that is not mounted; a folder of other files."""
    fill(home)
    shutil.rmtree(home.config.data)
    refused(home, r"none of the files that the catalog names is there.*mounted")
    for name in ("a.parquet", "raw/orders/ducklake-01a21755-3b7f-7874-9b08-9c930c3f0346.parquet"):
        path = Path(home.config.data, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"another's")
    refused(home, "none of the files that the catalog names is there")


def test_an_empty_lake_does_not_take_a_folder_of_files(home: Home) -> None:
    Path(home.config.data, MARKER).unlink()
    Path(home.config.data, "a.parquet").write_bytes(b"another's")
    refused(home, "is not that of the lake")
