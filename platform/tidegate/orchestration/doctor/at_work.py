"""Of what runs: whether the lake has its files, the daemon lives, and machines have the same."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.alerting.find_platform import (
    daemon_not_running,
    maintenance_not_done,
    sensors_not_working,
)
from tidegate.alerting.scene import Scene
from tidegate.lake.upkeep.leftovers import FEW_LEFTOVERS, leftovers
from tidegate.lake.upkeep.lost import lost_files
from tidegate.orchestration.doctor.finding import Finding, Visit, as_findings
from tidegate.orchestration.history.opening import dagster_record
from tidegate.orchestration.history.operations import operations_in
from tidegate.window import ONE_DAY


def lake_and_files(visit: Visit) -> Iterator[Finding]:
    """Every data file that the catalog names is there and whole, and few are there that it does not name."""
    with visit.home.lake() as lake:
        lost = lost_files(lake)
        unnamed = len(leftovers(lake.con, lake.config.data, visit.now - ONE_DAY))
    for file in lost:
        yield Finding("lake and files", "bad", f"Lost: {file.sentence}.", "Have it made again: tidegate repair")
    if unnamed > FEW_LEFTOVERS:
        yield Finding(
            "lake and files",
            "warning",
            f"{unnamed} data files are not named by the catalog, more than killed runs leave.",
            "See that the catalog is not an old copy; then: tidegate maintain --delete-leftovers",
        )
    if not lost:
        yield visit.good("lake and files", f"All data files that the catalog names are in {visit.config.data}.")


def daemon_and_sensors(visit: Visit) -> Iterator[Finding]:
    """The daemon lives, its sensors tick, and maintenance is done."""
    with visit.home.lake() as lake, dagster_record(visit.home.settings) as record:
        operations = operations_in(record, visit.home, visit.now)
        scene = Scene(visit.home, lake.con, operations, visit.now)
        finders = (daemon_not_running, sensors_not_working, maintenance_not_done)
        found = as_findings("daemon and sensors", [trouble for finder in finders for trouble in finder(scene)])
    yield from found
    if operations.daemon_seen_at is None:
        yield Finding(
            "daemon and sensors",
            "warning",
            "Dagster's daemon never ran here: nothing is loaded or built unattended.",
            "Start it: make dev, or dagster-daemon run. Without it, run days by cron.",
        )
    elif not found:
        seen = operations.daemon_seen_at
        yield visit.good("daemon and sensors", f"The daemon reported at {seen:%Y-%m-%d %H:%M:%S} UTC.")


def machines(visit: Visit) -> Iterator[Finding]:
    """Where machines share the record: they have the same, and there are as many workers as are counted on."""
    if visit.home.settings.is_shared:
        from tidegate.orchestration.machines import look_at_machines

        for state, sentence, what_to_do in look_at_machines(visit.home.settings):
            yield Finding("machines", state, sentence, what_to_do)
