"""Of what is elsewhere: whether storage, sources and alert channels can be reached, and backups are made."""

from __future__ import annotations

import datetime as dt
import os
import socket
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

from tidegate.alerting.config import Apprise, Channel, Email, PagerDuty, load_alerting
from tidegate.backup.place import Place
from tidegate.errors import TidegateError
from tidegate.orchestration.doctor.finding import Finding, Visit
from tidegate.sources.origin import Announcing, Asked, Landing
from tidegate.sources.places import landing_of, origin_of
from tidegate.storage.places import storage_at
from tidegate.window import ONE_DAY

# A server that is there answers within milliseconds, from another continent within one second.
CONNECT_SECONDS = 5

PORTS = {"https": 443, "http": 80, "smtp": 587, "smtps": 465}

# A backup a day, and one that failed.
BACKUP_WITHIN = dt.timedelta(days=2)


def places(visit: Visit) -> Iterator[Finding]:
    """Landing, the archive and outputs can be listed."""
    found = visit.home.settings
    for setting, place in (
        ("TIDEGATE_LANDING", found.landing),
        ("TIDEGATE_ARCHIVE", found.archive),
        ("TIDEGATE_OUTPUTS", found.outputs),
    ):
        if "://" not in place and not Path(place).exists():
            # Made when something is written there for the first time.
            continue
        listed = (
            landing_of(visit.home.outside)
            if setting == "TIDEGATE_LANDING"
            else storage_at(place, setting, visit.home.s3_client)
        )
        list(islice(listed.files(""), 1))
        yield visit.good("places", f"{setting}, {place}, can be read.")


def sources(visit: Visit) -> Iterator[Finding]:
    """Every region's source can be asked for yesterday."""
    yesterday = visit.home.settings.zone.day_of(visit.now) - ONE_DAY
    for contract in visit.home.contracts.values():
        for region in contract.regions:
            name = f"{contract.source}/{region.name}"
            try:
                origin = origin_of(contract, region, visit.home.outside)
                match origin:
                    case Landing():
                        next(iter(origin.arrivals()), None)
                    case Announcing():
                        origin.ready_days([yesterday])
                    case Asked():
                        origin.ask(yesterday)
            except TidegateError as error:
                todo = "Fix what it names, or have the source's owner fix it; see docs/operating.md."
                yield Finding("sources", "bad", f"{name} cannot be reached: {error}", todo)
            else:
                yield visit.good("sources", f"{name} can be reached: {origin.describe(yesterday)}.")


def channels(visit: Visit) -> Iterator[Finding]:
    """The server of every alert channel can be connected to. Whether it takes a message, only a message tells."""
    for name, channel in load_alerting(visit.home.settings.alerting).channels.items():
        server = _server_of(channel)
        if server is None:
            continue
        try:
            socket.create_connection(server, CONNECT_SECONDS).close()
        except OSError as error:
            todo = "See its address and this machine's network; then: tidegate alerts test"
            yield Finding("channels", "bad", f"The channel {name} cannot be reached: {error.strerror or error}.", todo)
        else:
            yield visit.good("channels", f"The channel {name} can be reached.")


def _server_of(channel: Channel) -> tuple[str, int] | None:
    """Host and port of a channel; None where its variable is not set, or names a service and no address, or where a
    proxy leads there."""
    match channel:
        case Apprise():
            return None
        case PagerDuty():
            address = channel.address
        case Email():
            address = os.environ.get(channel.smtp_variable, "")
        case _:
            address = os.environ.get(channel.url_variable, "")
    try:
        url = urlsplit(address.strip())
        port = url.port or PORTS.get(url.scheme)
    except ValueError:
        return None
    return (url.hostname, port) if url.hostname and port and url.scheme not in getproxies() else None


def backups(visit: Visit) -> Iterator[Finding]:
    """There is a backup of late."""
    place = visit.home.settings.backups
    made = Place(storage_at(place, "TIDEGATE_BACKUPS", visit.home.s3_client)).backups()
    if made and visit.now - made[-1].made_at < BACKUP_WITHIN:
        yield visit.good("backups", f"The newest backup in {place} is of {made[-1].made_at:%Y-%m-%d %H:%M} UTC.")
        return
    newest = f"the newest is of {made[-1].made_at:%Y-%m-%d}" if made else "there is none"
    yield Finding(
        "backups", "warning", f"No backup of the last days is in {place}: {newest}.", "Make one: tidegate backup"
    )
