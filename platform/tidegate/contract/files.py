"""How a source's files are written, as plain values: one class of options for each format, and one for values as text.

The defaults read what is plain. Reading them from a contract belongs to `contract.reading.files`, reading files by them
to `intake.files`, and making values of texts to `contract.judging.casts`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FileFormat = Literal["csv", "fixed_width", "json", "json_array", "xlsx", "xml", "parquet", "avro", "orc"]


# What a change is wrapped in; nothing unless written.
Envelope = Literal["", "debezium"]


@dataclass(frozen=True)
class TextOptions:
    """What of a text file is data, and by which encoding its bytes are text.

    `names` are those of the columns where no line names them (`header` is false); none: those of the contract, in its
    order. `skip_lines` stand before the header. `footer` is a pattern: of the last 20 lines, the first that matches it
    and all that follow are no data. `footer_lines` is how many those are; without a pattern, the last ones.
    """

    encoding: str = "utf-8"
    header: bool = True
    names: tuple[str, ...] = ()
    skip_lines: int = 0
    comment: str = ""
    footer: str = ""
    footer_lines: int = 0
    # Of any format: whether a file without a byte has no rows, or something is wrong with it.
    empty_is_no_rows: bool = False


@dataclass(frozen=True)
class CsvOptions:
    """How the fields of a line are told apart. `quote` empty: there are no quotes."""

    delimiter: str = ","
    quote: str = '"'
    escape: str = '"'
    # A row with too few fields has none in its last columns, one with too many is cut; or both are quarantined.
    short_rows: Literal["quarantine", "fill"] = "quarantine"
    long_rows: Literal["quarantine", "cut"] = "quarantine"


@dataclass(frozen=True)
class FixedWidthOptions:
    """How many characters each field of a line has."""

    widths: tuple[int, ...] = ()


@dataclass(frozen=True)
class JsonOptions:
    """Where a JSON document has its records: the keys that lead to them. And what each object is around its row."""

    records: tuple[str, ...] = ()
    envelope: Envelope = ""


@dataclass(frozen=True)
class XmlOptions:
    """Which elements are an XML file's records: the end of the path to them. None: those inside of the outermost."""

    records: tuple[str, ...] = ()


@dataclass(frozen=True)
class XlsxOptions:
    """Which sheets of a workbook are read, and in which row their header stands. None: the only one, the first row with
    anything in it."""

    sheets: tuple[str, ...] = ()
    header_row: int | None = None


@dataclass(frozen=True)
class ValueOptions:
    """How values are written in every format that writes them as text: CSV, texts in JSON, cells of a workbook."""

    # Stand for no value, and so do blanks where a value is not text.
    null_words: tuple[str, ...] = ()
    # Of a boolean, in any case. None: true, false, 1 and 0.
    true_words: tuple[str, ...] = ()
    false_words: tuple[str, ...] = ()
    # Whether blanks around a text are no part of it.
    trim: bool = False
    # Whether a text that is a whole number with `.0` behind it, as pandas makes of ids, is the number.
    cut_zeros: bool = False
    decimal: str = "."
    # Each of its characters may stand between thousands.
    thousands: str = ""
    # May stand before or after a number.
    currency: tuple[str, ...] = ()
    # What `5 %` is: 5, or 0.05. Empty: nothing.
    percent: Literal["", "number", "fraction"] = ""
    negatives: tuple[str, ...] = ()
    date_formats: tuple[str, ...] = ()
    timestamp_formats: tuple[str, ...] = ()
    # Whether a date is taken of a timestamp, as it is written.
    cut_time: bool = False


@dataclass(frozen=True)
class FileOptions:
    """How the files of one region are read. `format` None: each file's name tells."""

    format: FileFormat | None = None
    text: TextOptions = TextOptions()
    csv: CsvOptions = CsvOptions()
    fixed_width: FixedWidthOptions = FixedWidthOptions()
    json: JsonOptions = JsonOptions()
    xml: XmlOptions = XmlOptions()
    xlsx: XlsxOptions = XlsxOptions()
    values: ValueOptions = ValueOptions()


PLAIN_VALUES = ValueOptions()
PLAIN_FILES = FileOptions()
