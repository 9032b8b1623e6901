"""What Dagster loads: `-m tidegate.definitions`."""

from tidegate.garbage import collect_seldom
from tidegate.orchestration.definitions import build_definitions

collect_seldom()
defs = build_definitions()
