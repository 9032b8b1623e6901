"""Judging deliveries again that were judged before: from the archive, by the contract as it is now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tidegate.contract.model import Contract
from tidegate.intake.finding import Finding
from tidegate.intake.judging import judged_deliveries
from tidegate.intake.load import scratch
from tidegate.intake.rows import Verdict
from tidegate.lake.connect import Lake
from tidegate.ledger.deliveries import DeliveryRecord
from tidegate.ledger.entries import utc_now
from tidegate.sources.origin import Outside
from tidegate.window import ONE_DAY, Window


def in_batches(deliveries: Sequence[DeliveryRecord], days_at_once: int) -> Iterator[list[DeliveryRecord]]:
    """The deliveries of so many days at a time."""
    days = sorted({delivery.partition_day for delivery in deliveries})
    for first in range(0, len(days), days_at_once):
        some = set(days[first : first + days_at_once])
        yield [delivery for delivery in deliveries if delivery.partition_day in some]


@contextmanager
def judged_again(
    lake: Lake, contract: Contract, outside: Outside, deliveries: Sequence[DeliveryRecord]
) -> Iterator[list[Verdict]]:
    """The verdicts on these deliveries, in their order; meanwhile SQL finds their rows, as `intake.rows` gives them.

    Raises TidegateError where one cannot be read from the archive.
    """
    days = [delivery.partition_day for delivery in deliveries]
    with scratch(lake) as folder:
        finding = Finding(lake, contract, Window(min(days), max(days) + ONE_DAY), outside, folder, from_landing=False)
        finding.recall(deliveries)
        with judged_deliveries(lake, contract, finding, utc_now()) as (verdicts, _):
            yield verdicts
