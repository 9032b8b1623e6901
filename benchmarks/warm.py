"""A day in a process that has run it before: what a long-lived worker takes. Writes what the second run took as a line of JSON.

TIDEGATE_HOME=HOME python -m benchmarks.warm --partition DAY
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import time
from pathlib import Path

from tidegate.home import Home
from tidegate.orchestration.runs import Runner
from tidegate.settings import load_settings
from tidegate.window import Window


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--partition", type=dt.date.fromisoformat, required=True)
    parser.add_argument("--took", type=Path, required=True)
    given = parser.parse_args()
    window = Window.of_day(given.partition)
    runner = Runner.open(Home(load_settings()))
    _run(runner, window)
    began, cpu = time.perf_counter(), time.process_time()
    _run(runner, window)
    took = {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - cpu}
    given.took.write_text(json.dumps(took))


def _run(runner: Runner, window: Window) -> None:
    for outcome in runner.run_and_restate(window):
        if not outcome.succeeded:
            raise SystemExit(f"{outcome.window} was not published: {dict(outcome.held)}")


if __name__ == "__main__":
    main()
