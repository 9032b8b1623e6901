"""The second opinion: counting and fixing text without DuckDB."""

from __future__ import annotations

import csv as python_csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.examples import examples

from tidegate.contract.model import Column
from tidegate.intake.files import csv_text, json_text
from tidegate.intake.files.text import MAX_RECORD, BrokenLine, RowWriter, census, lines_of, quote_lines

python_csv.field_size_limit(2 * MAX_RECORD)


def fix(path: Path, content: bytes, width: int, cr_only: bool = False) -> tuple[list[list[str]], list[BrokenLine]]:
    """The rows that fixing vouches for, read by Python's own CSV reader, and the broken lines."""
    path.write_bytes(content)
    stream = io.BytesIO()
    sound = RowWriter(stream)
    broken = list(csv_text.fix(path, False, cr_only, width, sound))
    rows = list(python_csv.reader(io.StringIO(stream.getvalue().decode(), newline=""), strict=True))
    assert len(rows) == sound.rows
    return rows, broken


@pytest.mark.parametrize(
    ("content", "lines", "regular"),
    [
        (b"", 0, True),
        (b"a", 1, True),
        (b"a\n", 1, True),
        (b"a\r\nb\r\n", 2, True),
        (b"a\r\nb\n", 2, False),
        (b"a\rb\n", 1, False),
        (b"a\0\n", 1, False),
        (b"\n\n", 2, True),
    ],
)
def test_a_census_counts_lines_and_notices_what_misleads(
    tmp_path: Path, content: bytes, lines: int, regular: bool
) -> None:
    (tmp_path / "a").write_bytes(content)
    counted = census(tmp_path / "a", gzipped=False, most=0)

    assert counted
    assert (counted.lines, counted.is_regular) == (lines, regular)


def test_a_line_end_that_a_block_cuts_in_two_is_one(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * ((1 << 20) - 1) + b"\r\n" + b"y\r\n")

    counted = census(tmp_path / "a", gzipped=False, most=0)

    assert counted
    assert counted.is_regular


def test_a_line_of_any_length_takes_little_memory() -> None:
    long = b"x" * (3 * MAX_RECORD)
    found = list(lines_of(io.BufferedReader(io.BytesIO(b"a\n" + long + b"\n" + long))))

    assert [(len(line), length) for line, length in found] == [
        (1, 1),
        (MAX_RECORD + 1, 3 * MAX_RECORD),
        (MAX_RECORD + 1, 3 * MAX_RECORD),
    ]


def test_broken_lines_are_quoted_by_number(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one\r\ntwo\r\nthree\xff\0")

    assert [line.shown for line in quote_lines(tmp_path / "a", False, [1, 3])] == ["one", "three\\xff\\x00"]


@examples(60)
@given(st.lists(st.lists(st.text('ab ,"\n\ré', max_size=6), min_size=3, max_size=3), max_size=12))
def test_mending_sound_csv_changes_nothing(tmp_path: Path, rows: list[list[str]]) -> None:
    stream = io.StringIO(newline="")
    python_csv.writer(stream, lineterminator="\n", quoting=python_csv.QUOTE_ALL).writerows(rows)
    fixed, broken = fix(tmp_path / "a", b"a,b,c\n" + stream.getvalue().encode(), 3)

    assert broken == []
    assert fixed == rows


@examples(60)
@given(st.lists(st.sampled_from([b'"', b",", b"\n", b"x", b'"x"', b"\r\n", b"\xff", b"\0", b" "]), max_size=40))
def test_mending_accounts_for_every_line_once(tmp_path: Path, pieces: list[bytes]) -> None:
    content = b"".join(pieces)
    rows, broken = fix(tmp_path / "a", b"a,b\n" + content, 2)
    lines = content.split(b"\n")
    blank = sum(not line.strip(b"\r") for line in lines)
    inside = sum(field.count("\n") for row in rows for field in row)

    assert len({line.number for line in broken}) == len(broken)
    # A blank line inside of quotes belongs to its record.
    assert len(lines) - blank <= len(rows) + len(broken) + inside <= len(lines)


def test_a_record_longer_than_a_block_is_whole(tmp_path: Path) -> None:
    long = "x" * 1_500_000
    rows, broken = fix(tmp_path / "a", f'a,b\n1,{long}\n2,"{long}\n"\n3,"{long}{long}"\n4,y\n'.encode(), 2)

    assert [(row[0], len(row[1])) for row in rows] == [("1", 1_500_000), ("2", 1_500_001), ("4", 1)]
    assert [(line.number, line.length) for line in broken] == [(5, 3_000_004)]


@pytest.mark.parametrize(
    "line", [b"[" * 100_000, b'{"a":' * 100_000, b'{"a":"\\ud800"}', b'{"a":"\\u0000"}', b"nothing"]
)
def test_json_that_is_no_row_is_a_broken_line(tmp_path: Path, line: bytes) -> None:
    (tmp_path / "a").write_bytes(line + b'\n{"a":1}\n')
    sound = RowWriter(io.BytesIO())

    assert [
        broken.number
        for broken in json_text.fix(tmp_path / "a", False, [Column("a", "VARCHAR", "string")], ["."], sound)
    ] == [1]
    assert sound.rows == 1
