"""The report on a proposed change, as Markdown for its page."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.changes.proposal.check import Checked
from tidegate.changes.proposal.contract_files import ContractFiles
from tidegate.changes.proposal.verdict import Verdict
from tidegate.changes.showing.markdown import bullets, details, summary, table, text
from tidegate.changes.showing.sentences import cost
from tidegate.window import Cadence

NEXT = {
    Verdict.unchanged: "Merge it. Partitions stay on the older logic until they are run again: `tidegate plan` says "
    "how many, and `tidegate apply` enters the new logic for them without changing a value.",
    Verdict.additive: "Merge it. Days that are run from then on have what is new; to have it in all of history: "
    "`tidegate plan`, then `tidegate apply`.",
    Verdict.differs: "If this is what the change is for: merge it, then `tidegate plan` and `tidegate apply`, or else "
    "new days have the new logic among old ones that have the old.",
    Verdict.refused: "Fix it. Merged as it is, days that are run from then on would be held.",
}


def report_on(checked: Checked) -> str:
    """The report as one Markdown text."""
    sections = (_basis(checked), _logic(checked), _contracts(checked), _whole(checked))
    lines = [line for section in sections for line in section]
    return "\n".join([f"## {checked.verdict.value}", "", NEXT[checked.verdict], "", *lines])


def _basis(checked: Checked) -> Iterator[str]:
    where = "the lake" if checked.whole else "the demo's lake, as there is no other"
    yield f"Compared with `{checked.base}` on {_counted(checked)} of {where}:"
    yield ""
    yield from table(("day", "chosen as"), [(str(day), why) for day, why in checked.sample.reasons.items()])
    if checked.base_failed:
        why = f"The logic of {checked.base} could not be built: {checked.base_failed}"
        yield from bullets([why, "So this is compared with what is published."])


def _counted(checked: Checked) -> str:
    of_each = [cadence.counted(len(days)) for cadence, days in checked.sample.partitions.items()]
    return ", ".join(of_each[:-1]) + f" and {of_each[-1]}" if len(of_each) > 1 else of_each[0]


def _logic(checked: Checked) -> Iterator[str]:
    planned = checked.planned
    if planned is None:
        yield from [
            "No model differs in its logic (its SQL but for comments and layout, macros, columns, settings), and no "
            "contract judges by another.",
            "",
        ]
        return
    yield from [*summary(planned), ""]
    if any(cadence is not Cadence.daily for cadence in planned.partitions):
        yield from [
            "A longer partition is built of the sample's days as changed and of its other days as they are published.",
            "",
        ]
    yield from details(planned)


def _contracts(checked: Checked) -> Iterator[str]:
    if not checked.contracts:
        return
    yield from ["### Contracts", "", *bullets(_files(checked.contracts))]
    yield from ["What they judge otherwise of the sample's deliveries is told above, where it is anything.", ""]


def _whole(checked: Checked) -> Iterator[str]:
    if checked.whole and checked.whole.partitions:
        yield from ["### For all of the lake", "", text(cost(checked.whole)), ""]


def _files(contracts: ContractFiles) -> Iterator[str]:
    for what, names in (
        ("Changed", contracts.changed),
        ("Added", contracts.added),
        ("Removed", contracts.removed),
    ):
        if names:
            yield f"{what}: {', '.join(names)}."
