"""Which regions raw holds rows of that the contract does not have any more. Taking them out is `removed_regions`."""

from __future__ import annotations

from duckdb import DuckDBPyConnection

from tidegate.contract.model import Contract
from tidegate.ledger.known import standing_regions


def regions_that_left(con: DuckDBPyConnection, contract: Contract) -> list[str]:
    """The regions that raw holds rows of and the contract does not have."""
    known = {region.name for region in contract.regions}
    return [region for region in standing_regions(con, contract.source) if region not in known]
