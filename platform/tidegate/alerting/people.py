"""Whom a trouble concerns: the owners of products and sources, and the alert channels that they name."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Self

from tidegate.alerting.config import Alerting
from tidegate.home import Home
from tidegate.ledger.incidents import IncidentRecord


@dataclass(frozen=True)
class People:
    """By product and by source."""

    owners_of_products: Mapping[str, Collection[str]] = field(default_factory=dict)
    owners_of_sources: Mapping[str, str] = field(default_factory=dict)
    channels_of_products: Mapping[str, str] = field(default_factory=dict)
    channels_of_sources: Mapping[str, str] = field(default_factory=dict)
    products: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()

    @classmethod
    def of(cls, home: Home) -> Self:
        promises = {product.product: product.promise for product in home.products}
        contracts = home.contracts
        return cls(
            {name: [each.owner.name or "", *each.owner.emails] for name, each in promises.items() if each.owner},
            {name: each.owner for name, each in contracts.items() if each.owner},
            {name: each.alert_channel for name, each in promises.items() if each.alert_channel},
            {name: each.channel for name, each in contracts.items() if each.channel},
            frozenset(promises),
            frozenset(contracts),
        )

    def owners(self, incident: IncidentRecord) -> set[str]:
        of_products = {owner for name in incident.products for owner in self.owners_of_products.get(name, ())}
        return {*of_products, self.owners_of_sources.get(incident.source, "")} - {""}

    def channels(self, incident: IncidentRecord) -> list[str]:
        """The source's own first. Trouble of the platform itself concerns everybody."""
        if not incident.products and not incident.source:
            return list(dict.fromkeys(self.channels_of_products.values()))
        found = [self.channels_of_sources.get(incident.source)]
        found += [self.channels_of_products.get(name) for name in incident.products]
        return list(dict.fromkeys(filter(None, found)))

    @property
    def named(self) -> set[str]:
        """Every channel that a product or a source names."""
        return {*self.channels_of_products.values(), *self.channels_of_sources.values()}

    def unknown_to(self, config: Alerting) -> Iterator[str]:
        """What the file names and the project has not, in sentences: a route of a misspelled product fits nothing."""
        everybody = {owner for owners in self.owners_of_products.values() for owner in owners} - {""}
        owners = everybody | set(self.owners_of_sources.values())
        named: list[tuple[str, str, Collection[str], Collection[str]]] = [
            ("products", "product", config.products, self.products)
        ]
        for place, route in enumerate(config.routes):
            named.append((f"routes[{place}]", "product", route.products, self.products))
            named.append((f"routes[{place}]", "source", route.sources, self.sources))
            named.append((f"routes[{place}]", "owner", route.owners, owners))
        for place, ready in enumerate(config.ready):
            named.append((f"ready[{place}]", "product", ready.products, self.products))
        for where, kind, names, known in named:
            for name in sorted(set(names) - set(known)):
                listed = ", ".join(sorted(known)) or "none"
                yield f"{where} names the {kind} {name!r}, which the project has not. It has: {listed}."
