"""What was chosen for each column, as plain values: its type and how it is written, with the evidence."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace
from typing import Literal

from tidegate.contract.files import PLAIN_VALUES, ValueOptions
from tidegate.contract.model import Column, LogicalType

Order = Literal["day-first", "month-first"]


@dataclass(frozen=True)
class Choice:
    """A column of the draft. `values` are how its values are written, its words for none among them; `settled` is
    false where nothing decided between two readings, and it was left as text."""

    name: str
    delivered: str
    logical_type: LogicalType = "string"
    sql_type: str = "VARCHAR"
    formats: tuple[str, ...] = ()
    values: ValueOptions = PLAIN_VALUES
    notes: tuple[str, ...] = ()
    open: str = ""
    # Filled in once the typed rows were looked at.
    required: bool = False
    key_place: int | None = None
    minimum: str | None = None
    maximum: str | None = None
    enum: tuple[str, ...] = ()
    text_format: str = ""
    personal: str = ""
    # Words that elsewhere may mean none, and that the column has.
    held_words: tuple[str, ...] = ()
    # What the sample has, as it is delivered: of a file with types, not VARCHAR.
    sampled_as: str = "VARCHAR"

    @property
    def column(self) -> Column:
        return Column(
            self.name,
            self.sql_type,
            self.logical_type,
            formats=self.formats,
            delivered_as=(self.delivered,) if self.delivered != self.name else (),
        )

    def noting(self, *texts: str, **changes: object) -> Choice:
        return replace(self, notes=(*self.notes, *texts), **changes)  # type: ignore[arg-type]  # by name


@dataclass(frozen=True)
class Context:
    """What the other columns, the files' names and the person say, for columns that do not decide by themselves."""

    decimal: Literal[".", ","] | None = None
    order: Order | None = None
    order_because: str = ""
    days: tuple[dt.date, ...] = field(default=())
