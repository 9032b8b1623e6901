"""What a contract says, as plain values: columns, rules, regions.

Only data and its arithmetic belong here. Reading ODCS belongs to `contract.reading`; the SQL and the
verdict on a whole delivery belong to `contract.judging`, and what that finds to `contract.found`.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Literal

from tidegate.contract.database import DatabaseServer, PostgresServer
from tidegate.contract.files import PLAIN_FILES, FileOptions, ValueOptions
from tidegate.contract.http import HttpServer
from tidegate.contract.kafka import KafkaServer
from tidegate.contract.landing import LandedServer
from tidegate.contract.product import ProductServer
from tidegate.contract.python import PythonServer
from tidegate.contract.table import TableServer
from tidegate.delivery_days import ALL_DAYS, DeliveryDays
from tidegate.needs import NOTHING_SPECIAL, Needs
from tidegate.window import ONE_DAY
from tidegate.zones import UTC, Zone

Dimension = Literal["accuracy", "completeness", "consistency", "timeliness", "traceability", "uniqueness"]
Severity = Literal["error", "warning"]
Unit = Literal["rows", "percent"]
LogicalType = Literal["string", "integer", "number", "boolean", "date", "timestamp", "time"]
# What becomes of a delivery that is unusual beside the source's past: a check warns, it is rejected, or nobody looks.
AtAnomaly = Literal["warn", "reject", "ignore"]
AtChanges = Literal["quarantine", "earlier", "later"]
# What a row means that says the same as another one of its delivery, where no column is a key.
RepeatedRows = Literal["keep", "drop"]
Comparison = Literal[
    "mustBe",
    "mustNotBe",
    "mustBeGreaterThan",
    "mustBeGreaterOrEqualTo",
    "mustBeLessThan",
    "mustBeLessOrEqualTo",
    "mustBeBetween",
    "mustNotBeBetween",
]

# A line the reader could not split into columns; intake gives this reason, the SQL here never sees the line.
UNPARSABLE = "unparsable_line"
DUPLICATE_KEY = "duplicate_key"
REPEATED_ROW = "repeated_row"
TOO_LATE = "too_late"
IN_THE_FUTURE = "in_the_future"


@dataclass(frozen=True)
class Clock:
    """By which clock timestamps without an offset are written: that of a time zone.

    A time that the clock skips or shows twice when it is changed could be either of two moments: `at_changes` says
    which is taken, or that its row is quarantined.
    """

    zone: Zone = UTC
    at_changes: AtChanges = "quarantine"


CLOCK_OF_UTC = Clock()


@dataclass(frozen=True)
class Column:
    """One column of a source. `formats` say how its times are written when not in ISO 8601, `zone` by which zone's
    clock, whichever region writes it."""

    name: str
    sql_type: str
    logical_type: LogicalType
    required: bool = False
    description: str = ""
    formats: tuple[str, ...] = ()
    zone: Zone | None = None
    # Under which other names it may be delivered.
    delivered_as: tuple[str, ...] = ()
    # Of its values, missing ones included.
    anomaly: AtAnomaly = "warn"
    # How its values are written where that differs from its region's: options of ValueOptions, by name.
    values: tuple[tuple[str, object], ...] = ()

    def written(self, values: ValueOptions) -> ValueOptions:
        """How its values are written in files of a region that writes so."""
        return replace(values, **dict(self.values)) if self.values else values  # type: ignore[arg-type]  # by name

    def formats_in(self, values: ValueOptions) -> tuple[str, ...]:
        """How its dates and times are written."""
        of_kind = {"date": values.date_formats, "timestamp": values.timestamp_formats}
        return self.formats or of_kind.get(self.logical_type, ())

    @property
    def ambiguous(self) -> str:
        """The reason of a row whose time here was shown twice by the clock that it is written by."""
        return f"ambiguous_{self.name}"

    @property
    def nonexistent(self) -> str:
        """The reason of a row whose time here was never shown by the clock that it is written by."""
        return f"nonexistent_{self.name}"

    @property
    def invalid(self) -> str:
        """The reason of a row whose value here is not of the column's type."""
        return f"invalid_{self.name}"

    @property
    def missing(self) -> str:
        """The reason of a row that has no value here although one is required."""
        return f"missing_{self.name}"


# What a source is fetched from. `address` tells one from another and never holds a secret.
Server = (
    LandedServer
    | HttpServer
    | PostgresServer
    | DatabaseServer
    | TableServer
    | PythonServer
    | ProductServer
    | KafkaServer
)


@dataclass(frozen=True)
class Region:
    """One server of the contract: who delivers a part of the source, where it is fetched from, and how."""

    name: str
    server: Server
    files: FileOptions = PLAIN_FILES
    delivers_on: DeliveryDays = ALL_DAYS
    clock: Clock = CLOCK_OF_UTC


@dataclass(frozen=True)
class Readiness:
    """When landed files are a whole delivery.

    "marker": `_SUCCESS` lies beside them. "quiet": nothing changed for `quiet_minutes`. "all_regions": every region
    has some; that is for whoever launches a run to wait for, a region alone is taken as it is.
    """

    rule: Literal["marker", "all_regions", "quiet"] = "marker"
    quiet_minutes: int = 0


@dataclass(frozen=True)
class RowRule:
    """Quarantines the rows for which `broken_when` (SQL over the typed columns and `_day`) is true."""

    reason: str
    dimension: Dimension
    broken_when: str
    description: str


@dataclass(frozen=True)
class UniqueRule:
    """In one delivery the last sound row of each combination of `columns` wins; earlier ones get `reason`. Rows without
    a value in one of them are not compared, unless no value is like no value."""

    reason: str
    columns: tuple[str, ...]
    description: str
    nulls_are_alike: bool = False


@dataclass(frozen=True)
class Threshold:
    """What a measured number is held against."""

    comparison: Comparison
    limits: tuple[Decimal, ...]
    unit: Unit = "rows"


@dataclass(frozen=True)
class DeliveryRule:
    """A number measured of a delivery, and what it must be.

    `measure` by `kind`: for "rows_read" nothing (every line read, unparsable ones included); for "count" an
    aggregate over the delivery's sound rows; for "query" a query over a table `_rows` of its sound rows.
    """

    name: str
    dimension: Dimension
    severity: Severity
    kind: Literal["rows_read", "count", "query"]
    measure: str
    threshold: Threshold
    description: str


@dataclass(frozen=True)
class QuarantineLimit:
    """How much may be missing because it is in quarantine: percent of the rows of each value of a column, or of the
    column's sum, without signs."""

    of: Literal["group", "sum"]
    column: str
    most: Decimal


@dataclass(frozen=True)
class LimitFigures:
    """What is held against a limit: rows of which nobody knows what they take from it, groups above it (which,
    quarantined rows, rows), and the sum of what is in quarantine."""

    unknown: int = 0
    above: tuple[tuple[str | None, int, int], ...] = ()
    total: Decimal = Decimal(0)


@dataclass(frozen=True)
class Changes:
    """Rows are changes: which column says what was done, by which words it says that a row was deleted, and by which
    column of two changes of a key the later one is known."""

    operation: str
    ordered_by: str
    deletes: tuple[str, ...] = ("d", "delete")


@dataclass(frozen=True)
class Contract:
    """One source's contract, checked: everything in it is known to work on an empty delivery."""

    source: str
    version: str
    path: Path
    title: str
    description: str
    owner: str | None
    channel: str | None
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    event_time: str | None
    allowed_lateness_days: int | None
    row_rules: tuple[RowRule, ...]
    unique_rules: tuple[UniqueRule, ...]
    delivery_rules: tuple[DeliveryRule, ...]
    max_quarantined_percent: Decimal
    # So many rows may be quarantined whatever their share; None: as many as chance explains, `assess` says how.
    max_quarantined_rows: int | None
    regions: tuple[Region, ...]
    # On the day after the delivery's, in `zone`: when a day must be published.
    published_by: dt.time | None = None
    # Whose days the days of deliveries and events are: the platform's time zone.
    zone: Zone = UTC
    # What stands in when the source is down, and whether a day may be published without a late region.
    fallback: Literal["last_good"] | None = None
    on_missing: Literal["wait", "publish_without"] = "wait"
    readiness: Readiness = Readiness()
    # A compressed file that unpacks to more times its size is taken for a trap.
    max_unpacked_ratio: int = 200
    # Of the row counts of its deliveries.
    anomaly: AtAnomaly = "warn"
    changes: Changes | None = None
    quarantine_limits: tuple[QuarantineLimit, ...] = ()
    # Whether each delivery of a region is all that there is: what the newest no longer has is deleted.
    is_snapshot: bool = False
    # Of whatever executes the runs that load it.
    needs: Needs = NOTHING_SPECIAL
    # How long to wait between two reads of a day that has not ended; None: it is read once it has.
    intraday: dt.timedelta | None = None

    @property
    def label(self) -> str:
        """The file as a person can open it, for messages."""
        return shown_path(self.path)

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    @property
    def required(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.required)

    @property
    def rejects_anomalies(self) -> bool:
        """Whether a delivery can be rejected for being unusual."""
        return self.anomaly == "reject" or any(column.anomaly == "reject" for column in self.columns)

    def day_ends(self, day: dt.date) -> dt.datetime:
        """When the day is over, in UTC."""
        return self.zone.at(day + ONE_DAY)

    def deadline(self, day: dt.date) -> dt.datetime | None:
        """When a delivery of the day must have come, in UTC; None where the contract does not say."""
        return None if self.published_by is None else self.zone.at(day + ONE_DAY, self.published_by)

    def region(self, name: str) -> Region:
        return next(region for region in self.regions if region.name == name)


def shown_path(path: Path) -> str:
    """The path as a person can click it: from where they stand, if the file is below."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
