"""All finders of trouble. Each looks for one kind, and is asked at every look, or where the ledger changed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from tidegate.alerting.find_data import (
    checks_failing_for_days,
    deliveries_rejected,
    partitions_held,
    partitions_not_built_again,
    partitions_on_older_logic,
    quarantine_above_usual,
)
from tidegate.alerting.find_late import deliveries_late, products_overdue
from tidegate.alerting.find_platform import (
    alerts_not_sent,
    daemon_not_running,
    disks_about_to_fill,
    maintenance_not_done,
    runs_lost,
    sensors_not_working,
    sources_failing,
)
from tidegate.alerting.scene import Scene
from tidegate.alerting.trouble import Kind, Trouble

Finder = Callable[[Scene], Iterator[Trouble]]

FINDERS: Mapping[Kind, Finder] = {
    Kind.source: sources_failing,
    Kind.rejected: deliveries_rejected,
    Kind.late: deliveries_late,
    Kind.held: partitions_held,
    Kind.not_healing: partitions_not_built_again,
    Kind.overdue: products_overdue,
    Kind.quarantine: quarantine_above_usual,
    Kind.warning: checks_failing_for_days,
    Kind.older_logic: partitions_on_older_logic,
    Kind.run: runs_lost,
    Kind.daemon: daemon_not_running,
    Kind.sensor: sensors_not_working,
    Kind.disk: disks_about_to_fill,
    Kind.maintenance: maintenance_not_done,
    Kind.alert: alerts_not_sent,
}


def find_troubles(scene: Scene, kinds: Collection[Kind] = tuple(Kind)) -> list[Trouble]:
    """What is wrong now. A product that is overdue is reported with its cause where another finder reports that."""
    found = [trouble for kind in kinds if kind is not Kind.overdue for trouble in FINDERS[kind](scene)]
    if Kind.overdue in kinds:
        explained = {product for trouble in found if trouble.kind in _EXPLAIN for product in trouble.products}
        found += [trouble for trouble in FINDERS[Kind.overdue](scene) if not explained.issuperset(trouble.products)]
    return found


# What keeps a product from being published, and says so.
_EXPLAIN = frozenset({Kind.held, Kind.rejected, Kind.late, Kind.source, Kind.not_healing, Kind.run})
