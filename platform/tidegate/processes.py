"""Which processes of this machine are still there."""

from __future__ import annotations

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
