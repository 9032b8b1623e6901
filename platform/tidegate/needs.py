"""What a run needs of whatever executes it: cores, memory, an image and a queue, as a source's contract or a product
says it.

Reading and comparing them belongs here; how each launcher is told belongs to `orchestration.needs`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from tidegate.deployment import QUEUE
from tidegate.errors import TidegateError

NAMES = ("cpu", "memory", "image", "queue")

# No machine has more.
MOST_CORES = 1024
MOST_MEMORY_MIB = 24 * 2**20

# What is imported takes 250 MiB before a row is read.
LEAST_MEMORY_MIB = 512

_MEMORY = re.compile(r"(\d{1,9})(Mi|Gi)", re.ASCII)
_CORES = re.compile(r"(\d{1,4}(?:\.\d{1,3})?)|(\d{1,7})m", re.ASCII)

# `registry.example.com:5000/shop/tidegate:1.2@sha256:…`.
_IMAGE = re.compile(r"[A-Za-z0-9][\w.:/@-]{0,254}", re.ASCII)


class UnusableNeedError(ValueError):
    """A need that says nothing usable: what it is, and what to write instead."""

    def __init__(self, what: str, instead: str) -> None:
        super().__init__(what)
        self.what = what
        self.instead = instead


@dataclass(frozen=True)
class Needs:
    """`cpu` in cores, `memory` in MiB. What is None is as all runs have it."""

    cpu: Decimal | None = None
    memory: int | None = None
    image: str | None = None
    queue: str | None = None


NOTHING_SPECIAL = Needs()


def read_need(name: str, written: object) -> Needs:
    """One of NAMES as somebody wrote it. Raises UnusableNeedError."""
    if name == "cpu":
        return Needs(cpu=_cores(written))
    if name == "memory":
        return Needs(memory=_mebibytes(written))
    if name == "image":
        if isinstance(written, str) and _IMAGE.fullmatch(written):
            return Needs(image=written)
        raise UnusableNeedError(f"{written!r} is not the name of an image", "write it as registry.example.com/shop:1.2")
    if isinstance(written, str) and QUEUE.fullmatch(written):
        return Needs(queue=written)
    raise UnusableNeedError(f"{written!r} is not the name of a queue", "write letters, digits, '.', '_' and '-'")


def _cores(written: object) -> Decimal:
    found = None if isinstance(written, bool) else _CORES.fullmatch(str(written))
    if found:
        cores = Decimal(found[1]) if found[1] else Decimal(found[2]) / 1000
        if Decimal("0.1") <= cores <= MOST_CORES:
            return cores
    raise UnusableNeedError(f"{written!r} is not a number of cores", f"write 0.1 to {MOST_CORES}, as 2, 0.5 or 500m")


def _mebibytes(written: object) -> int:
    found = _MEMORY.fullmatch(written) if isinstance(written, str) else None
    if found is None:
        raise UnusableNeedError(f"{written!r} is not an amount of memory", "write it as 4Gi or 512Mi")
    size = int(found[1]) * (1024 if found[2] == "Gi" else 1)
    if not LEAST_MEMORY_MIB <= size <= MOST_MEMORY_MIB:
        what = f"{written} of memory is {'less than a run takes' if size < LEAST_MEMORY_MIB else 'more than there is'}"
        raise UnusableNeedError(what, f"write {LEAST_MEMORY_MIB}Mi to {MOST_MEMORY_MIB // 1024}Gi")
    return size


def together(needs: Iterable[Needs]) -> Needs:
    """Of one that says each thing once."""
    given: dict[str, object] = {}
    for each in needs:
        given |= {name: value for name in NAMES if (value := getattr(each, name)) is not None}
    return Needs(**given)  # type: ignore[arg-type]  # by name


def of_one_run(job: str, needs: Mapping[str, Needs]) -> Needs:
    """What a run needs that does the work of all of these, by whose they are: the most cores and memory that any of
    them wants, and the image and queue that they name. Raises TidegateError where they name different ones."""
    return Needs(
        cpu=max((each.cpu for each in needs.values() if each.cpu is not None), default=None),
        memory=max((each.memory for each in needs.values() if each.memory is not None), default=None),
        image=_the_one(job, "image", needs),
        queue=_the_one(job, "queue", needs),
    )


def _the_one(job: str, name: Literal["image", "queue"], needs: Mapping[str, Needs]) -> str | None:
    named = {value: who for who, each in needs.items() if (value := getattr(each, name)) is not None}
    if len(named) > 1:
        said = " and ".join(f"{who} names {value!r}" for value, who in sorted(named.items()))
        raise TidegateError(
            f"A run of the job {job} has one {name}, and {said}. Nothing was run or changed. Have them name the same "
            "one, or none."
        )
    return next(iter(named), None)
