"""By which clock a source writes its timestamps: `timezone` and `timesAtClockChanges`, of the contract or a server."""

from __future__ import annotations

import dataclasses
from typing import Any, get_args

from tidegate.contract.model import AtChanges, Clock
from tidegate.contract.reading.document import At, Document, Written
from tidegate.zones import UnknownZoneError, Zone

CLOCK_PROPERTIES = ("timezone", "timesAtClockChanges")


def read_clock(doc: Document, written: Written, otherwise: Clock) -> Clock:
    """What these properties say, and `otherwise` for those that are not there. Raises ContractError."""
    clock = otherwise
    if "timezone" in written:
        clock = dataclasses.replace(clock, zone=read_zone(doc, *written["timezone"]))
    if "timesAtClockChanges" in written:
        value, at = written["timesAtClockChanges"]
        choices = get_args(AtChanges)
        if value not in choices:
            what = f"'{value}' is nothing that timesAtClockChanges can be"
            raise doc.refused(at, what, f"write one of {', '.join(choices)}")
        clock = dataclasses.replace(clock, at_changes=value)
    return clock


def read_zone(doc: Document, value: Any, at: At) -> Zone:
    """The time zone of that name. Raises ContractError for one that nobody knows."""
    try:
        return Zone(str(value))
    except UnknownZoneError as error:
        raise doc.refused(at, error.what, error.instead) from error
