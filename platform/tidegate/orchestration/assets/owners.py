"""Who owns an asset, as Dagster writes owners: an email address, or a team."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tidegate.contract.model import Contract
from tidegate.publishing.requirements import GateRequirements


def owners_of(contracts: Iterable[Contract]) -> list[str]:
    """The owners of these contracts, each once."""
    return sorted({_owner(contract.owner) for contract in contracts if contract.owner})


def _owner(name: str) -> str:
    return name if "@" in name else "team:" + re.sub(r"[^A-Za-z0-9_-]+", "-", name)


def owners_of_product(product: GateRequirements, others: list[str]) -> list[str]:
    """Those that the product's dbt group names; `others` where it has no group."""
    owner = product.promise.owner
    if owner is None:
        return others
    return list(owner.emails) or [_owner(str(owner))]
