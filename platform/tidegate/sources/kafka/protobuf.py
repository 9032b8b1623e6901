"""Messages in Protobuf, as producers with a schema registry write them: a zero, the number of the schema, which of its
messages it is, and the value. A registry gives such schemas as compiled descriptors where it is asked for them.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf import (  # type: ignore[import-untyped]
    any_pb2,
    descriptor_pb2,
    descriptor_pool,
    duration_pb2,
    empty_pb2,
    field_mask_pb2,
    json_format,
    message_factory,
    struct_pb2,
    timestamp_pb2,
    wrappers_pb2,
)

from tidegate.sources.kafka.schemas import PREFIX, Schema, schema_number

# What every producer has without a registry.
_KNOWN = (timestamp_pb2, duration_pb2, wrappers_pb2, struct_pb2, any_pb2, empty_pb2, field_mask_pb2)
_DEEPEST = 32


def named(descriptor: str, name: str) -> str:
    """A compiled file under the name by which others import it. Raises ValueError for what is none."""
    try:
        file = descriptor_pb2.FileDescriptorProto.FromString(base64.b64decode(descriptor, validate=True))
    except Exception as error:  # the library's own kinds of errors differ by its implementation
        raise ValueError("it is no compiled file of Protobuf's") from error
    file.name = name
    return base64.b64encode(file.SerializeToString()).decode("ascii")


class ProtobufReader:
    """Reads messages by the schemas that the archive has."""

    def __init__(self, schemas: Mapping[int, Schema]) -> None:
        self._schemas = schemas
        self._pools: dict[int, tuple[Any, Any]] = {}
        self._classes: dict[tuple[int, tuple[int, ...]], Any] = {}

    def text(self, content: bytes) -> str | None:
        """The JSON text of a message, with the names of its schema; None where it cannot be read."""
        number = schema_number(content)
        if number is None or number not in self._schemas:
            return None
        try:
            path, at = _path(content, PREFIX)
            message = self._class(number, path).FromString(content[at:])
            text: str = json_format.MessageToJson(
                message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True, indent=None
            )
        except Exception:  # noqa: BLE001  # the library raises whatever Python does over bytes that are none of it
            return None
        return text

    def _class(self, number: int, path: tuple[int, ...]) -> Any:
        if (number, path) not in self._classes:
            pool, file = self._pool(number)
            self._classes[number, path] = message_factory.GetMessageClass(
                pool.FindMessageTypeByName(_full_name(file, path))
            )
        return self._classes[number, path]

    def _pool(self, number: int) -> tuple[Any, Any]:
        if number not in self._pools:
            pool = descriptor_pool.DescriptorPool()
            for known in _KNOWN:
                pool.AddSerializedFile(known.DESCRIPTOR.serialized_pb)
            schema = self._schemas[number]
            for each in (*schema.references, schema.text):
                pool.AddSerializedFile(base64.b64decode(each))
            file = descriptor_pb2.FileDescriptorProto.FromString(base64.b64decode(schema.text))
            self._pools[number] = pool, file
        return self._pools[number]


def _full_name(file: Any, path: Sequence[int]) -> str:
    message = file.message_type[path[0]]
    names = [file.package] if file.package else []
    names.append(message.name)
    for index in path[1:]:
        message = message.nested_type[index]
        names.append(message.name)
    return ".".join(names)


def _path(content: bytes, at: int) -> tuple[tuple[int, ...], int]:
    """Which message of the file it is, from the outermost in, and where the value begins. No number at all is the
    first."""
    count, at = _number(content, at)
    if count == 0:
        return (0,), at
    if not 0 < count <= _DEEPEST:
        raise ValueError
    path = []
    for _ in range(count):
        index, at = _number(content, at)
        if index < 0:
            raise ValueError
        path.append(index)
    return tuple(path), at


def _number(content: bytes, at: int) -> tuple[int, int]:
    """A whole number, seven bits a byte, the sign in the last bit."""
    found = shift = 0
    while True:
        byte = content[at]
        found |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return (found >> 1) ^ -(found & 1), at
        if shift > 35:
            raise ValueError
