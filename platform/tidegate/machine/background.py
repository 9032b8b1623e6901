"""Work on threads of its own, left behind when nobody waits for it any longer.

A server that answers nothing, or a mount that is gone, cannot be told to give up; a thread of an executor would keep
the process from ending.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import partial
from itertools import islice
from typing import TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


def started(work: Callable[[], T], name: str) -> Future[T]:
    """What `work` will return or raise. `name` is the thread's."""
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001 - raised where the result is waited for
            done.set_exception(error)

    threading.Thread(target=run, name=name, daemon=True).start()
    return done


def read_in_batches(sources: Mapping[K, Iterator[T]], batch: int, at_once: int) -> Iterator[tuple[K, list[T]]]:
    """What all sources give, `at_once` of them read side by side: lists of at most `batch`, as they come.

    Those of one source come in its own order. No more than one list of each source that is being read is in memory,
    besides the one given out. Raises what reading the first source that fails raises.
    """
    unread = deque(sources.items())
    reading: dict[Future[list[T]], tuple[K, Iterator[T]]] = {}
    while unread or reading:
        while unread and len(reading) < at_once:
            name, source = unread.popleft()
            reading[started(partial(_next, source, batch), f"reading {name}")] = (name, source)
        done = wait(reading, return_when=FIRST_COMPLETED).done.pop()
        name, source = reading.pop(done)
        if found := done.result():
            unread.appendleft((name, source))
            yield name, found


def _next(source: Iterator[T], batch: int) -> list[T]:
    return list(islice(source, batch))
