"""A real SFTP server for tests, and who may log in: rclone, from its wheel, on a folder of its own."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
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

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PARTNER_SFTP_HOST": "127.0.0.1",
            "PARTNER_SFTP_PORT": str(self.port),
            "PARTNER_SFTP_USER": USER,
            "PARTNER_SFTP_KEY_FILE": str(self.keys / "shop"),
            "PARTNER_SFTP_KNOWN_HOSTS": str(self.keys / "known_hosts"),
        }

    def is_known_by(self, key: Path) -> None:
        """Have the file of known hosts say that the server has this public key."""
        (self.keys / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {key.read_text()}")


@contextmanager
def sftp_server(folder: Path) -> Iterator[SftpServer]:
    """A server on 127.0.0.1 that takes one user's key and has one of its own, both made here."""
    inbox, keys = folder / "inbox", folder / "keys"
    inbox.mkdir(parents=True)
    keys.mkdir()
    for name in ("server", "shop", "other"):
        key = asyncssh.generate_private_key("ssh-ed25519")
        key.write_private_key(str(keys / name))
        key.write_public_key(str(keys / f"{name}.pub"))
    command = [str(Path(sys.executable).with_name("rclone")), "serve", "sftp", "--config", "", "--addr", "127.0.0.1:0"]
    command += ["--key", str(keys / "server"), "--authorized-keys", str(keys / "shop.pub"), "-v", str(inbox)]
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
