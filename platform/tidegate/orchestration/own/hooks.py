"""When something is published: a sensor that runs a user's assets or job for the partition, once per content."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import dagster as dg

from tidegate.lake.connect import Lake
from tidegate.orchestration.asset_keys import serving_key
from tidegate.orchestration.own.current import current_home
from tidegate.orchestration.own.resource import products_named
from tidegate.orchestration.partition_definitions import partitions_of
from tidegate.orchestration.sensors.ticks import sensor_status
from tidegate.publishing.published import Published, published_since
from tidegate.window import Cadence

Target: TypeAlias = dg.AssetsDefinition | dg.JobDefinition | str

# A publication is dated before its transaction commits, so one may appear behind a later one.
OVERLAP = dt.timedelta(hours=1)
EVER = dt.datetime.fromisoformat("0001-01-01")


def daily_partitions() -> dg.TimeWindowPartitionsDefinition:
    """The partitions of days, as Tidegate's own assets have them."""
    return partitions_of(current_home(), Cadence.daily)


def weekly_partitions() -> dg.TimeWindowPartitionsDefinition:
    """Those of weeks, each named by its Monday."""
    return partitions_of(current_home(), Cadence.weekly)


def monthly_partitions() -> dg.TimeWindowPartitionsDefinition:
    """Those of months, each named by its first day."""
    return partitions_of(current_home(), Cadence.monthly)


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
    made_of = products_named(home, product, of_cadence)
    target: dict[str, object] = {"job_name": run} if isinstance(run, str) else {"target": run}

    @dg.sensor(
        name=name or f"when_{product}_is_published".replace("-", "_"),
        minimum_interval_seconds=home.settings.tick_seconds,
        default_status=sensor_status(home.settings),
        description=f"Runs for each {of_cadence.singular} of {product} that is published, once per content.",
        **target,  # type: ignore[arg-type]
    )
    def look(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        before = Seen.of(context.cursor)
        with Lake.open(home.lake_config, read_only=True) as lake:
            shown = published_since(lake.con, [made_of], before.look_from)
        fresh, seen = before.then(shown)
        if not fresh:
            return dg.SensorResult(skip_reason=f"Nothing new of {product} is published.", cursor=seen.to_cursor())
        requests = [dg.RunRequest(run_key=key_of(each), partition_key=each.day.isoformat()) for each in fresh]
        return dg.SensorResult(run_requests=requests, cursor=seen.to_cursor())

    return look


def key_of(published: Published) -> str:
    """What is asked for once: this content, since it was shown. Coming back to an earlier content is another one."""
    return f"{published.day}:{published.content}:{published.changed_at:%Y%m%dT%H%M%S.%f}"


@dataclass(frozen=True)
class Seen:
    """What a sensor's looks have seen: up to which moment of publishing, and what of the last hour before it.

    Both are None before the first look.
    """

    until: dt.datetime | None
    keys: frozenset[str] = frozenset()

    @classmethod
    def of(cls, cursor: str | None) -> Seen:
        if not cursor:
            return cls(None)
        kept = json.loads(cursor)
        return cls(dt.datetime.fromisoformat(kept["until"]), frozenset(kept["keys"]))

    def to_cursor(self) -> str | None:
        if self.until is None:
            return None
        return json.dumps({"until": self.until.isoformat(), "keys": sorted(self.keys)})

    @property
    def look_from(self) -> dt.datetime:
        return self.until - OVERLAP if self.until else EVER

    def then(self, shown: Sequence[Published]) -> tuple[list[Published], Seen]:
        """What of these partitions was not seen yet, oldest first (at the first look the newest one only), and what is
        seen then."""
        if not shown:
            return [], self
        until = max(self.until or EVER, *(each.published_at for each in shown))
        seen = Seen(until, frozenset(key_of(each) for each in shown if each.published_at >= until - OVERLAP))
        if self.until is None:
            return [max(shown, key=lambda each: each.day)], seen
        return [each for each in shown if key_of(each) not in self.keys and each.changed_at >= self.look_from], seen
