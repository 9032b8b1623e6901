"""How many examples Hypothesis tries: as many as `make test` has time for, the same each time, so that the gate says
the same of the same code; or fifty times as many, others each time, with HYPOTHESIS_PROFILE=thorough.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"

# How long something takes says more of the machine than of the code. Tests that share a fixture begin by emptying it.
settings.register_profile(
    "tidegate",
    deadline=None,
    derandomize=not THOROUGH,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("tidegate")


def examples(quick: int) -> settings:
    return settings(max_examples=50 * quick if THOROUGH else quick)
