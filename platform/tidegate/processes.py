"""Which processes of this machine are still there, and whose this one is."""

from __future__ import annotations

import getpass
import os


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


def person() -> str:
    """Who runs this process; in a container that may be a number without a name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"
