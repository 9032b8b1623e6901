"""Outputs that the ledger says were made and that are gone from their place: owed again, so that they are made
again."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence

from duckdb import DuckDBPyConnection

from tidegate.lake.connect import Lake
from tidegate.ledger.entries import utc_now
from tidegate.ledger.outputs import OutputRecord, record_outputs, standing_outputs
from tidegate.storage.files import Storage

# Older than every entry of `ops.contents`: all that it is made of came since.
SEEN_NOTHING = -1


def lost_outputs(con: DuckDBPyConnection, kinds: Collection[str], store: Storage) -> list[OutputRecord]:
    """The newest outputs of these kinds, made at the place where outputs go, of which nothing is there."""
    here = f"{store.place}/"
    made = [
        each
        for each in standing_outputs(con, kinds)
        if each.location.startswith(here) and not each.is_withdrawn and each.contents_seen != SEEN_NOTHING
    ]
    if not made:
        return []
    files = {file.name for file in store.files("")}
    there = files | {name.rpartition("/")[0] for name in files}
    return [each for each in made if each.location.removeprefix(here) not in there]


def owe_outputs(lake: Lake, lost: Sequence[OutputRecord]) -> None:
    """Have them be due."""
    now = utc_now()
    owed = [dataclasses.replace(each, contents_seen=SEEN_NOTHING, made_at=now) for each in lost]
    if owed:
        lake.unit_of_work(lambda con: record_outputs(con, owed))
