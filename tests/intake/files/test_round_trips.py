"""Whatever a table holds, it is loaded to the digit from every format, however its writer was set.

The writers are Arrow's, openpyxl's, fastavro's and Python's own. HYPOTHESIS_PROFILE=thorough tries 200 tables of each.
"""

from __future__ import annotations

import bz2
import datetime as dt
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import duckdb
import fastavro
import openpyxl
import pyarrow as pa
import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import orc, parquet
from tests.support.examples import examples

from tidegate.contract.files import (
    PLAIN_VALUES,
    FileFormat,
    FileOptions,
    JsonOptions,
    ValueOptions,
    XlsxOptions,
    XmlOptions,
)
from tidegate.contract.model import Contract
from tidegate.contract.reading.odcs import load_contract
from tidegate.intake.files.formats.layout import DataFile
from tidegate.intake.files.readers import JUDGED, UNPARSABLE, read_files
from tidegate.lake.sql import quoted

CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: trips
name: Trips
version: 1.0.0
status: active
servers:
  - {server: only, type: local, path: "trips/{day}", format: auto}
schema:
  - name: trips
    properties:
      - {name: id, logicalType: string, primaryKey: true}
      - {name: note, logicalType: string}
      - {name: amount, logicalType: number, physicalType: "decimal(38,4)"}
      - {name: quantity, logicalType: integer}
      - {name: sold, logicalType: date}
      - {name: at, logicalType: timestamp}
      - {name: open, logicalType: boolean}
"""
COLUMNS = ("id", "note", "amount", "quantity", "sold", "at", "open")
# Without an offset, as the formats have them.
LOCAL_START, LOCAL_END = dt.datetime.fromisoformat("1900-03-02"), dt.datetime.fromisoformat("9998-12-31")
DAY = dt.date(2024, 3, 5)
Row = dict[str, Any]

texts = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S"), include_characters=" "), max_size=12)


def nullable(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), values)


def tables(digits: int, moments: st.SearchStrategy[dt.datetime]) -> st.SearchStrategy[list[Row]]:
    """Tables whose amounts have so many digits, with keys that say where each row was."""
    most = Decimal(10**digits - 1).scaleb(-4)
    row = st.fixed_dictionaries(
        {
            "note": nullable(texts.filter(str.strip)),
            "amount": nullable(st.decimals(-most, most, places=4)),
            "quantity": nullable(
                st.integers(-(2**53) + 1, 2**53 - 1) if digits < 20 else st.integers(-(2**63), 2**63 - 1)
            ),
            "sold": nullable(st.dates(dt.date(1900, 3, 1), dt.date(9998, 12, 31))),
            "at": nullable(moments),
            "open": nullable(st.booleans()),
        }
    )
    return st.lists(row, min_size=1, max_size=6).map(
        lambda rows: [{"id": f"{number:03}"} | row for number, row in enumerate(rows)]
    )


exactly = tables(34, st.datetimes(LOCAL_START, LOCAL_END))
# A workbook's numbers are doubles of 15 digits, and its days are counted in milliseconds.
as_excel_can = tables(15, st.datetimes(LOCAL_START, LOCAL_END).map(lambda at: at.replace(microsecond=0)))

# How texts would be written says nothing of numbers that are numbers.
notations = st.sampled_from([PLAIN_VALUES, ValueOptions(decimal=",", thousands=".")])

PACKINGS: Mapping[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": lambda content: gzip.compress(content[:7]) + gzip.compress(content[7:]),
    ".zst": lambda content: zstd.compress(content[:7]) + zstd.compress(content[7:]),
    ".bz2": bz2.compress,
    ".xz": lambda content: lzma.compress(content[:7]) + lzma.compress(content[7:]),
    ".zip": lambda content: zipped({"rows": content}),
}


def zipped(files: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> Contract:
    path = tmp_path_factory.mktemp("contract") / "trips.odcs.yaml"
    path.write_text(CONTRACT)
    return load_contract(path)


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"threads": 1})


def loaded(
    con: duckdb.DuckDBPyConnection, contract: Contract, home: Path, content: bytes, options: FileOptions
) -> list[tuple[Any, ...]]:
    """The rows that come out of a file; none may be kept out."""
    number = len(list(home.iterdir()))
    scratch = home / f"scratch-{number}"
    scratch.mkdir()
    archived = home / f"archived-{number}"
    archived.write_bytes(content)
    found = read_files(con, contract, [DataFile(0, 0, DAY, "rows", archived, options)], scratch)
    assert not found.unreadable
    assert con.execute(f"from {UNPARSABLE}").fetchall() == []
    assert con.execute(f"select _reasons, _raw from {JUDGED} where _reasons is not null").fetchall() == []
    return con.execute(f"select {', '.join(map(quoted, COLUMNS))} from {JUDGED} order by id").fetchall()


def wanted(rows: list[Row]) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in COLUMNS) for row in rows]


def shown(value: Any) -> Any:
    """As JSON can hold it, without losing a digit."""
    return str(value) if isinstance(value, (Decimal, dt.date, dt.datetime)) else value


@given(rows=exactly, data=st.data())
@examples(4)
def test_json(
    con: duckdb.DuckDBPyConnection, contract: Contract, tmp_path: Path, rows: list[Row], data: st.DataObject
) -> None:
    indent = data.draw(st.sampled_from([None, 0, 2, "\t"]))
    spelled = data.draw(st.sampled_from([str.lower, str.upper, str.title]))
    objects = [{spelled(name): shown(value) for name, value in row.items()} for row in rows]
    # Numbers as numbers: Python's own writer would make doubles of them.
    numbers = {f'"{row["amount"]}"': f"{row['amount']}" for row in rows if row["amount"] is not None}

    def written(value: object) -> str:
        text = json.dumps(value, indent=indent, ensure_ascii=data.draw(st.booleans()))
        for as_text, plain in numbers.items():
            text = text.replace(f'MOUNT": {as_text}', f'MOUNT": {plain}').replace(
                f'mount": {as_text}', f'mount": {plain}'
            )
        return text

    shape = data.draw(st.sampled_from(["lines", "array", "one after the other", "inside", "in pages"]))
    records: tuple[str, ...] = ()
    file_format: FileFormat = "json" if shape == "lines" else "json_array"
    match shape:
        case "lines":
            indent = None
            text = "".join(written(each) + "\n" for each in objects)
        case "array":
            text = written(objects)
        case "one after the other":
            text = "\n".join(map(written, objects))
        case "inside":
            records = ("data", "rows")
            text = written({"next": None, "data": {"count": 2, "rows": objects}, "rows": [1]})
        case _:
            records = ("pages", "rows")
            text = written({"pages": [{"rows": objects[:1]}, {"rows": objects[1:]}, {"rows": []}]})
    packed = data.draw(st.sampled_from(list(PACKINGS.values())))
    options = FileOptions(file_format, json=JsonOptions(records), values=data.draw(notations))

    assert loaded(con, contract, tmp_path, packed(text.encode()), options) == wanted(rows)


@given(rows=exactly, data=st.data())
@examples(4)
def test_xml(
    con: duckdb.DuckDBPyConnection, contract: Contract, tmp_path: Path, rows: list[Row], data: st.DataObject
) -> None:
    attributes = data.draw(st.sets(st.sampled_from(COLUMNS)))
    wrapped = data.draw(st.booleans())
    root = ElementTree.Element("{urn:x}export")
    place = ElementTree.SubElement(root, "{urn:x}trips") if wrapped else root
    for row in rows:
        element = ElementTree.SubElement(place, "{urn:x}trip")
        for name, value in row.items():
            if value is None:
                continue
            text = str(value).lower() if isinstance(value, bool) else str(value)
            if name in attributes:
                element.set(name, text)
            else:
                ElementTree.SubElement(element, f"{{urn:x}}{name}").text = text
    if data.draw(st.booleans()):
        ElementTree.indent(root)
    encoding = data.draw(st.sampled_from(["utf-8", "utf-16", "us-ascii"]))
    content = ElementTree.tostring(root, encoding=encoding, xml_declaration=True)
    packed = data.draw(st.sampled_from(list(PACKINGS.values())))
    options = FileOptions("xml", xml=XmlOptions(("trips", "trip") if wrapped else ()))

    assert loaded(con, contract, tmp_path, packed(content), options) == wanted(rows)


@given(rows=as_excel_can, data=st.data())
@examples(4)
def test_xlsx(
    con: duckdb.DuckDBPyConnection, contract: Contract, tmp_path: Path, rows: list[Row], data: st.DataObject
) -> None:
    header_row, sheets = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3))
    order = data.draw(st.permutations(COLUMNS))
    book = openpyxl.Workbook(write_only=data.draw(st.booleans()))
    for sheet in range(sheets):
        cells = book.create_sheet(f"Sheet {sheet}") if book.write_only or sheet else book.active
        cells.title = f"Sheet {sheet}"
        for line in range(1, header_row):
            cells.append([f"Report, line {line}"])
        cells.append(list(order))
        for row in rows[sheet::sheets]:
            cells.append([row[name] for name in order])
    stream = io.BytesIO()
    book.save(stream)
    # A text that begins with an equals sign is a formula to openpyxl.
    if any(str(row["note"]).startswith("=") or str(row["note"]).startswith("#") for row in rows):
        return
    options = FileOptions(
        "xlsx", xlsx=XlsxOptions(("*",), header_row if header_row > 1 else None), values=data.draw(notations)
    )

    assert loaded(con, contract, tmp_path, stream.getvalue(), options) == wanted(rows)


SCHEMA = pa.schema(
    {
        "id": pa.string(),
        "note": pa.string(),
        "amount": pa.decimal128(38, 4),
        "quantity": pa.int64(),
        "sold": pa.date32(),
        "at": pa.timestamp("us"),
        "open": pa.bool_(),
    }
)


@pytest.mark.slow
@given(rows=exactly, data=st.data())
@examples(4)
def test_parquet_and_orc(
    con: duckdb.DuckDBPyConnection, contract: Contract, tmp_path: Path, rows: list[Row], data: st.DataObject
) -> None:
    stream, schema = io.BytesIO(), SCHEMA
    if data.draw(st.booleans()):
        # ORC writes nanoseconds, which end in 2262.
        for row in rows:
            row["at"] = row["at"] and row["at"].replace(year=2000 + row["at"].year % 200)
        table = pa.Table.from_pylist(rows, schema=schema)
        orc.write_table(
            table, stream, compression=data.draw(st.sampled_from(["uncompressed", "zlib", "snappy", "zstd"]))
        )
        file_format: FileFormat = "orc"
    else:
        digits = data.draw(st.sampled_from([38, 39, 50, 76]))
        if digits > 38:
            schema = schema.set(2, pa.field("amount", pa.decimal256(digits, 4)))
        table = pa.Table.from_pylist(rows, schema=schema)
        parquet.write_table(
            table,
            stream,
            row_group_size=data.draw(st.integers(1, 6)),
            use_dictionary=data.draw(st.booleans()),
            compression=data.draw(st.sampled_from(["none", "snappy", "gzip", "zstd", "brotli", "lz4"])),
            data_page_version=data.draw(st.sampled_from(["1.0", "2.0"])),
            store_decimal_as_integer=digits == 38 and data.draw(st.booleans()),
        )
        file_format = "parquet"

    assert loaded(
        con, contract, tmp_path, stream.getvalue(), FileOptions(file_format, values=data.draw(notations))
    ) == wanted(rows)


AVRO: dict[str, Any] = {
    "type": "record",
    "name": "trip",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "note", "type": ["null", "string"]},
        {"name": "amount", "type": ["null", {"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 4}]},
        {"name": "quantity", "type": ["null", "long"]},
        {"name": "sold", "type": ["null", {"type": "int", "logicalType": "date"}]},
        {"name": "at", "type": ["null", {"type": "long", "logicalType": "local-timestamp-micros"}]},
        {"name": "open", "type": ["null", "boolean"]},
    ],
}


@given(rows=exactly, data=st.data())
@examples(4)
def test_avro(
    con: duckdb.DuckDBPyConnection, contract: Contract, tmp_path: Path, rows: list[Row], data: st.DataObject
) -> None:
    stream = io.BytesIO()
    codec = data.draw(st.sampled_from(["null", "deflate", "bzip2", "xz", "snappy", "zstandard"]))
    fastavro.writer(
        stream, fastavro.parse_schema(AVRO), rows, codec=codec, sync_interval=data.draw(st.integers(1, 200))
    )

    assert loaded(
        con, contract, tmp_path, stream.getvalue(), FileOptions("avro", values=data.draw(notations))
    ) == wanted(rows)
