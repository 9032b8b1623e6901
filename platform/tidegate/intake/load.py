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

from tidegate.contract.found import CheckOutcome, Drift
from tidegate.contract.kafka import KafkaServer
from tidegate.contract.model import Contract, Region
from tidegate.errors import IncompleteError, LakeBusyError, TidegateError
from tidegate.intake.commit import commit, commit_lease
from tidegate.intake.finding import Finding, Missing
from tidegate.intake.judging import Judged, judged_deliveries
from tidegate.intake.profiles import judged_beside_others
from tidegate.intake.removed_regions import withdraw_regions_that_left
from tidegate.intake.rows import DELIVERY_REJECTED, UNREADABLE_FILE, Verdict
from tidegate.lake.connect import Lake
from tidegate.lake.lease import EVERY_DAY, lease
from tidegate.lake.spill import spill_folder
from tidegate.ledger.deliveries import DeliveryRecord
from tidegate.ledger.entries import utc_now
from tidegate.ledger.known import known_deliveries
from tidegate.ledger.names import Partition
from tidegate.ledger.required import settled_days
from tidegate.sources.origin import Outside
from tidegate.window import ONE_DAY, Window

Status = Literal["accepted", "rejected", "missing", "not expected"]


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


def _judge_and_commit(
    lake: Lake, contract: Contract, finding: Finding, run_id: str, started_at: dt.datetime
) -> list[DeliveryReport]:
    with judged_deliveries(lake, contract, finding, started_at) as (verdicts, judged):
        with lease(lake.config, commit_lease(contract.source), [EVERY_DAY], run_id):
            records = lake.unit_of_work(
                lambda con: commit(con, contract, verdicts, run_id),
                [("raw", contract.source), ("quarantine", contract.source)],
            )
        finding.note_fates(verdict.fate for verdict in verdicts)
    return [_report(*found) for found in zip(records, verdicts, judged, strict=True)]


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


def _report(record: DeliveryRecord, verdict: Verdict, judged: Judged) -> DeliveryReport:
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


def _reasons(verdict: Verdict, judged: Judged) -> dict[str, int]:
    counts = Counter(judged.measures.reasons)
    counts[UNREADABLE_FILE] = len(judged.unreadable)
    counts[DELIVERY_REJECTED] = 0 if verdict.accepted else judged.measures.rows_sound
    return {reason: count for reason, count in sorted(counts.items()) if count}
