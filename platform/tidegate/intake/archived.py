"""What the archive holds and the ledger does not know as loaded: after the catalog was put back from an older copy, or
made again.

It is compared delivery by delivery, as a load would choose what to take from the archive.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.archive.archive import Archive
from tidegate.contract.model import Contract
from tidegate.ledger.deliveries import newest_deliveries
from tidegate.window import Window


@dataclass(frozen=True, order=True)
class NotLoaded:
    """A delivery of the archive."""

    source: str
    region: str
    day: dt.date


def archived_and_not_loaded(
    con: DuckDBPyConnection, archive: Archive, contracts: Mapping[str, Contract], open_days: Window
) -> list[NotLoaded]:
    """The deliveries of sources and regions that have a contract, and of days that have a partition."""
    known = {
        (entry.source, entry.region, entry.partition_day): entry.fingerprint
        for source in contracts
        for entry in newest_deliveries(con, source, None)
        # Of one that stood in, the archive is another day's.
        if entry.stands_in_for is None
    }
    regions = {(source, region.name) for source, contract in contracts.items() for region in contract.regions}
    return sorted(
        NotLoaded(*whose)
        for whose, history in archive.histories().items()
        if (whose.source, whose.region) in regions and whose.day in open_days
        if history.to_load(known.get(whose)) != known.get(whose)
    )
