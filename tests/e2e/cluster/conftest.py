"""What tests of clusters share."""

from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.fixture
def record(record_property: Callable[[str, object], None]) -> Callable[[str, float], None]:
    """Writes down how long something took; nothing is asserted of it."""

    def write(what: str, seconds: float) -> None:
        record_property(what, seconds)
        print(f"{what}: {seconds:.1f} s")

    return write
