"""Sources whose rows are changes: what the contract says of operation and order."""

from __future__ import annotations

from collections.abc import Sequence

from tidegate.contract.kafka import KafkaServer
from tidegate.contract.model import Changes, Region
from tidegate.contract.reading.document import At, Document, Written
from tidegate.contract.reading.draft import Draft
from tidegate.contract.reading.outside import read_text
from tidegate.contract.reading.written import read_choice, read_texts

CHANGE_PROPERTIES = ("operation", "orderedBy", "deletes")
SNAPSHOT = "snapshot"

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


def read_snapshot(doc: Document, written: Written) -> bool:
    """Whether each delivery is the whole table. Raises ContractError beside what contradicts it."""
    if read_choice(doc, written, SNAPSHOT, ("whole",), None) is None:
        return False
    at = written[SNAPSHOT][1]
    if "eventTime" not in written:
        what = "without eventTime each day has the table of that day anyway, and nothing is deleted from another"
        raise doc.refused(at, what, "remove 'snapshot', or write 'eventTime'")
    if other := next((name for name in ("allowedLatenessDays", "operation") if name in written), None):
        what = f"a row of a whole table is neither late nor a change, and '{other}' says that it is"
        raise doc.refused(written[other][1], what, "keep one of the two")
    return True


def refuse_what_is_read_otherwise(
    doc: Document, regions: Sequence[Region], changes: Changes | None, whole: bool
) -> None:
    """Raises ContractError for servers whose rows cannot be what the contract says."""
    if changes is None and any(region.files.json.envelope for region in regions):
        what = "an envelope says what was done to a row, and the contract does not say which columns tell that"
        raise doc.refused(("customProperties",), what, "write 'operation' and 'orderedBy'")
    if whole and any(isinstance(region.server, KafkaServer) for region in regions):
        what = "a stream is what came since the day before, and no whole table"
        raise doc.refused(("customProperties",), what, "remove 'snapshot'")


def require_columns(draft: Draft, changes: Changes, key: tuple[str, ...]) -> None:
    """Have every change say what it does, to which key and when. Raises ContractError where it cannot."""
    written_at: At = ("customProperties",)
    if not key:
        what = "rows are changes, and no column is the key of what they change"
        raise draft.doc.refused(written_at, what, "write 'primaryKey: true' at the columns that are")
    if empty := next((name for name in key if not draft.column(name, written_at).required), None):
        what = f"'{empty}' is a part of the key that may be empty, and rows are changes of a key"
        raise draft.doc.refused(written_at, what, "remove 'required: false' there")
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
