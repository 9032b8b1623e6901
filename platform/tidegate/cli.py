"""The `tidegate` command. Each command reads its words, calls one part of the platform, and prints what it says.

Heavy parts (Dagster, dbt) are imported by the commands that need them: a query must not wait for them.
"""

from __future__ import annotations

import datetime as dt
import gc
import os
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, ParamSpec, TypeVar

import typer
from pydantic import ValidationError

from tidegate import console
from tidegate.demo.crm_faults import Fault
from tidegate.errors import TidegateError
from tidegate.garbage import collect_seldom
from tidegate.settings import Settings, load_settings
from tidegate.window import Cadence, Window

if TYPE_CHECKING:
    from tidegate.orchestration.runs import RunOutcome

P = ParamSpec("P")
T = TypeVar("T")

app = typer.Typer(
    name="tidegate",
    help="Lets each day's data in only when it is sound. Re-running anything, in any order, is safe.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
demo_app = typer.Typer(help="Write deliveries to try things with.", no_args_is_help=True)
breaker_app = typer.Typer(help="The circuit breakers of the sources.", no_args_is_help=True)
quarantine_app = typer.Typer(help="Rows that were kept out, and letting them in once mended.", no_args_is_help=True)
app.add_typer(demo_app, name="demo")
app.add_typer(breaker_app, name="breaker")
app.add_typer(quarantine_app, name="quarantine")


class Format(StrEnum):
    table = "table"
    csv = "csv"
    json = "json"


def told_plainly(command: Callable[P, T]) -> Callable[P, T]:
    """Print Tidegate's own errors as their sentence, and leave with exit code 1."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return command(*args, **kwargs)
        except TidegateError as error:
            console.complain(str(error))
        except ValidationError as error:
            console.complain(_settings_complaint(error))
        raise typer.Exit(1)

    return run


def _settings_complaint(error: ValidationError) -> str:
    # The values stay out of the message: a setting may hold what nobody should see.
    wrong = "\n".join(f"- TIDEGATE_{str(e['loc'][0]).upper() if e['loc'] else '?'}: {e['msg']}" for e in error.errors())
    return f"The settings do not work; correct the environment or `.env`:\n{wrong}"


@app.command()
@told_plainly
def init() -> None:
    """Make the home: the lake with its ledger, the parsed dbt project and Dagster's instance."""
    from tidegate.home import Home
    from tidegate.orchestration.instance import prepare_instance

    settings = load_settings()
    prepare_instance(settings)
    home = Home(settings)
    _ = home.gate_requirements
    with home.lake():
        console.say(f"{settings.home} is ready.")


FromLanding = Annotated[
    bool,
    typer.Option("--from-landing", help="Fail where landing no longer holds a delivery, instead of using the archive."),
]


@app.command()
@told_plainly
def run(
    partition: Annotated[str, typer.Option(metavar="YYYY-MM-DD", help="The day to run, or the Monday.")],
    cadence: Annotated[Cadence, typer.Option(help="Which marts: those of the day, or those of a Monday.")] = (
        Cadence.daily
    ),
    from_landing: FromLanding = False,
) -> None:
    """Run one day from landing to serving, as the UI's materialize would; or one Monday from the days before it."""
    if cadence is Cadence.weekly:
        _run_monday_and_leave(_day_of(partition))
    _run_and_leave(Window.of_day(_day_of(partition)), from_landing=from_landing)


@app.command()
@told_plainly
def backfill(
    from_: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="The first day.")],
    to: Annotated[str, typer.Option("--to", metavar="YYYY-MM-DD", help="The last day, included.")],
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with the newest backfill of these days, without the published ones."),
    ] = False,
    from_landing: FromLanding = False,
) -> None:
    """Run many days, in chunks of TIDEGATE_CHUNK_DAYS per run, then restate the days that they touched."""
    first, last = _day_of(from_), _day_of(to)
    if last < first:
        raise TidegateError(f"A backfill cannot end ({last}) before it starts ({first}). Swap --from and --to.")
    window = Window(first, last + dt.timedelta(days=1))
    _run_and_leave(window, backfill=True, resume=resume, from_landing=from_landing)


def _run_and_leave(window: Window, *, backfill: bool = False, resume: bool = False, from_landing: bool = False) -> None:
    from tidegate.home import Home
    from tidegate.orchestration.runs import Runner

    settings = load_settings()
    _refuse_days_out_of_range(settings, window)
    runner = Runner.open(Home(settings))
    runs = (
        runner.backfill(window, resume=resume, from_landing=from_landing)
        if backfill
        else runner.run_and_restate(window, from_landing=from_landing)
    )
    _leave_with(console.show_progress(runs, window))


def _run_monday_and_leave(monday: dt.date) -> NoReturn:
    from tidegate.home import Home
    from tidegate.orchestration.names import WEEKLY_JOB
    from tidegate.orchestration.partitions import first_monday
    from tidegate.orchestration.runs import Runner

    settings = load_settings()
    first, today = first_monday(settings), dt.datetime.now(dt.UTC).date()
    if monday.weekday() or not first <= monday <= today:
        raise TidegateError(
            f"There is no weekly partition {monday}: they are the Mondays from {first} to {today}. Choose one of these."
        )
    _leave_with([Runner.open(Home(settings)).run(Window.of_day(monday, Cadence.weekly), job=WEEKLY_JOB)])


def _leave_with(outcomes: Sequence[RunOutcome]) -> NoReturn:
    console.print_outcomes(outcomes)
    raise typer.Exit(0 if all(outcome.succeeded for outcome in outcomes) else 1)


def _refuse_days_out_of_range(settings: Settings, window: Window) -> None:
    today = dt.datetime.now(dt.UTC).date()
    if window.start < settings.start_date:
        raise TidegateError(
            f"{window.start} is before the first partition, {settings.start_date}. "
            "Choose a later day, or set TIDEGATE_START_DATE."
        )
    if window.end > today:
        raise TidegateError(f"{window} has not ended yet: today is {today} (UTC). Choose days before it.")


@app.command()
@told_plainly
def restate() -> None:
    """Rebuild and publish the days that deliveries of other days touched since they were built."""
    from tidegate.home import Home
    from tidegate.orchestration.runs import Runner

    _leave_with(list(Runner.open(Home(load_settings())).restate()))


@app.command()
@told_plainly
def publications(
    partition: Annotated[str, typer.Option(metavar="YYYY-MM-DD", help="The day, or Monday.")],
) -> None:
    """Every publication of a day, oldest first: what stands, and what it can be rolled back to."""
    from tidegate.home import Home
    from tidegate.lake.publications import versions_of

    day = _day_of(partition)
    with Home(load_settings()).lake() as lake:
        versions = versions_of(lake.con, day)
    if not versions:
        raise TidegateError(f"{day} was never published. How it stands: tidegate status")
    console.print_versions(versions)


@app.command()
@told_plainly
def rollback(
    partition: Annotated[str, typer.Option(metavar="YYYY-MM-DD", help="The day, or Monday, to put back.")],
    to: Annotated[str, typer.Option(metavar="PUBLICATION", help="One of `tidegate publications`.")],
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why; goes into the ledger.")] = None,
) -> None:
    """Show again what an earlier publication of a day showed, until the day's data changes."""
    from getpass import getuser

    from tidegate.home import Home
    from tidegate.lake.due_weeks import due_weeks
    from tidegate.lake.rollback import Decision
    from tidegate.orchestration.instance import open_instance
    from tidegate.orchestration.rollbacks import roll_back_and_tell

    home = Home(load_settings())
    decision = Decision(_day_of(partition), to, getuser(), reason)
    with open_instance(home.settings) as instance:
        done = roll_back_and_tell(home, instance, decision)
    with home.lake() as lake:
        due = due_weeks(lake.con, home.weekly_requirements, home.days_behind_weeks)
    console.print_rollback(done, [week.day for week in due])


@app.command()
@told_plainly
def outputs() -> None:
    """Make exports and pages of what was published since they were made last. Unattended, a sensor does it."""
    from tidegate.home import Home
    from tidegate.orchestration.runs import Runner

    home = Home(load_settings())
    outcomes = console.show_outputs_progress(Runner.open(home).make_outputs())
    console.print_outputs(outcomes, home.outputs.place)
    raise typer.Exit(1 if any(outcome.complaints for outcome in outcomes) else 0)


AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="TIME",
        help="Read the lake as it was then: ISO 8601, UTC without a zone; a bare date is its start.",
    ),
]


@app.command()
@told_plainly
def query(
    sql: Annotated[str, typer.Argument(help="One statement that reads; tables as `serving.daily_sales`.")],
    format: Annotated[Format, typer.Option(help="How to print.")] = Format.table,
    as_of: AsOf = None,
) -> None:
    """Ask the lake, read-only. Running pipelines are not disturbed, and half a day is never seen."""
    from tidegate.lake.connect import LakeConfig
    from tidegate.lake.query import run_query

    result = run_query(LakeConfig.of(load_settings()), sql, _moment_of(as_of))
    console.print_result(result, format.value)


@app.command()
@told_plainly
def shell(as_of: AsOf = None) -> None:
    """Open DuckDB's prompt on the lake, read-only, or run what is piped in. `.exit` leaves."""
    from tidegate.lake.connect import LakeConfig
    from tidegate.lake.shell import become_shell

    become_shell(LakeConfig.of(load_settings()), _moment_of(as_of))


@app.command()
@told_plainly
def status() -> None:
    """What was delivered, published and held, and what to do next."""
    from tidegate.home import Home
    from tidegate.orchestration.breaker import Pace
    from tidegate.orchestration.contacts import troubled_sources
    from tidegate.orchestration.instance import open_instance
    from tidegate.orchestration.run_ledger import enter_finished_runs
    from tidegate.status import read_status

    home = Home(load_settings())
    with open_instance(home.settings) as instance, home.lake() as lake:
        enter_finished_runs(instance, lake)
        breakers = troubled_sources(instance, list(home.contracts), Pace.of(home.settings))
    console.print_status(read_status(home))
    console.print_breakers(breakers)


@app.command()
@told_plainly
def maintain() -> None:
    """Merge the lake's small files, drop old snapshots (TIDEGATE_SNAPSHOT_DAYS) and exports (TIDEGATE_EXPORT_DAYS)."""
    from tidegate.home import Home
    from tidegate.lake.maintenance import maintain as maintain_lake
    from tidegate.reporting.expiry import expire_exports

    home = Home(load_settings())
    with home.lake() as lake:
        upkeep = maintain_lake(lake, home.settings.snapshot_days)
        expired = expire_exports(lake, home.outputs, home.settings.export_days, dt.datetime.now(dt.UTC))
    console.print_upkeep(upkeep, expired)


@breaker_app.command("close")
@told_plainly
def breaker_close(source: Annotated[str, typer.Argument(help="The source that works again.")]) -> None:
    """Have a source asked again at once, without waiting for its breaker's next probe."""
    from tidegate.orchestration.contacts import close_breaker
    from tidegate.orchestration.instance import open_instance

    settings = load_settings()
    _refuse_unknown_source(settings, source)
    with open_instance(settings) as instance:
        close_breaker(instance, source)
    console.say(f"The breaker of {source} is closed; its sensor asks again at its next look.")


@demo_app.command("shop")
@told_plainly
def demo_shop(
    days: Annotated[int, typer.Option(min=1)] = 14,
    orders_per_day: Annotated[int, typer.Option(min=1)] = 300,
    seed: int = 7,
) -> None:
    """Write a shop's deliveries into landing: four regions, and the dirt that real files have."""
    from tidegate.demo.shop import write_shop

    settings = load_settings()
    report = write_shop(
        _landing_folder(settings),
        first_day=settings.start_date,
        days=days,
        orders_per_day=orders_per_day,
        seed=seed,
    )
    console.print_shop(report, settings.landing)


@demo_app.command("crm")
@told_plainly
def demo_crm(
    port: Annotated[int, typer.Option(min=0, max=65534, help="Where it answers; it is broken at the next one.")] = 8100,
    fault: Annotated[Fault | None, typer.Option(help="How it fails from the start.")] = None,
    orders_per_day: Annotated[int, typer.Option(min=1, help="As of `demo shop`: with it customers grow.")] = 300,
    seed: int = 7,
    page_size: Annotated[int, typer.Option(min=1, help="Customers per page.")] = 100,
    token_variable: Annotated[
        str | None, typer.Option(help="Environment variable with the token that requests must bear.")
    ] = None,
) -> None:
    """Serve the customers of `demo shop` as a CRM does, over HTTP, until Ctrl-C; with faults on request."""
    from tidegate.demo.crm import Crm, Snapshots
    from tidegate.demo.trade import Shop

    settings = load_settings()
    snapshots = Snapshots(Shop(settings.start_date, orders_per_day, seed), page_size)
    token = _secret_in(token_variable) if token_variable else None
    with Crm(snapshots, port, port and port + 1, token, fault) as crm:
        console.print_crm(crm)
        with suppress(KeyboardInterrupt):
            threading.Event().wait()


@demo_app.command("payments")
@told_plainly
def demo_payments(
    dsn_variable: Annotated[str, typer.Option(help="Environment variable with libpq settings or a URL.")],
    days: Annotated[int, typer.Option(min=1)] = 14,
    orders_per_day: Annotated[int, typer.Option(min=1, help="As of `demo shop`: they pay for its orders.")] = 300,
    seed: int = 7,
) -> None:
    """Fill a PostgreSQL database with the payments of `demo shop` and the etl_status rows that call them complete."""
    from tidegate.demo.database import fill_database
    from tidegate.demo.trade import Shop

    shop = Shop(load_settings().start_date, orders_per_day, seed)
    report = fill_database(_secret_in(dsn_variable), dsn_variable, shop, days)
    console.print_filled_database(report, dsn_variable)


def _secret_in(variable: str) -> str:
    if secret := os.environ.get(variable, "").strip():
        return secret
    raise TidegateError(f"The environment variable {variable} is not set. Set it to what it is to hold, and run again.")


@demo_app.command("tour")
@told_plainly
def demo_tour() -> None:
    """Write the demo shop, run all its days, and show what came of it."""
    from tidegate.tour import show_tour

    raise typer.Exit(0 if show_tour(load_settings()) else 1)


@demo_app.command("online-retail")
@told_plainly
def demo_online_retail(
    input: Annotated[Path, typer.Option(help="UCI Online Retail as .parquet, .xlsx or .csv.")],
    from_: Annotated[str | None, typer.Option("--from", metavar="YYYY-MM-DD")] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="YYYY-MM-DD")] = None,
) -> None:
    """Slice UCI Online Retail into daily deliveries; use it with examples/online_retail/contracts."""
    from tidegate.demo.online_retail import slice_online_retail

    settings = load_settings()
    report = slice_online_retail(
        input,
        _landing_folder(settings),
        first_day=_day_of(from_) if from_ else None,
        last_day=_day_of(to) if to else None,
    )
    console.print_slices(report, settings.landing)


def _landing_folder(settings: Settings) -> Path:
    if "://" in settings.landing:
        raise TidegateError(
            f"The demo writes into folders only, and TIDEGATE_LANDING is {settings.landing}. Set it to a folder."
        )
    return Path(settings.landing)


@quarantine_app.command("list")
@told_plainly
def quarantine_list(
    source: Annotated[str | None, typer.Option()] = None,
    from_: Annotated[str | None, typer.Option("--from", metavar="YYYY-MM-DD")] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="YYYY-MM-DD")] = None,
) -> None:
    """Rows in quarantine by source, region, day and reason."""
    from tidegate.intake.quarantine import list_quarantine
    from tidegate.lake.connect import Lake, LakeConfig

    with Lake.open(LakeConfig.of(load_settings()), read_only=True) as lake:
        console.print_quarantine(list_quarantine(lake.con, source, window=_window_of(from_, to)))


@quarantine_app.command("show")
@told_plainly
def quarantine_show(
    source: Annotated[str, typer.Option()],
    partition: Annotated[str, typer.Option(metavar="YYYY-MM-DD")],
    region: Annotated[str | None, typer.Option()] = None,
    reason: Annotated[str | None, typer.Option()] = None,
    limit: Annotated[int, typer.Option(min=1)] = 20,
) -> None:
    """The rows of a day in quarantine, as they were delivered."""
    from tidegate.intake.quarantine import show
    from tidegate.lake.connect import Lake, LakeConfig

    day = Window.of_day(_day_of(partition))
    with Lake.open(LakeConfig.of(load_settings()), read_only=True) as lake:
        console.print_quarantined_rows(show(lake.con, source, region, day, reason, limit))


@quarantine_app.command("replay")
@told_plainly
def quarantine_replay(
    source: Annotated[str, typer.Option()],
    partition: Annotated[str, typer.Option(metavar="YYYY-MM-DD")],
) -> None:
    """Judge a day's newest deliveries again, after the contract or the file was mended, and load what passes."""
    _refuse_unknown_source(load_settings(), source)
    _run_and_leave(Window.of_day(_day_of(partition)))


def _refuse_unknown_source(settings: Settings, source: str) -> None:
    from tidegate.contract.odcs import load_contracts

    contracts = load_contracts(settings.contracts)
    if source not in contracts:
        raise TidegateError(f"There is no source {source}. Known: {', '.join(sorted(contracts))}.")


def _day_of(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise TidegateError(f"{text!r} is not a day. Write it as 2024-01-31.") from None


def _moment_of(text: str | None) -> dt.datetime | None:
    from tidegate.lake.travel import moment_of

    return None if text is None else moment_of(text)


def _window_of(first: str | None, last: str | None) -> Window | None:
    if first is None and last is None:
        return None
    start = _day_of(first) if first else dt.date.min
    end = _day_of(last) + dt.timedelta(days=1) if last else dt.date.max
    return Window(start, end)


def main() -> None:
    """Entry point of the `tidegate` command."""
    collect_seldom()
    try:
        app()
    except BrokenPipeError:
        # The reader (`| head`) has seen enough; Python must not complain again while closing stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    finally:
        # Nor on leaving.
        gc.freeze()
