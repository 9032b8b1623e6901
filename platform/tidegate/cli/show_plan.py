"""What `tidegate plan`, `apply` and `changes` print: for a terminal, and for a program as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from tidegate.cli.console import err, heading, say, show_table

if TYPE_CHECKING:
    from tidegate.changes.apply import Applied
    from tidegate.changes.compare import MartDifference
    from tidegate.changes.compare_contracts import ContractDifference
    from tidegate.changes.plan import Planned
    from tidegate.ledger.changes import AppliedChange


def print_plan(planned: Planned | None) -> None:
    from tidegate.changes.showing import sentences

    if planned is None:
        say(sentences.NOTHING)
        return
    say(sentences.models(planned))
    for sentence in sentences.leaving(planned):
        say(sentence)
    for contract in planned.contracts:
        _print_contract(contract)
    for mart in planned.marts:
        _print_mart(mart)
    failures = list(sentences.failures(planned))
    if failures:
        heading("Failed")
        for sentence in failures:
            err.print(sentence, style="red", markup=False)
    say("")
    say(sentences.next_step(planned))


def _print_contract(contract: ContractDifference) -> None:
    from tidegate.changes.showing import contracts

    heading(contracts.title(contract))
    for sentence in contracts.sentences_of(contract):
        say(sentence)
    if contract.samples:
        show_table(contracts.KEPT_OUT, contracts.rows_kept_out(contract))


def _print_mart(mart: MartDifference) -> None:
    from tidegate.changes.showing import sentences

    heading(mart.mart)
    for sentence in sentences.of_mart(mart):
        say(sentence)
    if mart.rows and mart.rows.columns:
        show_table(sentences.COLUMNS, sentences.columns(mart.rows))
    for figure in mart.figures:
        title, head = sentences.figures_title(mart, figure), (mart.cadence.singular, *sentences.FIGURES)
        show_table(head, sentences.figures(figure), title)
    if mart.rows and mart.rows.samples:
        show_table(sentences.samples_head(mart.rows), sentences.samples(mart.rows))


def as_json(planned: Planned | None) -> str:
    """The plan for a program: what differs by mart, with all partitions that do."""
    if planned is None:
        return json.dumps({"plan": None, "changes_nothing": True, "marts": []})
    return json.dumps(
        {
            "plan": planned.plan.plan_id,
            "changes_nothing": planned.changes_nothing,
            "models": sorted(planned.plan.models),
            "contracts": [asdict(contract) for contract in planned.contracts],
            "marts": [{**asdict(mart), "identical": mart.identical} for mart in planned.marts],
            "failed": planned.failed,
            "cost": asdict(planned.cost),
            "leaves_serving": [mart.name for mart in planned.unmade],
        },
        default=str,
        indent=1,
    )


def print_applied(applied: Applied) -> None:
    change = applied.change
    say(
        f"Applied as change {change.change_id[:8]}: {change.partitions:,} partitions of {', '.join(change.marts)} "
        "switched in one moment."
        if change.partitions
        else f"Applied as change {change.change_id[:8]}, of {change.subject}: nothing published differs."
    )
    for (product, day), why in applied.left.items():
        err.print(f"{product} {day} stays as it was: {' '.join(why)}", markup=False)
    say(f"Weeks, months and outputs that are made of them follow. To take it back: {_undo(change)}")


def print_changes(changes: Sequence[AppliedChange]) -> None:
    if not changes:
        say("No change of logic was applied yet.")
        return
    rows = [
        (
            each.change_id[:8],
            f"{each.made_at:%Y-%m-%d %H:%M}",
            each.made_by,
            f"takes back {each.restores[:8]}" if each.restores else each.subject,
            f"{each.partitions:,}",
            each.code or "",
            each.reason or "",
        )
        for each in changes
    ]
    show_table(("change", "at (UTC)", "by", "what", "partitions", "commit", "reason"), rows)


def _undo(change: AppliedChange) -> str:
    return f"tidegate rollback --change {change.change_id[:8]}"
