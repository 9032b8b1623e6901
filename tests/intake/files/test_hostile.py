"""Files nobody tidied, and files somebody made on purpose: each ends with a sentence, and its neighbours load."""

from __future__ import annotations

import datetime as dt
import gzip
import os
import random
from collections.abc import Mapping, Sequence, Sized
from pathlib import Path

import duckdb
import pytest
from tests.support.intake.fixtures import OpenShop
from tests.support.intake.shop import DAY, HEADER, SALES, Shop, csv, row

from tidegate.intake.files.formats import layout
from tidegate.intake.files.formats.layout import DataFile, Layout, Relation
from tidegate.intake.files.readers import _Reading
from tidegate.intake.load import DeliveryReport
from tidegate.window import ONE_DAY, Window

Reports = Mapping[tuple[str, dt.date], DeliveryReport]

BINARY = random.Random(1).randbytes(5_000)
GOOD = csv(row(1), row(2))

# name → content, what becomes of it, and words of the sentence.
HOSTILE: dict[str, tuple[str, bytes, str, str]] = {
    "binary": ("a.csv", BINARY, "rejected", "a.csv"),
    "zero bytes": ("a.csv", b"", "rejected", "a.csv is empty"),
    "zero bytes of Parquet": ("a.parquet", b"", "rejected", "does not begin as a Parquet file does"),
    "truncated gzip": ("a.csv.gz", gzip.compress(GOOD * 50)[:-20], "rejected", "damaged gzip"),
    "gzip with a wrong sum": ("a.csv.gz", gzip.compress(GOOD)[:-8] + b"\0" * 8, "rejected", "damaged gzip"),
    "gzip in gzip": ("a.csv.gz", gzip.compress(gzip.compress(GOOD)), "rejected", "is a gzip file inside a gzip file"),
    "only the gzip magic": ("a.csv.gz", b"\x1f\x8b", "rejected", "damaged gzip"),
    "UTF-16": ("a.csv", GOOD.decode().encode("utf-16"), "rejected", "UTF-16"),
    "UTF-16 without its mark": ("a.csv", GOOD.decode().encode("utf-16-le"), "rejected", "binary data"),
    "a ZIP archive": ("a.csv", b"PK\x03\x04" + BINARY, "rejected", "ZIP archive"),
    "half a Parquet file": ("a.parquet", b"PAR1" + BINARY, "rejected", "damaged Parquet"),
    "an unknown suffix": ("a.dat", GOOD, "rejected", "does not tell its format"),
    "no header": ("a.csv", b"s1,1,,1.5,2024-03-01\n", "rejected", "none of the contract's columns"),
    "semicolons": ("a.csv", GOOD.replace(b",", b";"), "rejected", "write `delimiter: ';'`"),
    "letters of Windows only": (
        "a.csv",
        GOOD + b"s9,1,caf\xe9,1,2024-03-01\n",
        "rejected",
        "write `encoding: windows-1252`",
    ),
    "a column twice": ("a.csv", GOOD.replace(b"note", b"line"), "rejected", "two columns named line"),
    "100,000 columns": ("a.csv", b",".join(b"c%d" % n for n in range(100_000)) + b"\n", "rejected", "100,000 columns"),
    "a header of 3 MB": ("a.csv", b"x" * 3_000_000, "rejected", "no first line"),
    "a header that is not UTF-8": ("a.csv", GOOD.replace(b"note", b"n\xf6te"), "rejected", "not UTF-8"),
    "header only": ("a.csv", csv(), "accepted", ""),
    "CR only": ("a.csv", GOOD.replace(b"\n", b"\r"), "accepted", ""),
    "a name with SQL": ("'; drop table x --.csv", GOOD, "accepted", ""),
    "a name with quotes": ('"quoted".csv', GOOD, "accepted", ""),
    "a name with a line feed": ("two\nlines.csv", GOOD, "accepted", ""),
    "a name that globs": ("[a-z]*?{x}.csv", GOOD, "accepted", ""),
    "no data file": (".hidden", GOOD, "rejected", "_SUCCESS is all there is"),
}


@pytest.fixture(scope="module")
def reports(batch_shop: Shop) -> Reports:
    """Every hostile file as the north's delivery of a day of its own, all in one batch with the south's."""
    for day, (name, content, _, _) in zip(days_of(HOSTILE), HOSTILE.values(), strict=True):
        batch_shop.deliver("north", {name: content}, day)
        batch_shop.deliver("south", csv(row(7)), day)
    return batch_shop.load_each(Window(DAY, days_of(HOSTILE)[-1] + ONE_DAY))


def days_of(cases: Sized) -> list[dt.date]:
    return [DAY + ONE_DAY * number for number in range(len(cases))]


@pytest.mark.parametrize(("kind", "day"), list(zip(HOSTILE, days_of(HOSTILE), strict=True)), ids=list(HOSTILE))
def test_a_hostile_file_ends_with_a_sentence_and_its_neighbours_load(
    batch_shop: Shop, reports: Reports, kind: str, day: dt.date
) -> None:
    _, _, status, words = HOSTILE[kind]
    report = reports["north", day]

    assert report.status == status
    assert words in (report.rejection or "")
    assert report.rows_read == report.rows_loaded + report.rows_quarantined
    assert reports["south", day].rows_loaded == 1
    assert batch_shop.raw("sale_id", f"_region = 'south' and _delivered_on = '{day}'") == ["s7"]
    if status == "rejected":
        in_quarantine = batch_shop.quarantined("reasons", f"_region = 'north' and _delivered_on = '{day}'")
        assert in_quarantine == [["unreadable_file"]]


def test_all_of_them_in_one_delivery_are_told_one_by_one(shop: Shop) -> None:
    files = {
        f"{number} {name}": content for number, (name, content, _, _) in enumerate(HOSTILE.values()) if name[0] != "."
    }
    report = shop.load_one("north", files)
    refused = sum(status == "rejected" for _, _, status, _ in HOSTILE.values()) - 1

    assert report.status == "rejected"
    assert report.reasons["unreadable_file"] == refused
    assert set(shop.quarantined("raw", "reasons = ['delivery_rejected']")) != set()
    assert report.rows_read == report.rows_quarantined == len(shop.quarantined())


# name → lines after the header, reasons by line, ids that load.
LINES: dict[str, tuple[bytes, dict[int, str], list[str]]] = {
    "a quote that never closes": (b's1,1,"open,1,2024-03-01\n', {2: 's1,1,"open,1,2024-03-01'}, ["good"]),
    "a quote after text": (b's1,1,"a"b,1,2024-03-01\n', {2: 's1,1,"a"b,1,2024-03-01'}, ["good"]),
    "a NUL": (b"s1,1,a\0b,1,2024-03-01\n", {2: "s1,1,a\\x00b,1,2024-03-01"}, ["good"]),
    "no UTF-8": (
        b"s1,1,caf\xe9,1,2024-03-01\ns2,1,\xc3\xbc,1,2024-03-01\n",
        {2: "s1,1,caf\\xe9,1,2024-03-01"},
        ["good", "s2"],
    ),
    "a lone CR": (b"s1,1,a\rb,1,2024-03-01\n", {2: "s1,1,a\rb,1,2024-03-01"}, ["good"]),
    "a line feed in quotes": (b's1,1,"a\nb",1,2024-03-01\nbroken\n', {4: "broken"}, ["good", "s1"]),
    "line ends of two kinds": (b"s1,1,,1,2024-03-01\r\nbroken\r\n", {3: "broken"}, ["good", "s1"]),
    "blank lines": (b"\n\ns1,1,,1,2024-03-01\n\nbroken\n\n", {6: "broken"}, ["good", "s1"]),
    "empty fields at the end": (b"s1,1,,1,2024-03-01,,\n", {}, ["good", "s1"]),
    "a stray quote and a row's end in it": (
        b'"a,b"1,""1,s9,1,2024-03-01\n\n',
        {2: '"a,b"1,""1,s9,1,2024-03-01'},
        ["good"],
    ),
}


LINES_FROM = DAY + ONE_DAY * 100


@pytest.fixture(scope="module")
def line_reports(batch_shop: Shop) -> Reports:
    for number, (lines, _, _) in enumerate(LINES.values()):
        content = f"{HEADER}\n".encode() + lines + b"good,1,,1,2024-03-01\n"
        batch_shop.deliver("west", content, LINES_FROM + ONE_DAY * number)
    return batch_shop.load_each(Window(LINES_FROM, LINES_FROM + ONE_DAY * len(LINES)))


@pytest.mark.parametrize(("number", "kind"), list(enumerate(LINES)), ids=list(LINES))
def test_a_broken_line_costs_itself_only(batch_shop: Shop, line_reports: Reports, number: int, kind: str) -> None:
    _, broken, loaded = LINES[kind]
    day = LINES_FROM + ONE_DAY * number
    report = line_reports["west", day]

    assert report.status == "accepted"
    in_quarantine = batch_shop.quarantined("_line, raw", f"_delivered_on = '{day}' and _region = 'west'")
    assert dict(in_quarantine) == broken
    assert batch_shop.raw("sale_id", f"_delivered_on = '{day}' and _region = 'west'") == loaded
    assert report.rows_read == len(broken) + len(loaded)


def test_quotes_that_swallow_a_whole_file_cost_a_line_each(shop: Shop) -> None:
    lines = [row(n) if n % 2 else f's{n},1,"open,1,2024-03-01' for n in range(2_000)]
    report = shop.load_one("north", csv(*lines))

    assert (report.rows_loaded, report.reasons) == (1_000, {"unparsable_line": 1_000})


@pytest.mark.slow
@pytest.mark.parametrize("position", [0, 1, 2], ids=["first", "middle", "last"])
@pytest.mark.parametrize("quote", ["", '"'], ids=["plain", "quoted"])
def test_a_line_of_50_mb_is_quarantined_with_its_beginning(shop: Shop, position: int, quote: str) -> None:
    lines = [row(1), row(2)]
    lines.insert(position, f"s0,1,{quote}{'x' * 50_000_000}{quote},1,2024-03-01")
    shop.deliver("north", csv(*lines).removesuffix(b"\n"))
    report = shop.load(regions=["north"])["north"]

    assert (report.rows_loaded, report.reasons) == (2, {"unparsable_line": 1})
    [(line, raw)] = shop.quarantined("_line, raw")
    assert line == position + 2
    assert raw.startswith(f"s0,1,{quote}xxxx")
    assert "the line has 50,0" in raw
    assert len(raw) < 300_000


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_a_record_just_within_the_limit_loads(shop: Shop, name: str) -> None:
    note = "x" * 1_900_000
    line = f'{{"sale_id":"s1","line":1,"note":"{note}","price":1,"sold_at":"2024-03-01"}}\n'.encode()
    report = shop.load_one("north", {name: csv(row(1, note=note)) if name == "a.csv" else line})

    assert report.rows_loaded == 1
    assert shop.raw("length(note)") == [1_900_000]


def test_links_out_of_landing_are_not_followed(shop: Shop, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_bytes(GOOD)
    folder = shop.deliver("north", {})
    (folder / "a.csv").symlink_to(secret)
    (folder / "b.csv").symlink_to(tmp_path / "nowhere")
    report = shop.load(regions=["north"])["north"]

    assert report.status == "rejected"
    assert report.rejection is not None
    assert "a.csv is a link that leads out of landing; b.csv leads nowhere" in report.rejection
    assert not (tmp_path / "archive" / "objects").exists()


def test_a_link_inside_of_landing_is_followed(shop: Shop) -> None:
    folder = shop.deliver("north", {})
    (folder / "a.csv").symlink_to(shop.deliver("south", csv(row(1))) / "sales.csv")

    assert shop.load(regions=["north"])["north"].rows_loaded == 1


def test_a_folder_that_is_a_link_out_of_landing_is_not_followed(shop: Shop, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.csv").write_bytes(GOOD)
    (outside / "_SUCCESS").touch()
    folder = shop.folder("north")
    folder.parent.mkdir(parents=True)
    folder.symlink_to(outside)
    report = shop.load(regions=["north"])["north"]

    assert report.status == "rejected"
    assert "leads out of landing" in (report.rejection or "")


def test_pipes_and_folders_among_the_files_are_told_and_do_not_hang(shop: Shop) -> None:
    folder = shop.deliver("north", csv(row(1)))
    (folder / "orders.csv").mkdir()
    os.mkfifo(folder / "pipe.csv")
    report = shop.load(regions=["north"])["north"]

    assert report.status == "rejected"
    assert report.rejection is not None
    assert "orders.csv is a folder where a file is expected; pipe.csv is not an ordinary file" in report.rejection
    assert report.reasons == {"delivery_rejected": 1, "unreadable_file": 2}


def test_a_file_in_place_of_the_days_folder_is_missing(shop: Shop) -> None:
    folder = shop.folder("north")
    folder.parent.mkdir(parents=True)
    folder.write_bytes(GOOD)

    assert "is not a folder" in (shop.load(regions=["north"])["north"].rejection or "")


def test_a_name_that_is_no_utf8_is_shown_escaped(shop: Shop) -> None:
    folder = shop.deliver("north", {})
    (folder / os.fsdecode(b"caf\xe9.csv")).write_bytes(csv(row(1)))

    assert shop.load(regions=["north"])["north"].status == "accepted"
    assert shop.raw("_file") == ["caf\\xe9.csv"]


def test_a_parquet_file_damaged_inside_does_not_stop_its_neighbours(shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    duckdb.execute(
        "copy (select 's' || i as sale_id, 1 as line, random()::varchar as note, 1.5 as price, "
        f"date '2024-03-01' as sold_at from range(50000) as t(i)) to '{path}' (format parquet)"
    )
    whole = path.read_bytes()
    damaged = whole[:1_000] + b"\xff" * 200_000 + whole[201_000:]
    shop.deliver("north", {"a.parquet": damaged})
    shop.deliver("south", {"a.parquet": whole})
    reports = shop.load(regions=["north", "south"])

    assert reports["north"].status == "rejected"
    assert "a.parquet" in (reports["north"].rejection or "")
    assert reports["south"].rows_loaded == 50_000


def parquet(path: Path, rows: int = 3) -> bytes:
    duckdb.execute(
        "copy (select 's' || i as sale_id, 1 as line, 'x' as note, 1.5 as price, "
        f"date '2024-03-01' as sold_at from range({rows}) as t(i)) to '{path}' (format parquet)"
    )
    return path.read_bytes()


def with_a_flipped_bit_that_duckdb_does_not_expect(whole: bytes, path: Path) -> bytes:
    """The first one in the footer over which DuckDB raises no error of a known kind but its base class."""
    start = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    for position in range(start, len(whole) - 8):
        damaged = whole[:position] + bytes([whole[position] ^ 64]) + whole[position + 1 :]
        path.write_bytes(damaged)
        try:
            duckdb.execute(f"describe from read_parquet('{path}')")
        except duckdb.Error as error:
            if type(error) is duckdb.Error:
                return damaged
    raise AssertionError("DuckDB expects every damage")


def test_a_parquet_file_with_one_bit_flipped_costs_its_own_delivery_only(shop: Shop, tmp_path: Path) -> None:
    whole = parquet(tmp_path / "whole.parquet")
    shop.deliver("north", {"a.parquet": with_a_flipped_bit_that_duckdb_does_not_expect(whole, tmp_path / "damaged")})
    shop.deliver("south", {"a.parquet": whole})
    shop.deliver("south", {"a.parquet": whole}, DAY + ONE_DAY)
    reports = shop.load_each(Window(DAY, DAY + ONE_DAY * 2))

    assert reports["north", DAY].status == "rejected"
    assert "sales/north 2024-03-01 rejected: a.parquet is a damaged Parquet file" in str(
        reports["north", DAY].rejection
    )
    assert shop.quarantined("_region, _file, reasons") == [("north", "a.parquet", ["unreadable_file"])]
    assert (reports["south", DAY].rows_loaded, reports["south", DAY + ONE_DAY].rows_loaded) == (3, 3)


@pytest.mark.parametrize("name", ["poison.csv", "poison.jsonl", "poison.parquet"])
@pytest.mark.parametrize("fault", [duckdb.InternalException, duckdb.OutOfMemoryException])
def test_a_file_that_is_the_end_of_the_engine_costs_its_own_delivery_only(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, fault: type[duckdb.Error]
) -> None:
    """Faults of DuckDB's own: stood in for by ending its connection, and by memory that runs out."""
    row_of_json = b'{"sale_id":"s1","line":1,"price":1,"sold_at":"2024-03-01"}\n'
    content = {"csv": GOOD, "jsonl": row_of_json, "parquet": parquet(tmp_path / "whole.parquet")}
    shop.deliver("north", {name: content[name.split(".")[1]]})
    shop.deliver("south", {name.replace("poison", "good"): content[name.split(".")[1]]})
    judge = _Reading._judge

    def judge_poison(reading: _Reading, layout: Layout, relation: Relation, files: Sequence[DataFile]) -> None:
        if any(file.name == name for file in files):
            if fault is duckdb.InternalException:
                reading.con.close()
            raise fault("INTERNAL Error: Attempted to access index 7 within vector of size 7")
        judge(reading, layout, relation, files)

    def fault_of(reading: _Reading, layout: Layout, relation: Relation, file: DataFile) -> str | None:
        return "INTERNAL Error" if file.name == name else None

    monkeypatch.setattr(_Reading, "_judge", judge_poison)
    monkeypatch.setattr(_Reading, "_fault", fault_of)
    reports = shop.load(regions=["north", "south"])

    assert reports["north"].status == "rejected"
    assert f"{name} cannot be read or judged" in (reports["north"].rejection or "")
    assert reports["south"].status == "accepted"
    assert shop.quarantined("_file, reasons") == [(name, ["unreadable_file"])]


def test_text_that_ends_duckdb_is_read_record_by_record(shop: Shop) -> None:
    """DuckDB 1.5.5 ends when it reports a byte that is not UTF-8 behind a quoted line end, and a column is left out."""
    header = b"sale_id,line,remark,price,sold_at\n"
    broken = b's1,1,"two\nlines",1.50,2024-03-01T10:\xb00:00Z\n'
    rest = "s2,1,é,1.50,2024-03-01T10:00:00Z\n".encode()
    report = shop.load_one("north", {"a.csv": header + broken + rest})

    assert (report.status, report.rows_read, report.rows_loaded) == ("accepted", 3, 1), report.rejection
    assert shop.quarantined("_line, reasons") == [
        (2, ["unparsable_line", "a quote out of place"]),
        (3, ["unparsable_line", "bytes that are not UTF-8"]),
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv.gz", GOOD + b"\n" * 20_000_000 + row(3).encode(), ""),
        ("a.jsonl.gz", b'{"sale_id":"s1","line":1,"price":1,"sold_at":"2024-03-01"}\n' + b"\n" * 20_000_000, ""),
        ("a.csv.gz", GOOD + b"a\n" * 300_000, "a.csv.gz has over 200,000 lines that cannot be read"),
        ("a.csv.gz", GOOD + b"\n" * (101 << 20), "a.csv.gz unpacks to more than 104,857,600 bytes"),
    ],
    ids=["blank lines", "blank lines of JSON", "broken lines", "more than is unpacked"],
)
def test_a_little_gzip_that_unpacks_to_many_lines_is_read_or_refused(
    shop: Shop, name: str, content: bytes, words: str
) -> None:
    expected = 3 if name == "a.csv.gz" else 1
    report = shop.load_one("north", {name: gzip.compress(content, 1)})

    assert report.status == ("rejected" if words else "accepted")
    assert words in (report.rejection or "")
    assert report.rows_read == report.rows_loaded + report.rows_quarantined == (1 if words else expected)


def test_a_contract_may_let_a_file_unpack_to_more(open_shop: OpenShop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "ALWAYS_UNPACKED", 1_000)
    packed = {"a.csv.gz": gzip.compress(csv(*[row(1)] * 20_000))}
    strict, lenient = (SALES + f"  - {{property: maxUnpackedRatio, value: {ratio}}}\n" for ratio in (20, 1_000))

    assert "raise `maxUnpackedRatio` in" in (open_shop(strict).load_one("north", packed).rejection or "")
    assert "unpacks" not in (open_shop(lenient).load_one("north", packed).rejection or "")
