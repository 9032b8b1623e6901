"""What `tidegate contract draft` says of a draft, beside the files that it writes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tidegate.cli import console
from tidegate.contract.model import shown_path

if TYPE_CHECKING:
    from tidegate.drafting.draft import Draft


def print_draft(draft: Draft, written: Sequence[Path]) -> None:
    """What was drafted, what is open, and what to do next. On stderr, so that a contract can go into a file."""
    files = f"{draft.files} file{'' if draft.files == 1 else 's'}"
    key = ", ".join(draft.contract.key) or "none"
    event = draft.contract.event_time or "none"
    console.note(
        f"{draft.source}: {len(draft.choices)} columns of {draft.rows:,} rows in {files}; "
        f"key: {key}; event time: {event}."
    )
    if personal := [choice.name for choice in draft.choices if choice.personal]:
        console.note(f"Marked as personal data: {', '.join(personal)}.")
    for text in draft.open:
        console.note(f"Open: {text}.")
    if draft.unsettled:
        console.complain("The draft does not load these files whole:")
        for text in draft.unsettled:
            console.complain(f"- {text}")
    else:
        console.note("The judge loads every row of them with it, and keeps none out.")
    if draft.server:
        console.note(draft.server)
    for path in written:
        console.note(f"Wrote {shown_path(path)}")
    if written:
        console.note(
            "Read the contract's comments, say what its columns mean, then: tidegate run --partition YYYY-MM-DD"
        )
