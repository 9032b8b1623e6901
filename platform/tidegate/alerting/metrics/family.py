"""One metric with its samples, as plain values: what Prometheus calls a family."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

Labels = Mapping[str, str]


@dataclass(frozen=True)
class Family:
    """`samples` are values by their labels. The name of a counter ends in `_total`."""

    name: str
    help: str
    samples: tuple[tuple[Labels, float], ...]

    @property
    def kind(self) -> Literal["counter", "gauge"]:
        return "counter" if self.name.endswith("_total") else "gauge"


def family(name: str, help: str, samples: Iterable[tuple[Labels, float | None]]) -> Family:
    """The metric `tidegate_<name>`; what is not known has no sample."""
    known = tuple((labels, float(value)) for labels, value in samples if value is not None)
    return Family(f"tidegate_{name}", help, known)


def single(name: str, help: str, value: float | None) -> Family:
    return family(name, help, [({}, value)])
