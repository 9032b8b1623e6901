"""What would become of files that are not delivered yet: read and judged as a delivery is, and nothing of it kept."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection

from tidegate.contract.found import Assessment, Drift, Measures, Unreadable
from tidegate.contract.judging.assess import assess
from tidegate.contract.judging.drift import drift_of_files
from tidegate.contract.judging.event_days import event_day
from tidegate.contract.judging.measure import measure, nothing_read
from tidegate.contract.judging.verdicts import duplicate_updates
from tidegate.contract.model import Contract, Region
from tidegate.intake.advice import advice
from tidegate.intake.files.formats.layout import DataFile
from tidegate.intake.files.readers import JUDGED, UNPARSABLE, WhatWasRead, read_files
from tidegate.intake.rows import REASONS_OF_UNPARSABLE, with_lines

# Of each reason.
SAMPLES = 3

# After which nothing happens.
NO_DAY = dt.date(9999, 12, 30)


@dataclass(frozen=True)
class Sample:
    """A row that would be kept out: its values as JSON, or the line as it is."""

    file: str
    line: int | None
    reasons: tuple[str, ...]
    raw: str


@dataclass(frozen=True)
class Tried:
    """What would become of the files as the delivery of one region and day. `header` names the columns of the first."""

    region: Region
    day: dt.date
    assessment: Assessment
    measures: Measures
    drift: Drift
    header: tuple[str, ...]
    samples: tuple[Sample, ...] = ()
    advice: tuple[str, ...] = ()


def try_files(
    contract: Contract, region: Region, files: Sequence[tuple[str, Path]], day: dt.date | None, scratch: Path
) -> Tried:
    """Judge files, each with its name, as the region's delivery of a day; None: of the newest that a row happened on.

    `scratch` is a folder for this call alone.
    """
    spill = str(scratch / "spill")
    with duckdb.connect(config={"memory_limit": "2GB", "temp_directory": spill, "threads": "2"}) as con:
        con.execute("set timezone = 'UTC'")
        shown = day or (NO_DAY if contract.event_time else dt.datetime.now(dt.UTC).date())
        read = _judged(con, contract, region, files, shown, scratch)
        newest = None if day else _newest_day(con, contract)
        if newest:
            shown = newest
            read = _judged(con, contract, region, files, shown, scratch)
        return _found(con, contract, region, shown, read, len(files))


def _judged(
    con: DuckDBPyConnection,
    contract: Contract,
    region: Region,
    files: Sequence[tuple[str, Path]],
    day: dt.date,
    scratch: Path,
) -> WhatWasRead:
    given = [
        DataFile(number, 0, day, name, path, region.files, region.clock) for number, (name, path) in enumerate(files)
    ]
    room = scratch / str(day)
    room.mkdir()
    # A file that is the end of DuckDB must not be that of this connection.
    read = read_files(con, contract, given, room, each_first=True)
    for statement in duplicate_updates(contract, JUDGED):
        con.execute(statement)
    return read


def _newest_day(con: DuckDBPyConnection, contract: Contract) -> dt.date | None:
    happened = event_day(contract)
    if happened is None:
        return None
    [(newest,)] = con.execute(f"select max({happened}) from {JUDGED}").fetchall()
    return newest if newest is None or isinstance(newest, dt.date) else None


def _found(
    con: DuckDBPyConnection, contract: Contract, region: Region, day: dt.date, read: WhatWasRead, of_files: int
) -> Tried:
    [(lines,)] = con.execute(f"select count(*) from {UNPARSABLE}").fetchall()
    measures = measure(con, contract, JUDGED).get(0, nothing_read()).with_unparsable(lines, read.causes[0])
    headers = read.headers[0]
    unreadable = {file.name: why for file, why in read.unreadable.items()}
    drift = drift_of_files(contract, headers)
    return Tried(
        region=region,
        day=day,
        assessment=assess(
            contract, measures, drift, unreadable=Unreadable(unreadable, of_files) if unreadable else None
        ),
        measures=measures,
        drift=drift,
        header=headers[0] if headers else (),
        samples=tuple(_samples(con)),
        advice=tuple(advice(con, contract, region.files.values, JUDGED, 0)),
    )


def _samples(con: DuckDBPyConnection) -> list[Sample]:
    """Some rows of each reason, by their place in the files."""
    broken = (
        f"select _delivery, _file, rowid as _row, _reasons as reasons, _raw as raw from {JUDGED} "
        "where _reasons is not null"
    )
    rows = con.execute(f"""
select _file, _line, reasons, raw from (
  select _file, _line, reasons, raw from ({with_lines(broken)})
  union all
  select _file, _line, {REASONS_OF_UNPARSABLE}, _raw from {UNPARSABLE}
)
qualify row_number() over (partition by reasons order by _file, _line nulls last) <= {SAMPLES}
order by _file, _line nulls last, raw""").fetchall()
    return [Sample(file, line, tuple(reasons), raw or "") for file, line, reasons, raw in rows]
