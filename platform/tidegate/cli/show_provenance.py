"""What `tidegate why`, `history` and `verify` print."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

from tidegate.cli.console import heading, say, show_table, warn

if TYPE_CHECKING:
    from tidegate.provenance.history import Event
    from tidegate.provenance.lines import Lines
    from tidegate.provenance.verify import Verified
    from tidegate.provenance.why import BuiltBy, Why

# More inputs, or lines of files, are too many to read.
SHOWN = 20


def print_why(why: Why) -> None:
    shown = why.publication
    say(
        f"{why.mart} of {why.partition} ({why.product}) shows {shown.rows:,} rows, content {shown.content_hash}: "
        f"publication {shown.publication_id}, {_at(shown.published_at)}, by run {shown.run_id}. Published so far: "
        f"{why.times_published:,}; of these with other content than before: {why.times_changed:,}."
    )
    for decision in why.decisions:
        say(decision)
    if why.built_by:
        _print_build(why.built_by)
    _print_checks(why)
    if any(why.columns.values()):
        show_table(("column", "what it is"), [(n, text) for n, text in why.columns.items() if text], "Columns")
    _print_inputs(why)
    if why.values:
        show_table(tuple(why.values[0]), [tuple(map(str, row.values())) for row in why.values], "Values")
    for lines in why.lines:
        _print_lines(lines)


def _print_build(build: BuiltBy) -> None:
    say(f"Built {_at(build.started_at)} by run {build.run_id} (build {build.build_id}) with {build.model_file}.")
    if build.is_of_older_logic:
        warn(f"Its logic ({build.logic}) is older than the project's ({build.logic_now}): tidegate plan")


def _print_checks(why: Why) -> None:
    failed = why.failed_checks
    say(f"{len(why.checks) - len(failed):,} of {len(why.checks):,} checks behind it passed.")
    if failed:
        rows = [(c.asset, c.name, "blocking" if c.blocking else "warning", c.observed) for c in failed]
        show_table(("asset", "check", "severity", "found"), rows, "Failed checks")


def _print_inputs(why: Why) -> None:
    if why.deliveries:
        rows = [
            (
                f"{each.delivery}{f' (that of {each.stands_in_for})' if each.stands_in_for else ''}",
                f"{each.delivered_at:%Y-%m-%d %H:%M}",
                f"{each.rows_loaded:,}",
                f"{each.rows_quarantined:,}",
                each.contract_version,
                each.archived,
                "yes" if each.changed_since else "",
            )
            for each in why.deliveries[:SHOWN]
        ]
        head = ("delivery", "at (UTC)", "loaded", "in quarantine", "contract", "archived", "changed since")
        show_table(head, rows, "Made of deliveries")
    if why.others:
        others = [(e.kind, e.name, e.day, e.content, "yes" if e.changed_since else "") for e in why.others[:SHOWN]]
        show_table(("kind", "name", "day", "content", "changed since"), others, "Made of")
    _say_more(max(len(why.deliveries), len(why.others)))


def _say_more(count: int) -> None:
    if count > SHOWN:
        say(f"And {count - SHOWN:,} more; all of them: --format json")


def _print_lines(lines: Lines) -> None:
    counting = sum(line.counts for line in lines.lines)
    heading(f"{counting:,} lines of {lines.source}, by {', '.join(lines.by)}")
    rows = [
        (
            line.delivery,
            line.file,
            "" if line.line is None else f"{line.line:,}",
            line.values,
            "" if line.counts else "no: delivered again later",
        )
        for line in lines.lines[:SHOWN]
    ]
    show_table(("delivery", "file", "line", "values", "counts"), rows)
    _say_more(len(lines.lines))


def print_history(events: Sequence[Event], partition: date) -> None:
    if not events:
        say(f"Nothing happened to {partition} yet.")
        return
    rows = [(_at(event.at), event.what, event.subject, event.said, event.run[:8]) for event in events]
    show_table(("at", "what", "of", "which", "run"), rows)


def print_verified(verified: Verified) -> None:
    from tidegate.changes.showing import sentences

    made = f"built again from {verified.deliveries:,} archived deliveries" if verified.deliveries else "built again"
    if verified.is_equal:
        say(f"{verified.partition} is equal: {len(verified.marts)} marts, {made}, have the content that is published.")
        return
    warn(f"{verified.partition} is not equal, {made}:")
    for name in verified.altered:
        warn(f"serving.{name} does not hold what was published: its rows were changed by somebody else.")
    for sentence in verified.failed:
        warn(sentence)
    for mart in verified.marts:
        if mart.identical < mart.partitions:
            heading(mart.mart)
            for sentence in sentences.of_mart(mart):
                say(sentence)
            if mart.rows and mart.rows.samples:
                head = (*sentences.samples_head(mart.rows)[:-1], "built again")
                show_table(head, sentences.samples(mart.rows))


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
