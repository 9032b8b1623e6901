"""What a check is of, and what it finds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

from tidegate.alerting.trouble import Trouble
from tidegate.home import Home
from tidegate.lake.config import LakeConfig

State: TypeAlias = Literal["good", "warning", "bad"]


@dataclass(frozen=True)
class Finding:
    """What a check found. Only what is `bad` keeps the home from working."""

    check: str
    state: State
    sentence: str
    what_to_do: str = ""


@dataclass
class Visit:
    """One look at a home, at a moment with an offset."""

    home: Home
    now: dt.datetime

    @cached_property
    def config(self) -> LakeConfig:
        return self.home.lake_config

    def good(self, check: str, sentence: str) -> Finding:
        return Finding(check, "good", sentence)


Check: TypeAlias = Callable[[Visit], Iterator[Finding]]


def as_findings(check: str, troubles: list[Trouble]) -> list[Finding]:
    """What alerting looks for as well, as what a check found."""
    return [Finding(check, "bad", trouble.sentence, trouble.what_to_do) for trouble in troubles]
