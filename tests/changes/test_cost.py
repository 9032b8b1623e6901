"""What building a plan costs, as builds of the ledger tell it."""

from __future__ import annotations

import pytest

from tidegate.changes.cost import seconds_of

# Each took 2 s to start and 0.5 s a day.
BUILDS = [(1, 2.5), (31, 17.5), (31, 17.5), (10, 7.0)]


@pytest.mark.parametrize(
    ("chunks", "history", "seconds"),
    [
        ([31, 3], BUILDS, 17.5 + 3.5),
        ([], BUILDS, 0),
        ([1], [], None),
        # All of one size: nobody can tell what starting takes.
        ([31, 1], [(1, 2.0), (1, 3.0), (1, 2.0)], 31 * 2.0 + 2.0),
        ([5], [(31, 10.0)], 10.0),
        # The larger ones took less, on a faster machine perhaps.
        ([2], [(1, 9.0), (2, 3.0)], 6.0 * 2 / 1.5),
    ],
)
def test_time_is_told_from_earlier_builds(
    chunks: list[int], history: list[tuple[int, float]], seconds: float | None
) -> None:
    assert seconds_of(chunks, history) == pytest.approx(seconds)
