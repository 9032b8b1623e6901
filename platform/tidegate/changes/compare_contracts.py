"""What a changed contract does to the deliveries that were judged by its earlier state: rows and whole deliveries that
are judged otherwise, and what the contract says otherwise."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from duckdb import DuckDBPyConnection

from tidegate.changes.contracts import JudgedBeside
from tidegate.contract.judging.logic import logic_of
from tidegate.contract.terms import TermChange, changed_terms, from_text, says_that_it_breaks, terms_of
from tidegate.lake.sql import qualified, rows_relation
from tidegate.lake.tables import table_columns
from tidegate.ledger.contracts import ContractState, state_of
from tidegate.ledger.deliveries import DeliveryRecord, newest_deliveries, standing_deliveries
from tidegate.ledger.names import DeliveryId, Partition
from tidegate.ledger.plan_deliveries import PlannedDelivery

# Enough to see what is kept out.
SAMPLES = 5


@dataclass(frozen=True)
class KeptOut:
    """A row that was loaded and would be in quarantine."""

    delivery: str
    file: str
    line: int | None
    reasons: Sequence[str]
    raw: str


@dataclass(frozen=True)
class ContractDifference:
    """What a contract would do that its earlier state did not.

    `terms` says what differs, as far as the ledger knows what was said before (`knows_before`). `kept_out` and `let_in`
    count rows of deliveries that are accepted by both states; `rejected` and `accepted` are deliveries, the former each
    with why. `unsaid` is what the version should say and does not.
    """

    source: str
    version_before: str
    version: str
    knows_before: bool
    terms: Sequence[TermChange]
    deliveries: int
    kept_out: int
    let_in: int
    rejected: Sequence[tuple[str, str]]
    accepted: Sequence[str]
    touched: Sequence[dt.date]
    samples: Sequence[KeptOut]

    @property
    def judges_otherwise(self) -> bool:
        return bool(self.kept_out or self.let_in or self.rejected or self.accepted or self.touched)

    @property
    def breaking(self) -> list[str]:
        return [term.sentence for term in self.terms if term.breaks]

    @property
    def unsaid(self) -> str | None:
        """A sentence where the contract breaks what readers were promised and its version does not say so."""
        if not self.breaking or says_that_it_breaks(self.version_before, self.version):
            return None
        return (
            f"The contract of {self.source} breaks what it promised ({'; '.join(self.breaking)}), and its version, "
            f"{self.version}, does not say so: raise its first number above that of {self.version_before}"
        )


def compare_contracts(con: DuckDBPyConnection, judged: Iterable[JudgedBeside]) -> list[ContractDifference]:
    """What each of the contracts does to the deliveries that a plan has judged again."""
    return [_compare(con, each) for each in judged]


def _compare(con: DuckDBPyConnection, judged: JudgedBeside) -> ContractDifference:
    contract, now = judged.contract, judged.deliveries(con)
    before = _before(con, contract.source)
    both = [each for each in now if each.verdict == "accepted" and each.was_accepted]
    earlier = _state_before(con, contract.source, logic_of(contract), before, now)
    return ContractDifference(
        source=contract.source,
        version_before=earlier.version if earlier else _version_before(before, now, contract.version),
        version=contract.version,
        knows_before=earlier is not None,
        terms=changed_terms(from_text(earlier.terms), terms_of(contract)) if earlier else (),
        deliveries=len(now),
        kept_out=_count(con, judged.quarantined, ("quarantine", contract.source), both),
        let_in=_count(con, ("quarantine", contract.source), judged.quarantined, both),
        rejected=[(_name(each), each.reason or "") for each in now if each.verdict == "rejected" and each.was_accepted],
        accepted=[_name(e) for e in now if e.verdict == "accepted" and not e.was_accepted],
        touched=sorted({day for each in now for day in each.touched}),
        samples=_samples(con, judged.quarantined, ("quarantine", contract.source), both),
    )


Before = dict[tuple[Partition, str], DeliveryRecord]


def _before(con: DuckDBPyConnection, source: str) -> Before:
    entries = [*newest_deliveries(con, source, None), *standing_deliveries(con, None, source)]
    return {(entry.partition, entry.fingerprint): entry for entry in entries}


def _name(delivery: DeliveryRecord) -> str:
    return str(DeliveryId(delivery.source, delivery.region, delivery.partition_day))


def _state_before(
    con: DuckDBPyConnection, source: str, now: str, before: Before, judged: Sequence[PlannedDelivery]
) -> ContractState | None:
    """The newest of the states that these deliveries were judged by, where the ledger kept it."""
    entries = [before[each.bytes_of] for each in judged if each.bytes_of in before]
    by_age = sorted((entry for entry in entries if entry.logic not in (now, None)), key=lambda entry: entry.finished_at)
    return state_of(con, source, by_age[-1].logic) if by_age and by_age[-1].logic else None


def _version_before(before: Before, judged: Iterable[PlannedDelivery], otherwise: str) -> str:
    versions = [before[each.bytes_of].contract_version for each in judged if each.bytes_of in before]
    return versions[-1] if versions else otherwise


Table = tuple[str, str]


def _only_in(con: DuckDBPyConnection, table: Table, other: Table, deliveries: Sequence[PlannedDelivery]) -> str | None:
    """A query for the rows of these deliveries that the one table has and the other has not; None without any."""
    if not deliveries or not table_columns(con, [table]):
        return None
    keys = rows_relation(
        {"region": "varchar", "day": "date", "fingerprint": "varchar"},
        [(each.region, each.partition_day, each.fingerprint) for each in deliveries],
    )
    same = " and ".join(
        f"t.{name} is not distinct from o.{name}" for name in ("_region", "_delivered_on", "_file", "_line", "raw")
    )
    return (
        f"select t.* from {qualified(*table)} as t semi join ({keys}) as k "
        "on k.region = t._region and k.day = t._delivered_on and k.fingerprint = t._fingerprint "
        f"anti join {qualified(*other)} as o on {same} and o._verdict is not distinct from t._verdict "
        "where t._verdict = 'accepted'"
    )


def _count(con: DuckDBPyConnection, table: Table, other: Table, deliveries: Sequence[PlannedDelivery]) -> int:
    query = _only_in(con, table, other, deliveries)
    row = con.execute(f"select count(*) from ({query})").fetchone() if query else None
    return int(row[0]) if row else 0


def _samples(
    con: DuckDBPyConnection, table: Table, other: Table, deliveries: Sequence[PlannedDelivery]
) -> list[KeptOut]:
    query = _only_in(con, table, other, deliveries)
    if query is None:
        return []
    rows: list[tuple[Any, ...]] = con.execute(
        f"select _region, _delivered_on, _file, _line, reasons, raw from ({query}) order by 2, 1, 3, 4 limit {SAMPLES}"
    ).fetchall()
    return [KeptOut(f"{region} {day}", file, line, reasons, raw) for region, day, file, line, reasons, raw in rows]
