"""The raw layer: per source one step, per region one asset, each with a check per quality dimension.

Capturing, judging and committing are intake's; here its reports become Dagster's events.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import dagster as dg

from tidegate.contract.database import DatabaseServer, PostgresServer
from tidegate.contract.found import CheckOutcome
from tidegate.contract.http import HttpServer
from tidegate.contract.judging.assess import rule_groups
from tidegate.contract.kafka import KafkaServer
from tidegate.contract.landing import FolderServer, S3Server, SftpServer
from tidegate.contract.model import Contract, Region
from tidegate.contract.product import ProductServer
from tidegate.contract.python import PythonServer
from tidegate.contract.table import TableServer
from tidegate.errors import LakeBusyError, TidegateError
from tidegate.home import Home
from tidegate.intake.load import DeliveryReport, load_deliveries
from tidegate.lake.connect import Lake
from tidegate.lake.tables import table_columns
from tidegate.lake.trouble import trouble
from tidegate.orchestration.asset_keys import raw_key, source_key
from tidegate.orchestration.assets.day_events import (
    DayCheck,
    add_day_metadata,
    checks_done,
    report_checks,
    report_failures,
    report_materializations,
)
from tidegate.orchestration.assets.owners import owners_of
from tidegate.orchestration.assets.preview import preview_of
from tidegate.orchestration.assets.serving import report_gates
from tidegate.orchestration.failures import as_dagster_failure
from tidegate.orchestration.history.contacts import contact
from tidegate.orchestration.history.recent_runs import BUILT_LAYERS
from tidegate.orchestration.names import (
    ARCHIVE_FIRST_TAG,
    COLUMN_SCHEMA,
    FROM_LANDING_TAG,
    LAKE_POOL,
    ROW_COUNT,
    TABLE_NAME,
    load_job,
)
from tidegate.orchestration.partition_definitions import chunked_backfills, partitions_of, window_of
from tidegate.orchestration.private import selected_in_run
from tidegate.publishing.calendar import enter_held
from tidegate.publishing.requirements import GateRequirements
from tidegate.window import Cadence

SEVERITIES = {"error": dg.AssetCheckSeverity.ERROR, "warning": dg.AssetCheckSeverity.WARN}


def build_source_assets(home: Home) -> list[dg.AssetSpec]:
    """The sources themselves, which live outside: what is observed of them is when they answered and their breaker."""
    return [
        dg.AssetSpec(
            source_key(contract.source),
            description=f"{contract.title}, where it comes from. Observed: whether it answered, and its breaker.",
            group_name="sources",
            owners=owners_of([contract]),
            tags={"source": contract.source, "layer": "sources"},
            kinds={_kind_of(contract, home.settings.landing)},
        )
        for contract in home.contracts.values()
    ]


def build_raw_assets(home: Home, contract: Contract) -> dg.AssetsDefinition:
    """All regions of one source: one step, so that a day of many regions is one read and one commit."""

    @dg.multi_asset(
        name=f"raw_{contract.source}",
        description=f"Captures, judges and commits deliveries of {contract.source}.",
        specs=[_asset_spec(home, contract, region) for region in contract.regions],
        check_specs=[spec for region in contract.regions for spec in _check_specs(home, contract, region)],
        can_subset=True,
        backfill_policy=chunked_backfills(home.settings),
        pool=_pool_of(contract, home.settings.landing),
    )
    def load_source(context: dg.AssetExecutionContext) -> Iterator[Any]:
        window = window_of(context, home)
        regions = _selected_regions(context, contract)
        with as_dagster_failure(context), home.lake() as lake:
            with _observing_why_it_failed(context, contract.source):
                reports = load_deliveries(
                    lake,
                    contract,
                    window,
                    regions,
                    outside=home.outside,
                    run_id=context.run.run_id,
                    from_landing=_insists_on_landing(context),
                    archive_first=_is_tagged(context, ARCHIVE_FIRST_TAG),
                    beside=products.beside if (products := home.products_made_of(contract.source)) else (),
                )
            context.log_event(contact(contract.source, _trouble(contract, reports)))
            checks = [result for report in reports for result in _day_checks(report)]
            with lake.one_moment():
                figures = _figures_by_asset(lake, contract, reports, window.days[-1])
            refused = [report for report in reports if report.rejection]
            for report in refused:
                context.log.error(report.rejection)
            if _has_to_fail(context, home, contract, reports, refused):
                report_materializations(context, _of_the_sound(figures, refused))
                report_checks(context, checks)
                for product in home.products_of(Cadence.daily):
                    report_gates(context, product, _held_by(product, refused))
                    enter_held(lake, product, window)
                raise dg.Failure("\n".join(str(report.rejection) for report in refused), allow_retries=False)
            for key, by_day in figures.items():
                add_day_metadata(context, key, by_day)
        for key in context.selected_asset_keys:
            yield dg.MaterializeResult(asset_key=key)
        report_checks(context, checks)
        for report in refused:
            # Where others go on without it, the step does not say why by failing.
            context.log_event(dg.AssetObservation(_key_of(report), report.rejection, partition=str(report.day)))
        # The days beside them go on; the run fails once they are held, and these partitions with it.
        report_failures(context, [(_key_of(report), report.day) for report in refused])
        yield from checks_done(context)

    return load_source


def _asset_spec(home: Home, contract: Contract, region: Region) -> dg.AssetSpec:
    return dg.AssetSpec(
        raw_key(contract.source, region.name),
        deps=[source_key(contract.source)],
        description=f"{contract.description}\n\nAccepted rows of `{contract.source}` delivered by `{region.name}`, "
        f"one partition a delivery's day. Contract: `{contract.label}`, version {contract.version}.",
        group_name="raw",
        kinds={"duckdb", region.files.format or "csv"},
        owners=owners_of([contract]),
        tags={"source": contract.source, "region": region.name, "layer": "raw"},
        metadata={
            COLUMN_SCHEMA: _column_schema(contract),
            TABLE_NAME: f"lake.raw.{contract.source}",
            "contract": contract.label,
        },
        partitions_def=partitions_of(home, Cadence.daily),
        skippable=True,
    )


# Landing that is not a folder, by what its address begins with.
_KINDS = {"s3": "s3", "gs": "gcs", "az": "azure", "sftp": "sftp"}
_SERVER_KINDS: Mapping[type, str] = {
    HttpServer: "http",
    PostgresServer: "postgres",
    DatabaseServer: "database",
    TableServer: "table",
    PythonServer: "python",
    ProductServer: "tidegate",
    KafkaServer: "kafka",
    S3Server: "s3",
    SftpServer: "sftp",
}


def _kind_of(contract: Contract, landing: str) -> str:
    server = contract.regions[0].server
    if isinstance(server, FolderServer):
        return _KINDS.get(landing.partition("://")[0], "folder")
    return _SERVER_KINDS[type(server)]


def _pool_of(contract: Contract, landing: str) -> str:
    """Loads of one kind of server outside wait for each other, so that none is asked by many runs at once."""
    kind = _kind_of(contract, landing)
    return LAKE_POOL if kind == "folder" else kind


@contextmanager
def _observing_why_it_failed(context: dg.AssetExecutionContext, source: str) -> Iterator[None]:
    """A load that cannot end, for want of room for instance, counts against its source; its breaker knows the reason.

    Other runs do not: nothing but a load is what a breaker lets go or holds back. A busy lake is waited for.
    """
    try:
        yield
    except LakeBusyError:
        raise
    except Exception as error:
        why = error if isinstance(error, TidegateError) else trouble(error)
        if why and context.run.job_name == load_job(source):
            context.log_event(contact(source, str(why)))
        raise


def _trouble(contract: Contract, reports: Sequence[DeliveryReport]) -> str | None:
    """Why the source counts as down, or None when it answered.

    A delivery that was dropped and rejected is none of it: its bytes are judged once. Where we ask for the delivery,
    asking again is a repetition, and a breaker's business.
    """
    for report in reports:
        is_asked_for = isinstance(contract.region(report.region).server, HttpServer | PythonServer)
        if report.trouble or (is_asked_for and report.status == "rejected"):
            return report.trouble or report.rejection
    return None


def _column_schema(contract: Contract) -> dg.TableSchema:
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                column.sql_type,
                column.description,
                constraints=dg.TableColumnConstraints(
                    nullable=not column.required, unique=contract.key == (column.name,)
                ),
            )
            for column in contract.columns
        ]
    )


def _check_specs(home: Home, contract: Contract, region: Region) -> Iterator[dg.AssetCheckSpec]:
    for group in rule_groups(contract):
        yield dg.AssetCheckSpec(
            group.name,
            asset=raw_key(contract.source, region.name),
            description=group.description,
            blocking=group.blocking,
            partitions_def=partitions_of(home, Cadence.daily),
            metadata={"dimension": group.dimension},
        )


def _day_checks(report: DeliveryReport) -> Iterator[DayCheck]:
    for outcome in report.checks:
        yield DayCheck(
            key=dg.AssetCheckKey(raw_key(report.source, report.region), outcome.name),
            day=report.day,
            passed=outcome.passed,
            # The UI shows a passed check by the severity that it would have failed with.
            severity=SEVERITIES["error" if outcome.passed and outcome.blocking else outcome.severity],
            blocking=outcome.blocking,
            description=outcome.observed if outcome.passed else outcome.description,
            metadata=_check_metadata(outcome),
        )


def _check_metadata(outcome: CheckOutcome) -> Mapping[str, Any]:
    return {"dimension": outcome.dimension, "observed": outcome.observed, **outcome.figures}


def _selected_regions(context: dg.AssetExecutionContext, contract: Contract) -> list[str]:
    """The regions to load; one of which only a check was selected is judged again, which changes nothing."""
    keys = context.selected_asset_keys | {check.asset_key for check in context.selected_asset_check_keys}
    return [region.name for region in contract.regions if raw_key(contract.source, region.name) in keys]


def _key_of(report: DeliveryReport) -> dg.AssetKey:
    return raw_key(report.source, report.region)


def _has_to_fail(
    context: dg.AssetExecutionContext,
    home: Home,
    contract: Contract,
    reports: Sequence[DeliveryReport],
    refused: Sequence[DeliveryReport],
) -> bool:
    """Whether the step has nothing to hand on: no day has all of its regions, though every product needs them, or no
    step follows that would hold the refused days and publish the others."""
    if not refused:
        return False
    no_day_is_sound = {report.day for report in reports} == {report.day for report in refused}
    return (
        (no_day_is_sound and home.all_are_made_of(contract.source))
        or not _is_followed(context)
        or _misses_what_it_insists_on(context, reports)
    )


def _is_followed(context: dg.AssetExecutionContext) -> bool:
    """Whether the run builds anything of what is loaded."""
    return any(key.path[0] in BUILT_LAYERS for key in selected_in_run(context))


def _held_by(product: GateRequirements, refused: Sequence[DeliveryReport]) -> Mapping[dt.date, Sequence[str]]:
    """The days of the product that cannot be published for want of what was refused, and why."""
    held: dict[dt.date, list[str]] = defaultdict(list)
    for report in refused:
        if (report.source, report.region) in product.deliveries:
            held[report.day].append(str(report.rejection))
    return held


def _of_the_sound(
    figures: Mapping[dg.AssetKey, Mapping[dt.date, Mapping[str, Any]]], refused: Sequence[DeliveryReport]
) -> list[dg.AssetMaterialization]:
    """The materializations of what was accepted, for a step that fails for the rest."""
    without = {(_key_of(report), report.day) for report in refused}
    return [
        dg.AssetMaterialization(key, partition=day.isoformat(), metadata=metadata)
        for key, by_day in figures.items()
        for day, metadata in by_day.items()
        if (key, day) not in without
    ]


def _insists_on_landing(context: dg.AssetExecutionContext) -> bool:
    return _is_tagged(context, FROM_LANDING_TAG)


def _is_tagged(context: dg.AssetExecutionContext, tag: str) -> bool:
    return context.run.tags.get(tag, "").lower() == "true"


def _misses_what_it_insists_on(context: dg.AssetExecutionContext, reports: Sequence[DeliveryReport]) -> bool:
    """Without the archive a day would stand on what was loaded before, which is not what was asked for."""
    return _insists_on_landing(context) and any(report.status == "missing" for report in reports)


def _by_region(reports: Sequence[DeliveryReport]) -> dict[str, list[DeliveryReport]]:
    by_region: dict[str, list[DeliveryReport]] = defaultdict(list)
    for report in reports:
        by_region[report.region].append(report)
    return by_region


def _figures_by_asset(
    lake: Lake, contract: Contract, reports: Sequence[DeliveryReport], last: dt.date
) -> dict[dg.AssetKey, dict[dt.date, dict[str, Any]]]:
    """What is told of each region's partitions; of the last one, some of its rows as well."""
    figures = {}
    for region, of_region in _by_region(reports).items():
        by_day = {report.day: _figures(report) for report in of_region}
        by_day[last] |= _preview(lake, contract, region, last)
        figures[raw_key(contract.source, region)] = by_day
    return figures


def _figures(report: DeliveryReport) -> dict[str, Any]:
    share = 100 * report.rows_quarantined / report.rows_read if report.rows_read else 0.0
    figures: dict[str, Any] = {
        "status": report.status,
        "rows_read": report.rows_read,
        "rows_quarantined": report.rows_quarantined,
        "quarantined_percent": round(share, 2),
        "quarantined_by_reason": dg.MetadataValue.json(dict(report.reasons)),
        "fingerprint": report.fingerprint or "",
        # Of a source that was down: the day whose delivery this is.
        **({"stands_in_for": report.stands_in_for.isoformat()} if report.stands_in_for else {}),
    }
    if report.rejection:
        # The rows of an earlier delivery may still be there, so nothing is said of their number.
        return {**figures, "rejection": report.rejection}
    return {**figures, ROW_COUNT: report.rows_loaded}


def _preview(lake: Lake, contract: Contract, region: str, day: dt.date) -> Mapping[str, Any]:
    if not table_columns(lake.con, [("raw", contract.source)]):
        # Nothing of it was ever loaded, and this delivery was not either.
        return {}
    columns = [column.name for column in contract.columns]
    return preview_of(lake, ("raw", contract.source), columns, {"_delivered_on": day, "_region": region})
