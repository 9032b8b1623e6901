"""The commands `tidegate incidents …`: what is wrong now, and saying that somebody looks after it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli import console
from tidegate.cli.commands import Commands
from tidegate.cli.settings import load_settings
from tidegate.cli.show_incidents import as_json, print_incident, print_incidents
from tidegate.cli.words import AsTextOrJson, TextOrJson, moment_of, with_plain_errors
from tidegate.errors import TidegateError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from tidegate.alerting.watching import Sight
    from tidegate.home import Home
    from tidegate.ledger.incidents import IncidentRecord

incidents_app = Commands(help="What is wrong now, and who looks after it.", no_args_is_help=True)

# A silence that nobody ends is over by itself.
SILENCE_DAYS = 7


Key = Annotated[str, typer.Argument(help="Its key, as `tidegate incidents list` shows it.")]
Reason = Annotated[str | None, typer.Option(metavar="TEXT", help="Why; goes into the ledger.")]


@incidents_app.command("list")
@with_plain_errors
def incidents_list(
    every: Annotated[bool, typer.Option("--all", help="Those that are over, too.")] = False,
    format: AsTextOrJson = TextOrJson.text,
) -> None:
    """What is wrong now, the most severe first. Looks at everything, and changes nothing."""
    found = _look(every)
    if format is TextOrJson.json:
        console.print_json([as_json(each) for each in found])
    else:
        print_incidents(found)


@incidents_app.command("show")
@with_plain_errors
def incidents_show(key: Key, format: AsTextOrJson = TextOrJson.text) -> None:
    """One incident: since when, what to do, who looks after it, and what was told to whom."""
    from tidegate.home import Home
    from tidegate.ledger.alerts import alerts_about

    incident = next((each for each in _look(every=True) if each.key == key), None)
    if incident is None:
        raise TidegateError(f"There is no incident {key}. Those that are there: tidegate incidents list --all")
    with Home(load_settings(), read_only=True).lake() as lake:
        alerts = alerts_about(lake.con, key)
    if format is TextOrJson.json:
        console.print_json(as_json(incident, alerts))
    else:
        print_incident(incident, alerts)


@incidents_app.command("ack")
@with_plain_errors
def incidents_ack(key: Key, reason: Reason = None) -> None:
    """Say that you look after it: it is not repeated or escalated any more."""
    from tidegate.alerting.watching import acknowledge
    from tidegate.machine.processes import person

    changed = _enter(key, lambda con: acknowledge(con, key, person(), reason))
    console.say(f"{changed.key} is acknowledged by {changed.handled_by}.")


@incidents_app.command("silence")
@with_plain_errors
def incidents_silence(
    key: Key,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help=f"ISO 8601; without it, {SILENCE_DAYS} days from now.")
    ] = None,
    reason: Reason = None,
) -> None:
    """Say nothing more of it until a moment, whatever comes."""
    from tidegate.alerting.watching import silence
    from tidegate.machine.processes import person

    now = dt.datetime.now(dt.UTC)
    end = moment_of(until, load_settings().zone) or now + dt.timedelta(days=SILENCE_DAYS)
    if end <= now:
        raise TidegateError(f"{until} is over already. Nothing was changed. Give a moment to come.")
    naive = end.astimezone(dt.UTC).replace(tzinfo=None, microsecond=0)
    changed = _enter(key, lambda con: silence(con, key, person(), naive, reason))
    console.say(f"{changed.key} is silenced by {changed.handled_by} until {naive:%Y-%m-%d %H:%M:%S} UTC.")


def _look(every: bool) -> list[IncidentRecord]:
    from tidegate.alerting.watching import in_order
    from tidegate.home import Home

    sight = _sight(Home(load_settings(), read_only=True))
    return in_order(sight.incidents.values()) if every else sight.standing


def _sight(home: Home) -> Sight:
    from tidegate.alerting.config import load_alerting
    from tidegate.alerting.watching import look
    from tidegate.orchestration.history.opening import dagster_record
    from tidegate.orchestration.history.operations import operations_in

    now = dt.datetime.now(dt.UTC)
    # First, as it refuses where there is no lake.
    with home.lake() as lake, dagster_record(home.settings) as record:
        severities = load_alerting(home.settings.alerting).severities
        return look(home, lake, operations_in(record, home, now), now, severities)


def _enter(key: str, change: Callable[[DuckDBPyConnection], IncidentRecord]) -> IncidentRecord:
    """Enter what somebody says of an incident, and first the incident itself where only `list` has found it yet."""
    from tidegate.alerting.watching import stands
    from tidegate.home import Home
    from tidegate.ledger.incidents import record_incidents

    home = Home(load_settings())
    with home.lake() as lake:
        is_entered = stands(lake.con, key)
    unentered = [] if is_entered else [each for each in _sight(home).standing if each.key == key]

    def both(con: DuckDBPyConnection) -> IncidentRecord:
        if not stands(con, key):
            record_incidents(con, unentered)
        return change(con)

    with home.lake() as lake:
        return lake.unit_of_work(both)
