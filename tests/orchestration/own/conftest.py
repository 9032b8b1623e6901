"""A file of a user's is loaded for the home of its test, and of no test before."""

from __future__ import annotations

import pytest

from tidegate.orchestration.own import current


@pytest.fixture(autouse=True)
def no_home_of_another_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current, "_HOMES", {})
