"""How severe each kind of trouble is: by default, and for a product that says otherwise."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tidegate.alerting.trouble import DEFAULT_SEVERITIES, Kind, Severity

# So long before a product's deadline, what holds it up is critical.
MARGIN = dt.timedelta(hours=1)

# An incident that is opened so often, each time within days of the last, is critical: it does not stay away.
CRITICAL_AT = 3


@dataclass(frozen=True)
class Severities:
    """`by_kind` for all products, `by_product` for one, `margins` before the deadlines of products."""

    by_kind: Mapping[Kind, Severity] = field(default_factory=dict)
    by_product: Mapping[str, Mapping[Kind, Severity]] = field(default_factory=dict)
    margin: dt.timedelta = MARGIN
    margins: Mapping[str, dt.timedelta] = field(default_factory=dict)
    critical_at: int = CRITICAL_AT

    def of(self, kind: Kind, products: Iterable[str]) -> Severity:
        """The severity of a trouble: the highest of those that the products it concerns say."""
        usual = self.by_kind.get(kind, DEFAULT_SEVERITIES.get(kind, Severity.low))
        said = [self.by_product.get(product, {}).get(kind, usual) for product in products]
        return max(said, key=lambda severity: severity.rank, default=usual)

    def margin_of(self, product: str) -> dt.timedelta:
        return self.margins.get(product, self.margin)
