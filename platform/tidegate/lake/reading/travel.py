"""Going back in time: which of the lake's snapshots was its state at a moment.

Every commit makes a snapshot, and maintenance drops old ones. Reading at a snapshot belongs to `connect`.
"""

from __future__ import annotations

import datetime as dt

from tidegate.errors import TidegateError
from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake
from tidegate.lake.sql import CATALOG, literal, quoted
from tidegate.zones import UTC, Zone


def moment_of(text: str, zone: Zone = UTC) -> dt.datetime:
    """The moment that an ISO 8601 text names: UTC when it names no zone, and a bare date is the start of that day of
    `zone`.

    Raises TidegateError for what is not a moment.
    """
    try:
        if (day := _day_of(text)) is not None:
            return zone.at(day)
        moment = dt.datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise TidegateError(
            f"{text!r} is not a moment. Write it as 2024-01-31, which is the start of that day, "
            "as 2024-01-31T18:30, which is UTC, or as 2024-01-31T18:30+02:00."
        ) from None


def _day_of(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


def snapshot_at(config: LakeConfig, moment: dt.datetime) -> int:
    """The newest snapshot that was committed by `moment`.

    Raises TidegateError when that is still to come, or before the oldest snapshot that is there.
    """
    if moment > dt.datetime.now(dt.UTC):
        raise TidegateError(f"{shown(moment)} has not come yet, so nobody knows what the lake will hold then.")
    with Lake.open(config, read_only=True) as lake:
        row = lake.con.execute(
            f"select max(snapshot_id) filter (where snapshot_time <= {literal(moment)} at time zone 'UTC'), "
            f"min(snapshot_id), min(snapshot_time) from {quoted(CATALOG)}.snapshots()"
        ).fetchone()
    snapshot, oldest, oldest_time = row or (None, None, None)
    if snapshot is None:
        raise _out_of_reach(moment, oldest, oldest_time)
    return int(snapshot)


def _out_of_reach(moment: dt.datetime, oldest: int, oldest_time: dt.datetime) -> TidegateError:
    if oldest == 0:
        return TidegateError(f"There was no lake at {shown(moment)}: it was made at {shown(oldest_time)}.")
    return TidegateError(
        f"What the lake held at {shown(moment)} is no longer known: its oldest snapshot was made at "
        f"{shown(oldest_time)}. Maintenance drops snapshots older than TIDEGATE_SNAPSHOT_DAYS; "
        "raise it to go back further from now on."
    )


def shown(moment: dt.datetime) -> str:
    """A moment in UTC, as `moment_of` reads it."""
    # To the microsecond, so that the oldest moment can be asked for as it is shown.
    return moment.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
