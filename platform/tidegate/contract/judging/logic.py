"""The logic of a contract: a hash over what decides which rows and deliveries it lets in. Descriptions do not count."""

from __future__ import annotations

import dataclasses
import hashlib
from decimal import Decimal
from typing import Any

from tidegate.contract.files import PLAIN_FILES, FileOptions
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
# Words, and what is told apart below.
_NO_LOGIC = ("description", "anomaly")

# What counts only where it is written, so that the logic of contracts that do not say it stays as it was.
_WHERE_WRITTEN = frozenset({"delivered_as", "values", "nulls_are_alike"})


def logic_of(contract: Contract) -> str:
    """The hash: the same for contracts that judge alike."""
    parts = [(name, _without_words(getattr(contract, name))) for name in _JUDGES]
    parts += [
        (region.name, _without_words(region.clock)) for region in contract.regions if not region.clock.zone.is_utc
    ]
    # Only what differs from plain files: a new option must not change the logic of all contracts that there are.
    parts += [("quarantine limit", _without_words(limit)) for limit in contract.quarantine_limits]
    if contract.is_snapshot:
        parts.append(("snapshot", "whole"))
    if contract.changes:
        parts.append(("changes", contract.changes))
    parts += [(region.name, differing) for region in contract.regions if (differing := options_of(region.files))]
    parts += [("rejected as unusual", name) for name in _rejected_as_unusual(contract)]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def options_of(files: FileOptions) -> list[tuple[str, str]]:
    """The options that are not those of plain files, each as `csv.delimiter` and its value."""
    found = []
    for name in (field.name for field in dataclasses.fields(files) if field.name != "format"):
        written, plain = getattr(files, name), getattr(PLAIN_FILES, name)
        found += [
            (f"{name}.{option.name}", repr(getattr(written, option.name)))
            for option in dataclasses.fields(written)
            if getattr(written, option.name) != getattr(plain, option.name)
        ]
    return found


def _rejected_as_unusual(contract: Contract) -> list[str]:
    """What is, by name: `*` is the row count. A warning decides nothing."""
    names = [column.name for column in contract.columns if column.anomaly == "reject"]
    return [*(["*"] if contract.anomaly == "reject" else []), *names]


def _without_words(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_without_words(each) for each in value]
    if isinstance(value, Decimal):
        # 5 and 5.0 are the same limit.
        return str(value.normalize())
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value) if field.name not in _NO_LOGIC]
        names = [name for name in names if name not in _WHERE_WRITTEN or getattr(value, name)]
        return [_part(name, getattr(value, name)) for name in names]
    return value


def _part(name: str, value: Any) -> tuple[str, Any]:
    # Of a column without formats, the logic is as it was when a column had one at most.
    return ("strptime", None) if name == "formats" and not value else (name, _without_words(value))
