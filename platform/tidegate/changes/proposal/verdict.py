"""What a change would do to what is published, in a word, and as an exit code that a pipeline acts on."""

from __future__ import annotations

from enum import Enum

from tidegate.changes.compare import MartDifference
from tidegate.changes.plan import Planned


class Verdict(Enum):
    """From harmless to refused; the value says it in a sentence."""

    unchanged = "Nothing that is published would change."
    additive = "What consumers read stays as it is; something new comes beside it."
    differs = "What is published would change."
    refused = "This change would be refused, for what is listed under Failed."

    @property
    def exit_code(self) -> int:
        # 1 is an error, and 2 a command line that was typed wrong.
        return {Verdict.differs: 3, Verdict.refused: 4}.get(self, 0)


def verdict_on(planned: Planned | None) -> Verdict:
    """The verdict on a plan; None is one of nothing."""
    if planned is None or planned.changes_nothing:
        return Verdict.unchanged
    if planned.failed:
        return Verdict.refused
    judged = any(each.judges_otherwise for each in planned.contracts)
    if judged or planned.unmade or any(map(_changes_what_is_read, planned.marts)):
        return Verdict.differs
    return Verdict.additive


def _changes_what_is_read(mart: MartDifference) -> bool:
    """Whether a reader of the columns that there are finds anything else in them."""
    rows = mart.rows
    return not mart.keeps_its_shape or bool(rows and (rows.added or rows.removed or rows.changed))
