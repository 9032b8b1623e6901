"""Trouble with what the platform runs on: sources, runs, daemon, sensors, disks, upkeep, and the alerts themselves."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path

from tidegate.alerting.scene import Scene
from tidegate.alerting.trouble import Kind, Trouble
from tidegate.lake.sql import CATALOG, literal
from tidegate.ledger.alerts import waiting_alerts

# Dagster's daemon reports every 30 s, and calls itself dead after 300; a busy machine or a restart takes minutes.
SILENCE = dt.timedelta(minutes=10)

# A sensor that looks seldom may stay silent longer: so many of its ticks.
TICKS_MISSED = 10

# A disk is about to fill when this much is left. A run of a month of the demo takes some hundred megabytes; of a large
# disk, a twentieth would be days of room.
ROOM_SHARE = 0.05
LEAST_ROOM = 1 << 30
ENOUGH_ROOM = 10 << 30

# Maintenance is weekly, so a snapshot stays up to a week longer than it has to; then some days to be late in.
MAINTAINED_WITHIN = dt.timedelta(days=10)
SHORTEST_SNAPSHOT_DAYS = 2

# The first attempts may meet a moment's failure.
ATTEMPTS_FAILED = 3


def sources_failing(scene: Scene) -> Iterator[Trouble]:
    """Sources whose breaker is open: nothing is asked of them."""
    for source, failing in sorted(scene.operations.sources.items()):
        yield scene.trouble(
            Kind.source,
            source,
            failing.sentence,
            f"Fix the source. Then nothing needs to be done, or, to be quick: tidegate breaker close {source}",
            products=scene.products_of_source(source),
            source=source,
        )


def runs_lost(scene: Scene) -> Iterator[Trouble]:
    """Jobs whose newest run of some days was killed or took too long."""
    jobs = {run.job for run in scene.operations.lost_runs}
    for job in sorted(jobs):
        runs = [run for run in scene.operations.lost_runs if run.job == job]
        newest = max(runs, key=lambda run: run.ended_at)
        yield scene.trouble(
            Kind.run,
            job,
            f"Run {newest.run_id[:8]} of {job} ended at {newest.ended_at:%Y-%m-%d %H:%M:%S} UTC: {newest.why}",
            "What was committed is kept, and nothing needs to be cleaned up. Unattended it is run again automatically; "
            "else run its days again. If it was killed for its memory, see TIDEGATE_MEMORY_LIMIT.",
            partitions={day for run in runs for day in run.days},
        )


def daemon_not_running(scene: Scene) -> Iterator[Trouble]:
    """The daemon, where one ever ran and the home is to run unattended."""
    seen = scene.operations.daemon_seen_at
    if scene.home.settings.unattended and seen is not None and scene.now - seen > SILENCE:
        yield scene.trouble(
            Kind.daemon,
            "",
            f"Dagster's daemon reported last at {seen:%Y-%m-%d %H:%M:%S} UTC. Nothing is loaded or built meanwhile.",
            "Start it again: make dev, or dagster-daemon where it runs. What waits is found when it is back.",
        )


def sensors_not_working(scene: Scene) -> Iterator[Trouble]:
    """Sensors that are switched on and did not tick, or failed at every tick, while the daemon runs."""
    seen, awake_since = scene.operations.daemon_seen_at, scene.operations.awake_since
    limit = max(SILENCE, TICKS_MISSED * dt.timedelta(seconds=scene.home.settings.tick_seconds))
    if seen is None or scene.now - seen > SILENCE or (awake_since and scene.now - awake_since <= limit):
        return
    for sensor in scene.operations.sensors:
        good = sensor.succeeded_at or sensor.ticked_at
        if good is None or scene.now - good <= limit:
            continue
        fails = sensor.ticked_at is not None and scene.now - sensor.ticked_at <= limit
        yield scene.trouble(
            Kind.sensor,
            sensor.name,
            f"The sensor {sensor.name} has not ticked well since {good:%Y-%m-%d %H:%M:%S} UTC"
            + (f": {sensor.error}" if fails and sensor.error else "."),
            "See its ticks in the UI under Automation. After a change of contracts or code, reload the code location.",
        )


def disks_about_to_fill(scene: Scene) -> Iterator[Trouble]:
    """Disks of the home and of its folders on which little room is left."""
    for place, names in places_on_disks(scene).items():
        usage = shutil.disk_usage(place)
        if usage.free < max(LEAST_ROOM, min(ROOM_SHARE * usage.total, ENOUGH_ROOM)):
            yield scene.trouble(
                Kind.disk,
                place,
                f"{usage.free / 1e9:.1f} of {usage.total / 1e9:.0f} GB are left on the disk of "
                f"{' and '.join(names)} ({place}).",
                "Make room before it is full; until then everything goes on. What tidegate maintain frees: "
                "docs/operating.md, What grows",
            )


def places_on_disks(scene: Scene) -> dict[str, list[str]]:
    """What lies on each disk that the home writes to, by a folder on it."""
    settings, catalog = scene.home.settings, scene.home.lake_config.catalog_file
    places = {
        "the home": str(settings.home),
        "the lake's data": settings.lake_data,
        "the catalog": str(catalog.parent) if catalog else "",
        "the archive": settings.archive,
        "outputs": settings.outputs,
    }
    disks: dict[int, tuple[str, list[str]]] = {}
    for name, place in places.items():
        if place and "://" not in place and Path(place).exists():
            disks.setdefault(Path(place).stat().st_dev, (place, []))[1].append(name)
    return dict(disks.values())


def maintenance_not_done(scene: Scene) -> Iterator[Trouble]:
    """The lake keeps snapshots that maintenance should have dropped, beside the newest one, which always stays."""
    row = scene.con.execute(
        f"select min(snapshot_time)::timestamp from (select snapshot_time from ducklake_snapshots({literal(CATALOG)}) "
        "order by snapshot_id desc offset 1)"
    ).fetchone()
    oldest: dt.datetime | None = row[0] if row else None
    kept = dt.timedelta(days=max(scene.home.settings.snapshot_days, SHORTEST_SNAPSHOT_DAYS))
    if oldest is not None and scene.now - oldest.replace(tzinfo=dt.UTC) > kept + MAINTAINED_WITHIN:
        yield scene.trouble(
            Kind.maintenance,
            "",
            f"The lake keeps snapshots since {oldest:%Y-%m-%d}; maintenance should have dropped those of more than "
            f"{kept.days} days ago.",
            "Run it: tidegate maintain. Unattended it runs on Sundays; see in the UI why its runs fail.",
        )


def alerts_not_sent(scene: Scene) -> Iterator[Trouble]:
    """Channels that took none of the attempts to send something."""
    failing = [alert for alert in waiting_alerts(scene.con) if alert.attempts >= ATTEMPTS_FAILED]
    for channel in sorted({alert.channel for alert in failing}):
        alerts = [alert for alert in failing if alert.channel == channel]
        yield scene.trouble(
            Kind.alert,
            channel,
            f"{len(alerts)} alert{'s wait' if len(alerts) > 1 else ' waits'} for the channel {channel}, which took "
            f"none in {max(alert.attempts for alert in alerts)} attempts: {alerts[-1].error or 'it gave no reason.'}",
            f"They are kept, and sent when it works again. Try it: tidegate alerts test --channel {channel}",
        )
