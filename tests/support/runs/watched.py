"""A home under watch: sensors looked at as the daemon would, at times that the test says, and loads entered at once.

Loading is real in `test_unattended`; here a load is what it leaves in the ledger.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import dagster as dg
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus
from dagster._core.events import DagsterEvent, DagsterEventType
from dagster._core.test_utils import create_run_for_test
from duckdb import DuckDBPyConnection
from tests.support.runs.home import TemporaryHome
from tests.support.runs.landing import Landing, sound_lines
from tests.support.runs.today import days_ago

from tidegate.contract.model import Contract, Readiness
from tidegate.home import Home
from tidegate.ledger.builds import begin_build, finish_build
from tidegate.ledger.checks import CheckRecord, record_checks
from tidegate.ledger.deliveries import DeliveryRecord, record_deliveries
from tidegate.ledger.entries import utc_now
from tidegate.ledger.names import raw_asset
from tidegate.orchestration.asset_keys import raw_key
from tidegate.orchestration.names import load_job
from tidegate.orchestration.partitions import partition_tags, window_of_tags
from tidegate.orchestration.sensors.arrivals import look_for_arrivals
from tidegate.publishing.promote import promote
from tidegate.sources.origin import listing_of
from tidegate.sources.places import origin_of
from tidegate.transform.tables import create_missing_tables
from tidegate.window import Cadence, Window

# Runs and events have the time of the machine; all else is told.
NOW = dt.datetime.now(dt.UTC)
LATER = NOW + dt.timedelta(days=1)


# Further back than what is expected of a source without being asked.
DAY, NEXT, THIRD = days_ago(9), days_ago(8), days_ago(7)

Place = tuple[str, dt.date]


@dataclass
class Watched:
    temporary: TemporaryHome
    instance: DagsterInstance
    cursors: dict[str, str | None] = field(default_factory=dict)
    readiness: Readiness = field(default_factory=Readiness)

    @cached_property
    def home(self) -> Home:
        return self.temporary.home

    @property
    def landing(self) -> Landing:
        return self.temporary.landing

    @property
    def orders(self) -> Contract:
        return replace(self.home.contracts["orders"], readiness=self.readiness)

    def land(self, day: dt.date, *regions: str, lines: int = 3) -> None:
        for region in regions or ("north", "south"):
            self.landing.orders(day, region, sound_lines(day, region, lines=lines))

    def look(self, contract: Contract | None = None, now: dt.datetime = NOW) -> dg.SensorResult:
        """One tick of a source's sensor, with the cursor that the last one left."""
        contract = contract or self.orders
        cursor = self.cursors.get(contract.source)
        result = look_for_arrivals(self.home, contract, self.instance, cursor, now)
        self.cursors[contract.source] = result.cursor
        for event in result.asset_events:
            self.instance.report_runless_asset_event(event)
        return result

    def asked(self, contract: Contract | None = None, now: dt.datetime = NOW) -> list[Place]:
        """Region and day of what one tick asks for."""
        return sorted(place for request in requests_of(self.look(contract, now)) for place in places_of(request))

    def load(self, places: Iterable[Place], source: str = "orders", **fields: object) -> None:
        """Enter what loading these deliveries as they stand leaves in the ledger."""
        contract = self.home.contracts[source]
        rows = []
        for region, day in places:
            listing = listing_of(origin_of(contract, contract.region(region), self.home.outside), day)
            row = delivery(source, region, day, f"print of {listing}", listing)
            rows.append(replace(row, **fields))  # type: ignore[arg-type]
        self.write(rows)

    def load_all(self, now: dt.datetime = NOW) -> list[Place]:
        """Look, and load what is asked for, until a look asks for nothing."""
        loaded: list[Place] = []
        while places := self.asked(now=now):
            self.load(places)
            loaded += places
        return loaded

    def write(self, rows: Sequence[DeliveryRecord]) -> None:
        checks = [
            check(row, name)
            for row in rows
            for asset, name in self.home.requirements_of(Cadence.daily).blocking_checks
            if asset == raw_asset(row.source, row.region)
        ]
        with self.home.lake() as lake:
            lake.unit_of_work(lambda con: _record(con, rows, checks))

    def publish(self, window: Window, candidates: Callable[[DuckDBPyConnection], object] | None = None) -> None:
        """Enter what building and publishing the window leaves; the candidates are empty, or what is said."""
        required = self.home.requirements_of(window.cadence)
        build = f"build-{utc_now()}"
        checks = [
            built_check(asset, name, day, build)
            for day in window.days
            for asset, name in required.blocking_checks
            if not asset.startswith("raw/")
        ]

        def work(con: DuckDBPyConnection) -> None:
            if candidates:
                candidates(con)
            finish_build(con, build)
            record_checks(con, checks)

        with self.home.lake() as lake:
            create_missing_tables(lake, self.home.graph, tuple(self.home.graph.models.values()))
            lake.unit_of_work(
                lambda con: begin_build(con, build, window.days, required.models, "a run", window.cadence)
            )
            lake.unit_of_work(work)
            assert promote(lake, window, required, "a run").held == {}

    def run(
        self,
        job: str,
        window: Window,
        status: DagsterRunStatus = DagsterRunStatus.STARTED,
        regions: Sequence[str] | None = None,
        tags: dict[str, str] | None = None,
        pid: int | None = None,
        at: dt.datetime | None = None,
    ) -> DagsterRun:
        """A run as Dagster would have it on record, started `at` or now."""
        run: DagsterRun = create_run_for_test(
            self.instance,
            job_name=job,
            tags={**partition_tags(window), **(tags or {})},
            asset_selection=frozenset(raw_key("orders", region) for region in regions) if regions else None,
        )
        self.report(run, DagsterEventType.RUN_START, pid, at)
        self.end(run, status)
        return run

    def report(
        self, run: DagsterRun, kind: DagsterEventType, pid: int | None = None, at: dt.datetime | None = None
    ) -> None:
        event = DagsterEvent(kind.value, run.job_name, pid=pid or os.getpid())
        self.instance.report_dagster_event(event, run.run_id, timestamp=at.timestamp() if at else None)

    def end(self, run: DagsterRun, status: DagsterRunStatus) -> None:
        match status:
            case DagsterRunStatus.FAILURE:
                self.instance.report_run_failed(run)
            case DagsterRunStatus.CANCELED:
                self.instance.report_run_canceled(run)
            case DagsterRunStatus.SUCCESS:
                self.report(run, DagsterEventType.RUN_SUCCESS)

    def fail_to_load(self, day: dt.date = DAY) -> DagsterRun:
        return self.run(load_job("orders"), Window.of_day(day), DagsterRunStatus.FAILURE)


def requests_of(result: dg.SensorResult) -> list[dg.RunRequest]:
    return list(result.run_requests or [])


def places_of(request: dg.RunRequest) -> list[Place]:
    keys = request.asset_selection
    regions = [key.path[-1] for key in keys] if keys else ["north", "south"]
    return [(region, day) for region in regions for day in window_of_tags(request.tags).days]


def said(result: dg.SensorResult) -> str:
    return (
        result.skip_reason.skip_message or ""
        if isinstance(result.skip_reason, dg.SkipReason)
        else str(result.skip_reason)
    )


def delivery(source: str, region: str, day: dt.date, fingerprint: str, listing: str | None) -> DeliveryRecord:
    now = utc_now()
    return DeliveryRecord(
        source=source, region=region, partition_day=day, fingerprint=fingerprint,
        verdict="accepted", reason=None, contract_version="1.0.0", files=1, bytes=100, archive="a/b",
        rows_read=10, rows_loaded=10, rows_quarantined=0, measures="{}", touched=(day,),
        run_id="a load", started_at=now, finished_at=now, listing=listing,
    )  # fmt: skip


def check(row: DeliveryRecord, name: str) -> CheckRecord:
    return built_check(raw_asset(row.source, row.region), name, row.partition_day, row.fingerprint)


def built_check(asset: str, name: str, day: dt.date, subject: str) -> CheckRecord:
    return CheckRecord(
        check_name=name, asset=asset, partition_day=day, passed=True, blocking=True, severity="error",
        dimension="accuracy", observed="", description="", run_id="a run", subject=subject, checked_at=utc_now(),
    )  # fmt: skip


def _record(con: DuckDBPyConnection, rows: Sequence[DeliveryRecord], checks: Sequence[CheckRecord]) -> None:
    record_deliveries(con, rows)
    record_checks(con, checks)
