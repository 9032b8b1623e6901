"""Extensions are checked when a process loads them first, and nothing unsigned is loaded after."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from tidegate.lake import extensions
from tidegate.lake.extensions import config_for, connect_with, load_extensions


@pytest.fixture
def unsigned(tmp_path: Path) -> Path:
    """A copy of an extension with one byte of its signature changed."""
    with connect_with(["sqlite_scanner"]) as con:
        loaded = "select install_path from duckdb_extensions() where extension_name = 'sqlite_scanner'"
        ((installed,),) = con.execute(loaded).fetchall()
    content = bytearray(Path(installed).read_bytes())
    content[-1] ^= 1
    copy = tmp_path / "unsigned.duckdb_extension"
    copy.write_bytes(content)
    return copy


def test_what_a_process_has_not_loaded_yet_is_checked(monkeypatch: pytest.MonkeyPatch, unsigned: Path) -> None:
    monkeypatch.setattr(extensions, "_checked", set())
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
