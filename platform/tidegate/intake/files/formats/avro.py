"""Avro files (object containers), by fastavro: DuckDB's own reader lacks some logical types and ways of packing."""

from __future__ import annotations

import datetime as dt
import json
import lzma
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import IO, Any

from backports import zstd

from tidegate.intake.files import arrow_text
from tidegate.intake.files.formats.layout import (
    Examined,
    Format,
    Opened,
    UnreadableFileError,
    decimal_marks,
    most_unpacked,
    placed_by_name,
    refuse_too_many,
    trap,
)
from tidegate.intake.files.text import BrokenLine, RowWriter

# What fastavro raises over a file that is not as Avro writes it.
_DAMAGE = (
    *(ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, MemoryError, OSError, RuntimeError),
    *(TypeError, ValueError, struct.error, zlib.error, lzma.LZMAError, zstd.ZstdError),
)


_TIMES = {
    "date": "DATE",
    "timestamp-millis": "TIMESTAMP WITH TIME ZONE",
    "timestamp-micros": "TIMESTAMP WITH TIME ZONE",
    "local-timestamp-millis": "TIMESTAMP",
    "local-timestamp-micros": "TIMESTAMP",
}


@contextmanager
def _reading(stream: IO[bytes]) -> Iterator[Any]:
    import cramjam
    import fastavro
    from fastavro.schema import SchemaParseException, UnknownType

    try:
        yield fastavro.reader(stream)
    except (*_DAMAGE, SchemaParseException, UnknownType, cramjam.DecompressionError) as error:
        # It names the object in memory that it read from.
        said = str(error).partition(" from <")[0]
        raise UnreadableFileError(f"is a damaged Avro file ({type(error).__name__}: {said})") from error


def _examine(opened: Opened) -> Examined:
    if not arrow_text.is_installed("fastavro"):
        raise UnreadableFileError(f"is an Avro file. {arrow_text.HOW_TO_GET_IT}")
    with opened.path.open("rb") as stream, _reading(stream) as read:
        fields = read.writer_schema["fields"] if read.writer_schema.get("type") == "record" else []
        names = tuple(str(field["name"]) for field in fields)
        types = {str(field["name"]): of_time for field in fields if (of_time := _type_of_time(field["type"]))}
    refuse_too_many(names)
    return placed_by_name(opened, "avro", names, types)


def _type_of_time(written: Any) -> str | None:
    """The SQL type of a field that holds times, and perhaps nothing."""
    kinds = [kind for kind in (written if isinstance(written, list) else [written]) if kind != "null"]
    kind = kinds[0].get("logicalType") if len(kinds) == 1 and isinstance(kinds[0], dict) else None
    return _TIMES.get(str(kind))


def _records(opened: Opened, examined: Examined, sound: RowWriter) -> Iterator[BrokenLine]:
    most = most_unpacked(opened.contract, opened.file)
    marks = decimal_marks(opened, [column.name for column in examined.layout.columns])
    with opened.path.open("rb") as stream, _reading(stream) as read:
        for number, record in enumerate(read, start=1):
            values = [record[name] for name in examined.taken]
            if any(isinstance(value, bytes) for value in values):
                shown = repr(record).encode("utf-8", "backslashreplace")
                yield BrokenLine(number, shown, len(shown))
                continue
            texts = map(_marked, values, marks)
            sound.add(text.replace("\0", "\\x00").encode("utf-8", "backslashreplace") for text in texts)
            if number * len(values) > most:
                raise trap(opened.contract, f"{most:,} values")


def _marked(value: object, mark: str) -> str:
    text = _text(value)
    return text.replace(".", mark) if mark != "." and isinstance(value, (float, Decimal)) else text


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case dt.datetime():
            return value.isoformat(sep=" ")
        case dt.date() | dt.time():
            return value.isoformat()
        case dict() | list():
            return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


FORMAT = Format(suffixes=(".avro",), examine=_examine, records=_records)
