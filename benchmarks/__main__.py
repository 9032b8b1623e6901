"""Runs the contenders over the same landing files, compares what they published, and prints what they took.

python -m benchmarks [--case day|year|big|beside|commands|growth|launch|record|scaling|years|all] [--days N] [--lines N]
    [--ages DAYS ...] [--small-days N] [--readers N] [--launches N] [--of PART ...] [--job NAME] [--runs N] [--contenders NAME ...]
    [--data FOLDER]
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.beside import beside_report
from benchmarks.cases import SET_UP_DAY, Case, cases, landing_of, lines_of
from benchmarks.commands import commands_report
from benchmarks.contenders import CONTENDERS, Contender, Site
from benchmarks.goals import Figure, Line, goals_table
from benchmarks.growth import growth_report
from benchmarks.launch import launch_report
from benchmarks.processes import FailedError, Measured, in_child, run
from benchmarks.published import Published, refuse_other_content
from benchmarks.record import record_report
from benchmarks.scaling import scaling_report
from benchmarks.years import years_report
from tidegate.orchestration.names import DAILY_JOB
from tidegate.window import Window

GIB = 2**30

BESIDE = "beside"
COMMANDS = "commands"
GROWTH = "growth"
LAUNCH = "launch"
RECORD = "record"
SCALING = "scaling"
YEARS = "years"
AGES = (30, 365)
AGES_OF_LEDGERS = (30, 365, 3650)

Results = Mapping[str, Sequence[Measured]]


def main() -> None:
    given = _arguments()
    given.data.mkdir(parents=True, exist_ok=True)
    figures: list[Figure] = []
    try:
        for name, case in cases(given.days, given.lines).items():
            if given.case in (name, "all"):
                figures += _print(_report(case, given))
        for name, report in _reports_of_tidegate(given).items():
            if given.case in (name, "all"):
                figures += _print(report)
    except FailedError as error:
        raise SystemExit(str(error)) from error
    _print(goals_table(figures))


def _print(report: Iterator[Line]) -> list[Figure]:
    """Print each line as soon as it is there; returns those that have a goal."""
    figures = []
    for line in report:
        print(line, flush=True)
        if isinstance(line, Figure):
            figures.append(line)
    return figures


def _reports_of_tidegate(given: argparse.Namespace) -> dict[str, Iterator[Line]]:
    """What compares Tidegate with itself; each is made as its lines are read."""
    data = given.data.absolute()
    return {
        BESIDE: beside_report(data, given.small_days, given.readers),
        COMMANDS: commands_report(data, given.runs),
        GROWTH: growth_report(data, given.ages),
        LAUNCH: launch_report(data, given.launches, given.job),
        RECORD: record_report(data),
        SCALING: scaling_report(data, given.of),
        YEARS: years_report(data, AGES_OF_LEDGERS),
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__.partition("\n")[0] if __doc__ else None
    )
    parser.add_argument(
        "--case",
        choices=["day", "year", "big", BESIDE, COMMANDS, GROWTH, LAUNCH, RECORD, SCALING, YEARS, "all"],
        default="all",
    )
    parser.add_argument("--days", type=int, default=365, help="days of the case `year` (365)")
    parser.add_argument("--lines", type=int, default=5_000_000, help="lines of the case `big` (5,000,000)")
    parser.add_argument(
        "--ages", type=int, nargs="+", default=AGES, help="ages in days of the homes of `growth` (30 365)"
    )
    parser.add_argument("--small-days", type=int, default=62, help="days of the backfill of `beside` (62)")
    parser.add_argument("--readers", type=int, default=2, help="readers of `beside` (2)")
    parser.add_argument("--launches", type=int, default=10, help="runs of `launch`, one after the other (10)")
    parser.add_argument("--of", nargs="+", default=[], help="parts of `scaling`: commits catalog lines sources (all)")
    parser.add_argument("--job", default=DAILY_JOB, help=f"job of `launch` ({DAILY_JOB})")
    parser.add_argument("--runs", type=int, default=3, help="runs of each contender; the median is printed (3)")
    parser.add_argument("--contenders", nargs="+", choices=list(CONTENDERS), default=list(CONTENDERS))
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(tempfile.gettempdir()) / "tidegate-benchmarks",
        help="where deliveries and contenders' files are; deliveries are kept and used again",
    )
    return parser.parse_args()


def _report(case: Case, given: argparse.Namespace) -> Iterator[Line]:
    landing = in_child(landing_of, case, given.data.absolute())
    asked = [name for name in case.contenders if name in given.contenders]
    names = [name for name in asked if CONTENDERS[name].takes_part]
    results: dict[str, list[Measured]] = {name: [] for name in names}
    for number in range(1, given.runs + 1):
        published = {}
        for name in names:
            print(f"{case.name}: {name}, run {number} of {given.runs} ...", file=sys.stderr, flush=True)
            measured, published[name] = _measure(
                CONTENDERS[name], case, Site(given.data.absolute() / "sites" / name, landing)
            )
            results[name].append(measured)
        if published:
            refuse_other_content(published, days=1 + case.days)
    yield f"\n{case.title}: {lines_of(case, landing):,} lines; medians of {given.runs}"
    yield from _table(case, results)
    yield from (f"{name}: left out, no `{CONTENDERS[name].needs}` on PATH" for name in asked if name not in names)


def _measure(contender: Contender, case: Case, site: Site) -> tuple[Measured, Published]:
    """What the case took in a new site that has run one day before: what is made only once is made. The site stays if this fails."""
    shutil.rmtree(site.folder, ignore_errors=True)
    site.folder.mkdir(parents=True)
    log = site.folder / "log.txt"
    run(contender.set_up(site), log)
    run(contender.commands(site, Window.of_day(SET_UP_DAY)), log)
    measured = run(contender.commands(site, case.window), log)
    if contender.timed_inside:
        measured = replace(measured, **json.loads(site.took.read_text()))
    published = in_child(contender.published, site)
    shutil.rmtree(site.folder)
    return measured, published


def _table(case: Case, results: Results) -> Iterator[Line]:
    seconds = {name: statistics.median(one.seconds for one in runs) for name, runs in results.items()}
    yield f"{'':12}{'seconds':>10}{'CPU s':>10}{'peak MiB':>10}"
    for name, runs in results.items():
        cpu = statistics.median(one.cpu_seconds for one in runs)
        yield f"{name:12}{seconds[name]:10.2f}{cpu:10.2f}{_peak(runs) / 2**20:10,.0f}"
    for goal in case.goals:
        if goal.contender in seconds and goal.over in seconds:
            ratio = seconds[goal.contender] / seconds[goal.over]
            yield Figure(f"{case.name}: {goal.contender} / {goal.over}", ratio, goal.at_most)
    if case.peak_gib and "tidegate" in results:
        yield Figure(f"{case.name}: tidegate's peak", _peak(results["tidegate"]) / GIB, case.peak_gib, "GiB")


def _peak(runs: Sequence[Measured]) -> float:
    return statistics.median(one.peak_bytes for one in runs)


if __name__ == "__main__":
    main()
