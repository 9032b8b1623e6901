"""Figures that have a goal: said where each is measured, and all of them in one table at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """What came of a case, and how much it may be; both in the `unit`, or in times of something else."""

    what: str
    found: float
    at_most: float
    unit: str = ""

    def __str__(self) -> str:
        unit = self.unit and f" {self.unit}"
        return f"{self.what}: {self.found:.2f}{unit} (goal: at most {self.at_most:g}{unit})"


# Of a report.
Line = str | Figure


def goals_table(figures: Sequence[Figure]) -> Iterator[str]:
    if not figures:
        return
    yield f"\n{'goals':52}{'found':>10}{'at most':>10}{'':8}{'times it':>10}"
    for each in figures:
        yield f"{each.what:52}{each.found:10.2f}{each.at_most:10.2f} {each.unit:7}{each.found / each.at_most:10.2f}"
