"""What a segment is called on reports, and what stands in its place for somebody who has none."""

from __future__ import annotations

from tidegate.outputs.pages.weekly import Move

# What is said of a customer who has no segment on one of the Mondays.
NOT_A_CUSTOMER = "Not a customer yet"
NO_CUSTOMER_ANY_MORE = "No customer any more"


def ends_of(move: Move) -> tuple[str, str]:
    """The segments that a move leads from and to, in words."""
    return move.from_segment or NOT_A_CUSTOMER, move.to_segment or NO_CUSTOMER_ANY_MORE
