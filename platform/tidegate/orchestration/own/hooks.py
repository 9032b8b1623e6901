"""When something is published: a sensor that runs a user's assets or job for the partition, once per content."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from typing import TypeAlias

import dagster as dg

from tidegate.home import Home
from tidegate.lake.connect import Lake
from tidegate.ledger.publications import Publication, newest_publications
from tidegate.orchestration.asset_keys import serving_key
from tidegate.orchestration.history.recent_runs import digest
from tidegate.orchestration.own.current import current_home
from tidegate.orchestration.own.resource import products_named
from tidegate.orchestration.partition_definitions import partitions_of
from tidegate.orchestration.sensors.ticks import sensor_status
from tidegate.window import Cadence

Target: TypeAlias = dg.AssetsDefinition | dg.JobDefinition | str


def daily_partitions() -> dg.TimeWindowPartitionsDefinition:
    """The partitions of days, as Tidegate's own assets have them."""
    return partitions_of(current_home().settings, Cadence.daily)


def weekly_partitions() -> dg.TimeWindowPartitionsDefinition:
    """Those of weeks, each named by its Monday."""
    return partitions_of(current_home().settings, Cadence.weekly)


def monthly_partitions() -> dg.TimeWindowPartitionsDefinition:
    """Those of months, each named by its first day."""
    return partitions_of(current_home().settings, Cadence.monthly)


def published_asset(mart: str) -> dg.AssetKey:
    """The asset of a mart as consumers read it, to hang on with `deps`."""
    return serving_key(mart)


def product_assets(product: str, cadence: str = "daily") -> list[dg.AssetKey]:
    """Those of all marts of a product. Raises TidegateError where there is no such product."""
    return [serving_key(mart.name) for mart in products_named(current_home(), product, Cadence(cadence)).marts]


def when_published(product: str, run: Target, cadence: str = "daily", name: str | None = None) -> dg.SensorDefinition:
    """A sensor that runs `run` (an asset, a job, or a job's name) for each partition of a product that is published,
    and again when other content of it is.

    What was published before the sensor's first look is left alone, but for the newest partition.
    """
    home, of_cadence = current_home(), Cadence(cadence)
    products_named(home, product, of_cadence)
    target: dict[str, object] = {"job_name": run} if isinstance(run, str) else {"target": run}

    @dg.sensor(
        name=name or f"when_{product}_is_published".replace("-", "_"),
        minimum_interval_seconds=home.settings.tick_seconds,
        default_status=sensor_status(home.settings),
        description=f"Runs for each {of_cadence.singular} of {product} that is published, once per content.",
        **target,  # type: ignore[arg-type]
    )
    def look(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        shown = look_for_published(home, product, of_cadence)
        fresh = _not_seen(shown, context.cursor)
        if not fresh:
            return dg.SensorResult(skip_reason=f"Nothing new of {product} is published.", cursor=context.cursor)
        requests = [dg.RunRequest(run_key=each.key, partition_key=each.day.isoformat()) for each in fresh]
        return dg.SensorResult(run_requests=requests, cursor=max(each.published_at for each in shown).isoformat())

    return look


@dataclass(frozen=True)
class Shown:
    """A partition of a product as it is published."""

    day: dt.date
    published_at: dt.datetime
    content: str

    @property
    def key(self) -> str:
        return f"{self.day}:{self.content}"


def look_for_published(home: Home, product: str, cadence: Cadence) -> list[Shown]:
    """The partitions of a product that stand, oldest first."""
    marts = {mart.name for mart in products_named(home, product, cadence).marts}
    with Lake.open(home.lake_config, read_only=True) as lake:
        standing = [each for each in newest_publications(lake.con) if each.mart in marts and each.cadence == cadence]
    days = sorted({each.partition_day for each in standing})
    return [_shown(day, [each for each in standing if each.partition_day == day]) for day in days]


def _shown(day: dt.date, publications: Collection[Publication]) -> Shown:
    content = digest(sorted((each.mart, each.content_hash) for each in publications))
    return Shown(day, max(each.published_at for each in publications), content)


def _not_seen(shown: list[Shown], cursor: str | None) -> list[Shown]:
    if cursor is None:
        return shown[-1:]
    seen_until = dt.datetime.fromisoformat(cursor)
    return [each for each in shown if each.published_at > seen_until]
