"""The example of a file for a partner, with a real SFTP server: whole or not there, once, and only to the partner."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncssh
import pytest
from tests.support.sftp_server import SftpServer, sftp_server

from tidegate.settings import CHECKOUT

NAME = "daily_sales-2024-01-02-0123456789ab.csv"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SftpServer]:
    with sftp_server(tmp_path_factory.mktemp("partner")) as started:
        yield started


@pytest.fixture
def send(server: SftpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """What the example does with a file, in the environment that the page describes."""
    for name, value in {**server.environment, "TIDEGATE_HOME": str(tmp_path / "home")}.items():
        monkeypatch.setenv(name, value)
    spec = importlib.util.spec_from_file_location("partner_file", CHECKOUT / "examples/own_dagster/partner_file.py")
    assert spec
    assert spec.loader
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    return lambda file: asyncio.run(example.send(file))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / NAME
    # More than one packet.
    path.write_text("order_date,net_revenue\n" + "2024-01-02,1.50\n" * 20_000)
    return path


def test_a_file_is_there_whole_under_its_name_and_nothing_else_is(
    server: SftpServer, send: Callable[[Path], None], file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = server.inbox / "ours é"
    folder.mkdir()
    # What a run that was killed had begun.
    (folder / f".{NAME}.part").write_text("half of an earlier, longer one" * 100_000)
    monkeypatch.setenv("PARTNER_SFTP_FOLDER", folder.name)
    send(file)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {NAME: file.read_bytes()}


def test_what_is_there_already_is_not_sent_again(server: SftpServer, send: Callable[[Path], None], file: Path) -> None:
    send(file)
    (server.inbox / NAME).write_text("what the partner has by now")
    send(file)
    assert (server.inbox / NAME).read_text() == "what the partner has by now"


def test_nothing_is_sent_to_who_is_not_the_partner(
    server: SftpServer, send: Callable[[Path], None], file: Path
) -> None:
    unsent = file.rename(file.with_name("unsent.csv"))
    server.is_known_by(server.keys / "other.pub")
    try:
        with pytest.raises(asyncssh.HostKeyNotVerifiable):
            send(unsent)
    finally:
        server.is_known_by(server.keys / "server.pub")
    assert not (server.inbox / unsent.name).exists()


@pytest.mark.parametrize(
    ("variable", "value", "error"),
    [
        ("PARTNER_SFTP_USER", None, KeyError),
        ("PARTNER_SFTP_FOLDER", "not/there", asyncssh.SFTPError),
    ],
)
def test_what_cannot_be_sent_fails_the_run(
    variable: str,
    value: str | None,
    error: type[Exception],
    send: Callable[[Path], None],
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if value is None:
        monkeypatch.delenv(variable)
    else:
        monkeypatch.setenv(variable, value)
    with pytest.raises(error):
        send(file)
