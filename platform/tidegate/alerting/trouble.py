"""What can be wrong: its kinds, how severe each is, and one trouble as a finder reports it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """By what it costs. The order of the members is that of severity."""

    low = "LOW"
    medium = "MEDIUM"
    high = "HIGH"
    critical = "CRITICAL"

    @property
    def rank(self) -> int:
        return list(Severity).index(self)

    @property
    def pages(self) -> bool:
        """Whether somebody is to look at it at once."""
        return self.rank >= Severity.high.rank


class Kind(StrEnum):
    """What is wrong. Each has a section in docs/on-call.md, under its heading."""

    held = "held"
    rejected = "rejected"
    late = "late"
    overdue = "overdue"
    not_healing = "not_healing"
    source = "source"
    quarantine = "quarantine"
    warning = "warning"
    older_logic = "older_logic"
    run = "run"
    daemon = "daemon"
    sensor = "sensor"
    disk = "disk"
    maintenance = "maintenance"
    alert = "alert"

    @property
    def heading(self) -> str:
        return _HEADINGS[self]

    @property
    def section(self) -> str:
        """The anchor of its section in docs/on-call.md."""
        return self.heading.lower().replace(" ", "-")


_HEADINGS = {
    Kind.held: "A partition is held",
    Kind.rejected: "A delivery was rejected",
    Kind.late: "A delivery is late",
    Kind.overdue: "A product is overdue",
    Kind.not_healing: "A partition is not built again",
    Kind.source: "A source is failing",
    Kind.quarantine: "Quarantine is above its usual share",
    Kind.warning: "A check has failed for days",
    Kind.older_logic: "Days stand on older logic",
    Kind.run: "A run was killed or took too long",
    Kind.daemon: "The daemon is not running",
    Kind.sensor: "A sensor is not working",
    Kind.disk: "A disk is about to fill",
    Kind.maintenance: "Maintenance was not done",
    Kind.alert: "An alert could not be sent",
}

# Sources come first, as everything waits for them, and so do the daemon and the disk: without them nothing moves, and
# nothing else reports it. What is wrong with the data is looked at in the morning.
DEFAULT_SEVERITIES = {
    Kind.source: Severity.high,
    Kind.late: Severity.high,
    Kind.daemon: Severity.high,
    Kind.disk: Severity.high,
    Kind.held: Severity.medium,
    Kind.rejected: Severity.medium,
    Kind.quarantine: Severity.medium,
    Kind.warning: Severity.medium,
    Kind.overdue: Severity.critical,
}


@dataclass(frozen=True)
class Trouble:
    """Something that is wrong now. Troubles of one `key` are one incident, however many partitions it has.

    `pending` partitions are worked on already: they open no incident, and keep one open that has them. `subject` is
    what it is about: with the kind it is the key.
    """

    kind: Kind
    subject: str
    sentence: str
    what_to_do: str
    severity: Severity
    products: tuple[str, ...] = ()
    source: str = ""
    partitions: frozenset[dt.date] = frozenset()
    pending: frozenset[dt.date] = frozenset()

    @property
    def key(self) -> str:
        return f"{self.kind}/{self.subject}" if self.subject else str(self.kind)

    @property
    def opens(self) -> bool:
        """Whether it is an incident where none is open: not while all of it is worked on."""
        return bool(self.partitions) or not self.pending
