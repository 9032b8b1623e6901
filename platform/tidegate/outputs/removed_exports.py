"""Withdrawing exports: of a partition that is published no more, no pointer may lead anybody to what it showed.

So it is where a mart was removed, renamed or retired, and where a day was rolled back to before the mart came. Only the
pointer goes; the version that it named expires like any other.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence

from tidegate.lake.connect import Lake
from tidegate.lake.lease import lease
from tidegate.ledger.entries import utc_now
from tidegate.ledger.outputs import OutputRecord, outputs_of_nothing, record_outputs
from tidegate.ledger.publications import publication_history
from tidegate.outputs.exports import FOLDER, POINTER
from tidegate.storage.files import Storage
from tidegate.window import Cadence

# In place of a version's folder, in the ledger.
WITHDRAWN = "withdrawn"


def withdraw_exports(lake: Lake, store: Storage, run_id: str) -> int:
    """Remove the pointers of partitions that are published no more; returns how many exports were withdrawn."""
    gone = outputs_of_nothing(lake.con, FOLDER, store.place)
    for kind in sorted({row.kind for row in gone}):
        with lease(lake.config, kind, [row.partition_day for row in gone if row.kind == kind], run_id):
            # Asked again: it may have been exported since.
            _withdraw(
                lake, store, [row for row in outputs_of_nothing(lake.con, FOLDER, store.place) if row.kind == kind]
            )
    return len(gone)


def _withdraw(lake: Lake, store: Storage, exports: Sequence[OutputRecord]) -> None:
    store.delete(name for row in exports if (name := _own_pointer(lake, store, row)))
    withdrawn = [
        dataclasses.replace(
            row,
            inputs_hash="",
            location=f"{row.location.rpartition('/')[0]}/{WITHDRAWN}",
            made_at=utc_now(),
            summary="{}",
        )
        for row in exports
    ]
    lake.unit_of_work(lambda con: record_outputs(con, withdrawn))


def _own_pointer(lake: Lake, store: Storage, export: OutputRecord) -> str | None:
    """The name of the partition's pointer, if it names a publication of it that the ledger knows."""
    folder = export.location.removeprefix(f"{store.place}/").rpartition("/")[0]
    content = store.read(f"{folder}/{POINTER}")
    try:
        named = json.loads(content or b"{}").get("publication_id")
    except (ValueError, AttributeError):
        return None
    history = publication_history(lake.con, export.partition_day, Cadence(export.cadence))
    return f"{folder}/{POINTER}" if named in {row.publication_id for row in history} else None
