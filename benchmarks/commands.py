"""What a person waits for at a terminal: commands that only read, in a home of two weeks."""

from __future__ import annotations

import datetime as dt
import shutil
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.goals import Figure, Line
from benchmarks.growth import GrowingSite, fill, growing_landing
from benchmarks.processes import in_child, run

DAYS = 14


@dataclass(frozen=True)
class Read:
    """A command, and the CPU seconds that it may take."""

    arguments: tuple[str, ...]
    at_most: float

    def __str__(self) -> str:
        return f"tidegate {' '.join(self.arguments)}"


READS = (Read(("--help",), 0.5), Read(("query", "select 1"), 0.5), Read(("status",), 0.8))


def commands_report(data: Path, runs: int) -> Iterator[Line]:
    """Lines of the report."""
    site = site_of_two_weeks("commands", data)
    yield f"\ncommands: a home of {DAYS} days; medians of {runs}"
    yield f"{'':32}{'seconds':>10}{'CPU s':>10}{'peak MiB':>10}"
    for read in READS:
        print(f"commands: {read} ...", file=sys.stderr, flush=True)
        took = [run([site.tidegate(*read.arguments)], site.log) for _ in range(runs)]
        seconds = statistics.median(one.seconds for one in took)
        cpu = statistics.median(one.cpu_seconds for one in took)
        peak = statistics.median(one.peak_bytes for one in took)
        yield f"{read!s:32}{seconds:10.2f}{cpu:10.2f}{peak / 2**20:10,.0f}"
        yield Figure(str(read), cpu, read.at_most, "CPU s")
    shutil.rmtree(site.folder)


def site_of_two_weeks(name: str, data: Path) -> GrowingSite:
    """A home whose days are all published, and whose exports and pages are made."""
    today = dt.datetime.now(dt.UTC).date()
    landing = in_child(growing_landing, data, DAYS, today)
    site = GrowingSite(data / "sites" / name, landing, DAYS, today)
    print(f"{name}: a home of {DAYS} days ...", file=sys.stderr, flush=True)
    fill(site)
    return site
