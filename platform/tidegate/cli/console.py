"""What the command line prints, and how. Working anything out does not belong here."""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape

from tidegate.cli.tables import print_table
from tidegate.window import Cadence, named, windows_of

if TYPE_CHECKING:
    from tidegate.demo.crm import Crm
    from tidegate.demo.database import DatabaseReport
    from tidegate.demo.online_retail import SliceReport
    from tidegate.demo.shop import ShopReport
    from tidegate.intake.read_quarantine import QuarantinedRow
    from tidegate.lake.reading.query import QueryResult
    from tidegate.lake.upkeep.maintenance import Upkeep
    from tidegate.ledger.versions import Version
    from tidegate.orchestration.outcomes import OutputsOutcome, RunOutcome
    from tidegate.publishing.due.partitions import Due
    from tidegate.publishing.promote import Promotion

out = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
err = Console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())


def say(text: str) -> None:
    out.print(escape(text))


def heading(text: str) -> None:
    out.print()
    out.print(escape(text), style="bold")


def note(text: str) -> None:
    """What goes on, beside what is asked for."""
    err.print(escape(text), style="dim")


def complain(text: str) -> None:
    err.print(escape(text), style="red")


def warn(text: str) -> None:
    err.print(escape(text), style="yellow")
    # A progress bar that never ends would leave it hidden.
    err.show_cursor()


def print_outcomes(outcomes: Sequence[RunOutcome]) -> None:
    """Partitions done and failed, why each failed, and what to do about it."""
    for cadence in Cadence:
        of_cadence = [outcome for outcome in outcomes if outcome.window.cadence is cadence]
        if of_cadence or (not outcomes and cadence is Cadence.daily):
            _print_outcomes_of(cadence, of_cadence)


def _print_outcomes_of(cadence: Cadence, outcomes: Sequence[RunOutcome]) -> None:
    cause = "late or corrected rows" if cadence is Cadence.daily else "their days"
    first = [outcome for outcome in outcomes if not outcome.restates]
    published = sum(len(outcome.published) for outcome in first)
    held = sum(len(outcome.held) for outcome in first)
    restated = [day for outcome in outcomes if outcome.restates for day in outcome.published]
    done = [f"{cadence.counted(published)} published, {held} held"] if first or not outcomes else []
    done += [f"{cadence.counted(len(restated))} restated by {cause} ({named(restated, cadence)})"] if restated else []
    if done:
        say(", ".join(done) + ".")
    newest = {day: outcome for outcome in outcomes for day in outcome.window.days}
    for day, outcome in sorted(newest.items()):
        if day in outcome.rolled_back:
            say(f"{day} goes on to show an earlier publication until its data changes. {outcome.rolled_back[day]}")
        if day in outcome.rollbacks_ended:
            say(f"{day} shows its newest data, which changed since it was rolled back. {outcome.rollbacks_ended[day]}")
    reasons = {day: outcome.held[day] for day, outcome in sorted(newest.items()) if day in outcome.held}
    for why, days in _alike(reasons).items():
        err.print(f"[bold]{', '.join(map(str, windows_of(days, cadence)))} held[/bold]")
        for sentence in why:
            err.print("  " + escape(sentence))
    if reasons:
        err.print(
            f"Consumers still see the version of these {cadence.noun} that was published last, and nothing of one that "
            "was never published. Fix what is named, then run again: "
            f"{', '.join(run_command(cadence, day) for day in list(reasons)[:DAYS_NAMED])}"
        )


def show_outputs_progress(outcomes: Iterable[OutputsOutcome]) -> list[OutputsOutcome]:
    """Go through `outcomes` with a count of what was made."""
    from rich.progress import Progress, TextColumn, TimeElapsedColumn

    done: list[OutputsOutcome] = []
    with Progress(TextColumn("{task.description}"), TimeElapsedColumn(), console=err, transient=True) as progress:
        task = progress.add_task("outputs", total=None)
        for outcome in outcomes:
            done.append(outcome)
            made = sum(len(each.made) for each in done)
            progress.update(task, description=f"{made} outputs, now those before {outcome.window.start}")
    return done


def print_outputs(outcomes: Sequence[OutputsOutcome], place: str) -> None:
    """What was made, where it is, and what could not be made."""
    made = Counter(record.kind for outcome in outcomes for record in outcome.made)
    if made:
        kinds = ", ".join(f"{count} of {kind}" for kind, count in sorted(made.items()))
        say(f"{made.total()} outputs made in {place}: {kinds}.")
    elif not outcomes:
        say(f"No output is due; all are in {place}.")
    if any(kind.startswith("reports/") for kind in made):
        say(f"Open {place}/reports/index.html")
    for outcome in outcomes:
        for complaint in outcome.complaints:
            err.print(escape(complaint), style="red")


def _alike(reasons: Mapping[date, tuple[str, ...]]) -> dict[tuple[str, ...], list[date]]:
    """Days by what they are held for, so that a cause of thirty days is told once."""
    alike: dict[tuple[str, ...], list[date]] = {}
    for day, why in reasons.items():
        alike.setdefault(why, []).append(day)
    return alike


# After so many it is plain how the next is run.
DAYS_NAMED = 3


def run_command(cadence: Cadence, partition: date) -> str:
    """How a partition is run."""
    return f"tidegate run {cadence.option(partition)}"


def print_json(value: Any) -> None:
    """For a program; what JSON has no form for, moments and days, as text."""
    text = json.dumps(value, default=str, indent=1, ensure_ascii=False)
    # A file's name may have bytes that are no text; JSON's own way to write them is this one.
    out.file.write(text.encode("utf-8", "backslashreplace").decode("utf-8") + "\n")


def print_result(result: QueryResult, how: str) -> None:
    """A query's rows as a table, as CSV, or as JSON lines' elder: one array of objects."""
    if how == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(result.columns)
        writer.writerows(result.rows)
    elif how == "json":
        rows = [dict(zip(result.columns, row, strict=True)) for row in result.rows]
        json.dump(rows, sys.stdout, default=str, indent=1)
        sys.stdout.write("\n")
    else:
        show_table(result.columns, result.rows)


def show_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str = "", *, counts: bool = False) -> None:
    print_table(out, columns, rows, title, counts=counts)


def print_versions(versions: Sequence[Version]) -> None:
    """A partition's publications, oldest first. In lines, so that their names are never broken."""
    for cadence in Cadence:
        of_cadence = [version for version in versions if version.cadence == cadence]
        if of_cadence:
            heading(f"The {cadence.singular}'s marts")
        for version in of_cadence:
            say(f"{version.publication_id}  {_state(version)}")
            when = f"{version.published_at:%Y-%m-%d %H:%M:%S} UTC"
            say(f"  published {when} by run {version.run_id}: {version.rows:,} rows, content {version.content[:8]}")
            say(f"  of {', '.join(version.marts)}")


def _state(version: Version) -> str:
    state = "standing" if version.stands else "rolled back" if version.rejected else "superseded"
    restores = f", restores {version.restores}" if version.restores else ""
    return state + restores + ("" if version.can_be_read else ", its snapshot is gone")


def print_rollback(rolled_back: Promotion, due: Mapping[Cadence, Sequence[Due]]) -> None:
    """What was put back, and what follows from it."""
    for day, publications in rolled_back.published.items():
        say(f"{day}: {rolled_back.rolled_back[day].sentence}")
        shown = ", ".join(f"{row.mart} ({row.rows:,} row{'' if row.rows == 1 else 's'})" for row in publications)
        stays = all(row.rollback_id for row in publications)
        say(
            f"It shows {shown}, as publication {publications[0].publication_id}"
            + (", until its data changes." if stays else ". That is its newest data, so it goes on as usual.")
        )
    for cadence, partitions in due.items():
        if partitions:
            named = ", ".join(map(str, windows_of((each.day for each in partitions), cadence)))
            say(f"{cadence.noun.capitalize()} made of it follow automatically, or now with tidegate restate: {named}.")


def print_shop(report: ShopReport, landing: str) -> None:
    rows = f"{report.lines:,} order lines and {report.payments:,} payments"
    say(f"{report.files} files with {rows} for {Cadence.daily.counted(report.days)} in {landing}.")
    for dirt in report.dirt:
        say(f"  {dirt.day} {dirt.source}/{dirt.region}: {dirt.sentence}")


def print_filled_database(report: DatabaseReport, variable: str) -> None:
    say(
        f"{report.payments:,} payments of {Cadence.daily.counted(report.days)}, all called complete, "
        f"in the database in ${variable}."
    )


def print_slices(report: SliceReport, landing: str) -> None:
    say(
        f"{report.files} files with {report.lines:,} order lines "
        f"of {report.first_day} to {report.last_day} in {landing}."
    )
    say(
        "Use them with: TIDEGATE_CONTRACTS=examples/online_retail/contracts "
        f"TIDEGATE_START_DATE={report.first_day} tidegate backfill --from {report.first_day} --to {report.last_day}"
    )


def print_crm(crm: Crm) -> None:
    from tidegate.demo.crm_faults import Fault

    first_day = crm.snapshots.shop.first_day
    say(f"The demo shop's CRM answers at {crm.url}/customers?as_of={first_day}. Ctrl-C ends it.")
    say(f"Load from it with: export CRM_URL={crm.url} TIDEGATE_CONTRACTS=examples/unattended/contracts")
    say(f"Break it with: curl -X PUT {crm.control_url}/fault/KIND, where KIND is one of {', '.join(Fault)}")
    say(f"Fix it with: curl -X DELETE {crm.control_url}/fault")


def print_quarantined_rows(rows: Sequence[QuarantinedRow]) -> None:
    for row in rows:
        place = f"{row.region} {row.day} {row.file}" + (f" line {row.line}" if row.line else "")
        out.print(f"[bold]{escape(', '.join(row.reasons))}[/bold]  {escape(place)}")
        out.print("  " + escape(row.raw or ""))
    if not rows:
        say("No such rows are in quarantine.")


def print_upkeep(upkeep: Upkeep, expired_exports: int, forgotten_runs: int) -> None:
    say(f"Lake maintained: {upkeep}.")
    say(f"Old versions of exports deleted: {expired_exports}.")
    say(f"Old runs forgotten: {forgotten_runs}.")


def print_next_steps() -> None:
    """What a newcomer may try after the tour."""
    heading("Try next")
    out.print(
        "  make dev                                        the same in the Dagster UI, on http://127.0.0.1:3000\n"
        "                                                  (its days are partitions there, one of them held)\n"
        "  .venv/bin/tidegate status                       how things stand\n"
        '  .venv/bin/tidegate query "select order_date, region, net_revenue from serving.daily_sales_by_region"\n'
        "  .venv/bin/tidegate quarantine list              every row that was kept out, and why\n"
        "  docs/tour.md                                    make a project of your own from one file, in 20 minutes"
    )
