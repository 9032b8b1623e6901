"""What is measured: the cases, their data in landing, and the ratios that they are about. Running anything does not belong here."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from tidegate.demo.shop import write_shop
from tidegate.window import ONE_DAY, Window

# The day before what is timed. A Wednesday: the day of a case is then a Thursday, of which a shop is as busy as on average.
SET_UP_DAY = dt.date(2024, 1, 3)
SEED = 7
LINES_PER_ORDER = 2


@dataclass(frozen=True)
class Goal:
    """How long `contender` may take, in times of what `over` takes."""

    contender: str
    over: str
    at_most: float


@dataclass(frozen=True)
class Case:
    """Days of about `lines` order lines each. `customers` cuts the snapshots: a shop has nearly as many as lines."""

    name: str
    days: int
    lines: int
    contenders: tuple[str, ...]
    goals: tuple[Goal, ...]
    customers: int | None = None
    peak_gib: float | None = None

    @property
    def window(self) -> Window:
        """What is timed."""
        return Window(SET_UP_DAY + ONE_DAY, SET_UP_DAY + ONE_DAY * (self.days + 1))

    @property
    def title(self) -> str:
        days = "one day" if self.days == 1 else f"{self.days} days in one go"
        return f"{self.name}: {days}, about {self.lines:,} lines a day"


def cases(days: int, lines: int) -> dict[str, Case]:
    """The cases: `days` is how many the case `year` has, `lines` how many the day of the case `big`."""
    cold = ("limit", "dbt", "sqlmesh", "standard", "tidegate")
    day_goals = (Goal("tidegate", "standard", 0.25), Goal("tidegate", "dbt", 0.5), Goal("warm", "dbt", 0.15))
    return {
        "day": Case("day", 1, 20_000, (*cold, "warm"), day_goals),
        "year": Case("year", days, 20_000, cold, (Goal("tidegate", "limit", 1.5),)),
        "big": Case("big", 1, lines, cold, (Goal("tidegate", "limit", 1.25),), customers=5_000, peak_gib=4),
    }


def landing_of(case: Case, data: Path) -> Path:
    """The folder of the case's deliveries in `data`, written when it is not there yet."""
    landing = data / f"{case.days}-days-of-{case.lines}-lines"
    if not landing.exists():
        part = landing.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        _write(case, part)
        part.rename(landing)
    return landing


def lines_of(case: Case, landing: Path) -> int:
    """How many lines are timed."""
    written: dict[str, int] = json.loads((landing / "lines.json").read_text())
    return sum(written[str(day)] for day in case.window.days)


def _write(case: Case, landing: Path) -> None:
    orders = case.lines // LINES_PER_ORDER
    if case.customers is None:
        _write_days(landing, SET_UP_DAY, 1 + case.days, orders)
    else:
        # A small day before: setting up is not what this case is about.
        _write_days(landing, SET_UP_DAY, 1, 1_000)
        _write_days(landing, case.window.start, case.days, orders)
        for snapshot in landing.glob("customers/*/customers.csv"):
            cut(snapshot, case.customers)
    days = [SET_UP_DAY, *case.window.days]
    (landing / "lines.json").write_text(json.dumps({str(day): _count_lines(landing, day) for day in days}))


def _write_days(landing: Path, first: dt.date, days: int, orders: int) -> None:
    write_shop(landing, first_day=first, days=days, orders_per_day=orders, seed=SEED, dirt=False, payments=False)


def cut(file: Path, rows: int) -> None:
    with file.open() as stream:
        kept = list(itertools.islice(stream, 1 + rows))
    file.write_text("".join(kept))


def _count_lines(landing: Path, day: dt.date) -> int:
    files = landing.glob(f"orders/*/{day}/orders.csv")
    return sum(file.read_bytes().count(b"\n") - 1 for file in files)
