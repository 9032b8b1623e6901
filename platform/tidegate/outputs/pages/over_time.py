"""How good the data was over time: what every source delivered, day by day, and what every product published.

Read from the ledger in one look. `quality_page` draws it, and `tidegate quality` prints it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from duckdb import DuckDBPyConnection

from tidegate.contract.model import Contract
from tidegate.intake.read_quarantine import list_quarantine
from tidegate.lake.sql import literal, sql_file
from tidegate.outputs.pages.quality import Quarantined, rows_by_reason
from tidegate.window import ONE_DAY, Window
from tidegate.zones import Zone

# A quarter of a year: each weekday is there 13 times, and a day is as wide as a line on a phone.
DAYS = 91

# A younger home is shown from its first day on, and these at least.
FEWEST_DAYS = 28

# What is new in a share is told beside that of all days.
LATELY = 7

# A home whose newest delivery is older than this is one of past days: what came after is not missing.
STANDS_STILL = 31

# Runs are compared with those of the last weeks, whatever days they were for.
RUNS_OF_DAYS = 28


class State(StrEnum):
    """What became of a delivery, or of a product's day."""

    accepted = "accepted"
    late = "late"
    rejected = "rejected"
    missing = "missing"
    published = "published"
    restated = "restated"
    held = "held"
    overdue = "overdue"
    awaited = "awaited"
    # Nobody expects anything of the day.
    nothing = ""


@dataclass(frozen=True)
class Line:
    """The days of one region of a source, or of a product, in the order of the window. `stands_for` so many regions
    that are alike."""

    name: str
    states: Sequence[State]
    stands_for: int = 1


@dataclass(frozen=True)
class Share:
    """Rows of a source that were read, and those of them in quarantine: of all days and of the newest ones."""

    source: str
    rows_read: int
    rows_quarantined: int
    read_lately: int
    quarantined_lately: int


@dataclass(frozen=True)
class Freshness:
    """When a source's deliveries came, in minutes before its deadline: the median and the worst; negative is after."""

    source: str
    deadline: str
    deliveries: int
    late: int
    median_minutes: int | None
    worst_minutes: int | None


@dataclass(frozen=True)
class Published:
    """How many partitions of a product, of one cadence, stand how. One that is published and has a newer version that
    is held counts as both."""

    product: str
    cadence: str
    published: int
    restated: int
    held: int
    overdue: int


@dataclass(frozen=True)
class RunTimes:
    """The runs of a job that ended lately."""

    job: str
    runs: int
    failed: int
    median_seconds: float | None
    longest_seconds: float | None


@dataclass(frozen=True)
class OverTime:
    """The quality of the days from `first_day` to `last_day`, as it was seen at `seen_at` (UTC, naive)."""

    first_day: dt.date
    last_day: dt.date
    seen_at: dt.datetime
    deliveries: Sequence[Line]
    shares: Sequence[Share]
    reasons: Sequence[Quarantined]
    freshness: Sequence[Freshness]
    days: Sequence[Line]
    products: Sequence[Published]
    runs: Sequence[RunTimes]

    @property
    def window(self) -> Window:
        return Window(self.first_day, self.last_day + ONE_DAY)


@dataclass(frozen=True)
class Expected:
    """What is to come: contracts by source, from which day on partitions are, and whose days they are."""

    contracts: Mapping[str, Contract]
    start_date: dt.date
    zone: Zone


@dataclass(frozen=True)
class _Delivered:
    """What the ledger has of one delivery. `first_at` is when a genuine one was accepted first (UTC, naive)."""

    verdict: str
    stands_in: bool
    first_at: dt.datetime | None


Delivered = Mapping[tuple[str, str, dt.date], _Delivered]


def read_over_time(con: DuckDBPyConnection, expected: Expected, now: dt.datetime, days: int = DAYS) -> OverTime:
    """The newest days, as many as these, at `now`, which has an offset."""
    window = newest_window(con, expected, now, days)
    delivered, first_loads = _delivered(con, window), _first_loads(con)
    lines = list(_deliveries(delivered, first_loads, expected, window, now))
    return OverTime(
        first_day=window.start,
        last_day=window.last,
        seen_at=now.astimezone(dt.UTC).replace(tzinfo=None, microsecond=0),
        deliveries=lines,
        shares=_shares(con, window),
        reasons=rows_by_reason(list_quarantine(con, window=window)),
        freshness=list(_freshness(delivered, first_loads, expected)),
        days=_days_of_products(con, window),
        products=_products(con, window),
        runs=_runs(con, now),
    )


def deliveries_in(con: DuckDBPyConnection, expected: Expected, window: Window, now: dt.datetime) -> list[Line]:
    """What became of each delivery of the window until `now`."""
    return list(_deliveries(_delivered(con, window), _first_loads(con), expected, window, now))


def newest_window(con: DuckDBPyConnection, expected: Expected, now: dt.datetime, days: int) -> Window:
    """Up to yesterday, or up to the newest delivered day where nothing came for long. Before the home's first day
    there is nothing to see."""
    yesterday = expected.zone.day_of(now) - ONE_DAY
    row = con.execute("select max(partition_day) from ops.deliveries").fetchone()
    newest = row[0] if row and row[0] else yesterday
    last = max(newest, yesterday) if (yesterday - newest).days <= STANDS_STILL else newest
    lived = max((last - expected.start_date).days + 1, FEWEST_DAYS)
    return Window(last - ONE_DAY * (min(days, lived) - 1), last + ONE_DAY)


def _delivered(con: DuckDBPyConnection, window: Window) -> dict[tuple[str, str, dt.date], _Delivered]:
    query = sql_file("tidegate.outputs.pages", "delivered.sql", first=literal(window.start), last=literal(window.last))
    return {
        (source, region, day): _Delivered(verdict, stands_in, first_at)
        for source, region, day, verdict, stands_in, first_at in con.execute(query).fetchall()
    }


def _first_loads(con: DuckDBPyConnection) -> dict[str, tuple[dt.date, dt.datetime]]:
    """Of each source the first day that was delivered, and when anything of it was loaded first (UTC, naive)."""
    rows = con.execute(
        "select source, min(partition_day), least(min(started_at), min(changed_at)) from ops.deliveries as d "
        "left join (select name, min(changed_at) as changed_at from ops.contents "
        "where kind = 'report' and subject = '' group by name) as c on c.name = d.source || '/' || d.region "
        "group by source"
    ).fetchall()
    return {source: (first_day, loaded_at) for source, first_day, loaded_at in rows}


def _deliveries(
    delivered: Delivered,
    first_loads: Mapping[str, tuple[dt.date, dt.datetime]],
    expected: Expected,
    window: Window,
    now: dt.datetime,
) -> Iterator[Line]:
    """A line for each region; those of a source that are all alike are one."""
    for source, contract in sorted(expected.contracts.items()):
        by_states: dict[tuple[State, ...], list[str]] = {}
        for region in contract.regions:
            states = tuple(
                _state(
                    delivered.get((source, region.name, day)),
                    contract,
                    day,
                    first_loads.get(source),
                    is_expected=day in region.delivers_on and day >= expected.start_date,
                    now=now,
                )
                for day in window.days
            )
            by_states.setdefault(states, []).append(region.name)
        for states, regions in by_states.items():
            alike = f" ({len(regions)} regions)" if len(regions) > 1 else f"/{regions[0]}"
            named = f"{source}/{', '.join(regions)}" if len(by_states) > 1 else source + alike
            yield Line(named, states, len(regions))


def _state(
    found: _Delivered | None,
    contract: Contract,
    day: dt.date,
    first: tuple[dt.date, dt.datetime] | None,
    *,
    is_expected: bool,
    now: dt.datetime,
) -> State:
    if found and found.verdict == "rejected":
        return State.rejected
    if found and found.first_at and found.verdict == "accepted":
        return State.late if _minutes_before(found, contract, day, first, below=0) is not None else State.accepted
    deadline = contract.deadline(day) or contract.zone.at(day + ONE_DAY)
    waited_for = is_expected and (first is None or day >= first[0])
    return State.missing if waited_for and deadline <= now else State.nothing


def _minutes_before(
    found: _Delivered,
    contract: Contract,
    day: dt.date,
    first: tuple[dt.date, dt.datetime] | None,
    below: float = float("inf"),
) -> int | None:
    """How long before its deadline it came, if less than `below`. None where nobody waited for it: the deadline had
    passed before anything of its source was loaded here."""
    deadline = contract.deadline(day)
    if deadline is None or found.first_at is None or (first and deadline.replace(tzinfo=None) < first[1]):
        return None
    minutes = (deadline.replace(tzinfo=None) - found.first_at).total_seconds() / 60
    return int(minutes // 1) if minutes < below else None


def _freshness(
    delivered: Delivered, first_loads: Mapping[str, tuple[dt.date, dt.datetime]], expected: Expected
) -> Iterator[Freshness]:
    for source, contract in sorted(expected.contracts.items()):
        if contract.published_by is None:
            continue
        minutes = sorted(
            before
            for (of, _, day), found in delivered.items()
            if of == source and not found.stands_in and found.verdict == "accepted"
            if (before := _minutes_before(found, contract, day, first_loads.get(source))) is not None
        )
        yield Freshness(
            source,
            f"{contract.published_by:%H:%M} ({contract.zone.name})",
            len(minutes),
            sum(before < 0 for before in minutes),
            minutes[len(minutes) // 2] if minutes else None,
            minutes[0] if minutes else None,
        )


def _shares(con: DuckDBPyConnection, window: Window) -> list[Share]:
    lately = f"partition_day > {literal(window.last - ONE_DAY * LATELY)}"
    rows = con.execute(
        f"""
        select source, sum(rows_read)::bigint, sum(rows_quarantined)::bigint,
            coalesce(sum(rows_read) filter ({lately}), 0)::bigint,
            coalesce(sum(rows_quarantined) filter ({lately}), 0)::bigint
        from (
            select * from ops.deliveries
            where partition_day between {literal(window.start)} and {literal(window.last)}
            qualify row_number() over (partition by source, region, partition_day order by rowid desc) = 1
        )
        where verdict <> 'withdrawn' group by source order by source
        """
    ).fetchall()
    return [Share(*row) for row in rows]


_STATE_OF_A_DAY = """
    case when h.reason is not null then 'held' when c.state = 'not required' then ''
        when c.state = 'published' and c.restatements > 0 then 'restated'
        when c.state = 'so far' then 'awaited' else c.state end
"""
_PARTITIONS = f"""
    select c.product, c.cadence, c.partition_day, {_STATE_OF_A_DAY} as state, h.reason is not null as is_held,
        c.state = 'published' as is_published, c.state = 'published' and c.restatements > 0 as is_restated
    from serving.calendar as c left join ops.holds as h using (product, cadence, partition_day)
"""


def _days_of_products(con: DuckDBPyConnection, window: Window) -> list[Line]:
    rows = con.execute(
        f"select product, partition_day, state from ({_PARTITIONS}) where cadence = 'daily' "
        f"and partition_day between {literal(window.start)} and {literal(window.last)}"
    ).fetchall()
    states: dict[str, dict[dt.date, State]] = {}
    for product, day, state in rows:
        states.setdefault(product, {})[day] = State(state)
    return [
        Line(product, [of_days.get(day, State.nothing) for day in window.days])
        for product, of_days in sorted(states.items())
    ]


def _products(con: DuckDBPyConnection, window: Window) -> list[Published]:
    rows = con.execute(
        "select product, cadence, count_if(is_published), count_if(is_restated), count_if(is_held), "
        f"count_if(state = 'overdue') from ({_PARTITIONS}) "
        f"where partition_day between {literal(window.start)} and {literal(window.last + ONE_DAY)} "
        "group by product, cadence order by product, cadence"
    ).fetchall()
    return [Published(*row) for row in rows]


def _runs(con: DuckDBPyConnection, now: dt.datetime) -> list[RunTimes]:
    since = now.astimezone(dt.UTC).replace(tzinfo=None) - ONE_DAY * RUNS_OF_DAYS
    rows = con.execute(
        "select job, count(*), count_if(status = 'failure'), round(median(seconds), 1), round(max(seconds), 1) "
        f"from ops.pipeline_runs where started_at >= {literal(since)} group by job order by count(*) desc, job"
    ).fetchall()
    return [RunTimes(*row) for row in rows]
