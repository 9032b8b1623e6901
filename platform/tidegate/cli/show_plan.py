"""What `tidegate plan`, `apply` and `changes` print: the same facts for a terminal, as Markdown, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tidegate.cli.console import err, heading, out, say, table
from tidegate.window import Cadence, named

if TYPE_CHECKING:
    from tidegate.changes.apply import Applied
    from tidegate.changes.compare import MartDifference, RowDifferences
    from tidegate.changes.plan import Planned
    from tidegate.ledger.changes import AppliedChange

NOTHING = "All that is published has the logic that the project has now."

# So many windows are named.
NAMED = 5

APPLY = "tidegate apply --reason TEXT"


def print_plan(planned: Planned | None) -> None:
    if planned is None:
        say(NOTHING)
        return
    say(_models(planned))
    for sentence in _lost(planned):
        say(sentence)
    for mart in planned.marts:
        heading(mart.mart)
        for sentence in _sentences(mart):
            say(sentence)
        if mart.rows and mart.rows.columns:
            out.print(table(("column", "rows", "change of its sum"), _columns(mart.rows)))
        if mart.rows and mart.rows.samples:
            out.print(table((", ".join(mart.rows.key), "column", "published", "planned"), _samples(mart.rows)))
    failures = list(_failures(planned))
    if failures:
        heading("Failed")
        for sentence in failures:
            err.print(sentence, style="red", markup=False)
    say("")
    say(_next(planned))


def as_markdown(planned: Planned | None) -> str:
    """The plan as a page of a proposal shows it."""
    if planned is None:
        return f"{NOTHING}\n"
    lines = ["## What this change does to what is published", "", _models(planned), *_lost(planned), ""]
    for mart in planned.marts:
        lines += [f"### {mart.mart}", "", *(f"- {sentence}" for sentence in _sentences(mart)), ""]
        if mart.rows and mart.rows.columns:
            lines += [*_markdown_table(("column", "rows", "change of its sum"), _columns(mart.rows)), ""]
        if mart.rows and mart.rows.samples:
            header = (", ".join(mart.rows.key), "column", "published", "planned")
            lines += [*_markdown_table(header, _samples(mart.rows)), ""]
    if failures := list(_failures(planned)):
        lines += ["### Failed", "", *(f"- {sentence}" for sentence in failures), ""]
    return "\n".join([*lines, _next(planned), ""])


def as_json(planned: Planned | None) -> str:
    """The plan for a program: what differs by mart, with all partitions that do."""
    if planned is None:
        return json.dumps({"plan": None, "changes_nothing": True, "marts": []})
    return json.dumps(
        {
            "plan": planned.plan.plan_id,
            "changes_nothing": planned.changes_nothing,
            "models": sorted(planned.plan.models),
            "marts": [{**asdict(mart), "identical": mart.identical} for mart in planned.marts],
            "failed": planned.failed,
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
            f"takes back {each.restores[:8]}" if each.restores else ", ".join(each.models),
            f"{each.partitions:,}",
            each.code or "",
            each.reason or "",
        )
        for each in changes
    ]
    out.print(table(("change", "at (UTC)", "by", "what", "partitions", "commit", "reason"), rows))


def _undo(change: AppliedChange) -> str:
    return f"tidegate rollback --change {change.change_id[:8]}"


def _models(planned: Planned) -> str:
    counted = ", ".join(cadence.counted(len(days)) for cadence, days in planned.partitions.items())
    return f"Changed since it was published: {', '.join(sorted(planned.plan.models))}. Affected: {counted}."


def _lost(planned: Planned) -> Iterator[str]:
    for mart in planned.unmade:
        yield f"No model makes {mart.name} any more: its {mart.cadence.counted(len(mart.days))} leave serving."


def _sentences(mart: MartDifference) -> Iterator[str]:
    yield (
        f"{mart.cadence.counted(mart.partitions)}: {mart.identical:,} identical, {len(mart.days):,} differ"
        f"{f', {mart.new:,} new' if mart.new else ''}."
    )
    if mart.days:
        yield f"They differ on: {named(mart.days, mart.cadence, NAMED)}."
    for what, columns in (("added", mart.columns_added), ("removed", mart.columns_removed)):
        if columns:
            yield f"Columns {what}: {', '.join(f'{name} ({sql_type})' for name, sql_type in columns.items())}."
    for name, (before, after) in mart.columns_retyped.items():
        yield f"Column {name} becomes {after}; it is {before}."
    if mart.rows:
        yield f"Rows: {mart.rows.added:,} added, {mart.rows.removed:,} removed, {mart.rows.changed:,} changed."


def _columns(rows: RowDifferences) -> list[tuple[str, ...]]:
    return [(each.name, f"{each.rows:,}", "" if each.change is None else f"{each.change:+,}") for each in rows.columns]


def _samples(rows: RowDifferences) -> list[tuple[str, ...]]:
    return [tuple(map(str, sample)) for sample in rows.samples]


def _failures(planned: Planned) -> Iterator[str]:
    for sentence, days in planned.failed.items():
        yield f"{sentence} ({named(days, Cadence.daily, NAMED)})."


def _next(planned: Planned) -> str:
    if planned.failed:
        return "It cannot be applied. Fix the model and make the plan again: tidegate plan"
    if planned.changes_nothing:
        return f"Nothing that is published would change. To have it stand on this logic: {APPLY}"
    return f"To publish it, all in one moment: {APPLY}"


def _markdown_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    def line(cells: Sequence[Any]) -> str:
        return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    return [line(columns), line(["---"] * len(columns)), *map(line, rows)]
