"""Text as others delimit it is read to the letter: random tables, written by Python with random options."""

from __future__ import annotations

import csv
import io
import random
from pathlib import Path

import pytest

from tidegate.contract.files import CsvOptions, TextOptions
from tidegate.intake.files import csv_text
from tidegate.intake.files.csv_text import Dialect
from tidegate.intake.files.formats.layout import UnreadableFileError
from tidegate.intake.files.plain import encoding_in_doubt, make_plain
from tidegate.intake.files.text import RowWriter

LETTERS = "ab 0'\"\\,;|\tü€#\n-"
MOST = 1 << 20


def read(path: Path, csv_options: CsvOptions, text: TextOptions) -> tuple[list[list[str]], list[int]]:
    """The rows of a file that has a header, and the numbers of the lines that are none."""
    plain = make_plain(path, False, text, path.with_suffix(".plain"), MOST)
    assert plain is not None
    dialect = Dialect.of(csv_options, text)
    header = csv_text.read_header(plain.path, False, False, dialect)
    assert header is not None
    written = io.BytesIO()
    broken = [
        plain.skipped + line.number
        for line in csv_text.fix(plain.path, False, False, len(header.names), RowWriter(written), dialect)
    ]
    return list(csv.reader(io.StringIO(written.getvalue().decode(), newline=""))), broken


@pytest.mark.parametrize("seed", range(200))
def test_what_python_writes_is_read_as_it_was(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    delimiter, quote = chance.choice(",;|\t"), chance.choice("\"'")
    escaped = chance.random() < 0.3
    encoding = chance.choice(["utf-8", "utf-16", "utf-8-sig", "windows-1252", "utf-16-le"])
    letters = [letter for letter in LETTERS if encoding != "windows-1252" or letter.encode("cp1252", "ignore")]
    rows = [
        # Python's writer does not quote a value that begins with a space before its quote.
        ["".join(chance.choices(letters, k=chance.randrange(8))).strip(" \\") for _ in range(3)]
        for _ in range(chance.randrange(1, 9))
    ]
    text = io.StringIO(newline="")
    writer = csv.writer(
        text,
        delimiter=delimiter,
        quotechar=quote,
        doublequote=not escaped,
        escapechar="\\" if escaped else None,
        quoting=csv.QUOTE_ALL,
        lineterminator=chance.choice(["\n", "\r\n"]),
    )
    writer.writerows([["a", "b", "c"], *rows])
    path = tmp_path / "table"
    path.write_bytes(text.getvalue().encode(encoding))

    options = CsvOptions(delimiter, quote, "\\" if escaped else quote)
    stated = TextOptions(encoding={"utf-8-sig": "utf-8", "windows-1252": "cp1252"}.get(encoding, encoding))
    if encoding == "windows-1252" and text.getvalue().isascii():
        stated = TextOptions()
    assert read(path, options, stated) == (rows, [])


def written(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "file"
    path.write_bytes(content)
    return path


def test_lines_around_the_data_are_no_data_and_keep_the_numbers_of_the_others(tmp_path: Path) -> None:
    path = written(tmp_path, b"Report\nof a day\na;b\n1;2\n# said\n1;2;3\nTotal;3\nmade by nobody\n")
    text = TextOptions(skip_lines=2, comment="#", footer="^Total")
    assert read(path, CsvOptions(";"), text) == ([["1", "2"]], [6])


def test_a_footer_by_count_is_the_last_lines_that_are_not_empty(tmp_path: Path) -> None:
    path = written(tmp_path, b"a,b\n1,2\nTotal,2\n\n\n")
    assert read(path, CsvOptions(), TextOptions(footer_lines=1)) == ([["1", "2"]], [])


def test_a_row_far_from_the_end_is_no_footer(tmp_path: Path) -> None:
    path = written(tmp_path, b"a,b\nTotal recall,1\n" + b"x,1\n" * 30)
    rows, _ = read(path, CsvOptions(), TextOptions(footer="^Total"))
    assert len(rows) == 31


def test_rows_too_short_or_too_long_are_taken_only_where_the_contract_says_so(tmp_path: Path) -> None:
    path = written(tmp_path, b"a,b\n1\n1,2,3\n1,2,\n")
    assert read(path, CsvOptions(), TextOptions()) == ([["1", "2"]], [2, 3])
    lenient = CsvOptions(short_rows="fill", long_rows="cut")
    assert read(path, lenient, TextOptions()) == ([["1", ""], ["1", "2"], ["1", "2"]], [])


def test_text_of_another_encoding_than_stated_is_refused_whole(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    for content, stated, says in (
        ("a\nü\n".encode(), "cp1252", "is UTF-8 text, and the contract says `encoding: cp1252`"),
        ("a\nü\n".encode("utf-8-sig"), "latin-1", "begins with the mark of UTF-8"),
        ("a\nü\n".encode("utf-16"), "cp1252", "Write `encoding: utf-16`"),
        (b"a\n\x81\n", "cp1252", "the byte 0x81"),
    ):
        with pytest.raises(UnreadableFileError, match=says):
            make_plain(written(tmp_path, content), False, TextOptions(encoding=stated), plain, MOST)


def test_windows_letters_without_any_of_utf_8_are_of_another_encoding(tmp_path: Path) -> None:
    in_windows = "id,name\n1,x\n2,Müller\n".encode("cp1252")
    assert "line 3 has the byte 0xFC" in str(encoding_in_doubt(written(tmp_path, in_windows), False))
    # One such line among lines that are UTF-8 costs itself only.
    mixed = in_windows + "3,Søn\n".encode()
    assert encoding_in_doubt(written(tmp_path, mixed), False) is None
