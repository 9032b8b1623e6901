"""The `tidegate` command. Each command reads its words, calls one part of the platform, and prints what it says.

Heavy parts (Dagster, dbt) are imported by the commands that need them: a query must not wait for them.
"""

from __future__ import annotations

import datetime as dt
import gc
import os
import signal
import sys
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tidegate.asked_days import day_of, window_between
from tidegate.cli import console
from tidegate.cli.alerts import alerts_app
from tidegate.cli.changing import apply, changes, plan, take_back
from tidegate.cli.checking import contract_check, contract_diff, contract_sync
from tidegate.cli.commands import Commands
from tidegate.cli.contract import contract_app
from tidegate.cli.demo import demo_app
from tidegate.cli.doctor import doctor
from tidegate.cli.drafting import contract_draft
from tidegate.cli.everywhere import everywhere
from tidegate.cli.exit_codes import FAILED, GOOD
from tidegate.cli.incidents import incidents_app
from tidegate.cli.keeping import backup, backups, repair, restore, upgrade
from tidegate.cli.lineage import lineage
from tidegate.cli.listing import breaker_list, tables
from tidegate.cli.metrics import metrics
from tidegate.cli.projects import check, dbt_package, dev, new
from tidegate.cli.proposing import ci
from tidegate.cli.provenance import history, verify, why
from tidegate.cli.quality import quality
from tidegate.cli.quarantine import quarantine_app
from tidegate.cli.running import restate_and_leave, run_and_leave, run_period_and_leave
from tidegate.cli.settings import load_settings, settings_of_a_reader
from tidegate.cli.status import status
from tidegate.cli.words import (
    AsOf,
    AsTextOrJson,
    TextOrJson,
    ends_when_asked,
    moment_of,
    question_of,
    refuse_unknown_source,
    statement_of,
    with_plain_errors,
)
from tidegate.cli.worker import worker
from tidegate.errors import TidegateError
from tidegate.machine.garbage import collect_seldom
from tidegate.machine.stopping import end_if_asked, until_asked
from tidegate.window import Cadence, Window

app = Commands(
    name="tidegate",
    help="Lets each day's data in only when it is sound. Re-running anything, in any order, is safe.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.callback()(everywhere)
breaker_app = Commands(help="The circuit breakers of the sources.", no_args_is_help=True)
app.add_typer(demo_app, name="demo")
app.add_typer(breaker_app, name="breaker")
app.add_typer(contract_app, name="contract")
app.add_typer(quarantine_app, name="quarantine")
app.add_typer(incidents_app, name="incidents")
app.add_typer(alerts_app, name="alerts")
contract_app.command("draft")(contract_draft)
contract_app.command("check")(contract_check)
contract_app.command("diff")(contract_diff)
contract_app.command("sync")(contract_sync)
for command in (
    *(plan, apply, changes, ci),
    *(status, quality, why, history, verify),
    *(backup, backups, restore, upgrade, repair, doctor),
    *(metrics, lineage, tables, worker),
    *(new, check, dev, dbt_package),
):
    app.command()(command)


class Format(StrEnum):
    table = "table"
    csv = "csv"
    json = "json"


@app.command()
@with_plain_errors
def init() -> None:
    """Make the home: the lake with its ledger, the parsed dbt project and Dagster's instance."""
    from tidegate.orchestration.instance.initialise import initialise

    home = initialise(load_settings())
    console.say(f"{home.settings.home} is ready.")


FromLanding = Annotated[
    bool,
    typer.Option("--from-landing", help="Fail where landing no longer holds a delivery, instead of using the archive."),
]


@app.command()
@with_plain_errors
@ends_when_asked
def run(
    partition: Annotated[
        str, typer.Option(metavar="YYYY-MM-DD", help="The day to run, or the Monday or month, by its first day.")
    ],
    cadence: Annotated[Cadence, typer.Option(help="Which marts: those of a day, of a Monday or of a month.")] = (
        Cadence.daily
    ),
    from_landing: FromLanding = False,
) -> None:
    """Run one day from landing to serving, as the UI's materialize would; or a Monday or month from its days."""
    if cadence is not Cadence.daily:
        run_period_and_leave(day_of(partition), cadence)
    run_and_leave(Window.of_day(day_of(partition)), from_landing=from_landing)


@app.command()
@with_plain_errors
@ends_when_asked
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
    window = window_between(day_of(from_), day_of(to))
    run_and_leave(window, backfill=True, resume=resume, from_landing=from_landing)


@app.command()
@with_plain_errors
@ends_when_asked
def restate() -> None:
    """Rebuild and publish the days that deliveries of other days touched since they were built."""
    restate_and_leave()


@app.command()
@with_plain_errors
@ends_when_asked
def rebuild(source: Annotated[str, typer.Argument(help="The source whose contract changed.")]) -> None:
    """Load all that a source delivered again, under its contract as it is now: for a column of another type."""
    from tidegate.home import Home
    from tidegate.intake.rebuilding import rebuild_source
    from tidegate.machine.processes import person

    settings = load_settings()
    refuse_unknown_source(settings, source)
    home = Home(settings)
    with home.lake() as lake:
        rebuilt = rebuild_source(
            lake,
            home.contracts[source],
            outside=home.outside,
            run_id=f"rebuild by {person()}",
            days_at_once=settings.chunk_days,
        )
    console.say(rebuilt.sentence)


@app.command()
@with_plain_errors
def publications(
    partition: Annotated[str, typer.Option(metavar="YYYY-MM-DD", help="The day, Monday or month.")],
    format: AsTextOrJson = TextOrJson.text,
) -> None:
    """Every publication of a day, oldest first: what stands, and what it can be rolled back to."""
    from tidegate.home import Home
    from tidegate.ledger.versions import versions_of

    day = day_of(partition)
    with Home(load_settings(), read_only=True).lake() as lake:
        versions = versions_of(lake.con, day)
    if not versions:
        raise TidegateError(f"{day} was never published. How it stands: tidegate status")
    if format is TextOrJson.json:
        console.print_json([asdict(version) for version in versions])
    else:
        console.print_versions(versions)


@app.command()
@with_plain_errors
def rollback(
    partition: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="The day, Monday or month to put back.")
    ] = None,
    to: Annotated[str | None, typer.Option(metavar="PUBLICATION", help="One of `tidegate publications`.")] = None,
    change: Annotated[
        str | None, typer.Option(metavar="CHANGE", help="One of `tidegate changes`: all that it published.")
    ] = None,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why; goes into the ledger.")] = None,
) -> None:
    """Show again what an earlier publication of a day showed, or all from before a change, until the data changes."""
    if change is not None and partition is None and to is None:
        take_back(change, reason)
        return
    if change is not None or partition is None or to is None:
        raise TidegateError(
            "Say what to put back: --partition DAY --to PUBLICATION, or --change CHANGE. Nothing was changed."
        )
    from tidegate.home import Home
    from tidegate.machine.processes import person
    from tidegate.orchestration.instance.dagster_home import open_instance
    from tidegate.orchestration.rollbacks import roll_back_and_report
    from tidegate.publishing.due.partitions import due_for_any
    from tidegate.publishing.rollback import Decision

    home = Home(load_settings())
    decision = Decision(day_of(partition), to, person(), reason)
    with open_instance(home.settings) as instance:
        done = roll_back_and_report(home, instance, decision)
    with home.lake() as lake:
        due = {cadence: due_for_any(lake.con, home.products_of(cadence)) for cadence in home.longer_cadences}
    console.print_rollback(done, due)


@app.command()
@with_plain_errors
@ends_when_asked
def outputs() -> None:
    """Make exports and pages of what was published since they were made last. Unattended, a sensor does it."""
    from tidegate.home import Home
    from tidegate.orchestration.runs import Runner

    home = Home(load_settings())
    outcomes = console.show_outputs_progress(until_asked(Runner.open(home).make_outputs()))
    console.print_outputs(outcomes, home.outputs.place)
    end_if_asked(lambda: "Stopped. What was not made is still due. Go on with: tidegate outputs")
    raise typer.Exit(FAILED if any(outcome.complaints for outcome in outcomes) else GOOD)


@app.command()
@with_plain_errors
def query(
    sql: Annotated[
        str | None, typer.Argument(help="One statement that reads; tables as `serving.daily_sales`. -: standard input.")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="Read the statement from a file.")] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME,...", help="Instead of a statement: metrics that dbt's YAML defines."),
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME,...", help="By which dimensions, or day, week, month, quarter, year."),
    ] = None,
    where: Annotated[str | None, typer.Option(metavar="SQL", help="Only rows for which this is true.")] = None,
    format: Annotated[Format, typer.Option(help="How to print.")] = Format.table,
    as_of: AsOf = None,
) -> None:
    """Ask the lake, read-only. Running pipelines are not disturbed, and half a day is never seen."""
    from tidegate.lake.config import LakeConfig
    from tidegate.lake.reading.query import run_query

    settings = settings_of_a_reader()
    asked = statement_of(sql, file, question_of(metric, by, where), settings)
    result = run_query(LakeConfig.of(settings), asked, moment_of(as_of, settings.zone))
    console.print_result(result, format.value)


@app.command()
@with_plain_errors
def shell(as_of: AsOf = None) -> None:
    """Open DuckDB's prompt on the lake, read-only, or run what is piped in. `.exit` leaves."""
    from tidegate.lake.config import LakeConfig
    from tidegate.lake.reading.shell import become_shell

    settings = settings_of_a_reader()
    become_shell(LakeConfig.of(settings), moment_of(as_of, settings.zone))


@app.command("check-reads")
@with_plain_errors
def check_reads(
    partition: Annotated[str, typer.Option(metavar="YYYY-MM-DD", help="A built day with days before and after it.")],
) -> None:
    """Find models that read days that they do not declare, and models in Python that are not repeatable, on a day."""
    from tidegate.transform.undeclared import check_reads

    day = day_of(partition)
    checked = check_reads(load_settings(), day)
    found = [read.sentence for read in checked.reads] + [each.sentence for each in checked.not_repeatable]
    if found:
        raise TidegateError("\n".join(found))
    if not checked.models:
        raise TidegateError(
            f"No model has rows on {day}, its Monday or month, so nothing can be seen there of what models read. "
            "Nothing was changed. Choose a day that was built, with built days before and after it."
        )
    models = ", ".join(checked.models)
    console.say(f"Checked on {day}, its Monday or month: {models}. Each reads only the days it declares.")
    if checked.without_rows:
        console.say(f"Without rows there, so not checked: {', '.join(checked.without_rows)}.")


@app.command("unit-tests")
@with_plain_errors
def unit_tests() -> None:
    """Run the unit tests of models in Python, of which dbt runs none. Nothing of the lake is read."""
    from tidegate.transform.parsed.project import DbtProject
    from tidegate.transform.python_models.unit_tests import run_unit_tests

    project = DbtProject(load_settings())
    results = run_unit_tests(project.manifest(), project.folder)
    if failed := [result.sentence for result in results if result.trouble]:
        raise TidegateError("\n".join(failed))
    console.say(f"{len(results)} unit test{'' if len(results) == 1 else 's'} of models in Python passed.")


@app.command()
@with_plain_errors
@ends_when_asked
def maintain(
    delete_leftovers: Annotated[
        bool, typer.Option("--delete-leftovers", help="Delete files that no catalog entry names, however many.")
    ] = False,
) -> None:
    """Merge the lake's small files, drop old snapshots (TIDEGATE_SNAPSHOT_DAYS), exports (TIDEGATE_EXPORT_DAYS) and
    records of runs (TIDEGATE_RUN_DAYS)."""
    from tidegate.home import Home
    from tidegate.ledger.upkeep.maintenance import maintain as maintain_lake
    from tidegate.orchestration.instance.dagster_home import open_instance
    from tidegate.orchestration.instance.retention import forget_old_runs
    from tidegate.outputs.expiry import expire_exports

    home = Home(load_settings())
    with home.lake() as lake:
        upkeep = maintain_lake(lake, home.settings.snapshot_days, delete_leftovers=delete_leftovers)
        end_if_asked(
            lambda: (
                f"Stopped. Lake maintained: {upkeep}. Exports and runs were left alone; go on with: tidegate maintain"
            )
        )
        expired = expire_exports(lake, home.outputs, home.settings.export_days, dt.datetime.now(dt.UTC))
    with open_instance(home.settings) as instance:
        forgotten = forget_old_runs(home, instance)
    console.print_upkeep(upkeep, expired, forgotten)


breaker_app.command("list")(breaker_list)


@breaker_app.command("close")
@with_plain_errors
def breaker_close(source: Annotated[str, typer.Argument(help="The source that works again.")]) -> None:
    """Have a source asked again at once, without waiting for its breaker's next probe."""
    from tidegate.orchestration.history.contacts import close_breaker
    from tidegate.orchestration.instance.dagster_home import open_instance

    settings = load_settings()
    refuse_unknown_source(settings, source)
    with open_instance(settings) as instance:
        close_breaker(instance, source)
    console.say(f"The breaker of {source} is closed; its sensor asks again at its next look.")


def main() -> None:
    """Entry point of the `tidegate` command."""
    collect_seldom()
    # As Ctrl-C; who ends a service sends this.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app()
    except BrokenPipeError:
        # The reader (`| head`) has seen enough; Python must not complain again while closing stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    finally:
        # Nor on leaving.
        gc.freeze()
