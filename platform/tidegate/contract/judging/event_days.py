"""Which day an event is of, in SQL: a date is a day already, a moment is on a day of the platform's time zone."""

from __future__ import annotations

from tidegate.contract.model import Column, Contract
from tidegate.lake.moments import day_of
from tidegate.lake.sql import quoted
from tidegate.zones import Zone


def day_of_column(column: Column, zone: Zone) -> str:
    """SQL for the day that the value of `column`, a date or a timestamp, is on."""
    name = quoted(column.name)
    return name if column.logical_type == "date" else day_of(name, zone)


def event_day(contract: Contract) -> str | None:
    """SQL for the day of a row's event; None where the contract names no time of the event."""
    if contract.event_time is None:
        return None
    return day_of_column(contract.column(contract.event_time), contract.zone)
