"""What a plan says of a contract that judges otherwise than it did."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.changes.compare_contracts import ContractDifference

# The columns of the rows that are shown.
KEPT_OUT = ("delivery", "file", "line", "reasons", "row")

# So many deliveries are named, and so many letters of a row shown.
NAMED = 5
SHOWN_OF_A_ROW = 120


def title(contract: ContractDifference) -> str:
    return f"Contract of {contract.source}"


def sentences_of(contract: ContractDifference) -> Iterator[str]:
    """What the contract says otherwise, and what follows for what was delivered."""
    for term in contract.terms:
        yield f"{term.sentence}{' (breaks what readers were promised)' if term.breaks else ''}."
    if not contract.knows_before:
        yield "What it said before is not known: the ledger did not keep it then."
    yield (
        f"{contract.deliveries:,} deliveries judged again from the archive: {contract.kept_out:,} more rows in "
        f"quarantine, {contract.let_in:,} fewer; {len(contract.rejected):,} deliveries rejected, "
        f"{len(contract.accepted):,} accepted that were rejected."
    )
    for _, reason in contract.rejected[:NAMED]:
        yield reason
    if len(contract.rejected) > NAMED:
        yield f"And {len(contract.rejected) - NAMED:,} more rejected."
    if contract.accepted:
        more = f" and {len(contract.accepted) - NAMED:,} more" if len(contract.accepted) > NAMED else ""
        yield f"Accepted now: {', '.join(contract.accepted[:NAMED])}{more}."


def rows_kept_out(contract: ContractDifference) -> list[tuple[str, ...]]:
    """Rows that were loaded and would be in quarantine, as `KEPT_OUT` names them."""
    return [
        (
            each.delivery,
            each.file,
            "" if each.line is None else f"{each.line:,}",
            ", ".join(each.reasons),
            each.raw if len(each.raw) <= SHOWN_OF_A_ROW else f"{each.raw[:SHOWN_OF_A_ROW]} …",
        )
        for each in contract.samples
    ]
