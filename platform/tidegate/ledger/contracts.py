"""`ops.contracts`: by which terms deliveries were judged, for each state of a source's contract that judged one.

A state is told by the hash of its logic, which `ops.deliveries` names.
"""

from __future__ import annotations

from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import literal
from tidegate.ledger.entries import insert_entries, read_entries


@dataclass(frozen=True)
class ContractState:
    """One row of `ops.contracts`. `terms` is what it said, as `contract.terms` writes it."""

    source: str
    logic: str
    version: str
    terms: str


def enter_state(con: DuckDBPyConnection, state: ContractState) -> None:
    """Enter the state, unless it is there with this version."""
    if state_of(con, state.source, state.logic) != state:
        con.execute(f"delete from ops.contracts where {_of(state.source, state.logic)}")
        insert_entries(con, "contracts", [state])


def state_of(con: DuckDBPyConnection, source: str, logic: str) -> ContractState | None:
    """What the contract said; None where it judged before the ledger kept this."""
    found = read_entries(con, ContractState, "contracts", _of(source, logic))
    return found[0] if found else None


def _of(source: str, logic: str) -> str:
    return f"source = {literal(source)} and logic = {literal(logic)}"
