"""All checks, in the order in which one would look.

What is wrong with the data is said by incidents and `tidegate status`. A check that cannot be made is a finding of its
own, and keeps no other from being made.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import duckdb

from tidegate.errors import TidegateError
from tidegate.home import Home
from tidegate.machine.disk import disk_trouble
from tidegate.orchestration.doctor import at_work, here, reached
from tidegate.orchestration.doctor.finding import Check, Finding, Visit

# In the order in which one would look: what the others need comes first.
CHECKS: tuple[Check, ...] = (
    here.settings,
    here.own_definitions,
    here.credentials,
    here.space,
    here.versions,
    here.clocks,
    at_work.lake_and_files,
    reached.places,
    reached.sources,
    reached.channels,
    reached.backups,
    at_work.daemon_and_sensors,
    at_work.machines,
)


def examine(home: Home, now: dt.datetime) -> Iterator[Finding]:
    """What all checks find, as they are made."""
    visit = Visit(home, now)
    said: set[str] = set()
    for check in CHECKS:
        for finding in _made(check, visit):
            # What keeps several checks from being made is said once.
            if finding.sentence not in said:
                said.add(finding.sentence)
                yield finding


def _made(check: Check, visit: Visit) -> Iterator[Finding]:
    name = check.__name__.replace("_", " ")
    try:
        yield from check(visit)
    except TidegateError as error:
        yield Finding(name, "bad", str(error))
    except (OSError, duckdb.Error) as error:
        yield Finding(name, "bad", str(disk_trouble(error) or TidegateError(str(error))))
