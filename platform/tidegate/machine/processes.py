"""Which processes of this machine are still there, since when, what they call what is theirs, and who runs this one."""

from __future__ import annotations

import datetime as dt
import getpass
import os
import re
import secrets
from pathlib import Path

_OWN_NAME = re.compile(r"[0-9]+-[0-9a-f]{16}")


def is_alive(process: int) -> bool:
    """Whether a process of this machine has this id, ours or another user's."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        # It is there, and another user's.
        return True
    return True


def started_at(process: int) -> dt.datetime | None:
    """When the process of this id started (UTC, to about a second); None where the system does not tell."""
    try:
        # The name, in brackets, may hold blanks; what follows it does not. Field 22 counts from the machine's start.
        fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        lines = Path("/proc/stat").read_text(encoding="utf-8").splitlines()
        booted_at = next(int(line.split()[1]) for line in lines if line.startswith("btime "))
        return dt.datetime.fromtimestamp(booted_at + int(fields[19]) / os.sysconf("SC_CLK_TCK"), dt.UTC)
    except (OSError, StopIteration, IndexError, ValueError):
        return None


def own_name() -> str:
    """A name for something of this process's that no other has."""
    return f"{os.getpid()}-{secrets.token_hex(8)}"


def is_own_name(name: str) -> bool:
    """Whether `own_name` of some process gave it."""
    return _OWN_NAME.fullmatch(name) is not None


def person() -> str:
    """Who runs this process; in a container that may be a number without a name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"
