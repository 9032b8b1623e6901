"""Making outputs: under a lease, of what is published at one moment, entered in the ledger once they are in place.

Which outputs there are and what they hold is their makers' knowledge, and which are due the ledger's. A process that
is killed before it entered an output has made it in vain: it is due still, and what it left behind leads nobody astray.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

import duckdb
from duckdb import DuckDBPyConnection

from tidegate.errors import LakeBusyError, TidegateError
from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake
from tidegate.lake.trouble import may_heal
from tidegate.ledger.entries import utc_now
from tidegate.ledger.made_of import keep_made_of
from tidegate.ledger.outputs import OutputRecord, record_outputs
from tidegate.publishing.due.made_of import OutputKind
from tidegate.publishing.due.outputs import Output, outputs
from tidegate.storage.files import Storage
from tidegate.window import windows_of

AGAIN = (
    "What was there before stays. Sensors make what is due again automatically; without them run `tidegate outputs`."
)


@dataclass(frozen=True)
class Made:
    """An output in its place: where, and what is worth knowing of it.

    `markdown` shows it to people, `summary` is what lists of outputs show of it, as JSON. `tells_of_publication`: it
    says something of the publication of its partition, so that the next one makes it due whatever that shows.
    """

    day: dt.date
    location: str
    facts: Mapping[str, str | int | None] = field(default_factory=dict)
    markdown: str = ""
    summary: str = "{}"
    tells_of_publication: bool = False


@dataclass(frozen=True)
class Unmade:
    """An output that could not be made, and in a sentence why."""

    day: dt.date
    why: str


class Maker(Protocol):
    """Makes the outputs of one kind."""

    @property
    def kind(self) -> OutputKind: ...

    def lease(self, config: LakeConfig, days: Collection[dt.date], run_id: str) -> AbstractContextManager[None]:
        """The right to make the outputs of these days."""
        ...

    def make(self, lake: Lake, store: Storage, wanted: Sequence[Output], run_id: str) -> Iterator[Made | Unmade]:
        """Make these outputs; each is told once it is in its place, to stay.

        `lake` is in a transaction, of the moment at which the outputs were wanted. Raises OSError, TidegateError and
        duckdb.Error: what was not told is due still.
        """
        ...


@dataclass
class Making:
    """What became of the outputs that were wanted, by kind and day."""

    made: dict[tuple[str, dt.date], Made] = field(default_factory=dict)
    unmade: dict[tuple[str, dt.date], str] = field(default_factory=dict)

    @property
    def complaint(self) -> str:
        """What could not be made and why, for the person on call: a line for each cause."""
        alike: dict[str, dict[str, list[dt.date]]] = {}
        for (kind, day), why in self.unmade.items():
            alike.setdefault(why, {}).setdefault(kind, []).append(day)
        return "\n".join(f"{_named(of)}: {why}" for why, of in alike.items())


def _named(days: Mapping[str, Sequence[dt.date]]) -> str:
    return "; ".join(f"{kind} {', '.join(map(str, windows_of(of_kind)))}" for kind, of_kind in days.items())


def make_outputs(
    lake: Lake, store: Storage, makers: Sequence[Maker], days: Collection[dt.date], run_id: str, only_due: bool = True
) -> Making:
    """Make the outputs of these makers and days: those that are due, or all. One that fails keeps no other back.

    Raises LakeBusyError when another process is making them for too long.
    """
    making = Making()
    for maker in makers:
        with maker.lease(lake.config, days, run_id):
            results = _Results()
            try:
                _make(lake, store, maker, days, run_id, only_due, results)
            finally:
                # What is in its place is entered, whatever broke off the rest.
                _enter(lake, maker.kind, results, run_id)
        making.made |= {(maker.kind.name, made.day): made for _, made in results.made}
        making.unmade |= {(maker.kind.name, day): why for day, why in results.unmade.items()}
    return making


@dataclass
class _Results:
    made: list[tuple[Output, Made]] = field(default_factory=list)
    unmade: dict[dt.date, str] = field(default_factory=dict)

    def add(self, result: Made | Unmade, wanted: Mapping[dt.date, Output]) -> None:
        if isinstance(result, Made):
            self.made.append((wanted[result.day], result))
        else:
            self.unmade[result.day] = result.why

    def fail_the_others(self, days: Collection[dt.date], why: str) -> None:
        done = {made.day for _, made in self.made}
        self.unmade |= {day: why for day in days if day not in done and day not in self.unmade}


def _make(
    lake: Lake,
    store: Storage,
    maker: Maker,
    days: Collection[dt.date],
    run_id: str,
    only_due: bool,
    results: _Results,
) -> None:
    with lake.one_moment() as con:
        there_can_be = outputs(con, [maker.kind], store.place, days)
        wanted = {output.day: output for output in there_can_be if output.is_due or not only_due}
        try:
            for result in maker.make(lake, store, list(wanted.values()), run_id):
                results.add(result, wanted)
        except OSError as error:
            results.fail_the_others(wanted, f"Not written to {store.place}: {error}.")
        except LakeBusyError:
            raise
        except TidegateError as error:
            results.fail_the_others(wanted, str(error))
        except duckdb.Error as error:
            if not may_heal(str(error)):
                raise
            results.fail_the_others(wanted, f"{error}.")
    if not only_due and not maker.kind.is_one:
        results.fail_the_others(days, "Nothing is published that it could be made of. Publish the day first.")


def _enter(lake: Lake, kind: OutputKind, results: _Results, run_id: str) -> None:
    now = utc_now()
    rows = [
        OutputRecord(
            kind=kind.name,
            partition_day=made.day,
            cadence=kind.cadence,
            inputs_hash=output.inputs_hash,
            publication_id=output.publication_id,
            location=made.location,
            run_id=run_id,
            made_at=now,
            summary=made.summary,
            contents_seen=output.contents_seen,
            revision=output.revision,
            tells_of_publication=made.tells_of_publication,
        )
        for output, made in results.made
    ]

    def work(con: DuckDBPyConnection) -> None:
        keep_made_of(con, kind.name, kind.reads)
        record_outputs(con, rows)

    if rows:
        lake.unit_of_work(work)
