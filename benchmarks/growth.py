"""What one more day, a tick and a status take in homes of different ages, and what lies on the disk, before and after
maintenance. Small days, so that what is seen is the age and not the data.

The contenders compare speed; this compares Tidegate with itself.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from benchmarks.cases import SEED, cut
from benchmarks.disk import held_by_kind, held_in_catalog
from benchmarks.processes import BIN, Command, Measured, in_child, run
from benchmarks.project import begin_project, settings_of
from tidegate.demo.shop import write_shop
from tidegate.settings import CHECKOUT
from tidegate.window import ONE_DAY

REGION = "us-east"

# Of four regions, of which the one that is loaded has 40 %, with two lines an order: about 20 lines.
ORDERS_PER_DAY = 30

# Of each snapshot, which would grow by thousands in ten years.
CUSTOMERS = 50

# The days after these are as those four weeks before: the shop takes half a second for a day.
DAYS_OF_THE_SHOP = 28

# Ten years are made in a sixth of the time that chunks of a month take.
DAYS_OF_A_CHUNK = 365

# What is measured is one more day before maintenance and one after it.
MEASURED_DAYS = 2


@dataclass(frozen=True)
class GrowingSite:
    """A home of `age` days, of which the newest ended before `today`, and two more that are there to be run."""

    folder: Path
    landing: Path
    age: int
    today: dt.date

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def first(self) -> dt.date:
        return self.measured_days[0] - ONE_DAY * self.age

    @property
    def measured_days(self) -> list[dt.date]:
        return [self.today - ONE_DAY * back for back in range(MEASURED_DAYS, 0, -1)]

    def command(self, *argv: str) -> Command:
        env = {**settings_of(self.folder, self.landing), "TIDEGATE_START_DATE": str(self.first)}
        return Command(argv, env, self.folder)

    def tidegate(self, *arguments: str) -> Command:
        return self.command(str(BIN / "tidegate"), *arguments)

    def module(self, name: str, *arguments: str) -> Command:
        return self.command(sys.executable, "-m", f"benchmarks.{name}", *arguments)

    @property
    def log(self) -> Path:
        return self.folder / "log.txt"


def growth_report(data: Path, ages: Sequence[int]) -> Iterator[str]:
    """Lines of the report, each age's as soon as it is measured."""
    today = dt.datetime.now(dt.UTC).date()
    yield f"\ngrowth: homes of {', '.join(map(str, ages))} days, one region, about 20 lines a day"
    for age in ages:
        print(f"growth: a home of {age} days ...", file=sys.stderr, flush=True)
        landing = in_child(growing_landing, data, age, today)
        yield from _measured(GrowingSite(data / "sites" / f"growth-{age}", landing, age, today))


def growing_landing(data: Path, days: int, today: dt.date) -> Path:
    """The folder of the days' deliveries in `data`, written when it is not there yet."""
    first = today - ONE_DAY * (days + MEASURED_DAYS)
    landing = data / f"small-days-{first}-{today}"
    if not landing.exists():
        part = landing.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        _write_days(part, first, days + MEASURED_DAYS)
        part.rename(landing)
    return landing


def _write_days(landing: Path, first: dt.date, days: int) -> None:
    written = min(days, DAYS_OF_THE_SHOP)
    write_shop(
        landing, first_day=first, days=written, orders_per_day=ORDERS_PER_DAY, seed=SEED, dirt=False, payments=False
    )
    for snapshot in landing.glob("customers/*/customers.csv"):
        cut(snapshot, CUSTOMERS)
    for number in range(written, days):
        for folder in (landing / "orders" / REGION, landing / "customers"):
            write_again(folder, first + ONE_DAY * (number - DAYS_OF_THE_SHOP), first + ONE_DAY * number)


def write_again(folder: Path, day: dt.date, other: dt.date) -> None:
    """Write a day's delivery in a folder once more, as that of another day."""
    (folder / str(other)).mkdir()
    for file in (folder / str(day)).iterdir():
        # The ids of the shop's orders have the day as well.
        text = file.read_text().replace(str(day), str(other)).replace(f"{day:%Y%m%d}", f"{other:%Y%m%d}")
        (folder / str(other) / file.name).write_text(text)


def begin_site(site: GrowingSite) -> None:
    """Make the home, without any day."""
    shutil.rmtree(site.folder, ignore_errors=True)
    site.folder.mkdir(parents=True)
    begin_project(site.folder)
    write_contracts(site.folder / "contracts")
    run([site.tidegate("init")], site.log)


def fill(site: GrowingSite) -> Measured:
    """Make the home and all of its days, with their outputs."""
    begin_site(site)
    last = site.measured_days[0] - ONE_DAY
    backfill = site.tidegate("backfill", "--from", str(site.first), "--to", str(last))
    in_large_chunks = replace(backfill, env={**backfill.env, "TIDEGATE_CHUNK_DAYS": str(DAYS_OF_A_CHUNK)})
    return run([in_large_chunks, site.tidegate("outputs")], site.log)


def _measured(site: GrowingSite) -> Iterator[str]:
    before, after = site.measured_days
    made = fill(site)
    yield f"\nage {site.age} days, made in {made.seconds:,.0f} s ({made.cpu_seconds:,.0f} CPU s)"
    yield from _table(_one_more_day(site, before), "before maintenance")
    yield from disk_table(site.home)
    maintained = run([site.module("maintained")], site.log)
    yield f"maintenance: {maintained.seconds:.1f} s ({maintained.cpu_seconds:.1f} CPU s)"
    yield from _table(_one_more_day(site, after), "after maintenance")
    yield from disk_table(site.home)


def _one_more_day(site: GrowingSite, day: dt.date) -> dict[str, Measured]:
    took = {
        "one more day": run([site.tidegate("run", "--partition", str(day))], site.log),
        "its outputs": run([site.tidegate("outputs")], site.log),
        "status": run([site.tidegate("status")], site.log),
    }
    ticks = site.folder / "ticks.json"
    run([site.module("ticks", "--took", str(ticks))], site.log)
    return {**took, **{name: Measured(**each) for name, each in json.loads(ticks.read_text()).items()}}


def write_contracts(folder: Path) -> None:
    """The contracts of the checkout, for orders of one region and customers."""
    shutil.copy(CHECKOUT / "contracts" / "customers.odcs.yaml", folder)
    orders = yaml.safe_load((CHECKOUT / "contracts" / "orders.odcs.yaml").read_text())
    orders["servers"] = [server for server in orders["servers"] if server["server"] == REGION]
    (folder / "orders.odcs.yaml").write_text(yaml.safe_dump(orders, sort_keys=False))


def _table(took: Mapping[str, Measured], when: str) -> Iterator[str]:
    yield f"{when:32}{'seconds':>10}{'CPU s':>10}{'peak MiB':>10}"
    for name, one in took.items():
        yield f"{name:32}{one.seconds:10.2f}{one.cpu_seconds:10.2f}{one.peak_bytes / 2**20:10,.0f}"


def disk_table(home: Path) -> Iterator[str]:
    yield f"{'on disk':32}{'MB':>10}{'files':>10}"
    for kind, one in held_by_kind(home).items():
        yield f"{kind:32}{one.bytes / 1e6:10.2f}{one.files:10,}"
    for kind, rows in held_in_catalog(home).items():
        yield f"{kind:32}{'':10}{rows:10,}"
