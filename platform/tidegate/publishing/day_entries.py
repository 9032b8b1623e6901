"""What the ledger says of days, as far as a gate needs it: the newest of each kind of entry, one query a kind.

What follows from it is in `reasons`.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import on_days
from tidegate.ledger.interim import EFFECTIVE_VERDICT
from tidegate.ledger.publications import shown_builds
from tidegate.ledger.required import WITHDRAWN
from tidegate.ledger.waivers import standing_waivers
from tidegate.publishing.requirements import GateRequirements, Mart
from tidegate.window import Cadence, Window

# Of what a model said when it failed, in a sentence; all of it is in the run's log.
CHARACTERS_OF_AN_ERROR = 500


@dataclass(frozen=True)
class DeliveryEntry:
    fingerprint: str
    verdict: str
    reason: str | None


@dataclass(frozen=True)
class BuildEntry:
    build_id: str
    status: str
    run_id: str
    started_at: dt.datetime
    # By model, what it said when it failed, as JSON.
    errors: str | None
    entry: int

    def said_of(self, models: Iterable[str]) -> list[str]:
        """What those of the models said that failed of themselves, or, where these are none of them, all that did."""
        errors: dict[str, str] = json.loads(self.errors) if self.errors else {}
        own = {model: errors[model] for model in models if model in errors}
        return [f"{model}: {sentence(_shortened(said))}" for model, said in sorted((own or errors).items())]


@dataclass(frozen=True)
class CheckEntry:
    passed: bool
    subject: str
    observed: str | None
    description: str | None


@dataclass
class DayEntries:
    """What the ledger says of one day, the newest of each."""

    day: dt.date
    deliveries: dict[tuple[str, str], DeliveryEntry]
    builds: dict[str, BuildEntry]
    entries: dict[str, int]
    checks: dict[tuple[str, str], CheckEntry]
    # Deliveries, all missing, that the day may be published without.
    waived: set[tuple[str, str]]
    # By mart, the build that serving shows.
    shown: dict[str, str] = field(default_factory=dict)
    # The marts that serving shows of the whole day.
    whole: set[str] = field(default_factory=set)

    def shows_newest_of(self, marts: Iterable[Mart]) -> bool:
        """Whether serving shows the newest build of each: what the project got since then is no reason to close the
        day, which stays as it was published."""
        newest = {mart.name: self.builds[mart.name].build_id for mart in marts if mart.name in self.builds}
        return bool(newest) and all(newest.get(mart.name) == self.shown.get(mart.name, "") for mart in marts)

    def has_begun(self, required: GateRequirements) -> bool:
        """Whether anything came for the day; of what is made of published days, whether it was built."""
        if required.deliveries:
            return not required.deliveries.isdisjoint(self.deliveries)
        return not required.models.isdisjoint(self.builds)

    def waits_for(self, source: str, region: str, required: GateRequirements) -> bool:
        """Whether a delivery that is not there is waited for, as `ledger.required` describes it."""
        if (source, region) in self.waived:
            return False
        was_published = required.cadence is Cadence.daily and bool(self.whole - required.beside)
        return not was_published or bool(self.withdrawn(source))

    def withdrawn(self, source: str) -> list[str]:
        """The regions of the source whose deliveries of the day left raw."""
        return [
            region
            for (name, region), delivery in sorted(self.deliveries.items())
            if name == source and delivery.verdict == WITHDRAWN
        ]


def entries_of(con: DuckDBPyConnection, asked: Collection[dt.date], cadence: Cadence) -> dict[dt.date, DayEntries]:
    """What the ledger says of each of these partitions."""
    days = {day: DayEntries(day, {}, {}, {}, {}, set()) for day in asked}
    if not days:
        return days
    window = Window(min(days), cadence.after(max(days), 1), cadence)
    for waived in standing_waivers(con, window):
        if waived.day in days:
            days[waived.day].waived.add((waived.source, waived.region))
    for day, mart, build_id, is_whole in shown_builds(con, window):
        if day in days:
            days[day].shown[mart] = build_id
            days[day].whole |= {mart} if is_whole else set()
    _add_deliveries(con, days)
    _add_builds(con, days)
    _add_checks(con, days)
    return days


def _add_deliveries(con: DuckDBPyConnection, days: Mapping[dt.date, DayEntries]) -> None:
    rows = con.execute(
        f"select partition_day, source, region, fingerprint, {EFFECTIVE_VERDICT}, reason from ops.deliveries "
        f"where {_inside(days)} "
        "qualify row_number() over (partition by source, region, partition_day order by rowid desc) = 1"
    ).fetchall()
    for day, source, region, *delivery in rows:
        days[day].deliveries[source, region] = DeliveryEntry(*delivery)


def _add_builds(con: DuckDBPyConnection, days: Mapping[dt.date, DayEntries]) -> None:
    rows = con.execute(
        "select partition_day, models, build_id, status, run_id, started_at, errors, rowid from ops.builds "
        f"where {_inside(days)} order by rowid"
    ).fetchall()
    for day, models, *build in rows:
        entry = BuildEntry(*build)
        days[day].entries[entry.build_id] = entry.entry
        days[day].builds.update(dict.fromkeys(models, entry))


def _add_checks(con: DuckDBPyConnection, days: Mapping[dt.date, DayEntries]) -> None:
    # A blocking check that found a warning only (some rows quarantined, the delivery sound) closes nothing.
    rows = con.execute(
        "select partition_day, asset, check_name, passed or severity <> 'error', subject, "
        "if(passed, null, observed), if(passed, null, description) "
        f"from ops.check_results where {_inside(days)} "
        "qualify row_number() over (partition by asset, check_name, partition_day order by rowid desc) = 1"
    ).fetchall()
    for day, asset, check_name, *check in rows:
        days[day].checks[asset, check_name] = CheckEntry(*check)


def _inside(days: Collection[dt.date]) -> str:
    return on_days("partition_day", days)


def _shortened(said: str) -> str:
    """What a model said, in one line: without the place in its SQL that DuckDB draws below it, which the log has."""
    text = " ".join(said.partition("\nLINE ")[0].split())
    return text if len(text) <= CHARACTERS_OF_AN_ERROR else f"{text[:CHARACTERS_OF_AN_ERROR]}…"


def sentence(text: str | None) -> str:
    text = (text or "").strip()
    return text if text.endswith((".", "!", "?", "…")) else text + "."
