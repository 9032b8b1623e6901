"""On which days a contract says that it delivers: `generalAvailability`, `firstDay`, `deliversOn` and `exceptDates`.

What the contract says holds for all its servers; what a server says holds for that region.
"""

from __future__ import annotations

import calendar
import dataclasses
import datetime as dt
from typing import Any

from tidegate.contract.reading.document import At, Document, Written, closest
from tidegate.delivery_days import DeliveryDays

DAYS_OF_A_SOURCE = ("deliversOn", "exceptDates")
DAYS_OF_A_REGION = ("firstDay", *DAYS_OF_A_SOURCE)

_WEEKDAYS = tuple(name.lower() for name in calendar.day_name)


def read_delivery_days(doc: Document, written: Written) -> DeliveryDays:
    """The days of the whole source. Raises ContractError for what is not a day."""
    return own_delivery_days(doc, written, DeliveryDays(first_day=_general_availability(doc)))


def own_delivery_days(doc: Document, written: Written, otherwise: DeliveryDays) -> DeliveryDays:
    """What these properties say, and `otherwise` for those that are not there. Raises ContractError as above."""
    days = otherwise
    if "firstDay" in written:
        days = dataclasses.replace(days, first_day=_calendar_day(doc, *written["firstDay"]))
    if "deliversOn" in written:
        days = dataclasses.replace(days, weekdays=frozenset(_weekdays(doc, *written["deliversOn"])))
    if "exceptDates" in written:
        days = dataclasses.replace(days, except_dates=frozenset(_dates(doc, *written["exceptDates"])))
    return days


def _general_availability(doc: Document) -> dt.date | None:
    """The first day of the whole source, where the contract's service levels name it."""
    for i, level in enumerate(doc.odcs.slaProperties or []):
        if level.property == "generalAvailability" and level.value is not None:
            return _calendar_day(doc, level.value, ("slaProperties", i, "value"))
    return None


def _weekdays(doc: Document, value: Any, at: At) -> list[int]:
    names = _listed(doc, value, at, "[monday, tuesday, wednesday, thursday, friday]")
    for i, name in enumerate(names):
        if name not in _WEEKDAYS:
            raise doc.refused((*at, i), f"{name!r} is not a day of the week", closest(str(name), _WEEKDAYS))
    return [_WEEKDAYS.index(name) for name in names]


def _dates(doc: Document, value: Any, at: At) -> list[dt.date]:
    dates = _listed(doc, value, at, '["2024-12-25", "2025-01-01"]')
    return [_calendar_day(doc, date, (*at, i)) for i, date in enumerate(dates)]


def _listed(doc: Document, value: Any, at: At, example: str) -> list[Any]:
    if isinstance(value, list) and value:
        return value
    raise doc.refused(at, f"{value!r} is not a list with entries", f"write a list: {example}")


def _calendar_day(doc: Document, value: Any, at: At) -> dt.date:
    """`2024-01-31`, or a moment, of which the day in the platform's time zone counts."""
    try:
        moment = dt.datetime.fromisoformat(str(value))
    except ValueError as error:
        raise doc.refused(at, f"{value!r} is not a day", 'write it as "2024-01-31"') from error
    return doc.zone.day_of(moment) if moment.tzinfo else moment.date()
