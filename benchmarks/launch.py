"""What a run takes from the daemon's request until it is published, and whether many in a row leave anything behind."""

from __future__ import annotations

import json
import shutil
import socket
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.commands import site_of_two_weeks
from benchmarks.goals import Figure, Line
from benchmarks.processes import run
from tidegate.window import ONE_DAY

# Seconds from request to published that a run may take.
AT_MOST_SECONDS = 2.0

Measurement = Mapping[str, Mapping[str, float]]


def launch_report(data: Path, launches: int, job: str) -> Iterator[Line]:
    """Lines of the report."""
    site = site_of_two_weeks("launch", data)
    took = site.folder / "launches.json"
    day = site.measured_days[0] - ONE_DAY
    arguments = ["--partition", str(day), "--runs", str(launches), "--job", job, "--took", str(took)]
    command = site.module("launching", *arguments)
    # Nothing else is to be launched meanwhile.
    settings = {"TIDEGATE_UNATTENDED": "false", "TIDEGATE_CODE_SERVER": f"127.0.0.1:{_free_port()}"}
    print(f"launch: {launches} runs of {job} ...", file=sys.stderr, flush=True)
    run([replace(command, env={**command.env, **settings})], site.log)
    yield from _table(job, [json.loads(line) for line in took.read_text().splitlines()])
    shutil.rmtree(site.folder)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _table(job: str, launches: Sequence[Measurement]) -> Iterator[Line]:
    first, *others = [each["launch"] for each in launches]
    yield f"\nlaunch: {len(launches)} runs of {job} in a row, of a day that is published; the first one starts their parent"
    yield f"{'':32}{'until it starts':>16}{'until its end':>16}{'CPU s':>10}"
    median = _median(others or [first])
    for name, each in {"first": first, "median of the others": median}.items():
        yield f"{name:32}{each['started_after']:16.2f}{each['ended_after']:16.2f}{each['cpu_seconds']:10.2f}"
    yield Figure(f"launch: {job}, from request to end", median["ended_after"], AT_MOST_SECONDS, "s")
    yield f"{'after run':32}{'MiB':>8}{'files':>8}{'threads':>8}{'children':>10}"
    for number in sorted({max(1, len(launches) // 20), max(1, len(launches) // 2), len(launches)}):
        for name in ("parent", "daemon"):
            held = launches[number - 1][name]
            yield (
                f"{f'{number:,}: {name}':32}{held['resident_bytes'] / 2**20:8,.0f}{held['files']:8,.0f}"
                f"{held['threads']:8,.0f}{held['children']:10,.0f}"
            )


def _median(launches: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: statistics.median(each[name] for each in launches) for name in launches[0]}
