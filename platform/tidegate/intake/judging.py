"""Judging a batch of deliveries: files are read, rows judged, and each delivery gets its verdict beside its past.

Nothing is committed here: the judged rows wait in temporary tables.
"""

from __future__ import annotations

import datetime as dt
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import duckdb

from tidegate.archive.manifest import Captured
from tidegate.contract.found import Drift, Measures, StandIn, Unreadable
from tidegate.contract.judging.assess import NOT_COMPARED, assess
from tidegate.contract.judging.drift import drift_of_files
from tidegate.contract.judging.event_days import event_day
from tidegate.contract.judging.measure import measure, nothing_read
from tidegate.contract.judging.profiles import Profile, profiles
from tidegate.contract.judging.verdicts import duplicate_updates
from tidegate.contract.model import Contract
from tidegate.errors import TidegateError
from tidegate.intake.advice import advice
from tidegate.intake.files.engine import ENGINE_FAULTS, first_line
from tidegate.intake.files.formats.layout import DataFile
from tidegate.intake.files.readers import JUDGED, PLACES, UNPARSABLE, WhatWasRead, read_files
from tidegate.intake.finding import Finding
from tidegate.intake.profiles import Past, Profiled, past_of
from tidegate.intake.rows import VERDICTS, Verdict, stage_verdicts
from tidegate.lake.connect import Lake
from tidegate.ledger.names import Partition
from tidegate.machine.disk import OUT_OF_SPILL
from tidegate.window import windows_of

Status = Literal["accepted", "rejected", "missing", "not expected"]


# Of the lines of a shop's orders; good enough to tell a day from a year.
BYTES_PER_ROW = 70


@dataclass(frozen=True)
class Judged:
    """What reading and judging found in one delivery. `unreadable` says by file why it could not be read."""

    measures: Measures
    drift: Drift
    unreadable: Mapping[str, str]
    # Sound rows by day, those of the delivery's own day left out.
    of_other_days: Mapping[dt.date, int]
    profile: Profile


@contextmanager
def judged_deliveries(
    lake: Lake, contract: Contract, finding: Finding, started_at: dt.datetime
) -> Iterator[tuple[list[Verdict], list[Judged]]]:
    """The deliveries of `finding`, judged: meanwhile, `commit`'s queries find their rows in temporary tables."""
    lake.size_for(sum(captured.bytes for captured in finding.captured) // BYTES_PER_ROW)
    try:
        with _explaining_what_ran_out(lake, contract, finding):
            judged = _judge(lake, contract, finding)
        verdicts = _verdicts(lake, contract, finding, judged, started_at)
        stage_verdicts(lake.con, verdicts)
        # Rows go in by day, not in the order of lines; keeping that order costs memory.
        lake.con.execute("set preserve_insertion_order = false")
        yield verdicts, judged
    finally:
        lake.con.execute("set preserve_insertion_order = true")
        for table in (JUDGED, UNPARSABLE, PLACES, VERDICTS):
            lake.con.execute(f"drop table if exists {table}")


@contextmanager
def _explaining_what_ran_out(lake: Lake, contract: Contract, finding: Finding) -> Iterator[None]:
    days = [captured.day for captured in finding.captured]
    try:
        yield
    except ENGINE_FAULTS as error:
        lake.reopen()
        raise TidegateError(
            f"{contract.source} {min(days)} to {max(days)} could not be judged, by a fault of DuckDB's: "
            f"{first_line(error)} Nothing was loaded; the deliveries are in the archive. Run the days one by one, "
            "and report the fault with the archived delivery of the one that fails."
        ) from error
    except (duckdb.OutOfMemoryException, duckdb.IOException, OSError) as error:
        raise TidegateError(
            f"{contract.source} {min(days)} to {max(days)} could not be judged: {_what_ran_out(lake, error)} "
            "Nothing was loaded; the deliveries are in the archive. Make room on the disk of TIDEGATE_HOME, "
            "or raise TIDEGATE_MEMORY_LIMIT, or lower TIDEGATE_CHUNK_DAYS, and run again."
        ) from error


def _what_ran_out(lake: Lake, error: Exception) -> str:
    """In the first line of DuckDB's error, memory ran out; that the disk did stands below."""
    if OUT_OF_SPILL not in str(error):
        return first_line(error)
    return (
        f"the disk of {lake.config.spill} on {socket.gethostname()} is full, where DuckDB puts what does not fit into "
        f"memory ({first_line(error).rstrip('.')})."
    )


def _judge(lake: Lake, contract: Contract, finding: Finding) -> list[Judged]:
    data = finding.data_files()
    read = _read(lake, contract, data.files, finding.scratch)
    for statement in duplicate_updates(contract, JUDGED):
        lake.con.execute(statement)
    measured = measure(lake.con, contract, JUDGED)
    profile = profiles(lake.con, contract, JUDGED, read.rows)
    of_other_days = _rows_of_other_days(lake, contract, finding.captured)
    unparsable = dict(lake.con.execute(f"select _delivery, count(*) from {UNPARSABLE} group by _delivery").fetchall())
    return [
        Judged(
            # What was read is what the readers' own count says; the rest is counted in SQL.
            replace(
                measured.get(delivery, nothing_read()).with_unparsable(
                    unparsable.get(delivery, 0), read.causes[delivery]
                ),
                rows_read=read.rows[delivery],
            ),
            drift_of_files(contract, read.headers[delivery]),
            _unreadable(captured, delivery, read) | data.unreadable[delivery],
            of_other_days.get(delivery, {}),
            # Of one of which no file could be read there is none.
            profile.get(delivery, Profile(0)),
        )
        for delivery, captured in enumerate(finding.captured)
    ]


def _rows_of_other_days(
    lake: Lake, contract: Contract, deliveries: Sequence[Captured]
) -> dict[int, dict[dt.date, int]]:
    found: dict[int, dict[dt.date, int]] = {}
    event_date = event_day(contract)
    if event_date is None:
        return found
    rows = lake.con.execute(
        f"select _delivery, {event_date} as day, count(*) from {JUDGED} "
        # A deletion may say no day.
        f"where _reasons is null and {event_date} is not null group by all order by all"
    ).fetchall()
    for delivery, day, count in rows:
        if day != deliveries[delivery].day:
            found.setdefault(delivery, {})[day] = count
    return found


def _read(lake: Lake, contract: Contract, files: Sequence[DataFile], scratch: Path) -> WhatWasRead:
    """Read the files; again on another connection, and each on its own first, when one was the end of DuckDB's."""
    try:
        return read_files(lake.con, contract, files, scratch)
    except ENGINE_FAULTS:
        lake.reopen()
    again = scratch / "again"
    again.mkdir()
    return read_files(lake.con, contract, files, again, each_first=True)


def _unreadable(captured: Captured, delivery: int, read: WhatWasRead) -> dict[str, str]:
    refused = {file.shown_name: file.refused for file in captured.files if file.refused}
    return refused | {file.name: why for file, why in read.unreadable.items() if file.delivery == delivery}


def _verdicts(
    lake: Lake, contract: Contract, finding: Finding, judged: Sequence[Judged], started_at: dt.datetime
) -> list[Verdict]:
    """In the order of the batch; but judged by day, as each is compared with those before it."""
    past = past_of(lake.con, contract, finding.window)
    verdicts: dict[int, Verdict] = {}
    for i in sorted(range(len(judged)), key=lambda i: finding.captured[i].day):
        captured = finding.captured[i]
        standing_in, interim_until = finding.stand_in_for(captured), finding.interim_until(captured)
        verdict = _verdict(contract, captured, standing_in, interim_until, judged[i], past, started_at)
        if not verdict.accepted and judged[i].measures.rows_broken:
            verdict = _with_advice(verdict, lake, contract, i)
        if verdict.profiled:
            past.add(verdict.partition, verdict.profiled)
        verdicts[i] = verdict
    return [verdicts[i] for i in range(len(judged))]


def _verdict(
    contract: Contract,
    captured: Captured,
    stand_in: StandIn | None,
    interim_until: dt.datetime | None,
    judged: Judged,
    past: Past,
    started_at: dt.datetime,
) -> Verdict:
    unreadable = Unreadable(judged.unreadable, len(captured.files)) if judged.unreadable else None
    partition = Partition(captured.region, captured.day)
    # Another day's delivery is as that day's, and half a day's is like no other.
    is_whole = stand_in is None and interim_until is None
    comparison = past.beside(partition, judged.profile) if is_whole else NOT_COMPARED
    is_partial = interim_until is not None
    assessment = assess(contract, judged.measures, judged.drift, stand_in, unreadable, comparison, is_partial)
    named = f"{contract.source}/{captured.region} {captured.day} rejected: {assessment.rejection}"
    if judged.of_other_days:
        days = ", ".join(map(str, windows_of(judged.of_other_days)))
        named += f" With it wait {sum(judged.of_other_days.values()):,} sound rows of {days}, which lack them."
    return Verdict(
        captured=captured,
        # A file that cannot be read is one row in quarantine.
        rows_read=judged.measures.rows_read + len(judged.unreadable),
        rows_loaded=judged.measures.rows_sound if assessment.accepted else 0,
        unreadable=judged.unreadable,
        rejection=None if assessment.accepted else named,
        checks=assessment.checks,
        measures=_figures(judged),
        started_at=started_at,
        stands_in_for=stand_in.day if stand_in else None,
        withheld=() if assessment.accepted else tuple(judged.of_other_days),
        profiled=Profiled(captured.fingerprint, judged.profile, past.compared_with(partition), not assessment.accepted)
        if assessment.keeps_contract and is_whole
        else None,
        interim_until=interim_until,
    )


def _with_advice(verdict: Verdict, lake: Lake, contract: Contract, delivery: int) -> Verdict:
    """Where options of the contract would have read what was refused, the rejection names them."""
    values = contract.region(verdict.captured.region).files.values
    sentences = advice(lake.con, contract, values, JUDGED, delivery)
    if not sentences or verdict.rejection is None:
        return verdict
    return replace(verdict, rejection=f"{verdict.rejection} In the contract, {'; '.join(sentences)}.")


def _figures(judged: Judged) -> dict[str, object]:
    """What the ledger keeps of the measures."""
    measures = judged.measures
    return {
        "reasons": dict(measures.reasons),
        "values": {name: None if value is None else str(value) for name, value in measures.values.items()},
        "failures": dict(measures.failures),
        "drift": vars(judged.drift),
        "unreadable": dict(judged.unreadable),
    }
