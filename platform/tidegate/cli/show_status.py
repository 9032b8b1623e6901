"""What `tidegate status` prints: one screen, however much there is, or all of it with `--verbose`.

Reading it belongs to `read_status`, and what it comes to, in a word, to `verdict`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import groupby
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.markup import escape

from tidegate.cli.ages import ago
from tidegate.cli.causes import Cause, causes_of
from tidegate.cli.console import out, run_command
from tidegate.cli.verdict import NAMED, Verdict, names, newest_named
from tidegate.window import Cadence

if TYPE_CHECKING:
    from tidegate.cli.read_status import ProductStatus, PublishedPartitions, RecentRun, Status
    from tidegate.orchestration.history.breaker import Breaker

# So many lines of a kind are on the screen; then it is said how many more there are.
MOST_PRODUCTS = 4
MOST_CAUSES = 3
MOST_SENTENCES = 3
MOST_REASONS = 3
MOST_RUNS = 3

# What the day's own causes say already.
SAID_AS_HELD = frozenset({"held", "rejected"})


@dataclass(frozen=True)
class Line:
    text: str
    style: str = ""
    may_be_cropped: bool = True


def print_status(status: Status, breakers: Mapping[str, Breaker], verdict: Verdict, verbose: bool = False) -> None:
    """Print it, on a terminal a line for each line; in a pipe and with `verbose` lines are as long as they are."""
    crops = out.is_terminal and not verbose
    for line in status_lines(status, breakers, verdict, verbose):
        text = cropped(line.text, out.width) if crops and line.may_be_cropped else line.text
        out.print(escape(text), style=line.style, soft_wrap=not out.is_terminal)


def cropped(text: str, width: int) -> str:
    return text if cell_len(text) <= width else set_cell_size(text, width - 1).rstrip() + "…"


def status_lines(
    status: Status, breakers: Mapping[str, Breaker], verdict: Verdict, verbose: bool = False
) -> Iterator[Line]:
    """Verdict first, then what is published, what is wrong, newest first, and what is only to be known."""
    style = "bold red" if verdict.standing else "bold green"
    for sentence in verdict.sentences[:-1]:
        yield Line(sentence, style, may_be_cropped=False)
    yield Line(verdict.sentences[-1], "bold", may_be_cropped=False)
    yield Line(_home(status))
    sections = (
        ("Products", _products(status, verbose), MOST_PRODUCTS),
        ("Held, newest first", _held(status, verbose), 2 * MOST_CAUSES),
        (_incidents_heading(status), _incidents(status), NAMED),
        ("Sources", _sources(status, breakers), NAMED),
        ("To be known", _sentences(status), MOST_SENTENCES),
        (_deliveries(status), _quarantine(status), MOST_REASONS),
        ("Newest runs", _runs(status)[: None if verbose else MOST_RUNS], None),
    )
    for heading, texts, most in sections:
        yield from _section(heading, list(texts), None if verbose else most)
    if status.index:
        yield Line(f"Reports: {status.index}")
    if not verbose:
        yield Line("More: tidegate status --verbose; tidegate incidents list; tidegate quality")


def _section(heading: str, texts: Sequence[str], most: int | None) -> Iterator[Line]:
    if not texts and not heading.startswith("Deliveries"):
        return
    yield Line(heading, "bold")
    shown = texts if most is None else texts[:most]
    # An entry of two lines is one thing.
    left = sum(not text.startswith(INSIDE) for text in texts[len(shown) :])
    yield from (Line("  " + text) for text in shown)
    if left:
        yield Line(f"  … {left:,} more")


# Before what belongs to the line before it.
INSIDE = "  "


def _home(status: Status) -> str:
    seen = status.daemon_seen_at
    daemon = f"daemon seen {ago(seen, status.now)}" if seen else "no daemon has run here"
    by_hand = "" if status.unattended else ", run by hand"
    now = f"{status.zone.shown_at(status.now):%Y-%m-%d %H:%M} ({status.zone.name})"
    return f"Home {status.home}{by_hand}; {daemon}; now {now}"


def _products(status: Status, verbose: bool) -> Iterator[str]:
    """A line a product, those that are late first and then those that are furthest behind."""
    products = sorted(status.products, key=lambda product: (not _is_late(product), product.newest or date.min))
    width = max((cell_len(product.name) for product in products), default=0)
    for product in products:
        late = "late, " if _is_late(product) else ""
        stand = "; ".join(_stand(each) for each in product.published if each.newest or each.cadence is Cadence.daily)
        yield f"{set_cell_size(product.name, width)}  {late}{stand}"
        if verbose and product.promise.owner:
            channel = f", alerts go to {product.promise.alert_channel}" if product.promise.alert_channel else ""
            yield f"{INSIDE}owned by {product.promise.owner}{channel}"


def _is_late(product: ProductStatus) -> bool:
    return any(each.overdue for each in product.published)


def _stand(published: PublishedPartitions) -> str:
    counted = published.cadence.counted(published.count)
    return f"{counted} until {published.newest}" if published.newest else counted


def _held(status: Status, verbose: bool) -> Iterator[str]:
    """Which partitions are held, and below them why: those that are held for the same are told once."""
    causes = causes_of(status.held)
    for period in status.periods:
        causes += causes_of(period.held, period.cadence)
    alike: dict[tuple[Cadence, tuple[date, ...]], list[Cause]] = {}
    for cause in causes:
        alike.setdefault((cause.cadence, cause.days), []).append(cause)
    for (cadence, days), of_days in sorted(alike.items(), key=lambda each: each[0][1][-1], reverse=True):
        windows = newest_named(days, cadence, len(days) if verbose else NAMED)
        yield f"{cadence.counted(len(days))}: {windows}"
        if verbose:
            yield from (f"{INSIDE}{_by_products(cause)}{cause.sentence}" for cause in of_days)
        else:
            more = f" (and {len(of_days) - 1} more reasons)" if len(of_days) > 1 else ""
            yield f"{INSIDE}{_by_products(of_days[0])}{of_days[0].in_short}{more}"


def _by_products(cause: Cause) -> str:
    return f"{cause.products}: " if cause.products else ""


def _incidents_heading(status: Status) -> str:
    counts = Counter(incident.severity for incident in status.incidents)
    return f"Incidents, the most severe first: {', '.join(f'{count} {severity}' for severity, count in counts.items())}"


def _incidents(status: Status) -> Iterator[str]:
    """Those that are not told as held; where all are, that they are there."""
    for incident in status.incidents:
        state = "" if incident.state == "open" else f", {incident.state}"
        since = ago(incident.first_seen, status.now.astimezone(UTC).replace(tzinfo=None))
        said = "" if incident.kind in SAID_AS_HELD else f": {incident.sentence}"
        yield f"{incident.severity} {incident.key}, since {since.removesuffix(' ago')}{state}{said}"


def _sources(status: Status, breakers: Mapping[str, Breaker]) -> Iterator[str]:
    """Sources that do not answer, whether they are asked any more, and until when not."""
    now = datetime.now(UTC)
    yield from (breaker.sentence(source, now) for source, breaker in sorted(breakers.items()))
    for source, count in status.older_contracts.items():
        were = "delivery of {0} was" if count == 1 else "deliveries of {0} were"
        yield (
            f"{count:,} {were.format(source)} judged by an earlier state of its contract. "
            "What the newer would change: tidegate plan"
        )
    for source, region in status.leaving:
        yield f"{source}/{region} left its contract. Its rows leave the figures at the next load, or: tidegate restate"


def _sentences(status: Status) -> Iterator[str]:
    """What is so and holds nothing, first what somebody has to do something about."""
    yield from (change.sentence(products) for change, products in status.shapes)
    yield from _periods_left_out(status)
    yield from _stale(status)
    yield from _lacking(status)
    yield from _rolled_back(status)
    yield from _on_older_deliveries(status)
    yield from _going_on(status)
    yield from _awaiting(status)
    yield from (f"{each.sentence} What the newer would change: tidegate plan" for each in status.older_logic)
    if status.outputs_due:
        yield f"Exports and pages to make again: {status.outputs_due}. Sensors make them, or run: tidegate outputs"
    yield from _marts_without_model(status)


def _stale(status: Status) -> Iterator[str]:
    """Partitions whose publication is behind what they are made of, and what is done about them."""
    if status.stale_days:
        days = newest_named(status.stale_days, Cadence.daily)
        yield f"Due to be built again: {days}. Run: tidegate restate"
    if status.days_before_start:
        days = newest_named(status.days_before_start, Cadence.daily)
        yield (
            f"Touched by later deliveries and before the first day ({status.first_day}), so not rebuilt: {days}. "
            "They stay as published. To rebuild them, set an earlier TIDEGATE_START_DATE."
        )
    for period in status.periods:
        if period.stale:
            which = newest_named(period.stale, period.cadence)
            yield (
                f"{period.cadence.noun.capitalize()} whose days changed since they were built: {which}. "
                "Run: tidegate restate"
            )


def _periods_left_out(status: Status) -> Iterator[str]:
    for period in status.periods:
        if period.left_out:
            which, command = (
                newest_named(period.left_out, period.cadence),
                run_command(period.cadence, period.left_out[0]),
            )
            yield (
                f"{period.cadence.noun.capitalize()} that were never built, between published ones: {which}. "
                f"Run each: {command}"
            )


def _lacking(status: Status) -> Iterator[str]:
    """Published days that lack rows of rejected deliveries of other days."""
    if status.lacking:
        days = newest_named({day for day, _ in status.lacking}, Cadence.daily)
        of = names(sorted({delivery for _, delivery in status.lacking}, reverse=True))
        yield f"Published days that lack rows: {days}, of the rejected {of}."


def _on_older_deliveries(status: Status) -> Iterator[str]:
    """Days that stand on an older delivery of a source, or go on without one."""
    by_source = groupby(status.stand_ins, key=lambda each: (each.source, each.region))
    for (source, region), of_region in by_source:
        each = list(of_region)
        days = newest_named([one.day for one in each], Cadence.daily)
        newest = max(each, key=lambda one: one.day)
        yield f"On an older delivery of {source}/{region}: {days}; {newest.day} on that of {newest.delivery_of}."
    waived: dict[str, list[date]] = {}
    for delivery in status.waived:
        waived.setdefault(f"{delivery.source}/{delivery.region}", []).append(delivery.day)
    for name, days_without in waived.items():
        yield f"Published without the late delivery of {name}: {newest_named(days_without, Cadence.daily)}."


def _going_on(status: Status) -> Iterator[str]:
    """Days of which more may come: what is published of them is so far. Of one that has ended, it is said why it is
    held."""
    now = status.now.astimezone(UTC).replace(tzinfo=None)
    for each in status.interim:
        if each.until > now:
            read_at = status.zone.shown_at(each.read_at.replace(tzinfo=UTC))
            yield f"{each.day} goes on: {each.source}/{each.region} was read at {read_at:%H:%M}, and is read again."


def _awaiting(status: Status) -> Iterator[str]:
    """Rows that no mart shows, and why not."""
    for source, of_source in groupby(status.awaiting, key=lambda each: each.source):
        waiting = list(of_source)
        for has_partition in (True, False):
            rows = {each.day: each.rows for each in waiting if (each.day >= status.first_day) is has_partition}
            if not rows:
                continue
            days, count = newest_named(rows, Cadence.daily), f"{sum(rows.values()):,} rows of {source}"
            if has_partition:
                yield f"{count} wait for {days}, which had no delivery of its own. Published once it has."
            else:
                yield f"{count} are of {days}, before the first day ({status.first_day}); no mart shows them."


def _rolled_back(status: Status) -> Iterator[str]:
    """By what happened, as one rollback may be of many partitions."""
    alike: dict[tuple[str, str], list[date]] = {}
    for (day, cadence), sentence in sorted(status.rolled_back.items()):
        alike.setdefault((sentence.replace(str(day), "its day"), cadence), []).append(day)
    for (sentence, cadence), days in alike.items():
        which = newest_named(days, Cadence(cadence))
        yield f"Rolled back, until its data changes: {which} ({cadence}). {sentence}"


def _marts_without_model(status: Status) -> Iterator[str]:
    for mart in status.unmade_marts:
        yield (
            f"No model makes {mart.name} any more; it was published until {mart.days[-1]} and stays as it is. To have "
            "it leave serving: tidegate plan, then tidegate apply. To keep it, put its model back."
        )
    for retired in status.retired_marts:
        yield (
            f"No model makes {retired.name} any more, so it left serving. What it showed: "
            f"select * from serving.{retired.name} at (version => {retired.snapshot})"
        )


def _deliveries(status: Status) -> str:
    counted = ", ".join(f"{count:,} {verdict}" for verdict, count in status.verdicts.items()) or "none yet"
    since = f". In quarantine, of those since {status.quarantined_since}" if status.quarantined else ""
    return f"Deliveries: {counted}{since}"


def _quarantine(status: Status) -> Iterator[str]:
    """A line a source: its rows by reason, most first."""
    by_source: dict[str, Counter[str]] = {}
    for source, reason, rows in status.quarantined:
        by_source.setdefault(source, Counter())[reason] += rows
    for source, reasons in sorted(by_source.items(), key=lambda each: -each[1].total()):
        said = [f"{reason} {rows:,}" for reason, rows in reasons.most_common()]
        yield f"{source}: {', '.join(said)}"


def _runs(status: Status) -> list[str]:
    now = status.now.astimezone(UTC).replace(tzinfo=None)
    return [_run(run, now) for run in status.recent_runs]


def _run(run: RecentRun, now: datetime) -> str:
    took = "" if run.seconds is None else f" in {run.seconds:,.1f} s"
    days = _days_of(run)
    loaded = f", {run.rows_loaded:,} rows loaded" if run.rows_loaded else ""
    return f"{run.run_id[:8]}  {ago(run.started_at, now)}: {run.job}{days}: {run.status.lower()}{took}{loaded}"


def _days_of(run: RecentRun) -> str:
    ends: Iterable[date] = dict.fromkeys(day for day in (run.partition_from, run.partition_to) if day)
    days = "..".join(map(str, ends))
    return f" {days}" if days else ""
