"""Moments in SQL: which day one is of in a time zone. The lake keeps them as naive timestamps in UTC."""

from __future__ import annotations

from tidegate.lake.sql import literal
from tidegate.zones import Zone


def day_of(moment: str, zone: Zone) -> str:
    """SQL for the day of `moment` (SQL, a naive timestamp in UTC) in `zone`.

    Asking DuckDB for the time in a zone costs 0.4 s of CPU for a million rows, and is right for every moment. Most
    moments are on the same day by all offsets that the zone ever has; for them adding one is enough: 0.05 s.
    `day_of` of the dbt project does the same.
    """
    if zone.is_utc:
        return f"{moment}::date"
    least, most = (f"({moment} + interval '{seconds}' second)::date" for seconds in zone.offsets)
    exactly = f"timezone({literal(zone.name)}, timezone('UTC', {moment}))::date"
    return f"case when {least} = {most} then {least} else {exactly} end"
