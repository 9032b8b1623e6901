"""Which deliveries a day waits for: those that are required of it and that it was not published without.

A delivery is required on the days that its contract expects it. One whose first day nobody has named came later than
the days that were published without it, and these do not wait for it: adding a region or a source closes no day of the
past. That ends where a region of the source was withdrawn: the day may lack under its new name what it was published
with.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping

from duckdb import DuckDBPyConnection

from tidegate.delivery_days import ALL_DAYS, DeliveryDays
from tidegate.lake.sql import literal, rows_relation
from tidegate.ledger.interim import EFFECTIVE_VERDICT, IS_OF_A_WHOLE_DAY
from tidegate.ledger.publications import none_of
from tidegate.ledger.waivers import STANDING_WAIVERS

Place = tuple[str, str]
# Those of places that are not named are all days.
DaysOfPlaces = Mapping[Place, DeliveryDays]

# Of an accepted delivery whose region the contract no longer has: its rows left raw.
WITHDRAWN = "withdrawn"

NEWEST_DELIVERIES = f"""
    select source, region, partition_day as day, max_by({EFFECTIVE_VERDICT}, rowid) as verdict,
        max_by(stands_in_for is null, rowid) as is_genuine
    from ops.deliveries group by all
"""


def _settled(beside: Collection[str]) -> str:
    """Source and day that were published as they are: what never came of them is not waited for. The marts `beside`,
    which are not made of the source, do not count."""
    published = f"cadence = 'daily' and {none_of(beside)} and {IS_OF_A_WHOLE_DAY}"
    return f"""
    select n.source, p.day
    from (select distinct partition_day as day from ops.publications where {published}) as p
    cross join (select distinct source from required) as n
    anti join (select source, day from ({NEWEST_DELIVERIES}) where verdict = '{WITHDRAWN}') as w
    on w.source = n.source and w.day = p.day
    """


# Whether the required delivery `r` is expected on the day of `d`. ISO counts Monday as 1.
EXPECTED_DELIVERY = """
    d.day >= coalesce(r.first_day, d.day)
    and list_contains(r.weekdays, isodow(d.day)) and not list_contains(r.except_dates, d.day)
    and not (r.only_month_ends and d.day <> last_day(d.day))
"""


def required_relation(deliveries: Iterable[Place], delivery_days: DaysOfPlaces) -> str:
    """A query for what is required: (source, region, first_day, weekdays, except_dates, only_month_ends), weekdays as
    ISO counts."""
    types = {
        "source": "varchar",
        "region": "varchar",
        "first_day": "date",
        "weekdays": "bigint[]",
        "except_dates": "date[]",
        "only_month_ends": "boolean",
    }
    rows = [(*place, *_written(delivery_days.get(place, ALL_DAYS))) for place in sorted(deliveries)]
    return rows_relation(types, rows)


def _written(days: DeliveryDays) -> tuple[dt.date | None, list[int], list[dt.date], bool]:
    weekdays = [weekday + 1 for weekday in sorted(days.weekdays)]
    return days.first_day, weekdays, sorted(days.except_dates), days.only_month_ends


def lacking_relation(deliveries: Iterable[Place], delivery_days: DaysOfPlaces, beside: Collection[str] = ()) -> str:
    """A query for (source, region, day, verdict, is_waived): what is lacking on days that anything required came for.
    The marts `beside` are not made of it.

    Lacking is what is expected and was not accepted; `verdict` is null where nothing came. What was rejected lacks
    whether it was expected or not.
    """
    return f"""
    with required as ({required_relation(deliveries, delivery_days)}),
    newest as ({NEWEST_DELIVERIES}),
    waived as ({STANDING_WAIVERS}),
    settled as ({_settled(beside)}),
    days as (select day from newest semi join required using (source, region)
             union select partition_day from waived semi join required using (source, region))
    select r.source, r.region, d.day, n.verdict, w.source is not null as is_waived
    from days as d cross join required as r
    left join newest as n on n.source = r.source and n.region = r.region and n.day = d.day
    left join waived as w on w.source = r.source and w.region = r.region and w.partition_day = d.day
    left join settled as s on s.source = r.source and s.day = d.day
    where n.verdict = 'rejected'
       or (n.verdict is distinct from 'accepted' and ({EXPECTED_DELIVERY})
           and (s.day is null or n.verdict is not null or w.source is not null))
    """


def settled_days(
    con: DuckDBPyConnection, source: str, days: Iterable[dt.date], beside: Collection[str] = ()
) -> set[dt.date]:
    """The days, of these, that do not wait for a delivery of the source that never came: they were published without
    it. The marts `beside`, which are not made of it, do not count."""
    rows = con.execute(
        f"with required as (select {literal(source)} as source) "
        f"select day from ({_settled(beside)}) where day in (select unnest({literal(sorted(set(days)))}::date[]))"
    ).fetchall()
    return {day for (day,) in rows}
