"""What a person may decide of a draft, what a draft is made of, and the trouble that ends one."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tidegate.contract.files import FileOptions
from tidegate.errors import TidegateError


class DraftError(TidegateError):
    """No contract can be drafted from these files. The message says why, and what to do."""


@dataclass(frozen=True)
class Asked:
    """What the person says of the files; None: the files decide, or it is left open."""

    source: str | None = None
    day: dt.date | None = None
    key: tuple[str, ...] | None = None
    event_time: str | None = None
    dates: Literal["day-first", "month-first"] | None = None
    decimal: Literal[".", ","] | None = None
    delimiter: str | None = None
    encoding: str | None = None
    sheet: str | None = None
    records: str | None = None
    # Where all of the files were fetched from, if they were: in their order.
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sample:
    """One day's file. `plain` is where its bytes are unpacked, `day` what its name says of its day."""

    path: Path
    name: str
    plain: Path
    day: dt.date | None = None


@dataclass(frozen=True)
class Field:
    """A column as it is delivered: its name, its type where the file has types, else VARCHAR.

    `quoted`: JSON writes all of its values in quotes. `missing_somewhere`: not every file or record has it.
    """

    name: str
    sql_type: str = "VARCHAR"
    quoted: bool = False
    missing_somewhere: bool = False


@dataclass(frozen=True)
class Note:
    """Why something was chosen: `about` names the property or column, "" the whole."""

    about: str
    text: str


@dataclass(frozen=True)
class Written:
    """How the files are written: the options by which intake reads them, their columns, and why."""

    options: FileOptions
    fields: tuple[Field, ...]
    notes: tuple[Note, ...] = ()
    # Names of columns that are delivered and cannot be loaded, with the reason.
    left_out: tuple[Note, ...] = field(default=())
