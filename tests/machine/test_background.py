"""Sources that are read side by side give all they have, each in its own order, and one that fails tells so."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import count, islice

import pytest

from tidegate.machine.background import read_in_batches, started


@pytest.mark.parametrize("at_once", [1, 2, 8])
@pytest.mark.parametrize("batch", [1, 3, 100])
def test_every_source_gives_all_it_has_in_its_own_order(at_once: int, batch: int) -> None:
    sources = {
        name: [f"{name}{number}" for number in range(length)] for name, length in zip("abcd", (7, 0, 3, 6), strict=True)
    }
    found: dict[str, list[str]] = {name: [] for name in sources}
    for name, things in read_in_batches({name: iter(things) for name, things in sources.items()}, batch, at_once):
        assert 0 < len(things) <= batch
        found[name] += things

    assert found == sources


def test_no_sources_give_nothing() -> None:
    assert list(read_in_batches({}, batch=1, at_once=8)) == []


def test_sources_are_read_side_by_side() -> None:
    """Neither of two sources goes on before the other was asked."""
    both = threading.Barrier(2, timeout=60)

    def source() -> Iterator[int]:
        yield both.wait()

    found = list(read_in_batches({"a": source(), "b": source()}, batch=10, at_once=2))

    assert sorted(name for name, _ in found) == ["a", "b"]


def test_no_more_is_read_ahead_than_one_batch() -> None:
    asked = count()
    endless = (next(asked) for _ in count())
    [(_, found)] = islice(read_in_batches({"endless": endless}, batch=5, at_once=8), 1)

    assert found == [0, 1, 2, 3, 4]
    assert next(asked) == 5


def test_a_source_that_fails_is_told_while_another_hangs() -> None:
    ends = threading.Event()

    def hangs() -> Iterator[int]:
        ends.wait()
        yield 1

    def fails() -> Iterator[int]:
        yield 1
        raise ConnectionError("no more")

    read = read_in_batches({"hangs": hangs(), "fails": fails()}, batch=1, at_once=2)
    try:
        assert next(read) == ("fails", [1])
        with pytest.raises(ConnectionError, match="no more"):
            next(read)
    finally:
        ends.set()


def test_what_was_started_gives_what_it_returns_or_raises() -> None:
    assert started(lambda: 1, "returns").result() == 1
    with pytest.raises(ZeroDivisionError):
        started(lambda: 1 // 0, "raises").result()
