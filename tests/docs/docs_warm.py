"""`tidegate` as a clone's terminal types it, forked from a process of the clone that has imported everything and has
parsed a project.

A command that starts cold imports for seconds, and the pages have a hundred; dbt's first parse takes two seconds more
than those that follow. The program itself is typed by the tour, and by the tests of how commands start. This file is
run by the clone's Python, which has nothing of the tests.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from multiprocessing.util import _exit_function  # type: ignore[attr-defined]
from pathlib import Path
from typing import NoReturn

# How often it is looked whether a command ended, or its terminal did.
LOOKING_SECONDS = 0.02

# The program: it hands over what it was called with, and ends as the command does. Whoever kills it, kills that.
CLIENT = """#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    called = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(server, [len(called).to_bytes(8, "big")], [0, 1, 2])
    server.sendall(called)
    sys.exit(int(server.recv(8) or 70))
"""


@contextmanager
def forked(program: Path, modules: Sequence[str]) -> Iterator[None]:
    """Have the program `tidegate` of a clone be forked from now on, with these modules imported and dbt in use."""
    python, clone = program.with_name("python"), program.parents[2]
    # The path of a socket is to be short.
    with tempfile.TemporaryDirectory(prefix="warm-") as folder:
        address = f"{folder}/socket"
        with subprocess.Popen([python, __file__, address, *modules], stdout=subprocess.PIPE, cwd=clone) as server:
            try:
                assert server.stdout
                assert server.stdout.readline() == b"ready\n"
                program.unlink()
                program.write_text(CLIENT.format(python=python, address=address), encoding="utf-8")
                program.chmod(0o755)
                yield
            finally:
                server.terminate()


def serve(address: str, modules: Sequence[str]) -> None:
    """Fork a command for each that connects, for as long as the tests run. Returns only in a process that is to be the
    command."""
    tests = os.getppid()
    for module in modules:
        import_module(module)
    _parse_once()
    gc.collect()
    gc.freeze()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        listening.settimeout(1)
        print("ready", flush=True)
        while True:
            _reap()
            try:
                connection, _ = listening.accept()
            except TimeoutError:
                if os.getppid() != tests:
                    sys.exit()
                continue
            if os.fork() == 0:
                break
            connection.close()
    _be_the_command(connection)


def _parse_once() -> None:
    """Parse the clone's project, wherever it was parsed before, and keep what dbt made of macros by its own switch for
    tests."""
    from dbt.adapters.factory import reset_adapters
    from dbt_common.tests import enable_test_caching

    from tidegate.settings import load_settings
    from tidegate.transform.parsed.project import DbtProject

    enable_test_caching()
    with tempfile.TemporaryDirectory() as home:
        DbtProject(load_settings(home=Path(home), parsed="")).prepare()
    # They have semaphores, which are to be gone when this process is ended.
    reset_adapters()  # type: ignore[no-untyped-call]


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _be_the_command(connection: socket.socket) -> None:
    head, descriptors, _, _ = socket.recv_fds(connection, 8, 3)
    with connection.makefile("rb") as sent:
        arguments, folder, environment = json.loads(sent.read(int.from_bytes(head, "big")))
    command = os.fork()
    if command:
        _follow(command, connection)
    connection.close()
    os.setsid()
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin, sys.stdout, sys.stderr = open(0, closefd=False), open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115 - for as long as the process lives
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[:] = ["tidegate", *arguments]


def _code_of_the_command() -> int:
    from tidegate.cli import main

    try:
        main()
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - as Python itself ends a program
        traceback.print_exc()
        return 1
    return 0


def _end(code: int) -> NoReturn:
    """As what `multiprocessing` forks ends: threads of libraries that were imported before the fork are not here, and
    whoever waited for them would wait for ever."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BrokenPipeError):
            stream.flush()
    # What `multiprocessing` does there too: semaphores would outlive the process.
    _exit_function()
    os._exit(code)


def _follow(command: int, connection: socket.socket) -> None:
    """Tell how the command ended, and end it where nobody waits for it."""
    while not (ended := os.waitpid(command, os.WNOHANG))[0]:
        if select.select([connection], [], [], LOOKING_SECONDS)[0]:
            # All that it started, and itself where it leads no group yet.
            for kill in (os.killpg, os.kill):
                with contextlib.suppress(ProcessLookupError):
                    kill(command, signal.SIGKILL)
            os.waitpid(command, 0)
            os._exit(1)
    code = os.waitstatus_to_exitcode(ended[1])
    with contextlib.suppress(BrokenPipeError):
        connection.sendall(str(code if code >= 0 else 128 - code).encode())
    os._exit(0)


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2:])
    _end(_code_of_the_command())
