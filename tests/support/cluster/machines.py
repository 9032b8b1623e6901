"""Machines: each a set of processes with a host name and process ids of its own, that dies whole.

Namespaces of Linux give them that. The network and the disk are shared, so each has a home of its own.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tidegate.settings import CHECKOUT

# Whoever is not root may do so as root of a namespace of users.
UNSHARE = ("unshare", *(() if os.geteuid() == 0 else ("--map-root-user",)))
ISOLATED = (*UNSHARE, "--uts", "--pid", "--fork", "--kill-child=KILL", "--mount-proc")


def are_possible() -> bool:
    """Whether this machine lets its users have namespaces, which some containers do not."""
    tried = subprocess.run([*ISOLATED, "true"], capture_output=True, check=False) if shutil.which("unshare") else None
    return tried is not None and tried.returncode == 0


# The first argument is the machine's name; the others are commands, all of which run until the machine is killed.
BOOT = 'hostname "$1"; shift; for command in "$@"; do sh -c "exec $command" & done; wait'


@dataclass
class Machine:
    name: str
    log: Path
    process: subprocess.Popen[bytes]

    def power_off(self) -> None:
        """All of its processes at once, with no time for a last word."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def printed(self) -> str:
        return self.log.read_text(errors="replace")


def boot(
    name: str, log: Path, environment: Mapping[str, str], commands: Sequence[str], entering: Sequence[str] = ()
) -> Machine:
    """A machine that runs these commands; `entering` is what puts it into its network."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*entering, *ISOLATED, "sh", "-c", BOOT, "sh", name, *commands],
            env={**environment},
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    return Machine(name, log, process)
