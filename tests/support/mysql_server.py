"""A real MariaDB for tests, from Debian's package, in a folder of its own and on a socket alone."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy
from tests.support.waiting import wait_for

SERVER = shutil.which("mariadbd", path="/usr/sbin:/usr/local/sbin") or shutil.which("mariadbd")

needs_mariadb = pytest.mark.skipif(SERVER is None, reason="needs MariaDB: apt-get install mariadb-server-core")

# Small and without a log, and of nobody but who can open the socket: it begins in half a second.
OPTIONS = [
    "--skip-networking",
    "--skip-grant-tables",
    "--skip-log-bin",
    "--performance-schema=OFF",
    "--innodb-buffer-pool-size=8M",
    "--innodb-log-file-size=4M",
]


@contextmanager
def mysql_server() -> Iterator[str]:
    """SQLAlchemy's URL of a server with an empty database, `shop`."""
    # Short: a socket's path may have 107 characters.
    with tempfile.TemporaryDirectory(prefix="mdb-") as name:
        folder = Path(name)
        (folder / "data").mkdir()
        places = [f"--datadir={folder}/data", f"--socket={folder}/s", f"--pid-file={folder}/pid"]
        # It refuses to run as root unless that is what it is told.
        places.append(f"--user={pwd.getpwuid(os.geteuid()).pw_name}")
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen([SERVER or "", "--no-defaults", *places, *OPTIONS], stdout=log, stderr=log)
        try:
            wait_for("MariaDB's socket", lambda: (folder / "s").exists() or process.poll() is not None, 60)
            assert process.poll() is None, (folder / "log").read_text()
            url = f"mysql+pymysql://root@localhost/{{}}?unix_socket={folder}/s"
            with sqlalchemy.create_engine(url.format("")).begin() as database:
                database.exec_driver_sql("create database shop character set utf8mb4")
            yield url.format("shop")
        finally:
            process.terminate()
            process.wait()
