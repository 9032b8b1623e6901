"""How dates and times are written, in the letters of the JDK's DateTimeFormatter, as the standard has it.

A pattern says exactly how long each part is where parts stand side by side: `yyyyMMdd` is eight digits, and seven are
no date. Between other marks, `dd` takes 5 for 05. DuckDB's strptime alone takes what it finds.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

# Numbers that count from a moment, in place of a pattern: what one of them is, in microseconds.
EPOCHS = {
    "epoch_seconds": 1_000_000,
    "epoch_millis": 1_000,
    "epoch_micros": 1,
}
# Days since the one before 1900, as workbooks have them.
EXCEL_SERIAL = "excel_serial"
ISO = "iso"
NAMED = (ISO, *EPOCHS, EXCEL_SERIAL)

# By letters: DuckDB's strptime, and what the text looks like.
_LETTERS = {
    "yyyy": ("%Y", "[0-9]{4}"),
    "yy": ("%y", "[0-9]{2}"),
    "MMMM": ("%B", "[A-Za-z]{3,9}"),
    "MMM": ("%b", "[A-Za-z]{3}"),
    "MM": ("%m", "[0-9]{2}"),
    "M": ("%m", "[0-9]{1,2}"),
    "dd": ("%d", "[0-9]{2}"),
    "d": ("%d", "[0-9]{1,2}"),
    "HH": ("%H", "[0-9]{2}"),
    "H": ("%H", "[0-9]{1,2}"),
    "hh": ("%I", "[0-9]{2}"),
    "h": ("%I", "[0-9]{1,2}"),
    "mm": ("%M", "[0-9]{2}"),
    "ss": ("%S", "[0-9]{2}"),
    "SSS": ("%g", "[0-9]{1,3}"),
    "SSSSSS": ("%f", "[0-9]{1,6}"),
    "a": ("%p", "[AaPp][Mm]"),
    "EEE": ("%a", "[A-Za-z]{3}"),
    "EEEE": ("%A", "[A-Za-z]{6,9}"),
}
_OFFSETS = ("XXX", "XX", "X", "Z")
OFFSET = "(?:Z|[+-](?:0[0-9]|1[0-5])(?::?[0-5][0-9])?)"
LETTERS = (*_LETTERS, *_OFFSETS)

_DAY = ("%d", "%m|%b|%B", "%Y|%y")


@dataclass(frozen=True)
class DatePattern:
    """How a text is taken apart: `looks` is the pattern of all of it but the offset, which stands at its end."""

    strptime: str
    looks: str
    has_offset: bool

    @property
    def names_a_day(self) -> bool:
        return all(re.search(part, self.strptime) for part in _DAY)

    @property
    def names_a_time(self) -> bool:
        return bool(re.search("%H|%I.*%p", self.strptime))


def pattern_of(written: str) -> DatePattern | None:
    """The pattern; None for one that cannot be read. Texts stand in quotes: `yyyy-MM-dd'T'HH:mm`."""
    strptime = looks = ""
    has_offset = False
    parts = list(re.finditer(r"'[^']*'|([A-Za-z])\1*|.", written, re.DOTALL))
    for at, part in enumerate(parts):
        text = part[0]
        if has_offset or text == "'":
            return None
        if text in _OFFSETS:
            has_offset = True
        elif part[1]:
            if text not in _LETTERS:
                return None
            parsed, looked = _LETTERS[text]
            if looked == "[0-9]{2}" and parsed != "%y" and not _touches_digits(parts, at):
                looked = "[0-9]{1,2}"
            strptime, looks = strptime + parsed, looks + looked
        else:
            bare = text.strip("'")
            strptime, looks = strptime + bare.replace("%", "%%"), looks + re.escape(bare)
    return DatePattern(strptime, looks, has_offset) if strptime else None


def _touches_digits(parts: Sequence[re.Match[str]], at: int) -> bool:
    beside = [parts[place][0] for place in (at - 1, at + 1) if 0 <= place < len(parts)]
    return any(_LETTERS.get(text, ("", ""))[1].startswith("[0-9]") for text in beside)
