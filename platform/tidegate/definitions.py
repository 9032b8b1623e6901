"""What Dagster loads: `-m tidegate.definitions`."""

from tidegate.machine.garbage import collect_seldom
from tidegate.orchestration.assembly import build_definitions

collect_seldom()
defs = build_definitions()
