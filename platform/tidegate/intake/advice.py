"""Which options of a contract would read the values that it refused: tried on some of them, and never applied.

`advice` looks at the judged rows of one delivery and gives sentences for people. What an option means belongs to
`contract.judging`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

from duckdb import DuckDBPyConnection

from tidegate.contract.files import PLAIN_VALUES, ValueOptions
from tidegate.contract.judging.casts import cast_strictly
from tidegate.contract.judging.written import number
from tidegate.contract.model import Column, Contract
from tidegate.lake.sql import literal

# Of each column's refused values. Casting 100 by 100 ways takes some tens of milliseconds.
SAMPLE = 100

# What fewer of the values are read by is no advice.
ENOUGH = 0.5

# More words than these are values, and do not stand for none.
MOST_WORDS = 3

# Of a value, as much as a message can show.
SHOWN = 40

_SEPARATORS = ((".", ""), (",", ""), (",", "."), (".", ","), (",", " "), (".", " "), (".", "'"), (",", "'"))
_DATES = ("dd.MM.yyyy", "dd/MM/yyyy", "MM/dd/yyyy", "yyyyMMdd", "yyyy/MM/dd", "dd-MM-yyyy", "dd.MM.yy", "excel_serial")
_TIMES = ("HH:mm:ss", "HH:mm")
_NUMBERED = ("epoch_seconds", "epoch_millis", "excel_serial")
_TRUE, _FALSE = ("yes", "y", "t", "on", "ja", "j", "x", "oui", "si"), ("no", "n", "f", "off", "nein", "non")


@dataclass(frozen=True)
class _Way:
    """One way to read a column, and how it is written in a contract."""

    column: Column
    values: ValueOptions
    written: tuple[str, ...]


def advice(con: DuckDBPyConnection, contract: Contract, values: ValueOptions, judged: str, delivery: int) -> list[str]:
    """A sentence for each column of which an option would read most of the refused values, of text formats only."""
    found = []
    for column in contract.columns:
        texts = _refused(con, column, judged, delivery)
        if texts and (sentence := _sentence(con, column, column.written(values), texts)):
            found.append(sentence)
    return found


def _refused(con: DuckDBPyConnection, column: Column, judged: str, delivery: int) -> list[str]:
    pointer = "/" + column.name.replace("~", "~0").replace("/", "~1")
    rows = con.execute(
        f"select json_extract_string(_raw, {literal(pointer)}) from {judged} where _delivery = {literal(delivery)} "
        f"and list_contains(_reasons, {literal(column.invalid)}) and _raw is not null limit {SAMPLE}"
    ).fetchall()
    return [text for (text,) in rows if text]


def _sentence(con: DuckDBPyConnection, column: Column, values: ValueOptions, texts: Sequence[str]) -> str | None:
    """What would read most of the texts; and which words among the others may stand for no value."""
    ways = [_Way(column, values, ()), *_ways(column, values, texts)]
    read = _read_by(con, ways, texts)
    most = max(map(len, read))
    if most < ENOUGH * len(texts) or most == len(read[0]):
        words = _words_for_none(column, texts)
        return f"{column.name}: {words}" if words else None
    best = [way for way, found in zip(ways, read, strict=True) if len(found) == most]
    fewest = min(len(way.written) for way in best)
    shown = " or ".join(" and ".join(way.written) for way in best if len(way.written) == fewest)
    left = set(range(len(texts))) - read[ways.index(best[0])]
    words = _words_for_none(column, [texts[at] for at in left])
    example = texts[0] if len(texts[0]) <= SHOWN else f"{texts[0][:SHOWN]}..."
    sentence = f"{column.name}: {shown} would read {most} of {len(texts)} of these, such as '{example}'"
    return f"{sentence}; {words}" if words else sentence


def _read_by(con: DuckDBPyConnection, ways: Sequence[_Way], texts: Sequence[str]) -> list[set[int]]:
    """By way, which of the texts it reads."""
    # A number in two steps: the second says each text many times, and DuckDB would plan the first as often.
    plain = [number("text", way.values) if _is_number(way.column) else "text" for way in ways]
    given = ", ".join(f"{text} as text_{at}" for at, text in enumerate(plain))
    typed = [
        cast_strictly(
            replace(way.column, values=()),
            f"text_{at}",
            "VARCHAR",
            None,
            PLAIN_VALUES if _is_number(way.column) else way.values,
        )
        for at, way in enumerate(ways)
    ]
    each = ", ".join(f"list(number) filter (where {value} is not null)" for value in typed)
    rows = ", ".join(f"({at}, {literal(text)})" for at, text in enumerate(texts))
    given_texts = f"select number, {given} from (values {rows}) as texts(number, text)"
    [found] = con.execute(f"select {each} from ({given_texts})").fetchall()
    return [set(numbers or ()) for numbers in found]


def _is_number(column: Column) -> bool:
    return column.logical_type in ("integer", "number")


def _words_for_none(column: Column, texts: Sequence[str]) -> str | None:
    """Words that may stand for no value."""
    words = sorted(set(texts))
    if not 0 < len(words) <= MOST_WORDS or column.logical_type == "string":
        return None
    if any(re.search(r"[0-9]", word) or len(word) > SHOWN for word in words):
        return None
    listed = f"[{', '.join(map(repr, words))}]"
    if column.logical_type == "boolean":
        return f"`trueWords`, `falseWords` or `nullWords` may say what {listed} are"
    return f"`nullWords: {listed}` if these stand for no value"


# --- what could be written


def _ways(column: Column, values: ValueOptions, texts: Sequence[str]) -> Iterator[_Way]:
    match column.logical_type:
        case "integer" | "number":
            yield from _of_numbers(column, values, texts)
        case "boolean":
            words = {text.strip().lower() for text in texts}
            true, false = (tuple(sorted(words & set(known))) for known in (_TRUE, _FALSE))
            if true or false:
                added = replace(values, true_words=(*true, "true", "1"), false_words=(*false, "false", "0"))
                yield _Way(column, added, (f"`trueWords: {_list(true)}`", f"`falseWords: {_list(false)}`"))
        case "date":
            yield _Way(column, replace(values, cut_time=True), ("`cutTime: true`",))
            yield from _of_formats(column, values, (*_DATES, *_NUMBERED))
        case "timestamp":
            with_times = [f"{day} {time}" for day in _DATES if day != "excel_serial" for time in _TIMES]
            yield from _of_formats(column, values, (*with_times, *_DATES[:-1], *_NUMBERED))


def _of_numbers(column: Column, values: ValueOptions, texts: Sequence[str]) -> Iterator[_Way]:
    numbers = [text for text in texts if re.search(r"[0-9]", text)]
    marks = sorted(
        {mark for text in numbers for mark in re.findall(r"[^\s0-9.,'+()%\u2212\u2019-]+", text)} - {"e", "E"}
    )
    currencies: list[tuple[str, ...]] = [(), tuple(marks)] if 0 < len(marks) <= MOST_WORDS else [()]
    negatives: list[tuple[str, ...]] = [()]
    for name, sign in (("parentheses", r"\("), ("trailing", r"-\s*$"), ("unicode", "\u2212")):
        if any(re.search(sign, text) for text in texts):
            negatives.append((*negatives[-1], name))
    percents = ("", "number") if any("%" in text for text in texts) else ("",)
    for (decimal, thousands), currency, negative, percent in product(_SEPARATORS, currencies, negatives, percents):
        written = tuple(
            part
            for is_said, part in (
                (decimal != values.decimal, f"`decimal: '{decimal}'`"),
                (bool(thousands) and thousands != values.thousands, f'`thousands: "{thousands}"`'),
                (bool(values.thousands) and not thousands, "no `thousands`"),
                (bool(currency), f"`currency: {_list(currency)}`"),
                (bool(negative), f"`negatives: {_list(negative)}`"),
                (bool(percent), f"`percent: {percent}`"),
            )
            if is_said
        )
        way = replace(values, decimal=decimal, thousands=thousands, currency=currency, negatives=negative)
        # The type of a choice among texts is lost on the way.
        yield _Way(column, replace(way, percent=percent), written)  # type: ignore[arg-type]


def _of_formats(column: Column, values: ValueOptions, formats: Iterable[str]) -> Iterator[_Way]:
    for each in dict.fromkeys(formats):
        yield _Way(replace(column, formats=(each,)), values, (f"`format: {each}`",))


def _list(words: Iterable[str]) -> str:
    return f"[{', '.join(words)}]"
