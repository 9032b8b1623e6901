"""Messages in Protobuf, with compiled schemas from a registry."""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import (  # type: ignore[import-untyped]
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    timestamp_pb2,
)
from tests.sources.kafka.test_avro import registry

from tidegate.errors import TidegateError
from tidegate.sources.kafka.by_schema import reader_of
from tidegate.sources.kafka.protobuf import ProtobufReader
from tidegate.sources.kafka.registry import Registry
from tidegate.sources.kafka.schemas import to_json

TEXT, LONG, DOUBLE, BOOL, MESSAGE = 9, 3, 1, 8, 11


def file_of(name: str, fields: dict[str, tuple[int, str]], *imports: str, inner: str = "") -> Any:
    file = descriptor_pb2.FileDescriptorProto(name=f"{name}.proto", package="shop", syntax="proto3", dependency=imports)
    message = file.message_type.add(name=name)
    if inner:
        message.nested_type.add(name=inner).field.add(name="text", number=1, type=TEXT, label=1)
    for number, (field, (kind, of)) in enumerate(fields.items(), start=1):
        message.field.add(name=field, number=number, type=kind, label=1, type_name=of or None)
    return file


MONEY = file_of("Money", {"units": (LONG, "")})
ORDER = file_of(
    "Order",
    {
        "order_id": (TEXT, ""),
        "big": (LONG, ""),
        "share": (DOUBLE, ""),
        "paid": (BOOL, ""),
        "happened": (MESSAGE, ".google.protobuf.Timestamp"),
        "money": (MESSAGE, ".shop.Money"),
    },
    "google/protobuf/timestamp.proto",
    "Money.proto",
    inner="Note",
)


def serialized(file: Any, name: str) -> str:
    """As a registry gives it, which has another name for the file."""
    copy = descriptor_pb2.FileDescriptorProto()
    copy.CopyFrom(file)
    copy.name = name
    return base64.b64encode(copy.SerializeToString()).decode()


REFERENCE = {"name": "Money.proto", "subject": "money", "version": 1}
ANSWERS = {
    "/schemas/ids/5?format=serialized": {
        "schemaType": "PROTOBUF", "schema": serialized(ORDER, "default"), "references": [REFERENCE],
    },
    "/subjects/money/versions/1?format=serialized": {"schemaType": "PROTOBUF", "schema": serialized(MONEY, "other")},
    "/schemas/ids/6?format=serialized": {"schemaType": "PROTOBUF", "schema": "syntax = 'proto3';"},
    "/schemas/ids/7?format=serialized": {"schema": "{}"},
}  # fmt: skip


def message(path: bytes, name: str, **values: Any) -> bytes:
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
    for file in (MONEY, ORDER):
        pool.AddSerializedFile(file.SerializeToString())
    found = message_factory.GetMessageClass(pool.FindMessageTypeByName(f"shop.{name}"))(**values)
    content: bytes = found.SerializeToString()
    return b"\0" + struct.pack(">I", 5) + path + content


ANY = message(
    b"\0", "Order", order_id="ä", big=2**62 + 1, share=0.1, happened={"seconds": 1709287200}, money={"units": 3}
)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> ProtobufReader:
    file: Path = tmp_path_factory.mktemp("schemas") / "schemas"
    with registry(ANSWERS) as address:
        file.write_bytes(to_json(Registry("REGISTRY", address, "protobuf").schemas([5, 99])))
    found = reader_of("protobuf", [file])
    assert isinstance(found, ProtobufReader)
    return found


def test_a_message_is_the_json_that_says_the_same(reader: ProtobufReader) -> None:
    assert json.loads(reader.text(ANY) or "") == {
        "order_id": "ä",
        # As text: a number of JSON's would lose digits with others who read it.
        "big": "4611686018427387905",
        "share": 0.1,
        # Written or not, it is false.
        "paid": False,
        "happened": "2024-03-01T10:00:00Z",
        "money": {"units": "3"},
    }


def test_which_message_of_the_schema_it_is_stands_before_it(reader: ProtobufReader) -> None:
    assert reader.text(message(b"\x04\x00\x00", "Order.Note", text="x")) == '{"text": "x"}'
    assert reader.text(message(b"\x02\x00", "Order", order_id="a")) == reader.text(
        message(b"\0", "Order", order_id="a")
    )


@pytest.mark.parametrize(
    "content",
    [
        ANY[:-1], ANY[:5], ANY[:3], b"", b"{}", b"\0\0\0\0\x63" + ANY[5:], message(b"\x02\x02", "Order"),
        message(b"\x01", "Order"), message(b"\x02\x01", "Order"), message(b"\xff" * 9, "Order"),
        message(b"\x7e", "Order"),
    ],
    ids=[
        "cut", "no path", "no number", "nothing", "JSON", "unknown schema", "no such message", "negative count",
        "negative message", "endless number", "too deep",
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_nothing(reader: ProtobufReader, content: bytes) -> None:
    assert reader.text(content) is None


@pytest.mark.parametrize(("number", "says"), [(6, "compiled descriptor"), (7, "type 'AVRO'")])
def test_a_registry_that_gives_no_compiled_schema_is_told(number: int, says: str) -> None:
    with registry(ANSWERS) as address, pytest.raises(TidegateError, match=says):
        Registry("REGISTRY", address, "protobuf").schemas([number])
