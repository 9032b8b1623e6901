"""What can be told of deliveries from a listing alone, in a folder or in S3, without opening a file."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from dataclasses import dataclass
from typing import Self

_DAY = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True)
class DayPath:
    """A path with `{day}` in it, cut at the segment that holds the day: `parent`/`before`DAY`after`/`rest`."""

    parent: str
    before: str
    after: str
    rest: str

    @classmethod
    def of(cls, path: str) -> Self:
        above, _, below = path.partition("{day}")
        parent, _, before = above.rpartition("/")
        after, _, rest = below.partition("/")
        return cls(parent, before, after, rest)

    def day_in(self, segment: str) -> dt.date | None:
        """The day that a segment names, if it is one of this path's."""
        if not (segment.startswith(self.before) and segment.endswith(self.after)):
            return None
        day = segment[len(self.before) : len(segment) - len(self.after)]
        if not _DAY.fullmatch(day):
            return None
        try:
            return dt.date.fromisoformat(day)
        except ValueError:
            return None


class ListingHash:
    """A hash of a delivery's files as they are listed, in any order and in constant memory."""

    def __init__(self) -> None:
        self.files = 0
        self._sum = 0

    def add(self, name: str, *facts: object) -> None:
        self.files += 1
        entry = "\0".join((name, *map(str, facts))).encode("utf-8", "surrogateescape")
        self._sum += int.from_bytes(hashlib.blake2b(entry, digest_size=16).digest())

    def hexdigest(self) -> str:
        return f"{self._sum % (1 << 128):032x}"
