"""How a source's files are written, as plain values: one class of options for each format, and one for values as text.

The defaults read what is plain. Reading them from a contract belongs to `contract.reading.files`, reading files by them
to `intake.files`, and making values of texts to `contract.judging.casts`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FileFormat = Literal["csv", "json", "parquet"]


@dataclass(frozen=True)
class CsvOptions:
    """How lines and fields of a delimited text are told apart."""

    delimiter: str = ","


@dataclass(frozen=True)
class ValueOptions:
    """How values are written in every format that writes them as text: CSV, texts in JSON, cells of a workbook."""

    null_words: tuple[str, ...] = ()


@dataclass(frozen=True)
class FileOptions:
    """How the files of one region are read. `format` None: each file's name tells."""

    format: FileFormat | None = None
    csv: CsvOptions = CsvOptions()
    values: ValueOptions = ValueOptions()


PLAIN_VALUES = ValueOptions()
PLAIN_FILES = FileOptions()
