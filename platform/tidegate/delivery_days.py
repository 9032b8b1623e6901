"""On which days a source delivers: from its first day on, on the days of the week that it says, and not on holidays."""

from __future__ import annotations

import calendar
import datetime as dt
from dataclasses import dataclass

# As Python counts them: Monday is 0.
EVERY_WEEKDAY = frozenset(range(7))


@dataclass(frozen=True)
class DeliveryDays:
    """The days on which a delivery is expected. On any other day nobody waits for it, and it is welcome all the same.

    `first_day` is None where nobody has named one: from the beginning.
    """

    first_day: dt.date | None = None
    weekdays: frozenset[int] = EVERY_WEEKDAY
    except_dates: frozenset[dt.date] = frozenset()
    # Where files are of whole months: on the last day of each.
    only_month_ends: bool = False

    def __contains__(self, day: dt.date) -> bool:
        began = self.first_day is None or day >= self.first_day
        if self.only_month_ends and day.day != calendar.monthrange(day.year, day.month)[1]:
            return False
        return began and day.weekday() in self.weekdays and day not in self.except_dates


ALL_DAYS = DeliveryDays()
