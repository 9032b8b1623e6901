"""How values are written as text: the custom properties of a contract, a server or a column that say so, checked."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from tidegate.contract.date_patterns import EPOCHS, EXCEL_SERIAL, ISO, LETTERS, NAMED, pattern_of
from tidegate.contract.files import PLAIN_VALUES, ValueOptions
from tidegate.contract.reading.document import At, Document, Written
from tidegate.contract.reading.written import read_choice, read_flag, read_texts

_NEGATIVES = ("parentheses", "trailing", "unicode")
VALUE_PROPERTIES = (
    *("nullWords", "trueWords", "falseWords", "trim", "decimal", "thousands", "currency", "percent", "negatives"),
    *("dateFormats", "timestampFormats", "cutTime", "cutZeros"),
)


def read_values(doc: Document, written: Written, otherwise: ValueOptions) -> ValueOptions:
    """How values are written as text: of a contract, a server or one column. Raises ContractError."""
    values = ValueOptions(
        null_words=read_texts(doc, written, "nullWords", otherwise.null_words),
        true_words=read_texts(doc, written, "trueWords", otherwise.true_words),
        false_words=read_texts(doc, written, "falseWords", otherwise.false_words),
        trim=read_flag(doc, written, "trim", otherwise.trim),
        cut_zeros=read_flag(doc, written, "cutZeros", otherwise.cut_zeros),
        decimal=read_choice(doc, written, "decimal", (".", ","), otherwise.decimal),
        thousands=_read_thousands(doc, written, otherwise.thousands),
        currency=_read_currency(doc, written, otherwise.currency),
        percent=read_choice(doc, written, "percent", ("number", "fraction"), otherwise.percent),
        negatives=_read_negatives(doc, written, otherwise.negatives),
        date_formats=_read_formats(doc, written, "dateFormats", "date", otherwise.date_formats),
        timestamp_formats=_read_formats(doc, written, "timestampFormats", "timestamp", otherwise.timestamp_formats),
        cut_time=read_flag(doc, written, "cutTime", otherwise.cut_time),
    )
    _refuse_what_is_two_things(doc, written, values)
    return values


def read_own_values(doc: Document, written: Written) -> tuple[tuple[str, object], ...]:
    """What one column says itself, by the names of ValueOptions."""
    values = read_values(doc, written, PLAIN_VALUES)
    said = {_of_python(name) for name in written}
    return tuple((field.name, getattr(values, field.name)) for field in fields(values) if field.name in said)


def read_formats(doc: Document, written: Any, logical_type: str, at: At) -> tuple[str, ...]:
    """One format of dates and times, or a list of them. Raises ContractError."""
    formats = tuple(written) if isinstance(written, list) else (written,)
    for each in formats:
        if each in NAMED and logical_type != "time":
            continue
        pattern = pattern_of(str(each))
        if logical_type == "time":
            if pattern is None or not pattern.names_a_time or pattern.has_offset:
                what = f"'{each}' is not a format of a time of day"
                raise doc.refused(at, what, "write it as 'HHmmss' or 'h:mm a'")
        elif pattern is None or not pattern.names_a_day:
            what = f"the date format '{each}' is not understood, or names no day"
            known = f"{', '.join(LETTERS)}, such as 'dd/MM/yyyy HH:mm'"
            raise doc.refused(at, what, f"write it with {known}, or {', '.join((*EPOCHS, EXCEL_SERIAL))}, or {ISO}")
    return tuple(map(str, formats))


def _of_python(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def _read_formats(
    doc: Document, written: Written, name: str, logical_type: str, default: tuple[str, ...]
) -> tuple[str, ...]:
    if name not in written:
        return default
    value, at = written[name]
    return read_formats(doc, value, logical_type, at)


def _read_thousands(doc: Document, written: Written, default: str) -> str:
    marks = "".join(read_texts(doc, written, "thousands", tuple(default)))
    if "thousands" in written and not set(marks) <= set(".,'_ \u00a0\u2019\u202f\u2009"):
        value, at = written["thousands"]
        raise doc.refused(at, f"{value!r} cannot separate thousands", """write '.', ',', "'", '_' or ' '""")
    return marks


def _read_currency(doc: Document, written: Written, default: tuple[str, ...]) -> tuple[str, ...]:
    words = read_texts(doc, written, "currency", default)
    if odd := next((word for word in words if not word.strip() or set(word) & set("0123456789+-()%")), None):
        raise doc.refused(
            written["currency"][1], f"'{odd}' is not a sign of a currency", "write '€', 'EUR', 'Fr.', ..."
        )
    return words


def _read_negatives(doc: Document, written: Written, default: tuple[str, ...]) -> tuple[str, ...]:
    chosen = read_texts(doc, written, "negatives", default)
    if unknown := next((each for each in chosen if each not in _NEGATIVES), None):
        instead = "write parentheses for (5.00), trailing for 5.00-, unicode for a minus that is no hyphen"
        raise doc.refused(written["negatives"][1], f"'{unknown}' is no way to write a negative number", instead)
    return chosen


def _refuse_what_is_two_things(doc: Document, written: Written, values: ValueOptions) -> None:
    named = next((name for name in ("thousands", "decimal") if name in written), None)
    if named and values.decimal in values.thousands:
        what = f"'{values.decimal}' would separate both thousands and decimals"
        raise doc.refused(written[named][1], what, "write another 'thousands' or 'decimal'")
    named = next((name for name in ("falseWords", "trueWords") if name in written), None)
    both = {word.lower() for word in values.true_words} & {word.lower() for word in values.false_words}
    if named and both:
        raise doc.refused(written[named][1], f"'{min(both)}' would be both true and false", "write it in one of them")
