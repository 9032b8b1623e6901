"""Which patterns dates and times of a column are written by, and which of them nothing decides between."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache

from tidegate.contract.date_patterns import OFFSET, pattern_of

# Between dots, the day comes first wherever people write so.
_DAYS = (
    *("yyyy/MM/dd", "yyyy.MM.dd", "dd.MM.yyyy", "dd/MM/yyyy", "MM/dd/yyyy", "dd-MM-yyyy", "MM-dd-yyyy"),
    *("dd.MM.yy", "dd/MM/yy", "MM/dd/yy", "dd-MM-yy", "yy-MM-dd", "yy/MM/dd", "yyyyMMdd"),
    *("dd MMM yyyy", "dd-MMM-yyyy", "dd-MMM-yy", "ddMMMyyyy", "MMM dd, yyyy", "dd MMMM yyyy", "MMMM dd, yyyy"),
)
_CLOCKS = (
    *(" HH:mm", " HH:mm:ss", " HH:mm:ss.SSS", " HH:mm:ss.SSSSSS", " h:mm a", " h:mm:ss a", ", HH:mm", ", HH:mm:ss"),
    *("'T'HH:mm", "'T'HH:mm:ss", "'T'HH:mm:ss.SSS"),
)
DIGITS = "yyyyMMdd"


@cache
def date_patterns() -> tuple[str, ...]:
    return _DAYS


@cache
def timestamp_patterns() -> tuple[str, ...]:
    plain = [day + clock for day in ("yyyy-MM-dd", *_DAYS) for clock in _CLOCKS if day != "yyyy-MM-dd" or "a" in clock]
    offsets = [f"{pattern}{offset}" for pattern in plain for offset in ("XXX", " XXX")]
    return (*plain, "yyyyMMddHHmmss", "yyyyMMdd HHmmss", "yyyyMMdd'T'HHmmss", *offsets)


def possible(patterns: Sequence[str], examples: Sequence[str]) -> Iterator[str]:
    """Those by which at least one example looks like a date."""
    for written in patterns:
        if any(_looks(written).fullmatch(text.strip()) for text in examples):
            yield written


@cache
def _looks(written: str) -> re.Pattern[str]:
    pattern = pattern_of(written)
    if pattern is None:
        raise AssertionError(f"{written} is no pattern of a contract")
    return re.compile(pattern.looks + (f"({OFFSET})" if pattern.has_offset else ""))


def order_of(written: str) -> str:
    """`dmy`, `mdy` or `ymd`: in which order a pattern has the parts of a date."""
    return "".join(
        dict.fromkeys(letter.lower() for letter in re.sub(r"'[^']*'|[Hhmsa].*", "", written) if letter in "dMy")
    )
