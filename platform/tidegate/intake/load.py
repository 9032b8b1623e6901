"""Loading deliveries: find, capture, read, judge, commit. The policy of intake, step by step.

A batch is every region and day of a window; its deliveries are read and judged together and committed in one
transaction. What a step does is in the module named for it.
"""

from __future__ import annotations

import datetime as dt
import shutil
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import duckdb

from tidegate.archive.manifest import Captured
from tidegate.contract.judging.assess import NOT_COMPARED, assess
from tidegate.contract.judging.drift import drift_of_files
from tidegate.contract.judging.event_days import event_day
from tidegate.contract.judging.measure import measure, nothing_read
from tidegate.contract.judging.profiles import Profile, profiles
from tidegate.contract.judging.verdicts import duplicate_updates
from tidegate.contract.kafka import KafkaServer
from tidegate.contract.model import CheckOutcome, Contract, Drift, Measures, Region, StandIn, Unreadable
from tidegate.errors import IncompleteError, LakeBusyError, TidegateError
from tidegate.intake.advice import advice
from tidegate.intake.commit import commit, commit_lease
from tidegate.intake.files.engine import ENGINE_FAULTS, first_line
from tidegate.intake.files.formats.layout import DataFile
from tidegate.intake.files.readers import JUDGED, PLACES, UNPARSABLE, WhatWasRead, read_files
from tidegate.intake.finding import Finding, Missing
from tidegate.intake.profiles import Past, Profiled, judged_beside_others, past_of
from tidegate.intake.removed_regions import withdraw_regions_that_left
from tidegate.intake.rows import DELIVERY_REJECTED, UNREADABLE_FILE, VERDICTS, Verdict, stage_verdicts
from tidegate.lake.connect import Lake
from tidegate.lake.lease import EVERY_DAY, lease
from tidegate.lake.spill import spill_folder
from tidegate.ledger.deliveries import DeliveryRecord
from tidegate.ledger.entries import utc_now
from tidegate.ledger.known import known_deliveries
from tidegate.ledger.names import Partition
from tidegate.ledger.required import settled_days
from tidegate.sources.origin import Outside
from tidegate.window import ONE_DAY, Window, windows_of

Status = Literal["accepted", "rejected", "missing", "not expected"]


# Of the lines of a shop's orders; good enough to tell a day from a year.
BYTES_PER_ROW = 70


@dataclass(frozen=True)
class DeliveryReport:
    """What became of one region's delivery of a day.

    `rejection` is the whole sentence for the person on call; for status 'missing' it says what is missing. What is
    'not expected' is not there either, but its day does not wait for it.
    `trouble` says why the source could not be asked, whatever was loaded in its stead, or None if it answered, be it
    that there is nothing yet.
    `reasons` counts quarantined rows by reason (a row may have several), `touched` are the event dates that
    changed. `stands_in_for` is None for a genuine delivery, and the earlier day whose delivery stands in for one of a
    source that is down.
    """

    source: str
    region: str
    day: dt.date
    status: Status
    rejection: str | None = None
    fingerprint: str | None = None
    archive: str | None = None
    files: int = 0
    bytes: int = 0
    rows_read: int = 0
    rows_loaded: int = 0
    rows_quarantined: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    checks: tuple[CheckOutcome, ...] = ()
    drift: Drift = field(default_factory=Drift)
    touched: tuple[dt.date, ...] = ()
    trouble: str | None = None
    stands_in_for: dt.date | None = None


def load_deliveries(
    lake: Lake,
    contract: Contract,
    window: Window,
    regions: Sequence[str] | None = None,
    *,
    outside: Outside,
    run_id: str,
    from_landing: bool = False,
    archive_first: bool = False,
    beside: Collection[str] = (),
) -> list[DeliveryReport]:
    """Load what was delivered for the window; one report per region and day, by day.

    A delivery that landing no longer holds is loaded from the archive, unless `from_landing`; with `archive_first`,
    one that the archive holds is not looked for at its source. One that never came is not expected on a day that was
    published without it; the marts `beside`, which are not made of it, do not count. Running it again leaves the same
    rows. Raises LakeBusyError when another writer holds one of the days.
    """
    wanted = _regions(contract, regions)
    withdraw_regions_that_left(lake, contract, run_id)
    days = lease(lake.config, f"raw.{contract.source}", window.days, run_id)
    with days, _alone_at_streams(lake, contract, run_id), scratch(lake) as folder:
        started_at = utc_now()
        finding = Finding(lake, contract, window, outside, folder, from_landing, archive_first)
        finding.find(wanted, window.days)
        finding.archive.settle()
        reports = _report_missing(lake, contract, finding.missing, beside)
        if finding.captured:
            reports += _judge_and_commit(lake, contract, finding, run_id, started_at)
    reports = [replace(each, trouble=finding.troubles.get(Partition(each.region, each.day))) for each in reports]
    _judge_those_after_again(lake, contract, window, outside, run_id)
    return sorted(reports, key=lambda report: (report.day, report.region))


@contextmanager
def _alone_at_streams(lake: Lake, contract: Contract, run_id: str) -> Iterator[None]:
    """Whoever reads a stream goes on where the last one ended, whichever days they read it for."""
    if not any(isinstance(region.server, KafkaServer) for region in contract.regions):
        yield
        return
    with lease(lake.config, f"stream {contract.source}", [EVERY_DAY], run_id):
        yield


def _judge_those_after_again(lake: Lake, contract: Contract, window: Window, outside: Outside, run_id: str) -> None:
    """Judge deliveries again, from the archive, that are decided otherwise beside what is loaded by now."""
    by_day: dict[dt.date, list[str]] = defaultdict(list)
    for partition in judged_beside_others(lake.con, contract, window):
        by_day[partition.day].append(partition.region)
    for day, regions in by_day.items():
        # Whoever writes the day now judges it beside what was just committed.
        with suppress(LakeBusyError), lease(lake.config, f"raw.{contract.source}", [day], run_id), scratch(lake) as own:
            finding = Finding(lake, contract, Window(day, day + ONE_DAY), outside, own, False, archive_first=True)
            finding.find(_regions(contract, regions), [day])
            if finding.captured:
                _judge_and_commit(lake, contract, finding, run_id, utc_now())


@contextmanager
def scratch(lake: Lake) -> Iterator[Path]:
    """A folder for one batch, gone afterwards; of a process that was killed, when the lake is opened next."""
    folder = spill_folder(lake.config.spill)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _regions(contract: Contract, names: Sequence[str] | None) -> list[Region]:
    known = {region.name: region for region in contract.regions}
    if unknown := [name for name in names or () if name not in known]:
        raise TidegateError(
            f"{contract.label} has no region {unknown[0]}. It has: {', '.join(known)}. Nothing was changed."
        )
    return [known[name] for name in names] if names is not None else list(known.values())


@dataclass(frozen=True)
class _Judged:
    """What reading and judging found in one delivery. `unreadable` says by file why it could not be read."""

    measures: Measures
    drift: Drift
    unreadable: Mapping[str, str]
    # Sound rows by day, those of the delivery's own day left out.
    of_other_days: Mapping[dt.date, int]
    profile: Profile


def _judge_and_commit(
    lake: Lake, contract: Contract, finding: Finding, run_id: str, started_at: dt.datetime
) -> list[DeliveryReport]:
    with judged_deliveries(lake, contract, finding, started_at) as (verdicts, judged):
        with lease(lake.config, commit_lease(contract.source), [EVERY_DAY], run_id):
            records = lake.unit_of_work(
                lambda con: commit(con, contract, verdicts, run_id),
                [("raw", contract.source), ("quarantine", contract.source)],
            )
        finding.note_fates(verdict.accepted for verdict in verdicts)
    return [_report(*found) for found in zip(records, verdicts, judged, strict=True)]


@contextmanager
def judged_deliveries(
    lake: Lake, contract: Contract, finding: Finding, started_at: dt.datetime
) -> Iterator[tuple[list[Verdict], list[_Judged]]]:
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
            f"{contract.source} {min(days)} to {max(days)} could not be judged: {first_line(error)} "
            "Nothing was loaded; the deliveries are in the archive. Make room on the disk of TIDEGATE_HOME, "
            "or raise TIDEGATE_MEMORY_LIMIT, or lower TIDEGATE_CHUNK_DAYS, and run again."
        ) from error


def _judge(lake: Lake, contract: Contract, finding: Finding) -> list[_Judged]:
    data = finding.data_files()
    read = _read(lake, contract, data.files, finding.scratch)
    for statement in duplicate_updates(contract, JUDGED):
        lake.con.execute(statement)
    measured = measure(lake.con, contract, JUDGED)
    profile = profiles(lake.con, contract, JUDGED, read.rows)
    of_other_days = _rows_of_other_days(lake, contract, finding.captured)
    unparsable = dict(lake.con.execute(f"select _delivery, count(*) from {UNPARSABLE} group by _delivery").fetchall())
    return [
        _Judged(
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
    lake: Lake, contract: Contract, finding: Finding, judged: Sequence[_Judged], started_at: dt.datetime
) -> list[Verdict]:
    """In the order of the batch; but judged by day, as each is compared with those before it."""
    past = past_of(lake.con, contract, finding.window)
    verdicts: dict[int, Verdict] = {}
    for i in sorted(range(len(judged)), key=lambda i: finding.captured[i].day):
        captured = finding.captured[i]
        verdict = _verdict(contract, captured, finding.stand_in_for(captured), judged[i], past, started_at)
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
    judged: _Judged,
    past: Past,
    started_at: dt.datetime,
) -> Verdict:
    unreadable = Unreadable(judged.unreadable, len(captured.files)) if judged.unreadable else None
    partition = Partition(captured.region, captured.day)
    # Another day's delivery is as that day's.
    comparison = NOT_COMPARED if stand_in else past.beside(partition, judged.profile)
    assessment = assess(contract, judged.measures, judged.drift, stand_in, unreadable, comparison)
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
        if assessment.keeps_contract and not stand_in
        else None,
    )


def _with_advice(verdict: Verdict, lake: Lake, contract: Contract, delivery: int) -> Verdict:
    """Where options of the contract would have read what was refused, the rejection names them."""
    values = contract.region(verdict.captured.region).files.values
    sentences = advice(lake.con, contract, values, JUDGED, delivery)
    if not sentences or verdict.rejection is None:
        return verdict
    return replace(verdict, rejection=f"{verdict.rejection} In the contract, {'; '.join(sentences)}.")


def _figures(judged: _Judged) -> dict[str, object]:
    """What the ledger keeps of the measures."""
    measures = judged.measures
    return {
        "reasons": dict(measures.reasons),
        "values": {name: None if value is None else str(value) for name, value in measures.values.items()},
        "failures": dict(measures.failures),
        "drift": vars(judged.drift),
        "unreadable": dict(judged.unreadable),
    }


def _report_missing(
    lake: Lake, contract: Contract, missing: Sequence[Missing], beside: Collection[str]
) -> list[DeliveryReport]:
    settled = settled_days(lake.con, contract.source, [each.day for each in missing], beside)
    known = known_deliveries(lake.con, contract.source, [each.partition for each in missing])
    return [
        _report_absent(contract, each)
        if isinstance(each.error, IncompleteError)
        and each.partition not in known
        and (each.day in settled or each.day not in contract.region(each.region).delivers_on)
        else _report_lacking(contract, each)
        for each in missing
    ]


def _report_absent(contract: Contract, missing: Missing) -> DeliveryReport:
    return DeliveryReport(contract.source, missing.region, missing.day, "not expected")


def _report_lacking(contract: Contract, missing: Missing) -> DeliveryReport:
    text = f"{contract.source}/{missing.region} {missing.day} is missing: {missing.error}"
    return DeliveryReport(contract.source, missing.region, missing.day, "missing", text)


def _report(record: DeliveryRecord, verdict: Verdict, judged: _Judged) -> DeliveryReport:
    return DeliveryReport(
        source=record.source,
        region=record.region,
        day=record.partition_day,
        status="accepted" if verdict.accepted else "rejected",
        rejection=record.reason,
        fingerprint=record.fingerprint,
        archive=record.archive,
        files=record.files,
        bytes=record.bytes,
        rows_read=record.rows_read,
        rows_loaded=record.rows_loaded,
        rows_quarantined=record.rows_quarantined,
        reasons=_reasons(verdict, judged),
        checks=verdict.checks,
        drift=judged.drift,
        touched=record.touched,
        stands_in_for=record.stands_in_for,
    )


def _reasons(verdict: Verdict, judged: _Judged) -> dict[str, int]:
    counts = Counter(judged.measures.reasons)
    counts[UNREADABLE_FILE] = len(judged.unreadable)
    counts[DELIVERY_REJECTED] = 0 if verdict.accepted else judged.measures.rows_sound
    return {reason: count for reason, count in sorted(counts.items()) if count}
