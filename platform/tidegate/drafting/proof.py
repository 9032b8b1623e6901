"""The proof of a draft: the judge that loads deliveries runs the drafted contract over the sample."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from duckdb import DuckDBPyConnection

from tidegate.contract.judging.measure import measure
from tidegate.contract.judging.verdicts import duplicate_updates
from tidegate.contract.model import Contract
from tidegate.drafting.asked import Sample
from tidegate.intake.files.formats.layout import DataFile
from tidegate.intake.files.readers import JUDGED, UNPARSABLE, WhatWasRead, read_files

_SHOWN = 120
_REASONS = 5


def read_samples(
    con: DuckDBPyConnection, contract: Contract, samples: Sequence[Sample], days: Sequence[dt.date], scratch: Path
) -> tuple[WhatWasRead, list[DataFile]]:
    """Read and judge the samples, each a delivery of its own, into intake's tables."""
    region = contract.regions[0]
    files = [
        DataFile(at, at, days[at], sample.name, sample.path.absolute(), region.files, region.clock)
        for at, sample in enumerate(samples)
    ]
    scratch.mkdir()
    return read_files(con, contract, files, scratch), files


def complaints(
    con: DuckDBPyConnection, contract: Contract, samples: Sequence[Sample], days: Sequence[dt.date], scratch: Path
) -> list[str]:
    """What of the samples the contract does not load whole, one sentence for each reason; none: it loads every row."""
    read, files = read_samples(con, contract, samples, days, scratch)
    found = [f"{file.name} {why}" for file, why in read.unreadable.items()]
    for statement in duplicate_updates(contract, JUDGED):
        con.execute(statement)
    measures = measure(con, contract, JUDGED)
    found += _of_lines(con)
    found += _of_rows(con, contract)
    for delivery, measured in measures.items():
        found += [f"{files[delivery].name}: the rule {name} fails ({why})" for name, why in measured.failures.items()]
    rows = sum(read.rows.values())
    sound = sum(measured.rows_sound for measured in measures.values())
    if not found and sound != rows:
        found.append(f"{rows - sound:,} of {rows:,} rows would not be loaded")
    return found


def _of_lines(con: DuckDBPyConnection) -> list[str]:
    rows = con.execute(
        f"select _file, count(*), min(_line), min_by(_raw, _line) from {UNPARSABLE} group by 1"
    ).fetchall()
    return [
        f"{file}: {count:,} lines are no rows, the first of them line {line}: {_shown(raw)}"
        for file, count, line, raw in rows
    ]


def _of_rows(con: DuckDBPyConnection, contract: Contract) -> list[str]:
    rows = con.execute(
        f"select reason, count(*), min(_raw) from (select unnest(_reasons) as reason, _raw from {JUDGED}) group by 1"
    ).fetchall()
    counted = Counter({reason: count for reason, count, _ in rows})
    raw = {reason: text for reason, _, text in rows}
    return [
        f"{count:,} rows would be quarantined as {reason}, such as {_shown(raw[reason])}"
        for reason, count in counted.most_common(_REASONS)
    ]


def _shown(raw: str | None) -> str:
    flat = " ".join((raw or "").split())
    return flat if len(flat) <= _SHOWN else f"{flat[:_SHOWN]} ..."
