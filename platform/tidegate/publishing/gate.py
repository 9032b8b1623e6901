"""The gate of a day: what must hold before it may be published, and in plain sentences why it does not.

Only the ledger is asked, one query per kind of entry for the whole window. Publishing belongs to `promote`,
and what is required (which deliveries, models, checks) to the callers.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from duckdb import DuckDBPyConnection

from tidegate.delivery_days import ALL_DAYS
from tidegate.lake.sql import in_window
from tidegate.ledger.contents import Kind, Seed
from tidegate.ledger.deliveries import delivered_days
from tidegate.ledger.made_of import Reads
from tidegate.ledger.names import raw_asset, raw_table
from tidegate.ledger.publications import shown_builds
from tidegate.ledger.required import WITHDRAWN, DaysOfPlaces, Place
from tidegate.ledger.waivers import standing_waivers
from tidegate.publishing.due.made_of import DaysBehind
from tidegate.publishing.promises import Promise
from tidegate.window import Cadence, Length, Window
from tidegate.zones import UTC, Zone

# Of what a model said when it failed, in a sentence; all of it is in the run's log.
CHARACTERS_OF_AN_ERROR = 500

# Of marts that no dbt group has.
DEFAULT_PRODUCT = "default"


@dataclass(frozen=True)
class Mart:
    """A table of `marts`, the column that holds its day, and all that its model has; none where that is not known."""

    name: str
    day_column: str
    columns: tuple[str, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True)
class GateRequirements:
    """What must hold for a partition of a product before its marts are published.

    `deliveries` are (source, region), `models` the names that builds record, `blocking_checks` (asset, check).
    """

    deliveries: frozenset[tuple[str, str]]
    models: frozenset[str]
    blocking_checks: frozenset[tuple[str, str]]
    marts: tuple[Mart, ...]
    cadence: Cadence = Cadence.daily
    # On which days a delivery is required; one that is not named, on all.
    delivery_days: DaysOfPlaces = field(default_factory=dict, hash=False)
    # The first partition: days before it are built no more, whatever comes for them.
    starts: dt.date = dt.date.min
    # Days before a day of their own that models read, one behind the other.
    reach: int = 0
    # Whose marts they are: published together, and held together.
    product: str = DEFAULT_PRODUCT
    # The marts of the other products: what is published of them is no affair of this one.
    beside: frozenset[str] = frozenset()
    # The published days that they are made of; None where they are made of deliveries.
    behind: DaysBehind | None = None
    # The sources of which models read rows of the days that they reach back to.
    read_back: frozenset[str] = frozenset()
    # The seeds that they are made of.
    seeds: tuple[Seed, ...] = ()
    # Who answers for the product, and by when it is published.
    promise: Promise = field(default_factory=Promise)
    # Whose days the partitions are.
    zone: Zone = UTC

    @property
    def names(self) -> frozenset[str]:
        """The names of the marts."""
        return frozenset(mart.name for mart in self.marts)

    @property
    def reads(self) -> list[Reads]:
        """What a partition of the product is made of."""
        sources = sorted({source for source, _ in self.deliveries})
        reads = [
            Reads(Kind.delivery, source, begins_before=self.reach if source in self.read_back else 0)
            for source in sources
        ]
        if self.reach:
            reads.append(Reads(Kind.day, "", begins_before=self.reach, ends_after=Length()))
        reads += [Reads(Kind.seed, seed.name, None, None) for seed in self.seeds]
        return reads + (self.behind.reads if self.behind else [])

    def are_made_of(self, source: str) -> bool:
        """Whether the marts need the source."""
        return any(source == required for required, _ in self.deliveries)

    def are_required_on(self, day: dt.date) -> frozenset[Place]:
        return frozenset(place for place in self.deliveries if day in self.delivery_days.get(place, ALL_DAYS))


def together(products: Sequence[GateRequirements]) -> GateRequirements:
    """What several products of one cadence need, at least one, as if they were one."""
    first, *others = products
    for each in others:
        first = dataclasses.replace(
            first,
            deliveries=first.deliveries | each.deliveries,
            models=first.models | each.models,
            blocking_checks=first.blocking_checks | each.blocking_checks,
            marts=tuple(sorted({*first.marts, *each.marts}, key=str)),
            delivery_days={**first.delivery_days, **each.delivery_days},
            reach=max(first.reach, each.reach),
            behind=each.behind if first.behind is None else first.behind.with_those_of(each.behind),
            read_back=first.read_back | each.read_back,
            seeds=tuple(dict.fromkeys((*first.seeds, *each.seeds))),
        )
    return dataclasses.replace(first, beside=first.beside - first.names)


@dataclass(frozen=True)
class Gates:
    """Why each closed day is closed, and the newest build of each model on every day: by (day, model). `begun` are the
    days that anything was delivered for, or of longer cadences was built."""

    closed: dict[dt.date, list[str]]
    builds: dict[tuple[dt.date, str], str]
    begun: frozenset[dt.date] = frozenset()

    @property
    def held(self) -> dict[dt.date, list[str]]:
        """The closed days that are not only awaited."""
        return {day: reasons for day, reasons in self.closed.items() if day in self.begun}


@dataclass(frozen=True)
class _Delivery:
    fingerprint: str
    verdict: str
    reason: str | None


@dataclass(frozen=True)
class _Build:
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
        return [f"{model}: {_sentence(_shortened(said))}" for model, said in sorted((own or errors).items())]


@dataclass(frozen=True)
class _Check:
    passed: bool
    subject: str
    observed: str | None
    description: str | None


@dataclass
class _Day:
    """What the ledger says of one day, the newest of each."""

    day: dt.date
    deliveries: dict[tuple[str, str], _Delivery]
    builds: dict[str, _Build]
    entries: dict[str, int]
    checks: dict[tuple[str, str], _Check]
    # Deliveries, all missing, that the day may be published without.
    waived: set[tuple[str, str]]
    # By mart, the build that serving shows.
    shown: dict[str, str] = field(default_factory=dict)

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
        was_published = required.cadence is Cadence.daily and bool(self.shown.keys() - required.beside)
        return not was_published or bool(self.withdrawn(source))

    def withdrawn(self, source: str) -> list[str]:
        """The regions of the source whose deliveries of the day left raw."""
        return [
            region
            for (name, region), delivery in sorted(self.deliveries.items())
            if name == source and delivery.verdict == WITHDRAWN
        ]


def closed_gates(con: DuckDBPyConnection, window: Window, requirements: GateRequirements) -> dict[dt.date, list[str]]:
    """Why each closed day of the window is closed, in sentences. A day that may be published is not in it."""
    return read_gates(con, window, requirements).closed


def closed_for_any(
    con: DuckDBPyConnection, window: Window, products: Sequence[GateRequirements]
) -> dict[dt.date, list[str]]:
    """Why each partition is closed for any of the products. Where there are several, each sentence names those that it
    holds."""
    concerned: dict[dt.date, dict[str, list[str]]] = {}
    days = _ledger_of(con, window)
    for product in products:
        for day in window.days:
            for reason in _reasons(days[day], product):
                concerned.setdefault(day, {}).setdefault(reason, []).append(product.product)
    return {day: _named_by_products(reasons, products) for day, reasons in concerned.items()}


def _named_by_products(reasons: Mapping[str, Sequence[str]], products: Sequence[GateRequirements]) -> list[str]:
    """The reasons, each under the names of the products that it holds, where there are several."""
    if len(products) == 1:
        return list(reasons)
    return [f"{', '.join(held)}: {reason}" for reason, held in reasons.items()]


def held_days(
    con: DuckDBPyConnection, window: Window, products: Sequence[GateRequirements]
) -> dict[dt.date, list[str]]:
    """The closed days of the window that anything was delivered for, and why: what a status shows."""
    delivered = set(delivered_days(con, window))
    return {day: why for day, why in closed_for_any(con, window, products).items() if day in delivered}


def read_gates(con: DuckDBPyConnection, window: Window, requirements: GateRequirements) -> Gates:
    days = _ledger_of(con, window)
    reasons = {day: list(_reasons(days[day], requirements)) for day in window.days}
    return Gates(
        closed={day: sentences for day, sentences in reasons.items() if sentences},
        builds={(day, model): build.build_id for day in window.days for model, build in days[day].builds.items()},
        begun=frozenset(day for day in window.days if days[day].has_begun(requirements)),
    )


def _ledger_of(con: DuckDBPyConnection, window: Window) -> dict[dt.date, _Day]:
    days = {day: _Day(day, {}, {}, {}, {}, set()) for day in window.days}
    _add_deliveries(con, window, days)
    for waived in standing_waivers(con, window):
        days[waived.day].waived.add((waived.source, waived.region))
    for day, mart, build_id in shown_builds(con, window):
        days[day].shown[mart] = build_id
    _add_builds(con, window, days)
    _add_checks(con, window, days)
    return days


def _add_deliveries(con: DuckDBPyConnection, window: Window, days: Mapping[dt.date, _Day]) -> None:
    rows = con.execute(
        "select partition_day, source, region, fingerprint, verdict, reason from ops.deliveries "
        f"where {_inside(window)} "
        "qualify row_number() over (partition by source, region, partition_day order by rowid desc) = 1"
    ).fetchall()
    for day, source, region, *delivery in rows:
        days[day].deliveries[source, region] = _Delivery(*delivery)


def _add_builds(con: DuckDBPyConnection, window: Window, days: Mapping[dt.date, _Day]) -> None:
    rows = con.execute(
        "select partition_day, models, build_id, status, run_id, started_at, errors, rowid from ops.builds "
        f"where {_inside(window)} order by rowid"
    ).fetchall()
    for day, models, *build in rows:
        entry = _Build(*build)
        days[day].entries[entry.build_id] = entry.entry
        days[day].builds.update(dict.fromkeys(models, entry))


def _add_checks(con: DuckDBPyConnection, window: Window, days: Mapping[dt.date, _Day]) -> None:
    # A blocking check that found a warning only (some rows quarantined, the delivery sound) closes nothing.
    rows = con.execute(
        "select partition_day, asset, check_name, passed or severity <> 'error', subject, "
        "if(passed, null, observed), if(passed, null, description) "
        f"from ops.check_results where {_inside(window)} "
        "qualify row_number() over (partition by asset, check_name, partition_day order by rowid desc) = 1"
    ).fetchall()
    for day, asset, check_name, *check in rows:
        days[day].checks[asset, check_name] = _Check(*check)


def _inside(window: Window) -> str:
    return in_window("partition_day", window)


def _reasons(day: _Day, required: GateRequirements) -> Iterator[str]:
    lacking = list(_delivery_reasons(day, required))
    yield from lacking
    # What was never built for want of a delivery, or not checked for want of a model, needs no sentence beside it.
    unbuilt = list(_build_reasons(day, required, names_unbuilt=not lacking))
    yield from unbuilt
    yield from _check_reasons(day, required, names_unchecked=not unbuilt)


def _delivery_reasons(day: _Day, required: GateRequirements) -> Iterator[str]:
    expected = required.are_required_on(day.day)
    if required.deliveries and not expected:
        yield f"{day.day}: no source delivers on this day, as the contracts say. Nothing is published for it."
    for source, region in sorted(required.deliveries):
        delivery = day.deliveries.get((source, region))
        if delivery is None or delivery.verdict == WITHDRAWN:
            if (source, region) in expected and day.waits_for(source, region, required):
                yield _missing(day, source, region)
        elif delivery.verdict != "accepted":
            yield _sentence(delivery.reason or f"{source}/{region} {day.day} was rejected; no reason was recorded")


def _missing(day: _Day, source: str, region: str) -> str:
    why = f"{source}/{region} {day.day}: no delivery was loaded. Once it has landed, run the day."
    if others := [name for name in day.withdrawn(source) if name != region]:
        why += (
            f" The day was published with {source}/{', '.join(others)}, which the contract no longer has. "
            f"If {region} came later and replaces nothing, write its `firstDay` in the contract."
        )
    return why


def _build_reasons(day: _Day, required: GateRequirements, *, names_unbuilt: bool) -> Iterator[str]:
    never = sorted(model for model in required.models if model not in day.builds)
    if names_unbuilt and never and not day.shows_newest_of(required.marts):
        yield f"{_names(never)} {day.day}: never built. Run the day."
    for build, models in _unfinished_builds(day, required).items():
        who = f"{_names(models)} {day.day}: build {build.build_id} of run {build.run_id}"
        if build.status == "building":
            yield (
                f"{who} began at {build.started_at:%Y-%m-%d %H:%M:%S} UTC and has not finished. "
                "Let it end or, if it died, run the day again."
            )
        elif build.status == "interrupted":
            yield " ".join((f"{who} was interrupted.", *_why(build, models), "Run the day again."))
        else:
            yield " ".join((f"{who} failed.", *_why(build, models), "Fix it and run the day again."))


def _why(build: _Build, models: Iterable[str]) -> list[str]:
    return build.said_of(models) or ["See why in that run's log."]


def _unfinished_builds(day: _Day, required: GateRequirements) -> dict[_Build, list[str]]:
    found: dict[_Build, list[str]] = {}
    for model in sorted(required.models & day.builds.keys()):
        build = day.builds[model]
        if build.status != "built":
            found.setdefault(build, []).append(model)
    return found


def _check_reasons(day: _Day, required: GateRequirements, *, names_unchecked: bool) -> Iterator[str]:
    raw_assets = _raw_assets(required)
    for asset, check_name in sorted(required.blocking_checks):
        delivery = day.deliveries.get(raw_assets[asset]) if asset in raw_assets else None
        build = _newest_build_of(day, asset, required)
        if _is_reported_already(asset, asset in raw_assets, delivery, build, required):
            continue
        check = day.checks.get((asset, check_name))
        who = f"{asset} {day.day}: the check {check_name}"
        if check is not None and _saw_the_newest(day, check, delivery, build):
            if not check.passed:
                yield f"{who} failed: {_sentence(check.observed)} {check.description or ''}".rstrip()
        elif not names_unchecked and asset not in raw_assets:
            continue
        elif check is not None:
            yield f"{who} has not run on what is there now, only on an earlier version. Run the day again."
        elif not day.shows_newest_of(required.marts):
            yield f"{who} has not run. Run the day again."


def _raw_assets(required: GateRequirements) -> dict[str, tuple[str, str]]:
    """Which delivery a raw asset is: `raw/orders/eu-west`, or `raw/customers` where there is one region."""
    regions: dict[str, list[str]] = {}
    for source, region in required.deliveries:
        regions.setdefault(source, []).append(region)
    single = {raw_table(source): (source, names[0]) for source, names in regions.items() if len(names) == 1}
    return single | {raw_asset(source, region): (source, region) for source, region in required.deliveries}


def _is_reported_already(
    asset: str, is_raw: bool, delivery: _Delivery | None, build: _Build | None, required: GateRequirements
) -> bool:
    """Whether the gate is closed, and says so, for want of what this check is about."""
    if is_raw:
        return delivery is None or delivery.verdict != "accepted"
    return _model(asset) in required.models and (build is None or build.status != "built")


def _saw_the_newest(day: _Day, check: _Check, delivery: _Delivery | None, build: _Build | None) -> bool:
    """Whether the check saw the newest delivery or the newest build of its asset.

    A later build that left the asset alone and ran the check counts: it saw the same rows.
    """
    if delivery is not None and check.subject == delivery.fingerprint:
        return True
    return build is not None and day.entries.get(check.subject, -1) >= build.entry


def _newest_build_of(day: _Day, asset: str, required: GateRequirements) -> _Build | None:
    """The newest build of the asset's model; of any required model when it is none, as a source's test is."""
    model = _model(asset)
    if model in day.builds or model in required.models:
        return day.builds.get(model)
    builds = [day.builds[name] for name in required.models & day.builds.keys()]
    return max(builds, key=lambda build: build.entry, default=None)


def _model(asset: str) -> str:
    return asset.rpartition("/")[2]


def _names(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{', '.join(names[:2])} and {len(names) - 2} more models"


def _shortened(said: str) -> str:
    """What a model said, in one line: without the place in its SQL that DuckDB draws below it, which the log has."""
    text = " ".join(said.partition("\nLINE ")[0].split())
    return text if len(text) <= CHARACTERS_OF_AN_ERROR else f"{text[:CHARACTERS_OF_AN_ERROR]}…"


def _sentence(text: str | None) -> str:
    text = (text or "").strip()
    return text if text.endswith((".", "!", "?", "…")) else text + "."
