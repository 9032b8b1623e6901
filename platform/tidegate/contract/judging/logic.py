"""The logic of a contract: a hash over what decides which rows and deliveries it lets in. Descriptions do not count."""

from __future__ import annotations

import dataclasses
import hashlib
from decimal import Decimal
from typing import Any

from tidegate.contract.model import Contract

_JUDGES = (
    "columns",
    "key",
    "event_time",
    "allowed_lateness_days",
    "row_rules",
    "unique_rules",
    "delivery_rules",
    "max_quarantined_percent",
    "max_quarantined_rows",
    "max_unpacked_ratio",
)


def logic_of(contract: Contract) -> str:
    """The hash: the same for contracts that judge alike."""
    parts = [(name, _without_words(getattr(contract, name))) for name in _JUDGES]
    parts += [
        (region.name, _without_words(region.clock)) for region in contract.regions if not region.clock.zone.is_utc
    ]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _without_words(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_without_words(each) for each in value]
    if isinstance(value, Decimal):
        # 5 and 5.0 are the same limit.
        return str(value.normalize())
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value) if field.name != "description"]
        return [(name, _without_words(getattr(value, name))) for name in names]
    return value
