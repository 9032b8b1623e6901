"""Partitions as Dagster's definitions have them. What needs no Dagster is in `partitions`."""

from __future__ import annotations

import dagster as dg

from tidegate.errors import TidegateError
from tidegate.home import Home
from tidegate.orchestration.partitions import accepted_window, first_partition, keys_of_tags
from tidegate.settings import Settings
from tidegate.window import Cadence, Window


def partitions_of(home: Home, cadence: Cadence) -> dg.TimeWindowPartitionsDefinition:
    """Every partition of a cadence that is about a day from the configured start, once all its days have ended; of
    days also the one that goes on, where a source is read meanwhile. Days are of the platform's time zone."""
    has_open_day = cadence is Cadence.daily and home.has_open_day
    return dg.TimeWindowPartitionsDefinition(
        start=first_partition(home.settings, cadence).isoformat(),
        fmt="%Y-%m-%d",
        cron_schedule=cadence.cron(0),
        timezone=home.settings.timezone,
        # To Dagster a partition is there when it has ended, whatever days it is about.
        end_offset=-cadence.offsets(0)[1] + has_open_day,
    )


def days_behind(cadence: Cadence, reach: int) -> dg.TimeWindowPartitionMapping:
    """Which days a partition of the cadence is made of, for Dagster's lineage: it counts whole partitions, so some
    days too many. What exactly one needs is for the ledger to tell."""
    first, last = cadence.offsets(reach)
    return dg.TimeWindowPartitionMapping(
        start_offset=first, end_offset=last, allow_nonexistent_upstream_partitions=True
    )


def chunked_backfills(settings: Settings) -> dg.BackfillPolicy:
    """A backfill is cut into runs of this many partitions, each retried on its own."""
    return dg.BackfillPolicy.multi_run(max_partitions_per_run=settings.chunk_days)


def window_of(context: dg.AssetExecutionContext, home: Home, cadence: Cadence = Cadence.daily) -> Window:
    """The partitions this step is for, one or many. Fails for a run of anything else, whoever launched it."""
    try:
        return accepted_window(home, keys_of_tags(context.run.tags), cadence)
    except TidegateError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
