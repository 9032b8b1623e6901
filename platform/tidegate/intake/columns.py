"""The columns of tables of raw and of quarantine: those that all have, and of raw those of a contract as well."""

from __future__ import annotations

from tidegate.contract.model import Contract

RAW_EXTRAS = {"_region": "varchar", "_delivered_on": "date", "_file": "varchar", "_fingerprint": "varchar"}
RAW_COMMENTS = {
    "_region": "The region that delivered the row.",
    "_delivered_on": "The day that it was delivered for.",
    "_file": "The file of the delivery that it stands in.",
    "_fingerprint": "A hash over the bytes of the delivery.",
}
QUARANTINE = {
    "_region": "varchar",
    "_delivered_on": "date",
    "_file": "varchar",
    "_line": "bigint",
    "_fingerprint": "varchar",
    "reasons": "varchar[]",
    "raw": "varchar",
    # On the delivery that the row is of. An accepted one's broken rows stay beside a later one that was rejected.
    "_verdict": "varchar",
}


def raw_columns(contract: Contract) -> dict[str, str]:
    return {column.name: column.sql_type for column in contract.columns} | RAW_EXTRAS
