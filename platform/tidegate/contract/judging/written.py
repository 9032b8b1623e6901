"""What a text says, in SQL: as a contract says that nulls, numbers, truth and times are written in it.

Each expression gives a plain text that `casts` makes a typed value of, or null where the text says no such thing. One
place for every format that writes values as text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tidegate.contract.date_patterns import EPOCHS, EXCEL_SERIAL, ISO, OFFSET, pattern_of
from tidegate.contract.files import ValueOptions
from tidegate.lake.sql import literal

# What stands around a value without being of it: blanks, and those that do not look like one.
BLANKS = " \t\r\n\f\v\u00a0\u2007\u2009\u202f\u3000"
_BLANK = r"[ \t\r\n\f\v\x{00a0}\x{2007}\x{2009}\x{202f}]*"

_EXPONENT = r"^([+-]?)([0-9]*)\.?([0-9]*)[eE]([+-]?[0-9]{1,3})$"
_PLAIN = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)$"

# The groups of what a number looks like, in their order.
_PARTS = ("opened", "sign", "after_currency", "digits", "percent", "trailing", "closed")

# As a separator of thousands, each stands for all that look like it.
_ALSO_WRITTEN = {" ": " \u00a0\u2007\u2009\u202f", "'": "'\u2019"}


def trimmed(value: str) -> str:
    return f"trim({value}, {literal(BLANKS)})"


def given(value: str, values: ValueOptions, is_text: bool) -> str:
    """The text where it says something: words may stand for none, and of a value that is not text, so do blanks."""
    if values.trim:
        value = trimmed(value)
    if not values.null_words:
        return f"nullif({value}, '')"
    words = ", ".join(literal(word) for word in ("", *values.null_words))
    compared = value if is_text and not values.trim else trimmed(value)
    return f"case when {compared} not in ({words}) then {value} end"


def truth(value: str, values: ValueOptions) -> str:
    """The words of true and false as such."""
    if not (values.true_words or values.false_words):
        return value
    written = f"lower({trimmed(value)})"
    cases = [
        f"when {written} in ({', '.join(literal(word.lower()) for word in words)}) then '{said}'"
        for said, words in (("true", values.true_words), ("false", values.false_words))
        if words
    ]
    return f"case {' '.join(cases)} end"


def number(value: str, values: ValueOptions) -> str:
    """The number as digits with at most a sign, a point and an exponent."""
    if not _is_of_its_own(values):
        return value
    # Matched once, and not once for each of its parts.
    looks, parts = literal(f"\\A(?:{_number_looks(values)})\\z"), ", ".join(map(literal, _PARTS))
    return (
        f"list_transform([regexp_extract({value}, {looks}, [{parts}])], "
        f"lambda written_parts: {_joined('written_parts', values)})[1]"
    )


def _joined(parts: str, values: ValueOptions) -> str:
    """The number that its parts say; null where they say none, or more than one sign."""
    opened, sign, after_currency, digits, percent, trailing, closed = (f"{parts}.{name}" for name in _PARTS)
    signs = f"({opened} <> '')::int + ({sign} <> '')::int + ({after_currency} <> '')::int + ({trailing} <> '')::int"
    fits = f"{digits} <> '' and {signs} <= 1 and ({opened} = '') = ({closed} = '')"
    positive = f"concat({opened}, {sign}, {after_currency}, {trailing}) in ('', '+')"
    for mark in _thousands(values):
        digits = f"replace({digits}, {literal(mark)}, '')"
    if values.decimal != ".":
        digits = f"replace({digits}, {literal(values.decimal)}, '.')"
    if values.percent == "fraction":
        digits = f"case when {percent} = '' then {digits} else {digits} || 'e-2' end"
    return f"case when {fits} then case when {positive} then '' else '-' end || {digits} end"


def _is_of_its_own(values: ValueOptions) -> bool:
    return bool(values.decimal != "." or values.thousands or values.currency or values.percent or values.negatives)


def _thousands(values: ValueOptions) -> str:
    return "".join(_ALSO_WRITTEN.get(mark, mark) for mark in values.thousands)


def _number_looks(values: ValueOptions) -> str:
    point = re.escape(values.decimal)
    whole = "[0-9]+"
    if values.thousands:
        mark = "[" + "".join(re.escape(each) for each in _thousands(values)) + "]"
        # Groups of two are India's. The last one has three, so that 1.23 is not taken for 123.
        whole = f"(?:[0-9]{{1,3}}(?:{mark}[0-9]{{2,3}})*{mark}[0-9]{{3}}|[0-9]+)"
    core = f"(?:{whole}(?:{point}[0-9]*)?|{point}[0-9]+)"
    if values.percent != "fraction":
        core += "(?:[eE][+-]?[0-9]{1,3})?"
    words = "|".join(re.escape(word).replace(r"\ ", " ") for word in values.currency)
    currency = f"(?:{words})?" if words else ""
    opened, closed = (r"(\(?)", r"(\)?)") if "parentheses" in values.negatives else ("()", "()")
    minus = "\u2212-" if "unicode" in values.negatives else "-"
    trailing = f"([{minus}]?)" if "trailing" in values.negatives else "()"
    percent = "(%?)" if values.percent else "()"
    sign = f"([+{minus}]?)"
    parts = [opened, sign, currency, sign, f"({core})", percent, currency, trailing, closed]
    return _BLANK + _BLANK.join(part for part in parts if part) + _BLANK


def without_zeros(value: str) -> str:
    """A text; of a whole number with `.0` behind it, the number."""
    return f"regexp_replace({value}, {literal('^([+-]?[0-9]+)[.]0+$')}, {literal(chr(92) + '1')})"


def without_exponent(text: str) -> str:
    """A number with an exponent written out, digit by digit: no cast of DuckDB's has a part in it."""
    sign, whole, places, exponent = (f"regexp_extract({text}, {literal(_EXPONENT)}, {at})" for at in range(1, 5))
    digits, point = f"({whole} || {places})", f"(length({whole}) + try_cast({exponent} as integer))"
    return f"""case
  when not regexp_full_match({text}, {literal(_EXPONENT)}) or {digits} = '' then null
  when {point} <= 0 then {sign} || '0.' || repeat('0', -{point}) || {digits}
  when {point} >= length({digits}) then {sign} || {digits} || repeat('0', {point} - length({digits}))
  else {sign} || substr({digits}, 1, {point}) || '.' || substr({digits}, {point} + 1)
end"""


def is_of_a_double(text: str) -> str:
    """Whether a text has as many digits as doubles are printed with, and no more."""
    digits = f"length(ltrim(regexp_replace({text}, '[^0-9]', '', 'g'), '0'))"
    return f"(regexp_full_match({text}, {literal(_PLAIN)}) and {digits} between 15 and 18)"


def moment(value: str, formats: Sequence[str], with_offset: bool) -> str:
    """The time as ISO 8601 has it, by the formats that have an offset or by those that do not; null where none fits, or
    where two of them say something else."""
    texts = [text for written in formats if (text := _by_format(value, written, with_offset))]
    if not texts:
        return "null::varchar"
    if len(texts) == 1:
        return texts[0]
    said = f"list_distinct([{', '.join(texts)}])"
    return f"case when length({said}) = 1 then {said}[1] end"


def _by_format(value: str, written: str, with_offset: bool) -> str | None:
    if written == ISO:
        # Which ones are moments is told apart where ISO texts are read.
        return f"case when regexp_matches({value}, '^ *[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}') then {value} end"
    if written in EPOCHS:
        return _of_epoch(value, EPOCHS[written]) if with_offset else None
    if written == EXCEL_SERIAL:
        return None if with_offset else _of_serial(value)
    pattern = pattern_of(written)
    if pattern is None or pattern.has_offset != with_offset:
        return None
    text = trimmed(value)
    if not with_offset:
        parsed = f"try_strptime({text}, {literal(pattern.strptime)})::varchar"
        return f"case when regexp_full_match({text}, {literal(pattern.looks)}) then {parsed} end"
    looks = f"({pattern.looks})({OFFSET})"
    naive = f"try_strptime(regexp_extract({text}, {literal(looks)}, 1), {literal(pattern.strptime)})"
    offset = f"regexp_extract({text}, {literal(f'({OFFSET})$')}, 1)"
    return f"case when regexp_full_match({text}, {literal(looks)}) then {naive}::varchar || {offset} end"


def _of_epoch(value: str, micros: int) -> str:
    counted = f"(try_cast({_written_out(value)} as decimal(22, 6)) * {micros})"
    whole = f"{counted} = trunc({counted}) and abs({counted}) < 1e18"
    return f"case when {whole} then make_timestamp(({counted})::bigint)::varchar || 'Z' end"


def _of_serial(value: str) -> str:
    """Excel takes 1900 for a leap year: what it shows before March of it is a day off, and is refused. Its times are
    fractions of a day in doubles, so they are exact to the millisecond and no further."""
    days = f"try_cast({_written_out(value)} as decimal(38, 15))"
    millis = f"round({days} * 86400000)::bigint"
    return (
        f"case when {days} between 61 and 2958465.99999999 "
        f"then (timestamp '1899-12-30' + to_milliseconds({millis}))::varchar end"
    )


def _written_out(value: str) -> str:
    text = trimmed(value)
    return f"case when regexp_full_match({text}, {literal(_PLAIN)}) then {text} else {without_exponent(text)} end"
