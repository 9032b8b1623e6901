"""What does not fit into memory lies in a folder of the connection's own, and no longer than it."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake
from tidegate.lake.spill import remove_orphans, spill_folder
from tidegate.ledger.upkeep.opening import open_lake

if TYPE_CHECKING:
    from tests.support.lake.shop import Home

# Text that does not compress, several times what the connection may keep in memory.
ROWS = 1_500_000
MUCH = f"create table memory.main.much as select md5((range + {{}})::varchar) as text from range({ROWS})"
TOTAL = "select sum(hash(text)) from memory.main.much"


def short_of_memory(config: LakeConfig) -> LakeConfig:
    return dataclasses.replace(config, memory_limit="40MB")


def spilled(lake: Lake) -> list[Path]:
    files = lake.con.execute("select path from duckdb_temporary_files()").fetchall()
    return [Path(path) for (path,) in files]


@pytest.mark.slow
def test_connections_that_spill_at_once_do_not_read_each_others_rows(home: Home) -> None:
    """Regression: in one folder, one of them got a wrong sum and the other crashed its process."""
    config = short_of_memory(home.config)
    with open_lake(config) as one, open_lake(config) as other:
        expected = []
        for lake, offset in ((one, 0), (other, 7)):
            lake.con.execute(MUCH.format(offset))
            select = f"select sum(hash(md5((range + {offset})::varchar))) from range({ROWS})"
            expected.append(lake.con.execute(select).fetchone())
        assert spilled(one)
        assert spilled(other)
        assert [lake.con.execute(TOTAL).fetchone() for lake in (one, other)] == expected
    assert list(config.spill.iterdir()) == []


def test_a_reader_without_a_home_spills_where_temporary_files_are(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.open().close()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    config = dataclasses.replace(short_of_memory(home.config), spill=tmp_path / "no" / "home")
    with open_lake(config, read_only=True) as lake:
        lake.con.execute(MUCH.format(0))
        assert {path.parent.parent for path in spilled(lake)} == {tmp_path}
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("spill-")]
    assert not config.spill.exists()


def test_what_a_killed_process_left_goes_and_what_another_uses_stays(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    mine = spill_folder(tmp_path)
    orphan = Path(str(mine).replace(f"-{os.getpid()}-", f"-{ended.pid}-"))
    elsewhere = tmp_path / f"spill-another-machine-{ended.pid}-00000000"
    others = [tmp_path / "intake-x", tmp_path / "spill-", tmp_path / "-"]
    for folder in (mine, orphan, elsewhere, *others):
        folder.mkdir()
        (folder / "duckdb_temp_storage_DEFAULT-0.tmp").write_text("rows")
    remove_orphans(tmp_path)
    assert not orphan.exists()
    assert all(folder.exists() for folder in (mine, elsewhere, *others))
    shutil.rmtree(mine)


def test_every_connection_gets_a_folder_of_its_own(tmp_path: Path) -> None:
    assert spill_folder(tmp_path) != spill_folder(tmp_path)
