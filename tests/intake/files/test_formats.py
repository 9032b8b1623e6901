"""Every format gives the same rows; what a file is, its bytes tell before its name does."""

from __future__ import annotations

import datetime as dt
import gzip
from collections.abc import Mapping
from pathlib import Path

import duckdb
import pytest
from tests.support.intake.fixtures import OpenShop
from tests.support.intake.shop import DAY, HEADER, SALES, Shop, csv, row

from tidegate.intake.load import DeliveryReport
from tidegate.window import ONE_DAY, Window

ROWS = (row(1, note="é, plain"), row(2, note='says ""hi""', price="2.5"), row(3, price="0.0001"))
QUOTED = tuple(line.replace(",é, plain,", ',"é, plain",').replace(',says ""hi"",', ',"says ""hi""",') for line in ROWS)
CSV = csv(*QUOTED)
JSON = (
    '{"sale_id":"s1","line":1,"note":"é, plain","price":1.50,"sold_at":"2024-03-01T10:00:00Z"}\n'
    '{"sold_at":"2024-03-01T12:00:00+02:00", "price": 2.5, "line":1, "sale_id":"s2", "note":"says \\"hi\\""}\n'
    '{"sale_id":"s3","line":1,"price":"0.0001","sold_at":"2024-03-01 10:00:00"}\n'
).encode()
WANTED = [("s1", 1, "é, plain", "1.5000"), ("s2", 1, 'says "hi"', "2.5000"), ("s3", 1, None, "0.0001")]


def parquet(tmp_path: Path, select: str) -> bytes:
    path = tmp_path / "made.parquet"
    duckdb.execute(f"copy ({select}) to '{path}' (format parquet)")
    return path.read_bytes()


NATIVE = """
select * from (values
  ('s1', 1::bigint, 'é, plain', 1.5::decimal(9,2), timestamptz '2024-03-01 10:00:00+00'),
  ('s2', 1, 'says "hi"', 2.5, timestamptz '2024-03-01 12:00:00+02'),
  ('s3', 1, null, 0.0001, timestamptz '2024-03-01 10:00:00+00')
) as sales(sale_id, line, note, price, sold_at)"""


TEXTS = [
    ("sales.csv", CSV),
    ("sales.CSV", CSV),
    ("sales.csv", b"\xef\xbb\xbf" + CSV),
    ("sales.csv", CSV.replace(b"\n", b"\r\n")),
    ("sales.csv", CSV.replace(b"\n", b"\r")),
    ("sales.csv", CSV.removesuffix(b"\n")),
    ("sales.csv", CSV + b"\n\n"),
    ("sales.csv", b"\n" + CSV),
    ("sales.csv", CSV.replace(HEADER.encode(), b'"sale_id", LINE ,"note",Price,sold_at')),
    ("sales.csv.gz", gzip.compress(CSV)),
    ("sales.csv.gz", gzip.compress(CSV[:60]) + gzip.compress(CSV[60:])),
    ("sales.csv", gzip.compress(CSV)),
    ("sales.csv.gz", CSV),
    ("sales.jsonl", JSON),
    ("sales.ndjson", JSON.replace(b"\n", b"\r\n")),
    ("sales.json", b"\xef\xbb\xbf" + JSON + b"\n"),
    ("sales.jsonl.gz", gzip.compress(JSON)),
]


@pytest.fixture(scope="module")
def reports(batch_shop: Shop) -> Mapping[tuple[str, dt.date], DeliveryReport]:
    """Each text as a day's delivery, all in one batch."""
    for number, (name, content) in enumerate(TEXTS):
        batch_shop.deliver("north", {name: content}, DAY + ONE_DAY * number)
    return batch_shop.load_each(Window(DAY, DAY + ONE_DAY * len(TEXTS)))


@pytest.mark.parametrize("number", range(len(TEXTS)))
def test_text_formats_give_the_same_rows(
    batch_shop: Shop, reports: Mapping[tuple[str, dt.date], DeliveryReport], number: int
) -> None:
    day = DAY + ONE_DAY * number
    report = reports["north", day]

    assert report.rejection is None
    assert (report.rows_read, report.rows_quarantined) == (3, 0)
    assert batch_shop.raw("sale_id, line, note, price::varchar", f"_delivered_on = '{day}'") == WANTED
    assert batch_shop.raw("distinct sold_at::varchar", f"_delivered_on = '{day}'") == ["2024-03-01 10:00:00"]


@pytest.mark.parametrize("name", ["sales.parquet", "sales.csv", "sales"])
def test_parquet_gives_the_same_rows_whatever_it_is_called(shop: Shop, tmp_path: Path, name: str) -> None:
    report = shop.load_one("north", {name: parquet(tmp_path, NATIVE)})

    assert report.rejection is None
    assert shop.raw("sale_id, line, note, price::varchar") == WANTED
    assert shop.raw("distinct sold_at::varchar") == ["2024-03-01 10:00:00"]


def test_numbers_in_json_keep_the_digits_they_were_written_with(shop: Shop) -> None:
    """DuckDB reads JSON numbers as doubles: 17 digits become others, 1.10 becomes 1.1."""
    lines = [
        '{"sale_id": 1.10, "line": 1, "price": 12345678901234.5678, "sold_at": "2024-03-01 10:00:00"}',
        # A text that looks like a number after a key sends the whole file the exact way.
        '{"sale_id":"b","line":1,"note":"x: 5, y: 1.10}","price":12345678901234.5678,"sold_at":"2024-03-01"}',
    ]
    for line in lines:
        shop.load_one("north", {"a.jsonl": line.encode()})
        assert shop.raw("price::varchar") == ["12345678901234.5678"]
    shop.load_one("north", {"a.jsonl": lines[0].encode()})
    assert shop.raw("sale_id") == ["1.10"]


def test_nested_json_values_become_json_text(shop: Shop) -> None:
    line = b'{"sale_id":{"a":[1,"x"]},"line":1,"note":[{"b":2}],"price":1.10,"sold_at":"2024-03-01"}'
    shop.load_one("north", {"a.jsonl": line})

    assert shop.raw("sale_id, note, price::varchar") == [('{"a":[1,"x"]}', '[{"b":2}]', "1.1000")]


@pytest.mark.parametrize("keys", ["other case", "one line in other case"])
def test_json_keys_are_found_whatever_their_case(shop: Shop, keys: str) -> None:
    other = '{"Sale_ID":"s1","LINE":1,"Note ":"x","price":1.10,"sold_at":"2024-03-01"}'
    plain = '{"sale_id":"s2","line":1,"note":"y","price":2.20,"sold_at":"2024-03-01","more":1}\n'
    report = shop.load_one("north", {"a.jsonl": (plain * (keys != "other case") + other).encode()})

    assert report.drift is not None
    assert report.drift.added == (("more",) if keys != "other case" else ())
    assert ("s1", 1, "x", "1.1000") in shop.raw("sale_id, line, note, price::varchar")


def test_a_json_key_that_is_there_twice_costs_its_line(shop: Shop) -> None:
    good = '{"sale_id":"s%d","line":1,"price":1,"sold_at":"2024-03-01","extra":1,"extra":2}'
    line = good % 9
    twice = [line.replace('"price":1', '"price":1,"price":2'), line.replace('"price":1', '"Price":1,"PRICE":2')]
    report = shop.load_one("north", {"a.jsonl": "\n".join([good % 1, *twice, good % 2, good % 3, good % 4]).encode()})

    assert report.reasons == {"unparsable_line": 2}
    assert shop.quarantined("_line") == [2, 3]
    assert shop.raw() == ["s1", "s2", "s3", "s4"]


NESTED = [
    '{"a":[1.10,12345678901234567890.123456789,1e2,-0],"b":"\\u001f","c":1,"c":2}',
    '[{"x":1},"é",null,true,1234567]',
]


@pytest.mark.parametrize("odd", [False, True])
def test_numbers_in_nested_json_keep_their_digits_whichever_way_it_is_read(shop: Shop, odd: bool) -> None:
    line = '{"sale_id":"s1","line":1,"note":%s,"price":1.10,"sold_at":"2024-03-01"}\n'
    lines = [(line % nested).replace("s1", f"s{n}") for n, nested in enumerate(NESTED)]
    if odd:
        lines.append('{"sale_id":"s9","line":1,"note":"x: 5, y: 1.10}","price":1,"sold_at":"2024-03-01"}')
    shop.load_one("north", {"a.jsonl": "".join(lines).encode()})

    assert sorted(shop.raw("note", "sale_id <> 's9'")) == sorted(NESTED)


def test_a_json_document_is_not_taken_for_lines_of_which_the_last_is_one(open_shop: OpenShop) -> None:
    rows = [line.strip() for line in JSON.decode().splitlines()]
    for text in (f"[\n{rows[0]},\n{rows[1]}\n]", f'{{"data": [\n{rows[0]}\n]}}'):
        shop = open_shop(SALES.replace("format: auto", "format: json").replace("value: 74", "value: 100"))
        report = shop.load_one("north", {"a.json": text.encode()})

        assert report.rejection is not None
        assert "is one JSON document" in report.rejection
        assert shop.raw() == []


def test_broken_json_lines_are_quarantined_as_they_were(shop: Shop) -> None:
    good = b'{"sale_id":"s%d","line":1,"price":1,"sold_at":"2024-03-01"}'
    broken = [b'{"sale_id":', b"[1]", b'"text"', b'{"a":1}{"b":2}', b"\xff", b'{"a":"\x00"}']
    content = b"\n".join([good % 1, broken[0], b"", *broken[1:], good % 2, good % 3])
    report = shop.load_one("north", {"a.jsonl": content})

    assert report.reasons == {"unparsable_line": 6}
    assert shop.quarantined("_line, raw") == [
        (2, '{"sale_id":'),
        (4, "[1]"),
        (5, '"text"'),
        (6, '{"a":1}{"b":2}'),
        (7, "\\xff"),
        (8, '{"a":"\\x00"}'),
    ]
    assert shop.raw() == ["s1", "s2", "s3"]


def test_values_that_do_not_fit_show_the_line_in_json_too(shop: Shop) -> None:
    lines = [b'{"sale_id":"s%d","line":%d,"price":1,"sold_at":"2024-03-01"}' % (n, n) for n in range(3)]
    lines[1] = lines[1].replace(b'"price":1', b'"price":"dear"')
    shop.load_one("north", {"a.jsonl": b"\n".join(lines)})

    assert shop.quarantined("_line, reasons") == [(2, ["invalid_price"])]


def test_the_contract_can_say_what_a_file_without_a_telling_name_is(open_shop: OpenShop) -> None:
    shop = open_shop(SALES.replace("format: auto", "format: csv"))
    report = shop.load_one("north", {"export-20240301": csv(row(1))})

    assert (report.status, report.day) == ("accepted", DAY)


def test_files_of_different_formats_in_one_delivery_are_loaded_together(shop: Shop, tmp_path: Path) -> None:
    files = {
        "a.csv": csv(row(4)),
        "b.csv.gz": gzip.compress(csv(row(5))),
        "c.jsonl": JSON,
        "d.parquet": parquet(tmp_path, NATIVE.replace("'s", "'p")),
    }
    report = shop.load_one("north", files)

    assert (report.files, report.rows_loaded) == (4, 8)
    assert shop.raw() == ["p1", "p2", "p3", "s1", "s2", "s3", "s4", "s5"]
