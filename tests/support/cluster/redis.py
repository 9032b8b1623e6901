"""A real Redis server for tests, from Debian's package."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from redis import Redis as Client
from tests.support.servers import free_port


@dataclass
class Redis:
    folder: Path
    host: str = "127.0.0.1"
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://{self.host}:{self.port}/0"

    def start(self) -> None:
        options = (
            *("--bind", self.host, "--protected-mode", "no"),
            *("--save", "", "--appendonly", "yes", "--maxmemory-policy", "noeviction"),
        )
        command = ["redis-server", "--port", str(self.port), "--dir", str(self.folder), *options]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        while not self._answers():
            assert self.process.poll() is None, "Redis does not start"
            time.sleep(0.02)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def waiting(self, queue: str) -> int:
        """How many tasks wait in a queue of Celery's."""
        with Client.from_url(self.url) as client:
            return int(client.llen(queue))

    def forget(self) -> None:
        """Lose its file, as on a disk that is gone."""
        for path in (self.folder / "appendonlydir").glob("*"):
            path.unlink()

    def _answers(self) -> bool:
        try:
            with socket.create_connection((self.host, self.port), 1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(7).startswith(b"+PONG")
        except OSError:
            return False


@contextmanager
def redis(folder: Path, host: str = "127.0.0.1") -> Iterator[Redis]:
    server = Redis(folder, host)
    server.start()
    try:
        yield server
    finally:
        server.kill()
