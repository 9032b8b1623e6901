"""Files of every format, damaged in every way: a sentence or rows, and every row accounted for, in raw and quarantine.

A small share runs always, always the same. `TIDEGATE_MUTATED_FILES=2000` runs that many.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import random
import resource
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path

import duckdb
import fastavro
import openpyxl
import pyarrow as pa
import pytest
from backports import zstd
from pyarrow import orc, parquet
from tests.support.intake.shop import DAY, HEADER, SALES, Shop, csv, open_shop_in, row

from tidegate.window import ONE_DAY, Window

FILES = int(os.environ.get("TIDEGATE_MUTATED_FILES", "36"))
FILES_AT_ONCE = 12

# What a small machine has not got.
LARGEST_BYTES = 3 << 30

ROWS = [
    row(number, note=note) for number, note in enumerate(["", "plain", '"a,b"', '"two\nlines"', '"""q"""', "é"] * 9)
]


def as_parquet(folder: Path, codec: str) -> bytes:
    path = folder / f"{codec}.parquet"
    duckdb.execute(
        "copy (select 's' || i as sale_id, 1::int as line, 'note ' || i as note, 1.5::decimal(18,4) as price, "
        f"timestamp '2024-03-01 10:00:00' as sold_at from range(60) as t(i)) to '{path}' "
        f"(format parquet, codec '{codec}')"
    )
    return path.read_bytes()


def as_json(sale: int) -> dict[str, object]:
    return {
        "sale_id": f"s{sale}",
        "line": 1,
        "note": {"é": [sale, "x"]},
        "price": 1.10,
        "sold_at": "2024-03-01T10:00:00Z",
    }


def as_workbook() -> bytes:
    book, stream = openpyxl.Workbook(), io.BytesIO()
    for line in (HEADER.split(","), *([f"s{n}", 1, "note", 1.5, DAY] for n in range(50))):
        book.active.append(line)
    book.save(stream)
    return stream.getvalue()


def as_xml() -> bytes:
    fields = "<line>1</line><note>&amp; é</note><price>1.5</price><sold_at>2024-03-01</sold_at>"
    rows = "".join(f'<sale sale_id="s{n}">{fields}</sale>\n' for n in range(50))
    return f'<?xml version="1.0"?>\n<!DOCTYPE sales>\n<sales>{rows}</sales>'.encode()


def as_avro(codec: str) -> bytes:
    kinds = {"sale_id": "string", "line": "int", "note": ["null", "string"], "price": "double", "sold_at": "string"}
    schema = {"type": "record", "name": "sale", "fields": [{"name": n, "type": kind} for n, kind in kinds.items()]}
    rows = [{"sale_id": f"s{n}", "line": 1, "note": None, "price": 1.5, "sold_at": "2024-03-01"} for n in range(50)]
    stream = io.BytesIO()
    fastavro.writer(stream, schema, rows, codec=codec)
    return stream.getvalue()


def as_arrow_writes() -> list[tuple[str, bytes]]:
    """An ORC file, and a Parquet file with decimals that DuckDB does not have."""
    prices = pa.array([Decimal("1.5")] * 50, pa.decimal256(50, 4))
    columns = {"sale_id": [f"s{n}" for n in range(50)], "line": [1] * 50, "sold_at": [str(DAY)] * 50}
    streams = io.BytesIO(), io.BytesIO()
    orc.write_table(pa.table({**columns, "price": prices.cast(pa.decimal128(18, 4))}), streams[0], compression="zlib")
    parquet.write_table(pa.table({**columns, "price": prices}), streams[1])
    return [("a.orc", streams[0].getvalue()), ("wide.parquet", streams[1].getvalue())]


def zipped(files: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def sound_files(folder: Path) -> list[tuple[str, bytes]]:
    """A file of each kind that people deliver, those included that are only refused."""
    text = csv(*ROWS)
    lines = "".join(json.dumps(as_json(sale)) + "\n" for sale in range(50)).encode()
    return [
        ("a.csv", text),
        ("a.csv", text.replace(b"\n", b"\r\n")),
        ("a.csv", text.replace(b"\n", b"\r")),
        ("a.csv", text.replace(b",", b";")),
        ("a.csv", b"\xef\xbb\xbf" + text),
        ("a.csv", text.decode().encode("utf-16")),
        ("a.csv", text.decode().encode("latin-1")),
        ("a.csv.gz", gzip.compress(text)),
        ("a.csv.gz", gzip.compress(text) + gzip.compress(text)),
        ("a.csv.zst", zstd.compress(text)),
        ("a.csv.bz2", bz2.compress(text)),
        ("a.csv.xz", lzma.compress(text) * 2),
        ("a.zip", zipped({"b.csv": text, "c.jsonl": lines})),
        ("a.jsonl", lines),
        ("a.json", json.dumps([as_json(sale) for sale in range(9)], indent=1).encode()),
        ("a.jsonl.gz", gzip.compress(lines)),
        ("a.xlsx", as_workbook()),
        ("a.xml", as_xml()),
        ("a.xml.gz", gzip.compress(as_xml())),
        ("a.avro", as_avro("null")),
        ("a.avro", as_avro("deflate")),
        *as_arrow_writes(),
        *((f"{codec}.parquet", as_parquet(folder, codec)) for codec in ("snappy", "zstd", "gzip", "uncompressed")),
    ]


# --- damage


def flip_bits(chance: random.Random, content: bytes) -> bytes:
    damaged = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 8))):
        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def flip_a_bit_near_the_end(chance: random.Random, content: bytes) -> bytes:
    """Where Parquet and ZIP keep what the rest means."""
    start = max(0, len(content) - 600)
    return content[:start] + flip_bits(chance, content[start:])


def cut_off(chance: random.Random, content: bytes) -> bytes:
    return content[: chance.randrange(len(content))]


def splice(chance: random.Random, content: bytes) -> bytes:
    at, start = chance.randrange(len(content)), chance.randrange(len(content))
    return content[:at] + content[start : start + chance.randrange(1, 200)] + content[at:]


def repeat_a_block(chance: random.Random, content: bytes) -> bytes:
    start = chance.randrange(len(content))
    block = content[start : start + chance.randrange(1, 2_000)]
    return content[:start] + block * chance.choice((2, 50, 2_000)) + content[start:]


def drop_a_block(chance: random.Random, content: bytes) -> bytes:
    start = chance.randrange(len(content))
    return content[:start] + content[start + chance.randrange(1, 100) :]


def put_in_what_misleads(chance: random.Random, content: bytes) -> bytes:
    pieces = [b'"', b"\n", b"\r", b"\0", b"\xff", b",", b"{", b"}", b"[" * 5_000, b"\\", b"\x1f", b'"' * 301, b"1e999"]
    at = chance.randrange(len(content))
    return content[:at] + chance.choice(pieces) + content[at:]


def swap_the_header(chance: random.Random, content: bytes) -> bytes:
    heads = [
        b"PAR1",
        b"\x1f\x8b\x08\x00",
        b"PK\x03\x04",
        b"\x28\xb5\x2f\xfd",
        b"\xff\xfe",
        b"x,y\n",
        b"{}\n",
    ]
    return chance.choice(heads) + content[4:]


def damage_inside(chance: random.Random, content: bytes) -> bytes:
    """Of a ZIP archive or a workbook one of its files, packed again: else its checksum tells that it is damaged."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        name = chance.choice(sorted(files))
        files[name] = chance.choice(DAMAGE)(chance, files[name])
        return zipped(files)
    except (
        zipfile.BadZipFile,
        zlib.error,
        LookupError,
        NotImplementedError,
        OSError,
        EOFError,
        RuntimeError,
        ValueError,
    ):
        return content


def pack_a_bomb(chance: random.Random, content: bytes) -> bytes:
    piece = chance.choice((b"\n", b"\r\n", b" ", b"a\n", b",,,,\n", b"{}\n", b'"', b"\0", content[:500]))
    size = 300 << 20 if chance.random() < 0.1 else 8 << 20
    return gzip.compress(content[:100] + b"\n" + piece * (size // len(piece)), 6)


DAMAGE: list[Callable[[random.Random, bytes], bytes]] = [
    flip_bits,
    flip_bits,
    flip_a_bit_near_the_end,
    cut_off,
    splice,
    repeat_a_block,
    drop_a_block,
    put_in_what_misleads,
    swap_the_header,
]


def mutated(number: int, sound: list[tuple[str, bytes]]) -> tuple[str, bytes]:
    """The file of that number, the same each time."""
    chance = random.Random(number)
    name, content = sound[number % len(sound)]
    if number % 40 == 39:
        return name.removesuffix(".gz") + ".gz", pack_a_bomb(chance, content)
    for _ in range(chance.choice((1, 1, 2))):
        inside = content.startswith(b"PK") and chance.random() < 0.8
        content = (damage_inside if inside else chance.choice(DAMAGE))(chance, content) or b"x"
    return name, content


# --- the promise


@pytest.fixture
def mutated_shop(tmp_path: Path) -> Iterator[Shop]:
    # Everything may be quarantined: a rejected delivery would hide what was loaded.
    shop = open_shop_in(tmp_path, SALES.replace("value: 74", "value: 100"))
    yield shop
    shop.lake.close()


@pytest.mark.slow
@pytest.mark.timeout(14_400)
def test_of_mutated_files_every_row_is_accounted_for_and_none_stops_another(mutated_shop: Shop, tmp_path: Path) -> None:
    sound, slowest = sound_files(tmp_path), 0.0
    for start in range(0, FILES, FILES_AT_ONCE):
        numbers = range(start, min(start + FILES_AT_ONCE, FILES))
        window = Window(DAY, DAY + ONE_DAY * len(numbers))
        for day, number in zip(window.days, numbers, strict=True):
            name, content = mutated(number, sound)
            mutated_shop.deliver("north", {name: content}, day)
            mutated_shop.deliver("south", csv(row(1)), day)
        began = time.monotonic()
        reports = mutated_shop.load_each(window)
        slowest = max(slowest, time.monotonic() - began)
        for day, number in zip(window.days, numbers, strict=True):
            report = reports["north", day]
            # Of the day's deliveries: what an earlier one left stays when a later one is rejected.
            where = f"_region = 'north' and _delivered_on = '{day}' and _fingerprint = '{report.fingerprint}'"
            loaded, quarantined = mutated_shop.raw("count(*)", where), mutated_shop.quarantined("count(*)", where)
            assert report.status in ("accepted", "rejected"), number
            assert report.rows_read == report.rows_loaded + report.rows_quarantined, number
            assert quarantined == [report.rows_quarantined], number
            assert report.status == "rejected" or loaded == [report.rows_loaded], number
            assert reports["south", day].rows_loaded == 1, number
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(f"{FILES} files, slowest {FILES_AT_ONCE} in {slowest:.1f} s, at most {peak >> 20} MiB")
    assert peak < LARGEST_BYTES
