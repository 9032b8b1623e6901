"""How things stand, from the ledger: what was delivered, published, held and quarantined, and the newest runs.

Printing belongs to `console`; what closes a gate belongs to `publishing.gate`.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from duckdb import DuckDBPyConnection

from tidegate.alerting.watching import in_order
from tidegate.contract.judging.logic import logic_of
from tidegate.home import Home
from tidegate.intake.read_quarantine import list_quarantine
from tidegate.intake.regions import regions_that_left
from tidegate.intake.rows_without_a_day import AwaitingRows, awaiting_rows
from tidegate.ledger import publications
from tidegate.ledger.builds import built_partitions
from tidegate.ledger.deliveries import StandingIn, delivered_days, deliveries_by_verdict, stand_ins
from tidegate.ledger.in_memory import ledger_in_memory
from tidegate.ledger.incidents import IncidentRecord, newest_incidents
from tidegate.ledger.interim import Interim, interim_deliveries
from tidegate.ledger.judged_by import judged_otherwise
from tidegate.ledger.known import days_without_rejected
from tidegate.ledger.names import DeliveryId
from tidegate.ledger.outputs import was_made
from tidegate.ledger.rollbacks import sentences_of_rollbacks
from tidegate.ledger.runs import newest_runs
from tidegate.ledger.waivers import standing_waivers
from tidegate.orchestration.history.record import DagsterRecord
from tidegate.orchestration.history.run_ledger import finished_runs
from tidegate.outputs.pages.files import FILES, INDEX
from tidegate.publishing.due.outputs import due_outputs
from tidegate.publishing.due.partitions import due_again
from tidegate.publishing.gate import closed_for_any
from tidegate.publishing.older_logic import OlderLogic, on_older_logic
from tidegate.publishing.periods import periods_left_out
from tidegate.publishing.promises import Overdue, Promise, overdue_partition
from tidegate.publishing.retire import PublishedMart, RetiredMart, marts_without_model, retired_marts
from tidegate.publishing.shape import ChangeOfShape, changes_of_shape
from tidegate.transform.parsed.members import SERVING, Model
from tidegate.window import ONE_DAY, Cadence, Window
from tidegate.zones import Zone

RECENT_RUNS = 5

# What was kept out of older deliveries is no news: tidegate quarantine list
QUARANTINE_DAYS = 7


@dataclass(frozen=True)
class RecentRun:
    """A run that ended. `started_at` is UTC, naive."""

    run_id: str
    job: str
    partition_from: dt.date | None
    partition_to: dt.date | None
    status: str
    started_at: dt.datetime
    seconds: float | None
    rows_loaded: int | None


@dataclass(frozen=True)
class PublishedPartitions:
    """The partitions of a product that are published, of one cadence, and the newest one that should be and is not."""

    cadence: Cadence
    count: int
    newest: dt.date | None
    overdue: Overdue | None


@dataclass(frozen=True)
class ProductStatus:
    """Who answers for a product, and how far it is published."""

    name: str
    promise: Promise
    published: Sequence[PublishedPartitions]

    @property
    def newest(self) -> dt.date | None:
        """The newest published partition of its shortest cadence. Mornings and months are made without days too, which
        say nothing of the days."""
        return next((each.newest for each in self.published), None)


@dataclass(frozen=True)
class PeriodStatus:
    """Partitions that are made of published days: `held` were built and are not published in their newest state,
    `left_out` were never built, between published ones."""

    cadence: Cadence
    held: Mapping[dt.date, Sequence[str]]
    stale: Sequence[dt.date]
    left_out: Sequence[dt.date]


@dataclass(frozen=True)
class Status:
    """One look at the home at `now`, which has an offset. `daemon_seen_at` is the newest heartbeat of Dagster's daemon,
    None where none ever ran. `quarantined` are rows by source and reason, of the newest delivered days only, which
    `quarantined_since` begins.

    `held` are days that were delivered and are not published in their newest state, and
    `periods` tell the same of Mondays and months.

    `waived`: what a day goes on without. `rolled_back`: why a partition shows an earlier publication, by day and
    cadence. No model makes `unmade_marts`, which are in serving still, and `retired_marts`, which left it. `index` is
    where that of reports and briefs is, None before there are any.
    """

    home: str
    now: dt.datetime
    unattended: bool
    daemon_seen_at: dt.datetime | None
    products: Sequence[ProductStatus]
    zone: Zone
    verdicts: Mapping[str, int]
    quarantined: Sequence[tuple[str, str, int]]
    quarantined_since: dt.date | None
    held: Mapping[dt.date, Sequence[str]]
    stale_days: Sequence[dt.date]
    periods: Sequence[PeriodStatus]
    # Touched or held, and no partitions any more: TIDEGATE_START_DATE is later.
    days_before_start: Sequence[dt.date]
    stand_ins: Sequence[StandingIn]
    interim: Sequence[Interim]
    waived: Sequence[DeliveryId]
    rolled_back: Mapping[tuple[dt.date, str], str]
    unmade_marts: Sequence[PublishedMart]
    retired_marts: Sequence[RetiredMart]
    outputs_due: int
    index: str | None
    recent_runs: Sequence[RecentRun]
    # Loaded rows of days that nothing was delivered on, and the first day that has a partition.
    awaiting: Sequence[AwaitingRows]
    first_day: dt.date
    # Source and region of what raw holds and the contract does not have.
    leaving: Sequence[tuple[str, str]]
    # Published days, and the rejected deliveries of other days that hold rows of them.
    lacking: Sequence[tuple[dt.date, str]]
    older_logic: Sequence[OlderLogic]
    # What the project would change of a table's columns, and the products that it holds.
    shapes: Sequence[tuple[ChangeOfShape, Sequence[str]]]
    # Those that are not over, as they were entered.
    incidents: Sequence[IncidentRecord]
    # By source, how many deliveries an earlier state of its contract judged.
    older_contracts: Mapping[str, int]


def read_status(home: Home, record: DagsterRecord | None = None, now: dt.datetime | None = None) -> Status:
    """One look at the home's ledger, and at finished runs that only Dagster's record has yet. What is overdue is
    judged by the clock, or at another moment `now`, which has an offset."""
    now = now or dt.datetime.now(dt.UTC)
    with home.lake() as lake, ledger_in_memory(lake) as con:
        stale, newest = _stale_days(con, home), delivered_days(con)[-QUARANTINE_DAYS:]
        return Status(
            home=str(home.settings.home),
            now=now,
            unattended=home.settings.unattended,
            daemon_seen_at=record.daemon_seen_at() if record else None,
            products=_products(con, home, now),
            zone=home.settings.zone,
            verdicts=deliveries_by_verdict(con),
            quarantined=_quarantined(con, newest),
            quarantined_since=newest[0] if newest else None,
            held=_held_days(con, home),
            stale_days=[day for day in stale if day >= home.settings.start_date],
            periods=[_status_of(con, home, cadence) for cadence in home.longer_cadences],
            days_before_start=[day for day in stale if day < home.settings.start_date],
            stand_ins=stand_ins(con),
            interim=interim_deliveries(con),
            waived=standing_waivers(con),
            rolled_back=sentences_of_rollbacks(con),
            unmade_marts=marts_without_model(con, home.published_marts),
            retired_marts=retired_marts(con),
            outputs_due=len(due_outputs(con, [maker.kind for maker in home.makers], home.outputs.place)),
            index=home.outputs.address(INDEX) if was_made(con, FILES) else None,
            recent_runs=_recent_runs(con, record),
            awaiting=awaiting_rows(con, home.contracts),
            first_day=home.settings.start_date,
            lacking=days_without_rejected(con),
            older_logic=on_older_logic(con, home.products, home.dbt.logic()),
            shapes=_shapes(con, home),
            incidents=in_order(each for each in newest_incidents(con).values() if not each.is_over),
            older_contracts=_older_contracts(con, home),
            leaving=[
                (name, left) for name, contract in home.contracts.items() for left in regions_that_left(con, contract)
            ],
        )


def _products(con: DuckDBPyConnection, home: Home, now: dt.datetime) -> list[ProductStatus]:
    """The products by name, each with all cadences that it has marts of."""
    zone = home.settings.zone
    found: dict[str, ProductStatus] = {}
    for product in home.products:
        days = publications.published_days(con, cadence=product.cadence, beside=product.beside, only_whole=True)
        overdue = overdue_partition(con, product, zone, now)
        published = PublishedPartitions(product.cadence, len(days), days[-1] if days else None, overdue)
        others = found[product.product].published if product.product in found else ()
        found[product.product] = ProductStatus(product.product, product.promise, (*others, published))
    return [found[name] for name in sorted(found)]


def _shapes(con: DuckDBPyConnection, home: Home) -> list[tuple[ChangeOfShape, list[str]]]:
    """The marts as they are shown, and the models behind them as they are built."""
    models = {(SERVING if model.is_mart else model.schema, model.name): model for model in home.graph.models.values()}
    changes = changes_of_shape(con, {table: model.columns for table, model in models.items()})
    return [(change, _made_by(home, models[table])) for table, change in sorted(changes.items())]


def _made_by(home: Home, model: Model) -> list[str]:
    """The products that a model makes."""
    return [each.product for each in home.products_of(model.cadence) if model.name in each.models]


def _older_contracts(con: DuckDBPyConnection, home: Home) -> dict[str, int]:
    found = {
        source: judged_otherwise(con, source, logic_of(contract), [region.name for region in contract.regions], None)
        for source, contract in home.contracts.items()
    }
    return {source: len(deliveries) for source, deliveries in found.items() if deliveries}


def _stale_days(con: DuckDBPyConnection, home: Home) -> list[dt.date]:
    """The days that are to be built again, those among them that are no partitions any more."""
    products = [replace(product, starts=dt.date.min) for product in home.products_of(Cadence.daily)]
    return [due.day for due in due_again(con, products)]


def _held_days(con: DuckDBPyConnection, home: Home) -> dict[dt.date, list[str]]:
    days = [day for day in delivered_days(con) if day >= home.settings.start_date]
    return closed_for_any(con, days, home.products_of(Cadence.daily))


def _status_of(con: DuckDBPyConnection, home: Home, cadence: Cadence) -> PeriodStatus:
    products, behind = home.products_of(cadence), home.days_behind(cadence)
    return PeriodStatus(
        cadence,
        held=closed_for_any(con, built_partitions(con, cadence), products),
        stale=[due.day for due in due_again(con, products) if due.restates],
        left_out=periods_left_out(con, behind),
    )


def _quarantined(con: DuckDBPyConnection, days: Sequence[dt.date]) -> list[tuple[str, str, int]]:
    if not days:
        return []
    rows: Counter[tuple[str, str]] = Counter()
    for count in list_quarantine(con, window=Window(days[0], days[-1] + ONE_DAY)):
        rows[count.source, count.reason] += count.rows
    return [(source, reason, total) for (source, reason), total in sorted(rows.items())]


def _recent_runs(con: DuckDBPyConnection, record: DagsterRecord | None) -> list[RecentRun]:
    not_entered = finished_runs(record, con) if record else []
    runs = {run.run_id: run for run in (*newest_runs(con, RECENT_RUNS), *not_entered)}
    newest = sorted(runs.values(), key=lambda run: run.started_at, reverse=True)[:RECENT_RUNS]
    return [
        RecentRun(
            run.run_id,
            run.job,
            run.partition_from,
            run.partition_to,
            run.status,
            run.started_at,
            run.seconds,
            run.rows_loaded,
        )
        for run in newest
    ]
