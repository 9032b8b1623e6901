"""Metrics of runs, daemon, sensors, lake, disks, incidents and alerts."""

from __future__ import annotations

import datetime as dt
import shutil
from collections import Counter
from collections.abc import Iterator

from tidegate.alerting.find_platform import places_on_disks
from tidegate.alerting.metrics.family import Family, family, single
from tidegate.alerting.scene import Scene
from tidegate.alerting.trouble import Severity
from tidegate.lake.identity import METADATA
from tidegate.ledger.incidents import ACKNOWLEDGED, OPEN, SILENCED, IncidentRecord


def runs(scene: Scene) -> Iterator[Family]:
    """Finished runs as the ledger has them, and those that Dagster has not finished."""
    rows = scene.con.execute(
        "select job, status, count(*), sum(seconds), arg_max(seconds, finished_at) from ops.pipeline_runs "
        "group by job, status order by job, status"
    ).fetchall()
    labels = [{"job": job, "status": status} for job, status, *_ in rows]
    pairs = list(zip(labels, rows, strict=True))
    yield family("runs_total", "Finished runs.", [(each, row[2]) for each, row in pairs])
    yield family("runs_seconds_total", "Seconds that finished runs took.", [(each, row[3]) for each, row in pairs])
    yield family("run_newest_seconds", "Seconds that the newest run took.", [(each, row[4]) for each, row in pairs])
    unfinished = [({"status": status}, count) for status, count in sorted(scene.operations.unfinished.items())]
    yield family("runs_unfinished", "Runs that are queued or running.", unfinished)


def daemon(scene: Scene) -> Iterator[Family]:
    """How long ago daemon and sensors were seen."""
    seen = scene.operations.daemon_seen_at
    yield single("daemon_heartbeat_age_seconds", "Since the daemon reported last.", _age(scene, seen))
    yield family(
        "sensor_tick_age_seconds",
        "Since a tick of the sensor ended well.",
        [({"sensor": each.name}, _age(scene, each.succeeded_at)) for each in scene.operations.sensors],
    )


def _age(scene: Scene, moment: dt.datetime | None) -> float | None:
    return (scene.now - moment).total_seconds() if moment else None


def lake(scene: Scene) -> Iterator[Family]:
    """How large the lake is, and how much room is left."""
    files, size = scene.con.execute(
        f"select count(*), coalesce(sum(file_size_bytes), 0)::bigint from {METADATA}.ducklake_data_file "
        "where end_snapshot is null"
    ).fetchone() or (0, 0)
    (snapshots,) = scene.con.execute(f"select count(*) from {METADATA}.ducklake_snapshot").fetchone() or (0,)
    yield single("lake_files", "Data files that the newest snapshot has.", files)
    yield single("lake_bytes", "Bytes of these files.", size)
    yield single("lake_snapshots", "Snapshots that the catalog keeps.", snapshots)
    catalog = scene.home.lake_config.catalog_file
    # A catalog in Postgres is measured there.
    there = catalog is not None and catalog.exists()
    yield single("catalog_bytes", "Bytes of the SQLite catalog.", catalog.stat().st_size if catalog and there else None)
    yield family(
        "disk_free_bytes",
        "Bytes left on the disk.",
        [({"place": place}, shutil.disk_usage(place).free) for place in places_on_disks(scene)],
    )


def incidents(standing: list[IncidentRecord]) -> Iterator[Family]:
    found = Counter((each.severity, each.state) for each in standing)
    states = (OPEN, ACKNOWLEDGED, SILENCED)
    samples = [({"severity": s, "state": state}, found[s, state]) for s in map(str, Severity) for state in states]
    yield family("incidents", "Incidents that are not over.", samples)


def alerts(scene: Scene) -> Iterator[Family]:
    """What was sent by channel, what waits, and how often sending failed."""
    rows = scene.con.execute(
        "select channel, state, count(*), sum(attempts - (state = 'sent')::integer) from ("
        "select * from ops.alerts qualify row_number() over (partition by alert_id order by rowid desc) = 1) "
        "group by channel, state order by channel, state"
    ).fetchall()
    channels = sorted({row[0] for row in rows})
    sent = {row[0]: row[2] for row in rows if row[1] == "sent"}
    waiting = {row[0]: row[2] for row in rows if row[1] == "waiting"}
    failed = Counter[str]()
    for channel, _, _, attempts in rows:
        failed[channel] += int(attempts)
    labels = {name: {"channel": name} for name in channels}
    yield family("alerts_sent_total", "Messages sent.", [(labels[name], sent.get(name, 0)) for name in channels])
    yield family("alerts_failed_total", "Attempts that failed.", [(labels[name], failed[name]) for name in channels])
    yield family("alerts_waiting", "Messages that wait.", [(labels[name], waiting.get(name, 0)) for name in channels])
