"""The commands `tidegate alerts …`: who is told, trying it, and a round of alerting for those without the daemon."""

from __future__ import annotations

import datetime as dt
import os
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli import console
from tidegate.cli.commands import Commands
from tidegate.cli.settings import load_settings
from tidegate.cli.words import with_plain_errors
from tidegate.errors import TidegateError

if TYPE_CHECKING:
    from tidegate.alerting.config import Alerting
    from tidegate.alerting.message import Message

alerts_app = Commands(help="Telling people what is wrong, as alerting.yml says.", no_args_is_help=True)


@alerts_app.command("check")
@with_plain_errors
def alerts_check() -> None:
    """Check alerting.yml: its channels, the variables that it names, and who would be told of nothing."""
    from tidegate.alerting.people import People
    from tidegate.contract.model import shown_path
    from tidegate.home import Home

    settings = load_settings()
    config = _load()
    for name, channel in config.channels.items():
        console.say(f"{name}: {channel.type}")
    if not config.channels:
        console.say(f"{shown_path(settings.alerting)} names no channel, or is not there: nobody is told of anything.")
    missing = [name for name in config.variables if not os.environ.get(name, "").strip()]
    people = People.of(Home(settings, read_only=True))
    unknown = sorted(people.named - config.channels.keys()) if config.channels else []
    if unknown:
        console.warn(f"Named by products or contracts, and not among its channels: {', '.join(unknown)}.")
    wrong = list(people.unknown_to(config))
    if missing:
        wrong.append(
            f"These environment variables are not set here: {', '.join(missing)}. Set them where the daemon runs, too."
        )
    if wrong:
        raise TidegateError("\n".join(wrong))


@alerts_app.command("test")
@with_plain_errors
def alerts_test(
    channel: Annotated[str | None, typer.Option(metavar="NAME", help="Only this one.")] = None,
) -> None:
    """Send a test message to every channel, and end what it begins at a pager."""
    from tidegate.alerting.channels.http import ChannelError
    from tidegate.alerting.channels.sender import send

    config = _load()
    chosen = {name: each for name, each in config.channels.items() if channel in (None, name)}
    if not chosen:
        known = ", ".join(config.channels) or "none"
        raise TidegateError(f"There is no channel {channel or 'to test'}. In alerting.yml: {known}.")
    failed = []
    for name, each in chosen.items():
        try:
            for number, message in enumerate(_test_messages(config, each.type)):
                send(each, message, f"test-{os.getpid()}-{number}")
            console.say(f"{name}: sent.")
        except ChannelError as error:
            failed.append(f"{name}: {error}")
    if failed:
        raise TidegateError("\n".join(failed))


@alerts_app.command("send")
@with_plain_errors
def alerts_send() -> None:
    """Look for what is wrong, enter it, and send what is to be sent: for cron, where no daemon runs."""
    from tidegate.alerting.round import alerting_round
    from tidegate.home import Home
    from tidegate.orchestration.history.opening import dagster_record
    from tidegate.orchestration.history.operations import operations_in

    home, now, config = Home(load_settings()), dt.datetime.now(dt.UTC), _load()
    with home.lake() as lake, dagster_record(home.settings) as record:
        outcome = alerting_round(home, lake, config, operations_in(record, home, now), now)
    console.say(outcome.sentence)


def _test_messages(config: Alerting, kind: str) -> list[Message]:
    from tidegate.alerting.message import Event, Message

    text = "If you can read this, the channel works. Nothing is wrong."
    key = f"{config.name}/test"
    begun = Message(Event.test, "LOW", key, f"[{config.name}] Test of this channel", (text,), config.guide)
    over = Message(Event.resolve, "LOW", key, f"[{config.name}] Test over", (text,), config.guide)
    return [begun, over] if kind == "pagerduty" else [begun]


def _load() -> Alerting:
    from tidegate.alerting.config import load_alerting

    return load_alerting(load_settings().alerting)
