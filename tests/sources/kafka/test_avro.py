"""Messages in Avro, with schemas from a registry: to the digit, and readable when the registry is gone."""

from __future__ import annotations

import base64
import datetime as dt
import io
import json
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import fastavro
import pytest
from tests.sources.kafka.test_source import CONTRACT, DAY, at, load
from tests.support.intake.fixtures import OpenShop
from tests.support.kafka import cluster

from tidegate.contract.reading.odcs import load_contract
from tidegate.errors import ContractError, SourceDownError, TidegateError
from tidegate.sources.kafka import reading
from tidegate.sources.kafka.avro import AvroReader
from tidegate.sources.kafka.registry import Registry
from tidegate.sources.kafka.schemas import Schema, read_schemas, to_json

MONEY = {"type": "fixed", "name": "Money", "size": 12, "logicalType": "decimal", "precision": 28, "scale": 10}
ORDER = {
    "type": "record",
    "name": "Order",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "amount", "type": ["null", "Money"]},
        {"name": "happened", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "note", "type": ["null", "string"], "default": None},
    ],
}
REFERENCE = {"name": "Money", "subject": "money/v", "version": 3}
# What a registry answers, by path.
ANSWERS: dict[str, Any] = {
    "/schemas/ids/7": {"schema": json.dumps(ORDER), "references": [REFERENCE]},
    "/subjects/money%2Fv/versions/3": {"schema": json.dumps(MONEY)},
    "/schemas/ids/8": {"schema": '{"type": "string"}'},
    "/schemas/ids/9": {"schemaType": "PROTOBUF", "schema": "message Order {}"},
    "/schemas/ids/10": {"schema": 1},
    "/schemas/ids/11": {"schema": "{}", "references": [{"subject": "lost", "version": 1}]},
    "/schemas/ids/12": {"schema": '"A"', "references": [{"subject": "round", "version": 1}]},
    "/subjects/round/versions/1": {"schema": '"A"', "references": [{"subject": "round", "version": 1}]},
}


@contextmanager
def registry(answers: Mapping[str, Any], status: int = 200) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = answers.get(self.path)
            self.send_response(status if found is not None else 404)
            self.end_headers()
            self.wfile.write(json.dumps(found or {"error_code": 40403}).encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://user:geheim@127.0.0.1:{server.server_port}"
        server.shutdown()


def avro(record: Mapping[str, Any], number: int = 7) -> bytes:
    """As a producer with a registry writes it."""
    named: dict[str, Any] = {}
    fastavro.parse_schema(MONEY, named)
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(ORDER, named), record)
    return b"\0" + struct.pack(">I", number) + stream.getvalue()


def order(number: int, amount: Decimal | None = Decimal("1.5000000000")) -> dict[str, Any]:
    return {"id": f"o{number}", "amount": amount, "happened": dt.datetime(2024, 3, 1, 12, tzinfo=dt.UTC), "note": "ä"}


EXACT = Decimal("123456789012345678.0123456789")
KEY = b"\0" + struct.pack(">I", 8) + b"\x04k1"
HOSTILE = {
    "of no number": avro(order(9), 999),
    "cut": avro(order(9))[:-3],
    "with more": avro(order(9)) + b"!",
    "JSON": b'{"id": "o9", "happened": "2024-03-01"}',
    "nothing": b"\0",
}


@pytest.mark.slow
def test_avro_messages_are_rows_to_the_digit_and_are_read_without_the_registry(
    open_shop: OpenShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = CONTRACT.replace("TOPIC", "t").replace("decimal(18,2)", "decimal(38,10)")
    more = "      - {property: valueFormat, value: avro}\n      - {property: registryVariable, value: REGISTRY}\n"
    text = text.replace("schema:\n", f"{more}schema:\n", 1).replace(
        "      - {name: kafka_partition",
        "      - {name: kafka_key, logicalType: string}\n      - {name: kafka_partition",
    )
    sent = [(KEY, avro(order(1))), (None, avro(order(2, EXACT))), (b"plain", avro(order(3, None)))]
    sent += [(None, content) for content in HOSTILE.values()]
    with cluster() as broker, registry(ANSWERS) as address:
        monkeypatch.setenv("BROKERS", broker.address)
        monkeypatch.setenv("REGISTRY", address)
        shop = open_shop(text)
        broker.produce("t", [[0, at(DAY), _sent(key), _sent(value)] for key, value in sent])
        report = load(shop)
        assert (report.status, report.rows_read, report.rows_loaded) == ("accepted", 8, 3), report.rejection
        broker.produce("t", [[1, at(DAY), None, _sent(avro(order(4)))]])
        assert load(shop).rows_loaded == 4
    right = [("o1", Decimal("1.5"), "k1"), ("o2", EXACT, None), ("o3", None, "plain"), ("o4", Decimal("1.5"), None)]
    assert shop.raw("id, amount, kafka_key") == right
    assert set(shop.quarantined("reasons[1]")) == {"unparsable_line"}
    # From the archive, where the schemas are.
    before = shop.content()
    monkeypatch.setattr(reading, "QUESTION_SECONDS", 1.0)
    assert "geheim" not in (load(shop).trouble or "")
    assert shop.content() == before


def _sent(content: bytes | None) -> list[str] | None:
    return None if content is None else [base64.b64encode(content).decode()]


def test_schemas_come_with_those_that_they_refer_to_and_circles_end() -> None:
    with registry(ANSWERS) as address:
        found = Registry("REGISTRY", address).schemas([7, 8, 12, 999])
    assert {number: len(each.references) for number, each in found.items()} == {7: 1, 8: 0, 12: 1}


@pytest.mark.parametrize(
    ("number", "says"),
    [(9, "schema of type 'PROTOBUF'"), (10, "its answer has no schema"), (11, "it lacks version 1 of 'lost'")],
)
def test_a_registry_that_says_what_nobody_can_read_is_told(number: int, says: str) -> None:
    with registry(ANSWERS) as address, pytest.raises(TidegateError, match=says) as told:
        Registry("REGISTRY", address).schemas([number])
    assert "$REGISTRY" in str(told.value)
    assert "geheim" not in str(told.value)


@pytest.mark.parametrize(
    ("status", "error", "says"), [(503, SourceDownError, "HTTP 503"), (401, TidegateError, "rejected the login")]
)
def test_a_registry_that_does_not_answer_is_an_outage_or_a_login(
    status: int, error: type[TidegateError], says: str
) -> None:
    with registry(ANSWERS, status) as address, pytest.raises(error, match=says):
        Registry("REGISTRY", address).schemas([7])
    with pytest.raises(SourceDownError, match="ConnectError"):
        Registry("REGISTRY", address).schemas([7])
    with pytest.raises(TidegateError, match="is not an address"):
        Registry("REGISTRY", "http://a:b:c").schemas([7])


def test_schemas_are_kept_as_they_came(tmp_path: Path) -> None:
    schemas = {7: Schema(json.dumps(ORDER), (json.dumps(MONEY),)), 8: Schema("no schema")}
    (tmp_path / "schemas").write_bytes(to_json(schemas))
    assert read_schemas([tmp_path / "schemas"]) == schemas
    assert AvroReader(schemas).text(b"\0\0\0\0\x08x") is None
    assert json.loads(AvroReader(schemas).text(avro(order(1))) or "")["happened"] == "2024-03-01T12:00:00+00:00"


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("{property: valueFormat, value: avro}", "holds the schema registry"),
        ("{property: registryVariable, value: REGISTRY}", "has no effect on messages in JSON"),
        ("{property: valueFormat, value: thrift}", "write one of json, avro, protobuf"),
    ],
)
def test_half_of_it_is_refused(tmp_path: Path, more: str, says: str) -> None:
    path = tmp_path / "orders.odcs.yaml"
    path.write_text(CONTRACT.replace("schema:\n", f"      - {more}\nschema:\n", 1))
    with pytest.raises(ContractError, match=says):
        load_contract(path)
