"""Messages as the archive keeps them, and as lines of JSON that are read.

The archive has a line of JSON for each message, packed: its partition, offset and time, and the bytes of key and value
(as text where they are UTF-8). Nothing of a message is judged before it is kept.
"""

from __future__ import annotations

import base64
import datetime as dt
import gzip
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, TypeAlias

from tidegate.contract.files import Envelope
from tidegate.contract.kafka import MESSAGE_FIELDS
from tidegate.contract.model import Contract
from tidegate.sources.kafka.schemas import schema_number

if TYPE_CHECKING:
    from confluent_kafka import Message

# Speed for size: a million messages of 200 bytes take 2 s more at the usual level.
PACKED = 1

# Whether it is worth taking a message apart.
_SAYS_DELETED = re.compile(r'"op"\s*:\s*"d"')


class SchemaReader(Protocol):
    """Reads what is written by a schema: its JSON text, a text alone as it is; None where it cannot be read exactly."""

    def text(self, content: bytes) -> str | None: ...


# As the archive has a key or a value: text, bytes in base64, or none.
_Kept: TypeAlias = "str | list[str] | None"

_SEPARATORS = (",", ":")


class MessageWriter:
    """A file of messages being written."""

    def __init__(self, file: BinaryIO, *, has_schemas: bool = False) -> None:
        # Neither name nor time in it: equal messages are equal bytes.
        self._packed = gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=PACKED, mtime=0)
        self.written = 0
        # Of messages and keys, where they have schemas.
        self.schema_numbers: set[int] = set()
        self._has_schemas = has_schemas

    def add(self, message: Message) -> None:
        record = [message.partition(), message.offset(), message.timestamp()[1]]
        content = [*record, _kept(message.key()), _kept(message.value())]
        self._packed.write(json.dumps(content, separators=_SEPARATORS).encode("ascii") + b"\n")
        self.written += 1
        if self._has_schemas:
            numbers = {schema_number(message.key()), schema_number(message.value())}
            self.schema_numbers |= {number for number in numbers if number is not None}

    def close(self) -> None:
        self._packed.close()


def _kept(content: str | bytes | None) -> str | list[str] | None:
    if content is None or isinstance(content, str):
        return content
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return [base64.b64encode(content).decode("ascii")]


def write_lines(
    files: Iterable[Path],
    contract: Contract,
    lines: BinaryIO,
    envelope: Envelope = "",
    by_schema: SchemaReader | None = None,
) -> None:
    """Write every message as a line that the reader of JSON lines takes for one row, sound or not. A tombstone that
    follows the deletion of its key says the same again, and is no row. With `by_schema` messages have
    schemas, and JSON is none."""
    wanted = _fields_wanted(contract)
    deleted: set[tuple[int, str]] = set()
    for file in files:
        with gzip.open(file, "rb") as stream:
            for line in stream:
                kept = json.loads(line)
                if by_schema:
                    kept[3:] = _key_by_schema(kept[3], by_schema), _value_by_schema(kept[4], by_schema)
                text = _line_of_change(kept, wanted, deleted) if envelope else _line(kept, wanted)
                if text is not None:
                    lines.write(text.encode("utf-8", "surrogatepass") + b"\n")


def _fields_wanted(contract: Contract) -> dict[str, int]:
    """The fields of a message that are columns of the contract, with their place in what is kept."""
    names = {name for column in contract.columns for name in (column.name, *column.delivered_as)}
    return {name: place for place, name in enumerate(MESSAGE_FIELDS) if name in names}


def _line(kept: list[Any], wanted: dict[str, int]) -> str:
    value: str | list[str] | None = kept[4]
    if isinstance(value, list):
        # Not text. It is shown as what it is, and is no row.
        return json.dumps(f"base64 {value[0]}")
    if value is None:
        return "null"
    # Line ends stand between values only: inside of one they would be escaped.
    text = value.strip().replace("\r", " ").replace("\n", " ")
    if not text.startswith("{"):
        return json.dumps(value)
    if not wanted:
        return text
    fields = json.dumps(dict(_fields(kept, wanted)), ensure_ascii=False)
    rest = text[1:].lstrip()
    return fields + rest if rest == "" else f"{fields[:-1]}{'' if rest.startswith('}') else ', '}{rest}"


def _line_of_change(kept: list[Any], wanted: dict[str, int], deleted: set[tuple[int, str]]) -> str | None:
    """The line of a change in Debezium's envelope; None for a tombstone of what is `deleted` already. Any other one
    deletes what its key says."""
    key, value = (kept[0], json.dumps(kept[3])), kept[4]
    if value is None and isinstance(kept[3], str) and kept[3].strip().startswith("{"):
        if key in deleted:
            return None
        return _line([*kept[:4], f'{{"op": "d", "before": {kept[3]}}}'], wanted)
    deleted.discard(key)
    if isinstance(value, str) and _SAYS_DELETED.search(value) and _is_deletion(value):
        deleted.add(key)
    return _line(kept, wanted)


def _key_by_schema(kept: _Kept, by_schema: SchemaReader) -> _Kept:
    text = None if kept is None else by_schema.text(_bytes(kept))
    return kept if text is None else text


def _value_by_schema(kept: _Kept, by_schema: SchemaReader) -> _Kept:
    """The JSON text of the value; what cannot be read stays bytes, which are no row."""
    if kept is None:
        return None
    content = _bytes(kept)
    text = by_schema.text(content)
    return [base64.b64encode(content).decode("ascii")] if text is None else text


def _bytes(kept: str | list[str]) -> bytes:
    return kept.encode("utf-8", "surrogatepass") if isinstance(kept, str) else base64.b64decode(kept[0])


def _is_deletion(value: str) -> bool:
    try:
        found = json.loads(value)
        return bool((found if "op" in found else found["payload"])["op"] == "d")
    except (ValueError, LookupError, TypeError, RecursionError):
        return False


def _fields(kept: list[Any], wanted: dict[str, int]) -> Iterator[tuple[str, Any]]:
    for name, place in wanted.items():
        value = kept[place]
        if name == "kafka_timestamp":
            value = _moment(value)
        yield name, value[0] if isinstance(value, list) else value


def _moment(milliseconds: int) -> str | None:
    if milliseconds < 0:
        return None
    return (dt.datetime(1970, 1, 1) + dt.timedelta(milliseconds=milliseconds)).isoformat() + "Z"  # noqa: DTZ001 - UTC
