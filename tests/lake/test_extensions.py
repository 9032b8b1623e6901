"""Extensions are checked when a process loads them first, and nothing unsigned is loaded after."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import duckdb
import pytest
from duckdb import DuckDBPyConnection

from tidegate.errors import NotInstalledError
from tidegate.lake import extensions
from tidegate.lake.extensions import NO_DOWNLOADS, config_for, connect_with, keep_checked, load_extensions, take_checked

NAME = "sqlite_scanner"


@pytest.fixture
def unsigned(tmp_path: Path) -> Path:
    """A copy of an extension with one byte of its signature changed."""
    copy = tmp_path / "unsigned.duckdb_extension"
    with connect_with([NAME]) as con:
        shutil.copyfile(installed_at(con), copy)
    break_signature(copy)
    return copy


def installed_at(con: DuckDBPyConnection) -> Path:
    select = f"select install_path from duckdb_extensions() where extension_name = '{NAME}'"
    return Path(str(con.execute(select).fetchall()[0][0]))


def break_signature(file: Path) -> None:
    with file.open("r+b") as stream:
        stream.seek(-1, os.SEEK_END)
        last = stream.read(1)[0]
        stream.seek(-1, os.SEEK_END)
        stream.write(bytes([last ^ 1]))


class Elsewhere:
    """An installed extension of its own, and the record of a process that checked it."""

    def __init__(self, folder: Path) -> None:
        self.record = folder / "checked.json"
        with connect_with([NAME]) as con:
            original = installed_at(con)
        self.file = folder / "extensions" / Path(*original.parts[-3:])
        self.file.parent.mkdir(parents=True)
        shutil.copyfile(original, self.file)
        with duckdb.connect(config={"extension_directory": str(folder / "extensions")}) as con:
            con.load_extension(NAME)
            keep_checked(con, [NAME], self.record)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Elsewhere:
    """What another process left; this one has checked nothing yet."""
    left = Elsewhere(tmp_path)
    monkeypatch.setattr(extensions, "_checked", {})
    return left


def test_what_a_process_has_not_loaded_yet_is_checked(monkeypatch: pytest.MonkeyPatch, unsigned: Path) -> None:
    monkeypatch.setattr(extensions, "_checked", {})
    with duckdb.connect(config=config_for(["ducklake"])) as con:
        with pytest.raises(duckdb.IOException, match="signature"):
            con.load_extension(str(unsigned))
        load_extensions(con, ["ducklake"])
    assert config_for(["ducklake"])["allow_unsigned_extensions"] is True
    assert config_for(["ducklake", "httpfs"])["allow_unsigned_extensions"] is False


def test_nothing_unsigned_is_loaded_on_a_connection_that_skipped_the_check(unsigned: Path) -> None:
    connect_with(["ducklake"]).close()
    with connect_with(["ducklake"]) as con:
        with pytest.raises(duckdb.IOException, match="signature"):
            con.load_extension(str(unsigned))
        with pytest.raises(duckdb.InvalidInputException):
            con.execute("set allow_unsigned_extensions = true")


def test_what_the_record_names_is_not_checked_again_by_another_process(elsewhere: Elsewhere) -> None:
    take_checked(elsewhere.record)
    assert config_for([NAME])["allow_unsigned_extensions"] is True
    with connect_with([NAME]) as con:
        assert con.execute("select current_setting('allow_unsigned_extensions')").fetchall() == [(False,)]
        loaded = f"select loaded from duckdb_extensions() where extension_name = '{NAME}'"
        assert con.execute(loaded).fetchall() == [(True,)]


def test_a_file_that_was_touched_since_is_checked_whatever_its_size_and_time(elsewhere: Elsewhere) -> None:
    before = elsewhere.file.stat()
    break_signature(elsewhere.file)
    os.utime(elsewhere.file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (elsewhere.file.stat().st_size, elsewhere.file.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    take_checked(elsewhere.record)
    assert config_for([NAME])["allow_unsigned_extensions"] is False


def test_what_was_loaded_and_is_not_signed_any_more_gets_into_no_record(elsewhere: Elsewhere, tmp_path: Path) -> None:
    break_signature(elsewhere.file)
    record = tmp_path / "another.json"
    with (
        duckdb.connect(config={"extension_directory": str(elsewhere.file.parents[2])}) as con,
        pytest.raises(duckdb.IOException, match="signature"),
    ):
        keep_checked(con, [NAME], record)
    assert not record.exists()


@pytest.mark.parametrize("content", ["", "[]", '{"sqlite_scanner": 1}', '{"sqlite_scanner": [1, 2]}', "\0"])
def test_a_damaged_record_names_nothing(elsewhere: Elsewhere, content: str) -> None:
    elsewhere.record.write_text(content)
    take_checked(elsewhere.record)
    assert config_for([NAME])["allow_unsigned_extensions"] is False


def test_one_that_no_extra_brought_along_says_which_extra_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb_extension_httpfs", None)
    with (
        duckdb.connect(config=NO_DOWNLOADS | {"extension_directory": str(tmp_path)}) as con,
        pytest.raises(NotInstalledError, match=r"Data in S3 needs duckdb_extension_httpfs.*tidegate\[s3\]"),
    ):
        extensions._load(con, "httpfs")
