"""A real SFTP server for tests, and who may log in: rclone, from its wheel, on a folder of its own."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncssh

USER = "shop"
STARTED = re.compile(r"SFTP server listening on 127\.0\.0\.1:(\d+)")


@dataclass(frozen=True)
class SftpServer:
    """`inbox` is what a partner sees. `environment` is what the example of a file for a partner reads."""

    port: int
    inbox: Path
    keys: Path
    # Ends all connections; who comes again is let in.
    drop: Callable[[], None] = lambda: None

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PARTNER_SFTP_HOST": "127.0.0.1",
            "PARTNER_SFTP_PORT": str(self.port),
            "PARTNER_SFTP_USER": USER,
            "PARTNER_SFTP_KEY_FILE": str(self.keys / "shop"),
            "PARTNER_SFTP_KNOWN_HOSTS": str(self.keys / "known_hosts"),
        }

    @property
    def address(self) -> str:
        return f"sftp://127.0.0.1:{self.port}"

    @property
    def sign_in(self) -> dict[str, str]:
        """What a home reads that has its landing there."""
        return {
            "SFTP_USER": USER,
            "SFTP_KEY_FILE": str(self.keys / "shop"),
            "SFTP_KNOWN_HOSTS": str(self.keys / "known_hosts"),
        }

    def is_known_by(self, key: Path) -> None:
        """Have the file of known hosts say that the server has this public key."""
        (self.keys / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {key.read_text()}")


@contextmanager
def sftp_server(folder: Path) -> Iterator[SftpServer]:
    """A server on 127.0.0.1 that takes one user's key and has one of its own, both made here."""
    inbox, keys = _made(folder)
    command = [str(Path(sys.executable).with_name("rclone")), "serve", "sftp", "--config", "", "--addr", "127.0.0.1:0"]
    command += ["--key", str(keys / "server"), "--authorized-keys", str(keys / "shop.pub"), "-v"]
    # What a test puts there is seen at once.
    command += ["--dir-cache-time", "0", str(inbox)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        port = next(match[1] for line in process.stderr if (match := STARTED.search(line)))
        # What it goes on to say must be taken from it, or it stops at a full pipe.
        threading.Thread(target=process.stderr.read, daemon=True).start()
        server = SftpServer(int(port), inbox, keys)
        server.is_known_by(keys / "server.pub")
        yield server
    finally:
        process.terminate()
        process.wait()


@contextmanager
def linking_sftp_server(folder: Path, password: str) -> Iterator[SftpServer]:
    """As `sftp_server`, by another program, that shows links as links and takes a password as well."""
    inbox, keys = _made(folder)

    connections: list[asyncssh.SSHServerConnection] = []

    class Login(asyncssh.SSHServer):
        def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
            connections.append(conn)

        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, given: str) -> bool:
            return (username, given) == (USER, password)

    async def listen() -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=Login,
            server_host_keys=[str(keys / "server")],
            authorized_client_keys=str(keys / "shop.pub"),
            sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(inbox).encode()),
        )

    async def end() -> None:
        while connections:
            connection = connections.pop()
            connection.abort()
            await connection.wait_closed()

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        acceptor = asyncio.run_coroutine_threadsafe(listen(), loop).result(30)
        server = SftpServer(
            acceptor.get_port(), inbox, keys, lambda: asyncio.run_coroutine_threadsafe(end(), loop).result(30)
        )
        server.is_known_by(keys / "server.pub")
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _made(folder: Path) -> tuple[Path, Path]:
    """An inbox, and keys of the server, of its user, and of somebody else."""
    inbox, keys = folder / "inbox", folder / "keys"
    inbox.mkdir(parents=True)
    keys.mkdir()
    for name in ("server", "shop", "other"):
        key = asyncssh.generate_private_key("ssh-ed25519")
        key.write_private_key(str(keys / name))
        key.write_public_key(str(keys / f"{name}.pub"))
    return inbox, keys
