"""Debezium's envelope: from what a change was before and after to the row that it leaves, with what is said about it.

The row is what Debezium's own `ExtractNewRecordState` makes of it, with `add.fields` for the operation and all of the
source: the columns of the table, then `__op`, `__ts_ms`, `__source_lsn`, ... So a contract reads both alike. Of what
was deleted it has what was there before, which may be the key alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeGuard

Object = Mapping[str, object]

DELETE = "d"
# A converter with schemas puts each part of a message below this key, beside its schema.
_PAYLOAD = "payload"
# What was said of the message, and not in it.
_OF_MESSAGE = "kafka_"
_ABOUT = "__"


def unwrapped(found: Object) -> dict[str, object] | None:
    """The row of an envelope; None for an object that is none."""
    body = found.get(_PAYLOAD) if "op" not in found else found
    if not _is_object(body) or not isinstance(body.get("op"), str) or not _are_objects(body):
        return None
    before, after = _row(body.get("before")), _row(body.get("after"))
    row = before if body["op"] == DELETE or after is None else after
    about = {f"{_ABOUT}{name}": value for name, value in body.items() if name in ("op", "ts_ms")}
    source = body.get("source")
    if _is_object(source):
        about |= {f"{_ABOUT}source_{name}": value for name, value in source.items()}
    of_message = {name: value for name, value in found.items() if name.startswith(_OF_MESSAGE)}
    return {**(row or {}), **about, **of_message}


def is_about(name: str) -> bool:
    """Whether a key of a row is what the envelope says of the change."""
    return name.startswith(_ABOUT)


def _row(value: object) -> Object | None:
    if not _is_object(value):
        return None
    inner = value.get(_PAYLOAD)
    return inner if set(value) == {"schema", _PAYLOAD} and _is_object(inner) else value


def _are_objects(body: Object) -> bool:
    parts = [body.get(name) for name in ("before", "after", "source")]
    return any(name in body for name in ("before", "after", "source")) and all(
        part is None or _is_object(part) for part in parts
    )


def _is_object(value: object) -> TypeGuard[Object]:
    # Of one with a key that is there twice nobody knows which counts.
    return isinstance(value, dict) and not hasattr(value, "pairs")
