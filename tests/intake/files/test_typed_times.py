"""A date that a file has as one is that date, whatever formats the contract has for texts."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import fastavro
import pyarrow as pa
import pytest
from pyarrow import orc, parquet
from tests.support.intake.fixtures import OpenShop

CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: things
version: 1.0.0
servers:
  - {server: here, type: local, path: "things/{day}", format: auto}
schema:
  - name: things
    properties:
      - {name: id, logicalType: string, primaryKey: true}
      - {name: d, logicalType: date, logicalTypeOptions: {format: yyyy-dd-MM}}
      - {name: at, logicalType: timestamp, logicalTypeOptions: {format: "yyyy-dd-MM HH:mm:ss"}}
      - {name: plain, logicalType: date}
      - {name: amount, logicalType: number, physicalType: "decimal(18,2)"}
customProperties: [{property: maxQuarantinedPercent, value: 100}]
"""
AT = dt.datetime(2024, 3, 5, 10, 0, 0, tzinfo=dt.UTC)
ROWS = [
    {"id": "A1", "d": AT.date(), "at": AT, "plain": AT.date(), "amount": Decimal("1.50")},
    {"id": "A2", "d": None, "at": None, "plain": None, "amount": None},
]
AVRO_TIMES = {
    "d": {"type": "int", "logicalType": "date"},
    "at": {"type": "long", "logicalType": "timestamp-micros"},
    "plain": {"type": "int", "logicalType": "date"},
    "amount": {"type": "bytes", "logicalType": "decimal", "precision": 18, "scale": 2},
}


def as_avro() -> bytes:
    fields = [{"name": "id", "type": "string"}, *({"name": n, "type": ["null", t]} for n, t in AVRO_TIMES.items())]
    stream = io.BytesIO()
    schema = fastavro.parse_schema({"type": "record", "name": "r", "fields": fields})
    fastavro.writer(stream, schema, ROWS)
    return stream.getvalue()


def as_arrow(write: Callable[[Any, io.BytesIO], None], digits: int) -> bytes:
    types = {
        "id": pa.string(),
        "d": pa.date32(),
        "at": pa.timestamp("us", "UTC"),
        "plain": pa.date32(),
        "amount": pa.decimal128(digits, 2) if digits <= 38 else pa.decimal256(digits, 2),
    }
    stream = io.BytesIO()
    write(pa.Table.from_pylist(ROWS, pa.schema(types)), stream)
    return stream.getvalue()


FILES: dict[str, Callable[[], bytes]] = {
    "a.avro": as_avro,
    "a.orc": lambda: as_arrow(orc.write_table, 18),
    "a.parquet": lambda: as_arrow(parquet.write_table, 18),
    "wide.parquet": lambda: as_arrow(parquet.write_table, 50),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_a_typed_date_is_not_read_by_a_format_of_texts(open_shop: OpenShop, name: str) -> None:
    shop = open_shop(CONTRACT)
    report = shop.load_one("here", {name: FILES[name]()})

    assert report.rejection is None
    assert shop.raw('id, d::varchar, "at"::varchar, plain::varchar, amount::varchar') == [
        ("A1", "2024-03-05", "2024-03-05 10:00:00", "2024-03-05", "1.50"),
        ("A2", None, None, None, None),
    ]
