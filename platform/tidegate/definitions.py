"""What Dagster loads: `-m tidegate.definitions`."""

from tidegate.orchestration.definitions import build_definitions

defs = build_definitions()
