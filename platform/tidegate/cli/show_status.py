"""What `tidegate status` prints. Reading it belongs to `read_status`, how a table looks to `console`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING

from rich.markup import escape

from tidegate.cli.console import err, out, run_command, say, table
from tidegate.cli.show_incidents import print_open_incidents
from tidegate.window import Cadence, windows_of

if TYPE_CHECKING:
    from tidegate.cli.read_status import PeriodStatus, ProductStatus, Status
    from tidegate.orchestration.history.breaker import Breaker
    from tidegate.publishing.promises import Overdue
    from tidegate.zones import Zone


def print_status(status: Status) -> None:
    """Newest published day, verdicts, held days with reasons, days owed a restatement."""
    _print_products(status)
    print_open_incidents(status.incidents)
    say("Deliveries: " + (", ".join(f"{n} {verdict}" for verdict, n in status.verdicts.items()) or "none yet") + ".")
    if status.quarantined:
        out.print(table(("source", "reason", "rows"), status.quarantined, "In quarantine"))
    if status.held:
        held = ((day, "\n".join(why)) for day, why in sorted(status.held.items()))
        out.print(table(("day", "held because"), held, "Held days"))
    if status.stand_ins:
        stale = ((each.day, f"{each.source}/{each.region}", each.delivery_of) for each in status.stand_ins)
        out.print(table(("day", "without its own", "stands on that of"), stale, "Days that stand on an older delivery"))
    if status.waived:
        gone = ((each.day, f"{each.source}/{each.region}") for each in status.waived)
        out.print(table(("day", "without"), gone, "Days that go on without a late delivery"))
    _print_stale_days(status)
    _print_awaiting(status)
    for source, region in status.leaving:
        say(f"{source}/{region} left its contract. Its rows leave the figures at the next load, or: tidegate restate")
    for period in status.periods:
        _print_periods(period)
    if status.rolled_back:
        back = [(day, cadence, sentence) for (day, cadence), sentence in sorted(status.rolled_back.items())]
        out.print(table(("partition", "cadence", "until its data changes"), back, "Rolled back"))
    _print_changed_logic(status)
    _print_marts_without_model(status)
    _print_outputs_of(status)
    if status.recent_runs:
        columns = ("run", "job", "from", "to", "status", "seconds", "rows loaded")
        out.print(table(columns, status.recent_runs, "Newest runs"))


def _print_products(status: Status) -> None:
    for product in status.products:
        stand = "; ".join(
            f"{each.cadence.counted(each.count)}, newest {each.newest or 'none yet'}"
            for each in product.published
            if each.newest or each.cadence is Cadence.daily
        )
        owned = f", owned by {product.promise.owner}" if product.promise.owner else ""
        named = f"Published by {product.name}{owned}: " if owned or len(status.products) > 1 else "Published: "
        say(f"{named}{stand}.")
    for product in status.products:
        for each in product.published:
            if each.overdue:
                _print_overdue(product, each.overdue, status.zone)


def _print_overdue(product: ProductStatus, overdue: Overdue, zone: Zone) -> None:
    due = f"{zone.shown_at(overdue.deadline):%Y-%m-%d %H:%M} ({zone.name})"
    channel = f" Its alert channel: {product.promise.alert_channel}." if product.promise.alert_channel else ""
    partition = f"{overdue.cadence.singular} {overdue.partition}"
    say(f"Overdue: {product.name} has not published the {partition}, promised by {due}.{channel}")


def _print_stale_days(status: Status) -> None:
    """Days whose publication is behind what they are made of, and what is done about them."""
    if status.stale_days:
        days = ", ".join(map(str, status.stale_days))
        say(f"Due to be built again: {days}. Run: tidegate restate")
    if status.days_before_start:
        days = ", ".join(map(str, windows_of(status.days_before_start)))
        say(
            f"Touched by later deliveries and before the first day ({status.first_day}), so not rebuilt: {days}. "
            "They stay as published. To rebuild them, set an earlier TIDEGATE_START_DATE."
        )


def _print_awaiting(status: Status) -> None:
    """Rows that no mart shows, and why not."""
    if status.lacking:
        out.print(table(("day", "lacks rows of the rejected"), status.lacking, "Published days that lack rows"))
    for source, of_source in groupby(status.awaiting, key=lambda each: each.source):
        waiting = list(of_source)
        for has_partition in (True, False):
            rows = {each.day: each.rows for each in waiting if (each.day >= status.first_day) is has_partition}
            if not rows:
                continue
            days, count = ", ".join(map(str, windows_of(rows))), f"{sum(rows.values()):,} rows of {source}"
            if has_partition:
                say(f"{count} wait for {days}, which had no delivery of its own. Published once it has.")
            else:
                say(f"{count} are of {days}, before the first day ({status.first_day}); no mart shows them.")


def _print_changed_logic(status: Status) -> None:
    """What the project's edits did, and will do, without a plan."""
    for change, products in status.shapes:
        err.print(escape(change.sentence(products)), style="yellow")
    for each in status.older_logic:
        say(f"{each.sentence} What the newer would change: tidegate plan")
    for source, count in status.older_contracts.items():
        were = "delivery of {0} was" if count == 1 else "deliveries of {0} were"
        say(
            f"{count:,} {were.format(source)} judged by an earlier state of its contract. "
            "What the newer would change: tidegate plan"
        )


def _print_marts_without_model(status: Status) -> None:
    for mart in status.unmade_marts:
        say(
            f"No model makes {mart.name} any more; it was published until {mart.days[-1]} and stays as it is. To have "
            "it leave serving: tidegate plan, then tidegate apply. To keep it, put its model back."
        )
    for retired in status.retired_marts:
        say(
            f"No model makes {retired.name} any more, so it left serving. What it showed: "
            f"select * from serving.{retired.name} at (version => {retired.snapshot})"
        )


def _print_outputs_of(status: Status) -> None:
    if status.outputs_due:
        say(f"Exports and pages to make again: {status.outputs_due}. Sensors make them, or run: tidegate outputs")
    if status.index:
        say(f"Reports: {status.index}")


def _print_periods(status: PeriodStatus) -> None:
    cadence = status.cadence
    noun = cadence.noun.capitalize()
    if status.held:
        held = ((partition, "\n".join(why)) for partition, why in sorted(status.held.items()))
        out.print(table((cadence.singular, "held because"), held, f"Held {cadence.noun}"))
    if status.stale:
        named = ", ".join(map(str, windows_of(status.stale, cadence)))
        say(f"{noun} whose days changed since they were built: {named}. Run: tidegate restate")
    if status.left_out:
        named = ", ".join(map(str, windows_of(status.left_out, cadence)))
        command = run_command(cadence, status.left_out[0])
        say(f"{noun} that were never built, between published ones: {named}. Run each: {command}")


def print_breakers(breakers: Mapping[str, Breaker]) -> None:
    """Sources that do not answer, whether they are asked any more, and until when not."""
    now = datetime.now(UTC)
    for source, breaker in sorted(breakers.items()):
        err.print(escape(breaker.sentence(source, now)), style="red" if breaker.open_until else "yellow")
