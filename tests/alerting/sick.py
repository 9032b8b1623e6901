"""A home in which things go wrong, and what a look at it finds. What Dagster would have recorded is handed in."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.support.runs.watched import NOW, Watched, delivery

from tidegate.alerting.operations import Operations
from tidegate.alerting.severities import Severities
from tidegate.alerting.trouble import Kind
from tidegate.alerting.watching import Sight, look
from tidegate.contract.model import Contract
from tidegate.home import Home
from tidegate.ledger.checks import CheckRecord
from tidegate.ledger.incidents import IncidentRecord, record_incidents
from tidegate.publishing.promises import Promise
from tidegate.window import Cadence


@dataclass
class Sick:
    watched: Watched
    operations: Operations = field(default_factory=Operations)
    severities: Severities = field(default_factory=Severities)
    # Disks of machines that run tests may be nearly full.
    kinds: frozenset[Kind] = frozenset(Kind) - {Kind.disk}

    @property
    def home(self) -> Home:
        return self.watched.home

    def contract(self, source: str, **changes: object) -> Contract:
        """A contract that says something else from now on, in this home only."""
        home = dataclasses.replace(self.home)
        changed: Contract = dataclasses.replace(self.home.contracts[source], **changes)  # type: ignore[arg-type]
        home.__dict__["contracts"] = {**self.home.contracts, source: changed}
        self.watched.__dict__["home"] = home
        self.promise(None)
        return changed

    def promise(self, deadline: dt.time | None) -> None:
        """By when the days of every product are published from now on; None for no promise."""
        changed = {
            cadence: tuple(
                dataclasses.replace(product, promise=Promise(deadline=deadline if cadence is Cadence.daily else None))
                for product in self.home.products_of(cadence)
            )
            for cadence in Cadence
        }
        self.home.__dict__["_products"] = changed

    def look(self, now: dt.datetime = NOW) -> Sight:
        """Look, and enter what changed."""
        with self.home.lake() as lake:
            sight = look(self.home, lake, self.operations, now, self.severities, self.kinds)
            entered = [each.incident for each in sight.transitions]
            lake.unit_of_work(lambda con: record_incidents(con, entered))
        return sight

    def changes(self, now: dt.datetime = NOW) -> list[tuple[str, str]]:
        """What one look changes: `opened held/daily_sales`, and its like."""
        return [(str(each.change), each.incident.key) for each in self.look(now).transitions]

    def found(self, now: dt.datetime = NOW) -> dict[str, IncidentRecord]:
        return {each.key: each for each in self.look(now).standing}

    def deliver(self, days: Iterable[dt.date], *sources: str, **fields: object) -> None:
        """What loading a delivery of each region leaves in the ledger."""
        rows = [
            dataclasses.replace(
                delivery(source, region.name, day, f"{region.name} {day} {fields}", None),
                **fields,  # type: ignore[arg-type]
            )
            for day in days
            for source in sources or self.home.contracts
            for region in self.home.contracts[source].regions
        ]
        self.watched.write(rows)

    def enter(self, table: str, rows: list[CheckRecord]) -> None:
        from tidegate.ledger.entries import insert_entries

        with self.home.lake() as lake:
            lake.unit_of_work(lambda con: insert_entries(con, table, rows))
