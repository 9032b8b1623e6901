"""What a home takes when it is years old: a status, the metrics, a tick of each sensor and one more day, with ten years
behind them.

`growth` fills its homes day by day; of ten years that takes hours. Here the newest days are real, and `aged` enters what
they left in the ledger, in landing and in Dagster's index again for all days before them; then it is maintained, as a
home is every week. The ages are of one home, one after the other.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.goals import Figure, Line
from benchmarks.growth import GrowingSite, begin_site, disk_table, growing_landing
from benchmarks.processes import FailedError, Measured, in_child, run
from tidegate.window import ONE_DAY

# The days that were really delivered and published before anything is measured: enough for a Monday.
REAL_DAYS = 8

# What the oldest home may take, in times of the youngest.
AT_MOST = 1.5


@dataclass(frozen=True)
class AgingSite(GrowingSite):
    """A home that began `age` days before the first day that is measured, of which there are `spare`."""

    spare: int = 1

    @property
    def measured_days(self) -> list[dt.date]:
        return [self.today - ONE_DAY * back for back in range(self.spare, 0, -1)]


def years_report(data: Path, ages: Sequence[int]) -> Iterator[Line]:
    """Lines of the report: what each thing takes at each age, and the ratio of the oldest to the youngest."""
    today = dt.datetime.now(dt.UTC).date()
    landing = in_child(growing_landing, data, REAL_DAYS + len(ages), today)
    site = AgingSite(data / "sites" / "years", landing, REAL_DAYS, today, spare=len(ages))
    print(f"years: a home of {REAL_DAYS} days ...", file=sys.stderr, flush=True)
    _fill(site)
    took: dict[int, Mapping[str, Measured]] = {}
    for age, day in zip(sorted(ages), site.measured_days, strict=True):
        print(f"years: a home of {age} days ...", file=sys.stderr, flush=True)
        old = replace(site, age=age)
        yield from _aged(old)
        took[age] = _at_age(old, day)
        seconds = ", ".join(f"{name} {each.cpu_seconds:.2f}" for name, each in took[age].items())
        print(f"years: CPU seconds at {age} days: {seconds}", file=sys.stderr, flush=True)
    yield from _table(took)
    shutil.rmtree(site.folder)


def _fill(site: AgingSite) -> None:
    begin_site(site)
    last = site.measured_days[0] - ONE_DAY
    backfill = site.tidegate("backfill", "--from", str(site.first), "--to", str(last))
    run([backfill, site.tidegate("outputs")], site.log)


def _aged(site: AgingSite) -> Iterator[str]:
    run([site.module("aged", "--from", str(site.first))], site.log)
    yield f"\nyears: a home of {site.age:,} days before maintenance"
    yield from disk_table(site.home)
    # What was published of days that have other days before them now is restated before anything is measured.
    again = site.tidegate("run", "--partition", str(site.measured_days[0] - ONE_DAY))
    run([again, site.tidegate("outputs"), site.module("maintained")], site.log)
    yield f"\nyears: a home of {site.age:,} days after maintenance"
    yield from disk_table(site.home)


def _at_age(site: AgingSite, day: dt.date) -> dict[str, Measured]:
    status = site.folder / "status.json"
    ticks = site.folder / "ticks.json"
    took = {
        "one more day": run([site.tidegate("run", "--partition", str(day))], site.log),
        "its outputs": run([site.tidegate("outputs")], site.log),
        "status": run([site.tidegate("status")], site.log),
        "metrics": run([site.tidegate("metrics", "--once")], site.log),
    }
    _refuse_what_is_held(site, status)
    run([site.module("ticks", "--took", str(ticks))], site.log)
    return {**took, **{name: Measured(**each) for name, each in json.loads(ticks.read_text()).items()}}


def _refuse_what_is_held(site: AgingSite, found: Path) -> None:
    """A home that holds days, or builds them again, is another home than one where all is published."""
    found.unlink(missing_ok=True)
    run([site.tidegate("status", "--format", "json")], found)
    status = json.loads(found.read_text())["status"]
    if status["held"] or status["stale_days"]:
        raise FailedError(f"Of a home of {site.age} days, days are held or due: see {found}.")


def _table(took: Mapping[int, Mapping[str, Measured]]) -> Iterator[Line]:
    youngest, *_, oldest = took
    yield f"\nyears: one home that is made older, one region, about 20 lines a day; CPU seconds at {len(took)} ages"
    yield f"{'':32}" + "".join(f"{f'{age:,} days':>12}" for age in took)
    for name in took[youngest]:
        seconds = [took[age][name].cpu_seconds for age in took]
        ratio = took[oldest][name].cpu_seconds / took[youngest][name].cpu_seconds
        yield f"{name:32}" + "".join(f"{each:12.2f}" for each in seconds)
        yield Figure(f"years: {name}, {oldest:,} / {youngest:,} days", ratio, AT_MOST)
