"""A tick of each sensor in one process, as Dagster's daemon has them: the second of each, when all is imported. Writes
what each took as a line of JSON.

TIDEGATE_HOME=HOME python -m benchmarks.ticks --took FILE
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import dagster as dg

from tidegate.machine.garbage import collect_seldom
from tidegate.orchestration.assembly import build_definitions
from tidegate.orchestration.instance.dagster_home import open_instance
from tidegate.settings import load_settings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--took", type=Path, required=True)
    given = parser.parse_args()
    collect_seldom()
    settings = load_settings()
    repository = build_definitions(settings).get_repository_def()
    with open_instance(settings) as instance:

        def tick(sensor: dg.SensorDefinition) -> None:
            sensor.evaluate_tick(dg.build_sensor_context(instance, repository_def=repository))

        took = {}
        for sensor in sorted(repository.sensor_defs, key=lambda sensor: sensor.name):
            tick(sensor)
            took[f"tick of {sensor.name}"] = _measured(partial(tick, sensor))
    given.took.write_text(json.dumps(took))


def _measured(work: Callable[[], None]) -> dict[str, float]:
    began, cpu = time.perf_counter(), time.process_time()
    work()
    return {
        "seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - cpu,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


if __name__ == "__main__":
    main()
