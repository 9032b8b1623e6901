"""Ctrl-C and SIGTERM: the first asks long work to end after its current step, the second ends the process at once.

Work that may be stopped so runs on a thread of its own, and the main thread only waits for it and for signals. Thus
Dagster, which takes the signals of a run on the main thread for itself, leaves them alone; and a statement of the
engine that takes minutes keeps nobody waiting who asked twice.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

from tidegate.machine.background import started

T = TypeVar("T")

# As a shell reports a process that Ctrl-C ended.
EXIT_CODE = 130
SIGNALS = (signal.SIGINT, signal.SIGTERM)

_asked = threading.Event()
_at_the_end: list[Callable[[], None]] = []


class StoppedError(Exception):
    """Work ended early, as asked. The message says how far it came and how to go on."""


def stop_is_asked() -> bool:
    """Whether this process was asked to end after its current step."""
    return _asked.is_set()


def end_if_asked(how_far: Callable[[], str]) -> None:
    """Raise StoppedError between two steps, if that was asked."""
    if stop_is_asked():
        raise StoppedError(how_far())


def until_asked(steps: Iterable[T]) -> Iterator[T]:
    """What the steps give, as long as nobody asks to stop; the next one is not begun then."""
    left = iter(steps)
    while not stop_is_asked():
        try:
            yield next(left)
        except StopIteration:
            return


@contextmanager
def ended_with(last: Callable[[], None]) -> Iterator[None]:
    """What to do meanwhile, should the process be ended at once. It is called on another thread than the work's."""
    _at_the_end.append(last)
    try:
        yield
    finally:
        _at_the_end.remove(last)


def stoppable(work: Callable[[], T], say: Callable[[str], None]) -> T:
    """What `work` returns or raises; meanwhile the signals are ours. `say` tells a person what comes of them."""
    if threading.current_thread() is not threading.main_thread():
        return work()

    def answer(_number: int, _frame: FrameType | None) -> None:
        if stop_is_asked():
            _end_at_once(say)
        _asked.set()
        say("Ending after the current step. Once more ends at once.")

    _asked.clear()
    before = {number: signal.signal(number, answer) for number in SIGNALS}
    try:
        return started(work, "work").result()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_at_once(say: Callable[[str], None]) -> None:
    for number in SIGNALS:
        # A third one does not even wait for what is to be done now.
        signal.signal(number, signal.SIG_DFL)
    say("Ended at once. What was committed is kept, and what was under way is due again.")
    for last in reversed(_at_the_end):
        last()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(EXIT_CODE)
