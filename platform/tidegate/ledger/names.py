"""How the ledger names what its entries are about: deliveries, and the raw rows of a region."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class DeliveryId:
    """One delivery: of which source, from which region, for which day."""

    source: str
    region: str
    day: dt.date

    def __str__(self) -> str:
        return f"{self.source}/{self.region} {self.day}"


@dataclass(frozen=True, order=True)
class Partition:
    """What one delivery of a source fills in raw: a region's day."""

    region: str
    day: dt.date


def raw_asset(source: str, region: str) -> str:
    """The name by which ledger and Dagster know one region's raw rows: `raw/orders/eu-west`."""
    return f"{raw_table(source)}/{region}"


def raw_table(source: str) -> str:
    """The name by which checks of all regions' raw rows know them: `raw/customers`."""
    return f"raw/{source}"
