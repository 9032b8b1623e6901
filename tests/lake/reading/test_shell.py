"""The prompt: DuckDB's own program on the lake, which reads beside those who write and leaves nothing behind."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tidegate.errors import TidegateError
from tidegate.lake.config import LakeConfig
from tidegate.lake.reading.shell import become_shell, program, shell_command
from tidegate.ledger.upkeep.opening import make_lake
from tidegate.window import Window

if TYPE_CHECKING:
    from tests.support.lake.shop import Shop

DAY = dt.date(2024, 6, 1)
ONE = Window.of_day(DAY)
FACTOR = ".mode list\n.headers off\nselect total_orders from serving.daily_sales;\n"


def environment_of(config: LakeConfig) -> dict[str, str]:
    """By which `tidegate` finds a lake."""
    return {
        **os.environ,
        "TIDEGATE_HOME": str(config.spill.parent),
        "TIDEGATE_LAKE_CATALOG": config.catalog,
        "TIDEGATE_LAKE_DATA": config.data,
    }


def shell(config: LakeConfig, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(Path(sys.executable).with_name("tidegate")), "shell", *options],
        env=environment_of(config),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_in_shell(config: LakeConfig, lines: str, *options: str) -> tuple[int, str, str]:
    """Exit code, and what was said on both ways, of a shell that is given `lines`."""
    process = shell(config, *options)
    said, complaints = process.communicate(lines, timeout=60)
    return process.returncode, said, complaints


def test_what_is_piped_in_is_run_and_nothing_else_is_said(shop: Shop) -> None:
    shop.publish(ONE, factor=3)
    assert run_in_shell(shop.lake.config, FACTOR) == (0, "3\n", "")


@pytest.mark.slow
def test_it_goes_back_in_time(shop: Shop) -> None:
    shop.publish(ONE, factor=1)
    then = dt.datetime.now(dt.UTC).isoformat()
    shop.publish(ONE, factor=2)
    assert run_in_shell(shop.lake.config, FACTOR, "--as-of", then) == (0, "1\n", "")
    assert run_in_shell(shop.lake.config, FACTOR) == (0, "2\n", "")


@pytest.mark.slow
@pytest.mark.parametrize(
    "statement",
    [
        "delete from serving.daily_sales",
        "create table serving.x (i int)",
        "call ducklake_expire_snapshots('lake', older_than => now())",
    ],
)
def test_it_only_reads(shop: Shop, statement: str) -> None:
    shop.publish(ONE)
    exit_code, said, complaints = run_in_shell(shop.lake.config, f"{statement};\n{FACTOR}")
    assert (exit_code, said) == (1, "1\n")
    assert "read-only" in complaints
    assert len(shop.served()) == 1


@pytest.mark.slow
def test_publishing_goes_on_beside_an_open_transaction(shop: Shop) -> None:
    shop.publish(ONE, factor=1)
    process = shell(shop.lake.config)
    assert process.stdin is not None
    assert process.stdout is not None

    def ask(lines: str) -> str:
        process.stdin.write(lines)  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
        return process.stdout.readline().strip()  # type: ignore[union-attr]

    assert ask("begin;\n" + FACTOR) == "1"
    shop.publish(ONE, factor=2)
    assert ask(FACTOR) == "1"
    assert ask("commit;\n" + FACTOR) == "2"
    assert process.communicate(timeout=60) == ("", "")


@pytest.mark.slow
def test_nothing_is_left_behind_though_memory_was_short(shop: Shop) -> None:
    shop.publish(ONE)
    assert run_in_shell(shop.lake.config, FACTOR)[0] == 0
    folder = shop.lake.config.spill.parent
    before = set(folder.rglob("*"))
    spill = "set memory_limit = '50MB'; create table memory.main.t as select md5(range::varchar) from range(1500000);\n"
    spilled = "select count(*) > 0 from duckdb_temporary_files();\n"
    assert run_in_shell(shop.lake.config, ".mode list\n.headers off\n" + spill + spilled) == (0, "true\n", "")
    assert set(folder.rglob("*")) == before


def test_there_is_no_lake_yet(tmp_path: Path, shop: Shop) -> None:
    config = dataclasses.replace(shop.lake.config, catalog=f"sqlite:{tmp_path}/none.sqlite")
    exit_code, said, complaints = run_in_shell(config, FACTOR)
    assert (exit_code, said) == (1, "")
    assert "There is no lake at" in complaints
    assert "Traceback" not in complaints
    with pytest.raises(TidegateError, match="There was no lake at"):
        become_shell(shop.lake.config, dt.datetime(2001, 9, 9, tzinfo=dt.UTC))


@pytest.mark.slow
def test_hostile_places_are_places(tmp_path: Path, shop: Shop) -> None:
    folder = tmp_path / "it's; \"x\"\n.shell echo hacked;\nselect 'hacked' --"
    config = dataclasses.replace(
        shop.lake.config, catalog=f"sqlite:{folder}/c.sqlite", data=str(folder / "data"), spill=folder / "spill"
    )
    with make_lake(config) as lake:
        lake.con.execute("create table serving.daily_sales as select 5 as total_orders")
    assert run_in_shell(config, FACTOR) == (0, "5\n", "")


def test_its_command_line_names_the_lake_and_holds_no_secret(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "s3cret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    config = dataclasses.replace(
        shop.lake.config, catalog="postgres:host=db dbname=lake", data="s3://shop/lake", s3_endpoint="http://s3:9000"
    )
    command = shell_command(config, snapshot=7)
    assert command[0] == program()
    assert "attach if not exists 'ducklake:postgres:host=db dbname=lake " in command[4]
    assert "snapshot_version 7" in command[4]
    assert "s3cret" not in " ".join(command)


def test_without_the_prompt_the_extra_that_brings_it_is_named(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb_cli", None)
    with pytest.raises(TidegateError, match=r"duckdb.cli, which is not installed.*'tidegate\[shell\]'"):
        become_shell(shop.lake.config)


@pytest.mark.slow
def test_a_person_gets_a_prompt(shop: Shop, tmp_path: Path) -> None:
    shop.publish(ONE, factor=12345)
    # Its history is DuckDB's own, in the person's folder.
    environment = {**environment_of(shop.lake.config), "DUCKDB_HISTORY": str(tmp_path / "history")}
    child, terminal = pty.fork()
    if child == 0:
        os.execve(Path(sys.executable).with_name("tidegate"), ["tidegate", "shell"], environment)
    read_until(terminal, "lake")
    os.write(terminal, b"select total_orders from serving.daily_sales;\r")
    read_until(terminal, "12345")
    read_until(terminal, "lake")
    os.write(terminal, b".exit\r")
    read_until(terminal, None)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def read_until(terminal: int, text: str | None) -> None:
    """Read what the program shows, up to `text` or its end; answer as a terminal does: what it is, where the cursor."""
    shown = b""
    while text is None or text.encode() not in shown:
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            # So a terminal says that nobody is at its other end any more.
            assert text is None, shown
            return
        shown += piece
        os.write(terminal, b"\x1b[?1;2c" * piece.count(b"\x1b[c") + b"\x1b[1;1R" * piece.count(b"\x1b[6n"))
