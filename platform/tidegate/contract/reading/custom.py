"""The `customProperties` of a contract: what the standard has no field for. Those of a server are `servers`'."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, get_args

from tidegate import needs
from tidegate.contract.files import FileOptions
from tidegate.contract.model import CLOCK_OF_UTC, AtAnomaly, Changes, Clock, QuarantineLimit, Readiness, RepeatedRows
from tidegate.contract.reading.changes import CHANGE_PROPERTIES, SNAPSHOT, read_changes, read_snapshot
from tidegate.contract.reading.clocks import CLOCK_PROPERTIES, read_clock
from tidegate.contract.reading.delivery_days import DAYS_OF_A_SOURCE, read_delivery_days
from tidegate.contract.reading.document import At, Document, Written
from tidegate.contract.reading.files import FILE_PROPERTIES, read_shared_file_options
from tidegate.contract.reading.limits import LIMIT_PROPERTIES, REPEATED_ROWS, read_limits, read_repeated_rows
from tidegate.contract.reading.written import read_choice, read_written, whole_number
from tidegate.delivery_days import DeliveryDays

# Unless a contract says otherwise. A delivery of which more is broken is more likely wrong as a whole.
DEFAULT_MAX_QUARANTINED_PERCENT = Decimal(5)

# A century: beyond it, the number is a mistake.
MAX_LATENESS_DAYS = 36_500

# Beyond it, the share alone should say what is too much.
MAX_QUARANTINED_ROWS = 1_000_000

# Beyond a day, "unchanged for so long" is a mistake and not a rule.
MAX_QUIET_MINUTES = 1_440

# Less often than this is once a day.
MAX_INTRADAY_MINUTES = 720

# Ordinary files unpack to 5 to 20 times their size, very monotonous ones to 200. Gzip cannot do more than 1,032.
DEFAULT_MAX_UNPACKED_RATIO = 200
LARGEST_UNPACKED_RATIO = 1_100

_KNOWN = (
    "eventTime",
    "allowedLatenessDays",
    "maxQuarantinedPercent",
    "maxQuarantinedRows",
    "fallback",
    "onMissing",
    "readiness",
    "quietMinutes",
    "maxUnpackedRatio",
    "intradayMinutes",
    "anomaly",
    *CHANGE_PROPERTIES,
    SNAPSHOT,
    *LIMIT_PROPERTIES,
    REPEATED_ROWS,
    *DAYS_OF_A_SOURCE,
    *CLOCK_PROPERTIES,
    *FILE_PROPERTIES,
    *needs.NAMES,
)
_Fallback = Literal["last_good"]
_OnMissing = Literal["wait", "publish_without"]
_ReadinessRule = Literal["marker", "all_regions", "quiet"]


@dataclass(frozen=True)
class Custom:
    """The custom properties of a contract. `event_time_at` is where the column of the event is named."""

    event_time: str | None
    event_time_at: At
    allowed_lateness_days: int | None
    max_quarantined_percent: Decimal
    max_quarantined_rows: int | None
    fallback: _Fallback | None
    on_missing: _OnMissing
    readiness: Readiness
    max_unpacked_ratio: int
    delivery_days: DeliveryDays
    clock: Clock
    files: FileOptions
    anomaly: AtAnomaly
    changes: Changes | None
    is_snapshot: bool
    quarantine_limits: tuple[QuarantineLimit, ...]
    repeated_rows: RepeatedRows | None
    needs: needs.Needs
    intraday_minutes: int | None


def read_custom(doc: Document) -> Custom:
    """The contract's own. Raises ContractError for one that is unknown, or that cannot work."""
    written = read_written(doc, doc.odcs.customProperties, ("customProperties",), _KNOWN)
    if "allowedLatenessDays" in written and "eventTime" not in written:
        what = "allowedLatenessDays without eventTime says nothing about when a row is late"
        raise doc.refused(written["allowedLatenessDays"][1], what, "write the column of the event as 'eventTime'")
    event_time, event_time_at = written.get("eventTime", (None, ()))
    return Custom(
        event_time=event_time,
        event_time_at=event_time_at,
        allowed_lateness_days=whole_number(doc, written, "allowedLatenessDays", 0, MAX_LATENESS_DAYS, "days"),
        max_quarantined_percent=_read_max_quarantined(doc, written),
        max_quarantined_rows=whole_number(doc, written, "maxQuarantinedRows", 0, MAX_QUARANTINED_ROWS, "rows"),
        fallback=read_choice(doc, written, "fallback", get_args(_Fallback), None),
        on_missing=read_choice(doc, written, "onMissing", get_args(_OnMissing), "wait"),
        readiness=_read_readiness(doc, written),
        max_unpacked_ratio=whole_number(doc, written, "maxUnpackedRatio", 1, LARGEST_UNPACKED_RATIO, "times")
        or DEFAULT_MAX_UNPACKED_RATIO,
        delivery_days=read_delivery_days(doc, written),
        clock=read_clock(doc, written, CLOCK_OF_UTC),
        files=read_shared_file_options(doc, written),
        anomaly=read_anomaly(doc, written),
        changes=read_changes(doc, written),
        is_snapshot=read_snapshot(doc, written),
        quarantine_limits=read_limits(doc, written),
        repeated_rows=read_repeated_rows(doc, written),
        needs=needs.together(_need(doc, *written[name], name) for name in needs.NAMES if name in written),
        intraday_minutes=whole_number(doc, written, "intradayMinutes", 1, MAX_INTRADAY_MINUTES, "minutes"),
    )


def _need(doc: Document, value: object, at: At, name: str) -> needs.Needs:
    try:
        return needs.read_need(name, value)
    except needs.UnusableNeedError as error:
        raise doc.refused(at, error.what, error.instead) from error


def read_anomaly(doc: Document, written: Written) -> AtAnomaly:
    """What becomes of unusual row counts, or of unusual values of the column whose properties these are."""
    found: AtAnomaly = read_choice(doc, written, "anomaly", get_args(AtAnomaly), "warn")
    return found


def _read_max_quarantined(doc: Document, written: Written) -> Decimal:
    if "maxQuarantinedPercent" not in written:
        return DEFAULT_MAX_QUARANTINED_PERCENT
    percent, at = written["maxQuarantinedPercent"]
    if isinstance(percent, int | float) and not isinstance(percent, bool) and 0 <= percent <= 100:
        return Decimal(str(percent))
    raise doc.refused(at, f"{percent!r} is not a percentage", "write a number from 0 to 100")


def _read_readiness(doc: Document, written: Written) -> Readiness:
    rule: _ReadinessRule = read_choice(doc, written, "readiness", get_args(_ReadinessRule), "marker")
    minutes = whole_number(doc, written, "quietMinutes", 1, MAX_QUIET_MINUTES, "minutes")
    if rule == "quiet" and minutes is None:
        what = "readiness is 'quiet', but not for how long nothing may have changed"
        raise doc.refused(written["readiness"][1], what, "write the minutes as 'quietMinutes'")
    if rule != "quiet" and minutes is not None:
        what = "quietMinutes has no effect unless readiness is 'quiet'"
        raise doc.refused(written["quietMinutes"][1], what, "write 'readiness: quiet', or remove it")
    return Readiness(rule, minutes or 0)
