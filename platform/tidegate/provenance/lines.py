"""The lines of delivered files that a figure is made of, found by reading the deliveries again from the archive."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tidegate.contract.model import Contract
from tidegate.home import Home
from tidegate.intake.files.readers import JUDGED
from tidegate.intake.judging_again import in_batches, judged_again
from tidegate.intake.rows import VERDICTS, as_json, with_lines
from tidegate.intake.touched import event_date
from tidegate.lake.connect import Lake
from tidegate.lake.sql import literal, quoted
from tidegate.ledger.deliveries import DeliveryRecord
from tidegate.ledger.names import DeliveryId
from tidegate.window import Window


@dataclass(frozen=True)
class SourceLine:
    """A line of a delivered file: `archived` is the manifest of its delivery in the archive. `line` is None where the
    file has no lines, as Parquet, or they moved when it was fixed. `counts` is false for an earlier version of a row
    that a later delivery has again."""

    delivery: str
    file: str
    line: int | None
    archived: str
    values: str
    counts: bool


@dataclass(frozen=True)
class Lines:
    """What was found of a source: the lines, and by which of the asked columns; the source has no others of them."""

    source: str
    by: tuple[str, ...]
    lines: Sequence[SourceLine]


def lines_of(
    lake: Lake,
    home: Home,
    contract: Contract,
    deliveries: Sequence[DeliveryRecord],
    days: Window,
    values: Mapping[str, str],
) -> Lines:
    """The lines of these deliveries with event dates among `days` and these values, as text, as far as the source has
    the columns; a mart's `region` is the source's `_region`.

    Raises TidegateError where a delivery cannot be read from the archive.
    """
    names = {name: own for name in values if (own := _own_name(contract, name))}
    condition = " and ".join(
        [f"{event_date(contract)} between {literal(days.start)} and {literal(days.last)}"]
        + [f"cast({quoted(own)} as varchar) = {literal(values[name])}" for name, own in names.items()]
    )
    found: list[_Found] = []
    for batch in in_batches(deliveries, home.settings.chunk_days):
        with judged_again(lake, contract, home.outside, batch):
            found += _found(lake, contract, condition, batch)
    return Lines(contract.source, tuple(names), _which_count(found))


def _own_name(contract: Contract, name: str) -> str | None:
    own = {column.name.lower(): column.name for column in contract.columns} | {"region": "_region"}
    return own.get(name.lower())


@dataclass(frozen=True)
class _Found:
    """A line, and what tells whether a later delivery has its row again."""

    line: SourceLine
    key: str | None
    delivered_on: dt.date


def _found(lake: Lake, contract: Contract, condition: str, batch: Sequence[DeliveryRecord]) -> list[_Found]:
    key = ", ".join(f"j.{quoted(name)}::varchar" for name in contract.key)
    wanted = f"""
  select j._delivery, j._file, j._row, {as_json(contract)} as said,
    {f"[{key}]::varchar" if key else "null"} as key
  from (
    select judged.*, v.* exclude (_delivery), judged.rowid as _row
    from {JUDGED} as judged join {VERDICTS} as v using (_delivery)
  ) as j
  where j.accepted and j._reasons is null and {condition}"""
    rows = lake.con.execute(
        f"select _delivery, _file, _line, said, key from ({with_lines(wanted)}) order by _delivery, _file, _row"
    ).fetchall()
    return [
        _Found(
            SourceLine(_name(batch[delivery]), file, line, batch[delivery].archive, said, counts=True),
            key,
            batch[delivery].partition_day,
        )
        for delivery, file, line, said, key in rows
    ]


def _name(delivery: DeliveryRecord) -> str:
    return str(DeliveryId(delivery.source, delivery.region, delivery.partition_day))


def _which_count(found: Sequence[_Found]) -> list[SourceLine]:
    """Of lines with one key, those that were delivered last count."""
    newest: dict[str, dt.date] = {}
    for each in found:
        if each.key is not None:
            newest[each.key] = max(newest.get(each.key, each.delivered_on), each.delivered_on)
    return [replace(each.line, counts=each.key is None or each.delivered_on == newest[each.key]) for each in found]
