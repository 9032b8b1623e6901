"""Sources whose rows are changes: what the contract says of operation and order."""

from __future__ import annotations

from tidegate.contract.model import Changes
from tidegate.contract.reading.document import At, Document, Written
from tidegate.contract.reading.draft import Draft
from tidegate.contract.reading.outside import read_text
from tidegate.contract.reading.written import read_texts

CHANGE_PROPERTIES = ("operation", "orderedBy", "deletes")

_ORDERED = ("integer", "number", "timestamp")


def read_changes(doc: Document, written: Written) -> Changes | None:
    """Raises ContractError for half of it, and beside what would lose changes."""
    operation, ordered_by = read_text(doc, written, "operation"), read_text(doc, written, "orderedBy")
    if operation is None and ordered_by is None and "deletes" not in written:
        return None
    for name, value, says in (
        ("operation", operation, "which column says whether a row was deleted"),
        ("orderedBy", ordered_by, "which column tells the later of two changes"),
    ):
        if value is None:
            raise doc.refused(("customProperties",), f"the contract does not say {says}", f"write '{name}'")
    if "allowedLatenessDays" in written:
        what = "a change counts however late it comes"
        raise doc.refused(written["allowedLatenessDays"][1], what, "remove 'allowedLatenessDays'")
    words = read_texts(doc, written, "deletes", Changes.deletes)
    return Changes(str(operation), str(ordered_by), tuple(word.lower() for word in words))


def require_columns(draft: Draft, changes: Changes, key: tuple[str, ...]) -> None:
    """Have every change say what it does, to which key and when. Raises ContractError where it cannot."""
    written_at: At = ("customProperties",)
    if not key:
        what = "rows are changes, and no column is the key of what they change"
        raise draft.doc.refused(written_at, what, "write 'primaryKey: true' at the columns that are")
    operation = draft.column(changes.operation, written_at)
    if operation.logical_type != "string":
        what = f"the operation '{operation.name}' is of type {operation.logical_type}"
        raise draft.doc.refused(written_at, what, "write a column of type string")
    order = draft.column(changes.ordered_by, written_at)
    if order.logical_type not in _ORDERED:
        what = f"'{order.name}', by which changes are ordered, is of type {order.logical_type}"
        raise draft.doc.refused(written_at, what, "write a column of type integer, number or timestamp")
    draft.require(operation)
    draft.require(order)
