"""Whether a home can work here: one list of small checks, each of one thing, which read only.

What is wrong with the data is said by incidents and `tidegate status`. A check that cannot be made is a finding of its
own, and keeps no other from being made.
"""

from __future__ import annotations

import datetime as dt
import os
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from pathlib import Path
from typing import Literal, TypeAlias
from urllib.parse import urlsplit
from urllib.request import getproxies

import duckdb

from tidegate.alerting.config import Apprise, Channel, Email, PagerDuty, load_alerting
from tidegate.alerting.find_platform import (
    daemon_not_running,
    disks_about_to_fill,
    maintenance_not_done,
    sensors_not_working,
)
from tidegate.alerting.operations import Operations
from tidegate.alerting.scene import Scene
from tidegate.alerting.trouble import Trouble
from tidegate.backup.place import Place
from tidegate.contract.database import QueriedServer
from tidegate.contract.http import HttpServer
from tidegate.contract.kafka import KafkaServer
from tidegate.contract.model import shown_path
from tidegate.contract.product import ProductServer
from tidegate.contract.python import PythonServer
from tidegate.errors import TidegateError
from tidegate.home import Home
from tidegate.lake.catalogs.versions import version_made_now, version_of_catalog
from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake
from tidegate.lake.extensions import connect_with
from tidegate.lake.sql import literal
from tidegate.lake.upkeep.leftovers import FEW_LEFTOVERS, leftovers
from tidegate.lake.upkeep.lost import lost_files
from tidegate.ledger.migrations import is_behind
from tidegate.machine.disk import disk_trouble
from tidegate.orchestration.history.opening import dagster_record
from tidegate.orchestration.history.operations import operations_in
from tidegate.sources.origin import Announcing, Asked, Landing
from tidegate.sources.places import origin_of
from tidegate.storage.places import storage_at
from tidegate.window import ONE_DAY

State: TypeAlias = Literal["good", "warning", "bad"]

# Clocks that are kept by a server differ by less than a second. What counts days from deadlines forgives a minute.
CLOCKS_DIFFER = dt.timedelta(minutes=1)

# A server that is there answers within milliseconds, from another continent within one second.
CONNECT_SECONDS = 5

PORTS = {"https": 443, "http": 80, "smtp": 587, "smtps": 465}

# A backup a day, and one that failed.
BACKUP_WITHIN = dt.timedelta(days=2)


@dataclass(frozen=True)
class Finding:
    """What a check found. Only what is `bad` keeps the home from working."""

    check: str
    state: State
    sentence: str
    what_to_do: str = ""


@dataclass
class Visit:
    """One look at a home, at a moment with an offset."""

    home: Home
    now: dt.datetime

    @cached_property
    def config(self) -> LakeConfig:
        return self.home.lake_config

    def good(self, check: str, sentence: str) -> Finding:
        return Finding(check, "good", sentence)


Check: TypeAlias = Callable[[Visit], Iterator[Finding]]


def examine(home: Home, now: dt.datetime) -> Iterator[Finding]:
    """What all checks find, as they are made."""
    visit = Visit(home, now)
    said: set[str] = set()
    for check in CHECKS:
        for finding in _made(check, visit):
            # What keeps several checks from being made is said once.
            if finding.sentence not in said:
                said.add(finding.sentence)
                yield finding


def _made(check: Check, visit: Visit) -> Iterator[Finding]:
    name = check.__name__.replace("_", " ")
    try:
        yield from check(visit)
    except TidegateError as error:
        yield Finding(name, "bad", str(error))
    except (OSError, duckdb.Error) as error:
        yield Finding(name, "bad", str(disk_trouble(error) or TidegateError(str(error))))


def settings(visit: Visit) -> Iterator[Finding]:
    """The files that settings name can be used."""
    found = visit.home.settings
    yield visit.good("settings", f"{len(visit.home.contracts)} contracts in {shown_path(found.contracts)} are sound.")
    if not (found.dbt_project / "dbt_project.yml").is_file():
        yield Finding(
            "settings",
            "bad",
            f"There is no dbt project in {found.dbt_project}.",
            "Set TIDEGATE_DBT_PROJECT to the folder that holds dbt_project.yml.",
        )
    channels = load_alerting(found.alerting).channels
    if channels:
        yield visit.good("settings", f"{shown_path(found.alerting)} is sound: {len(channels)} channels.")
    else:
        yield Finding(
            "settings",
            "warning",
            f"{shown_path(found.alerting)} names no channel, or is not there: nobody is told of anything.",
            "Write one; see docs/on-call.md.",
        )


def own_definitions(visit: Visit) -> Iterator[Finding]:
    """The project's own file of Dagster definitions, where it has one, can be loaded beside Tidegate's."""
    file = visit.home.settings.defs
    if not file.is_file() and file == visit.home.settings.project / "python" / "definitions.py":
        return
    from tidegate.orchestration.assembly import trouble_with_own_definitions

    trouble = trouble_with_own_definitions(visit.home)
    if trouble is None:
        yield visit.good("own definitions", f"{shown_path(file)} is loaded beside Tidegate's.")
    else:
        what, _, to_do = trouble.sentence.partition("\n")
        yield Finding("own definitions", "bad", what, to_do)


def credentials(visit: Visit) -> Iterator[Finding]:
    """Each environment variable that a contract or alerting.yml names is set. What it holds is not looked at."""
    named: dict[str, str] = {}
    for contract in visit.home.contracts.values():
        for region in contract.regions:
            match region.server:
                case HttpServer() | QueriedServer() | PythonServer() | ProductServer() | KafkaServer() as server:
                    names = server.variables
                case _:
                    names = ()
            named |= dict.fromkeys(names, f"{contract.source}/{region.name}")
    named |= dict.fromkeys(load_alerting(visit.home.settings.alerting).variables, "alerting.yml")
    missing = {name: used for name, used in named.items() if not os.environ.get(name, "").strip()}
    for name, used in missing.items():
        todo = f"Set {name} here, and where the daemon runs."
        yield Finding("credentials", "bad", f"The environment variable {name}, for {used}, is not set.", todo)
    if not missing:
        yield visit.good("credentials", f"All {len(named)} environment variables that are named are set.")


def versions(visit: Visit) -> Iterator[Finding]:
    """What is installed fits together, and the home is of this version."""
    wrong = [name for name in visit.config.extensions if _extension_version(name) not in (None, duckdb.__version__)]
    for name in wrong:
        yield Finding(
            "versions",
            "bad",
            f"DuckDB is {duckdb.__version__}, and its extension {name} {_extension_version(name)}.",
            "Install all of one version, as requirements.lock says: sh deploy/local/install.sh .venv/bin",
        )
    found, made = version_of_catalog(visit.config), version_made_now()
    if found != made:
        sentence = f"The lake's catalog is of DuckLake {found}, and this one makes {made}."
        yield Finding("versions", "bad", sentence, "Bring it up to date: tidegate upgrade")
        return
    with Lake.open(visit.config, read_only=True) as lake:
        if is_behind(lake.con):
            sentence = "The ledger was made by an older version of Tidegate."
            yield Finding("versions", "bad", sentence, "Bring it up to date: tidegate upgrade")
            return
    python = ".".join(map(str, sys.version_info[:3]))
    yield visit.good(
        "versions", f"Tidegate {version('tidegate')}, Python {python}, DuckDB {duckdb.__version__}, DuckLake {found}."
    )


def _extension_version(name: str) -> str | None:
    """The version of an extension's wheel, None where it did not come as one."""
    try:
        return version(f"duckdb-extension-{name.replace('_', '-')}")
    except PackageNotFoundError:
        return None


def clocks(visit: Visit) -> Iterator[Finding]:
    """This machine's clock, against what the lake was written by, and the catalog's server."""
    with visit.home.lake() as lake:
        row = lake.con.execute("select max(snapshot_time) from lake.snapshots()").fetchone()
    newest: dt.datetime | None = row[0] if row else None
    ahead = newest - visit.now if newest else dt.timedelta()
    if ahead > CLOCKS_DIFFER:
        yield Finding(
            "clocks",
            "bad",
            f"The newest change of the lake is {_shown(ahead)} in the future of this machine's clock.",
            "Set the clock, here or where that was written; have both kept by NTP.",
        )
        return
    if visit.config.catalog_file is None and (differ := _clock_of_server(visit.config)) > CLOCKS_DIFFER:
        sentence = f"The clock of the catalog's server and this machine's differ by {_shown(differ)}."
        yield Finding("clocks", "bad", sentence, "Have both kept by NTP.")
        return
    zone = visit.home.settings.timezone
    yield visit.good("clocks", f"It is {visit.now:%Y-%m-%d %H:%M} UTC; days are those of {zone}.")


def _clock_of_server(config: LakeConfig) -> dt.timedelta:
    with connect_with(["postgres_scanner"]) as con:
        con.execute(f"attach {literal(config.catalog.removeprefix('postgres:'))} as server (type postgres, read_only)")
        before = dt.datetime.now(dt.UTC)
        row = con.execute(
            "select epoch from postgres_query('server', 'select extract(epoch from clock_timestamp())::float8 as "
            "epoch')"
        ).fetchone()
    return abs(dt.datetime.fromtimestamp(row[0], dt.UTC) - before) if row else dt.timedelta()


def _shown(span: dt.timedelta) -> str:
    return f"{span.total_seconds():,.0f} s"


def space(visit: Visit) -> Iterator[Finding]:
    """There is room on the disks."""
    with duckdb.connect() as nothing:
        found = list(disks_about_to_fill(Scene(visit.home, nothing, Operations(), visit.now)))
    yield from _as_findings("space", found) or [visit.good("space", "There is room on the disks of the home.")]


def _as_findings(check: str, troubles: list[Trouble]) -> list[Finding]:
    return [Finding(check, "bad", trouble.sentence, trouble.what_to_do) for trouble in troubles]


def lake_and_files(visit: Visit) -> Iterator[Finding]:
    """Every data file that the catalog names is there and whole, and few are there that it does not name."""
    with visit.home.lake() as lake:
        lost = lost_files(lake)
        unnamed = len(leftovers(lake.con, lake.config.data, visit.now - ONE_DAY))
    for file in lost:
        yield Finding("lake and files", "bad", f"Lost: {file.sentence}.", "Have it made again: tidegate repair")
    if unnamed > FEW_LEFTOVERS:
        yield Finding(
            "lake and files",
            "warning",
            f"{unnamed} data files are not named by the catalog, more than killed runs leave.",
            "See that the catalog is not an old copy; then: tidegate maintain --delete-leftovers",
        )
    if not lost:
        yield visit.good("lake and files", f"All data files that the catalog names are in {visit.config.data}.")


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
        list(islice(storage_at(place, setting, visit.home.s3_client).files(""), 1))
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


def daemon_and_sensors(visit: Visit) -> Iterator[Finding]:
    """The daemon lives, its sensors tick, and maintenance is done."""
    with visit.home.lake() as lake, dagster_record(visit.home.settings) as record:
        operations = operations_in(record, visit.home, visit.now)
        scene = Scene(visit.home, lake.con, operations, visit.now)
        finders = (daemon_not_running, sensors_not_working, maintenance_not_done)
        found = _as_findings("daemon and sensors", [trouble for finder in finders for trouble in finder(scene)])
    yield from found
    if operations.daemon_seen_at is None:
        yield Finding(
            "daemon and sensors",
            "warning",
            "Dagster's daemon never ran here: nothing is loaded or built unattended.",
            "Start it: make dev, or dagster-daemon run. Without it, run days by cron.",
        )
    elif not found:
        seen = operations.daemon_seen_at
        yield visit.good("daemon and sensors", f"The daemon reported at {seen:%Y-%m-%d %H:%M:%S} UTC.")


def machines(visit: Visit) -> Iterator[Finding]:
    """Where machines share the record: they have the same, and there are as many workers as are counted on."""
    if visit.home.settings.is_shared:
        from tidegate.orchestration.machines import look_at_machines

        for state, sentence, what_to_do in look_at_machines(visit.home.settings):
            yield Finding("machines", state, sentence, what_to_do)


# In the order in which one would look: what the others need comes first.
CHECKS: tuple[Check, ...] = (
    settings,
    own_definitions,
    credentials,
    space,
    versions,
    clocks,
    lake_and_files,
    places,
    sources,
    channels,
    backups,
    daemon_and_sensors,
    machines,
)
