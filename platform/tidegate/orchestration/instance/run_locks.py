"""Whether the process of a run lives, of the command line or forked: it holds a lock for as long as it does.

The operating system frees the lock however the process ends, so whoever gets it knows that the run is over. A process
id says no such thing, since another process gets it one day, and a host name may be another machine's by now.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from tidegate.machine.locks import HeldElsewhereError, file_lock, note_of
from tidegate.orchestration.names import LOCK_TAG


@contextmanager
def run_lock(scratch: Path, name: str | None = None) -> Iterator[dict[str, str]]:
    """Hold a lock, a new one where it has no name; yields the tag by which a run names it. The lock is there before the
    run is on record with it. Raises HeldElsewhereError when another process holds it."""
    name = name or secrets.token_hex(8)
    path = _path_of(scratch, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _held(path):
        yield {LOCK_TAG: name}
        # Not after an error, which may have left the run unfinished: then `lock_of_the_dead` must find its lock.
        _remove(path)


@contextmanager
def lock_of_the_dead(scratch: Path, tags: Mapping[str, str]) -> Iterator[bool]:
    """Whether the process of the run with these tags is gone. If so its lock is held meanwhile, and then removed.

    A lock that is not there is another machine's, or that of a run that just ended: nothing is known of its process.
    """
    path = _path_of(scratch, tags[LOCK_TAG])
    if not path.exists():
        yield False
        return
    try:
        with _held(path):
            yield True
            _remove(path)
    except HeldElsewhereError:
        yield False


def is_locked(scratch: Path, tags: Mapping[str, str]) -> bool:
    """Whether the process of the run with these tags is there, on this machine."""
    path = _path_of(scratch, tags[LOCK_TAG])
    try:
        # Without the file nobody holds it, and looking makes none.
        with _held(path) if path.exists() else nullcontext():
            return False
    except HeldElsewhereError:
        return True


def _held(path: Path) -> AbstractContextManager[None]:
    return file_lock(path, deadline=time.monotonic(), poll_seconds=0)


def _path_of(scratch: Path, name: str) -> Path:
    # The tag may be anybody's; only its last part can name a lock.
    return scratch / "runs" / f"{Path(name).name}.lock"


def _remove(path: Path) -> None:
    for file in (path, note_of(path)):
        file.unlink(missing_ok=True)
