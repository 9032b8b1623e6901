"""Time zones: whose days and clock count, and when in UTC a day begins there.

A zone is an IANA name, as Python's zoneinfo knows it. Which day a moment is of in SQL belongs to `lake.moments`.
"""

from __future__ import annotations

import datetime as dt
import difflib
import zoneinfo
from dataclasses import dataclass
from functools import lru_cache

_NAMES_OF_UTC = frozenset(
    {"UTC", "UCT", "Universal", "Zulu", "Etc/UTC", "Etc/UCT", "Etc/Universal", "Etc/Zulu", "GMT", "Etc/GMT"}
)

# Over these years, the offsets that a zone had or will have. Before 1900 many places had a time of their own.
_FIRST_DAY, _LAST_DAY = dt.date(1900, 1, 1), dt.date(2100, 1, 1)


class UnknownZoneError(ValueError):
    """Nobody knows a zone of this name. `what` is wrong with it, and `instead` is what to write."""

    def __init__(self, what: str, instead: str) -> None:
        super().__init__(f"{what}; {instead}")
        self.what, self.instead = what, instead


@dataclass(frozen=True)
class Zone:
    """A time zone by its name. Raises UnknownZoneError for one that nobody knows; every name of UTC becomes `UTC`."""

    name: str

    def __post_init__(self) -> None:
        if self.name in _NAMES_OF_UTC:
            object.__setattr__(self, "name", "UTC")
        _info(self.name)

    @property
    def is_utc(self) -> bool:
        return self.name == "UTC"

    def day_of(self, moment: dt.datetime) -> dt.date:
        """The day that `moment`, which has an offset, is on."""
        return self.shown_at(moment).date()

    def shown_at(self, moment: dt.datetime) -> dt.datetime:
        """What the clock shows at `moment`, naive."""
        return moment.astimezone(_info(self.name)).replace(tzinfo=None)

    def today(self) -> dt.date:
        return self.day_of(dt.datetime.now(dt.UTC))

    def at(self, day: dt.date, time: dt.time = dt.time()) -> dt.datetime:
        """When the clock shows `time` on `day`, in UTC: without a time, when the day begins.

        Of a time that the clock shows twice, the first; for one that it skips, as much later as it skips.
        """
        return dt.datetime.combine(day, time, _info(self.name)).astimezone(dt.UTC)

    @property
    def offsets(self) -> tuple[int, int]:
        """The least and the most seconds that the clock was or will be ahead of UTC."""
        return (0, 0) if self.is_utc else _offsets(self.name)


@lru_cache
def _info(name: str) -> zoneinfo.ZoneInfo:
    # Beside zones, the folder of zones holds files that are none, and ones that only name the machine's own.
    known = {"UTC"} if name == "UTC" else zoneinfo.available_timezones() - {"localtime", "Factory"}
    if name in known:
        return zoneinfo.ZoneInfo(name)
    spelled = {each.lower(): each for each in known}
    alike = difflib.get_close_matches(name.lower(), spelled, n=1)
    instead = f"'{spelled[alike[0]]}'" if alike else "an IANA name such as 'Europe/Berlin'"
    raise UnknownZoneError(f"'{name}' is not a time zone", f"write {instead}")


@lru_cache
def _offsets(name: str) -> tuple[int, int]:
    info = _info(name)
    days = (dt.datetime.fromordinal(number) for number in range(_FIRST_DAY.toordinal(), _LAST_DAY.toordinal()))
    seconds = {offset.total_seconds() for day in days if (offset := info.utcoffset(day)) is not None}
    return int(min(seconds)), int(max(seconds))


UTC = Zone("UTC")
