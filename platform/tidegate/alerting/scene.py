"""What a finder looks at: the home, the ledger at one moment, and how the platform runs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from duckdb import DuckDBPyConnection

from tidegate.alerting.operations import Operations
from tidegate.alerting.severities import Severities
from tidegate.alerting.trouble import Kind, Severity, Trouble
from tidegate.home import Home
from tidegate.ledger.builds import built_partitions
from tidegate.ledger.deliveries import delivered_days
from tidegate.publishing.due.partitions import Due, due_partitions
from tidegate.publishing.gate import closed_among
from tidegate.publishing.promises import missed_or_near
from tidegate.publishing.requirements import GateRequirements
from tidegate.window import Cadence

# A partition that became due is built within the hour, as restatements wait for each other that long; one that is due
# for longer is not worked on.
WORKED_ON = dt.timedelta(hours=2)


@dataclass
class Scene:
    """One look. `now` has an offset."""

    home: Home
    con: DuckDBPyConnection
    operations: Operations
    now: dt.datetime
    severities: Severities = field(default_factory=Severities)

    @property
    def products(self) -> tuple[GateRequirements, ...]:
        return self.home.products

    def due(self, product: GateRequirements) -> list[Due]:
        """What of the product is to be built."""
        key = (product.product, product.cadence)
        if key not in self._due:
            self._due[key] = due_partitions(self.con, product)
        return self._due[key]

    @cached_property
    def _due(self) -> dict[tuple[str, Cadence], list[Due]]:
        return {}

    def worked_on(self, product: GateRequirements) -> set[dt.date]:
        """The partitions of the product that a run is at, or that are built as soon as their turn comes."""
        return {*self.operations.under_way, *(each.day for each in self.due(product) if self.is_fresh(each))}

    def is_fresh(self, due: Due) -> bool:
        return due.caused_at is None or self.now - due.caused_at.replace(tzinfo=dt.UTC) < WORKED_ON

    def closed(self, product: GateRequirements) -> dict[dt.date, list[str]]:
        """Why the partitions of the product are closed that anything was delivered for, or that were built."""
        key = (product.product, product.cadence)
        if key not in self._closed:
            self._closed[key] = closed_among(self.con, _begun(self.con, product), product)
        return self._closed[key]

    @cached_property
    def _closed(self) -> dict[tuple[str, Cadence], dict[dt.date, list[str]]]:
        return {}

    def held(self) -> list[tuple[GateRequirements, dict[dt.date, list[str]]]]:
        """Of each product what is held and not worked on, and why."""
        found = []
        for product in self.products:
            worked_on = self.worked_on(product)
            found.append((product, {day: why for day, why in self.closed(product).items() if day not in worked_on}))
        return found

    def products_of_source(self, source: str) -> tuple[str, ...]:
        """The products that are made of a source, by name."""
        return tuple(sorted({product.product for product in self.products if product.are_made_of(source)}))

    @cached_property
    def pressing(self) -> frozenset[str]:
        """The products of which a partition is not published though its deadline has passed, or is near."""
        zone, margin_of = self.home.settings.zone, self.severities.margin_of
        return frozenset(
            product.product
            for product in self.products
            if missed_or_near(self.con, product, zone, self.now, margin_of(product.product))
        )

    def trouble(
        self,
        kind: Kind,
        subject: str,
        sentence: str,
        what_to_do: str,
        products: Iterable[str] = (),
        source: str = "",
        partitions: Iterable[dt.date] = (),
        pending: Iterable[dt.date] = (),
    ) -> Trouble:
        """A trouble with the severity that it has for these products."""
        concerned = tuple(sorted(set(products)))
        severity = self.severities.of(kind, concerned)
        if kind in HOLDS_UP and self.pressing.intersection(concerned):
            severity = Severity.critical
        return Trouble(
            kind,
            subject,
            sentence,
            what_to_do,
            severity,
            concerned,
            source,
            frozenset(partitions),
            frozenset(pending),
        )


def _begun(con: DuckDBPyConnection, product: GateRequirements) -> list[dt.date]:
    daily = product.cadence is Cadence.daily
    days = delivered_days(con) if daily else built_partitions(con, product.cadence)
    return [day for day in days if day >= product.starts]


# What keeps a partition from being published: it is critical once the deadline is missed or near.
HOLDS_UP = frozenset({Kind.held, Kind.rejected, Kind.late, Kind.overdue, Kind.not_healing, Kind.source, Kind.run})
