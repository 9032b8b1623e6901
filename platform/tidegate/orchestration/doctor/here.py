"""Of this machine and this home: what is written, installed and set, the clock, and the room on the disks."""

from __future__ import annotations

import datetime as dt
import os
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

import duckdb

from tidegate.alerting.config import load_alerting
from tidegate.alerting.find_platform import (
    disks_about_to_fill,
)
from tidegate.alerting.operations import Operations
from tidegate.alerting.scene import Scene
from tidegate.contract.database import QueriedServer
from tidegate.contract.http import HttpServer
from tidegate.contract.kafka import KafkaServer
from tidegate.contract.landing import SftpServer
from tidegate.contract.model import shown_path
from tidegate.contract.product import ProductServer
from tidegate.contract.python import PythonServer
from tidegate.lake.catalogs.versions import version_made_now, version_of_catalog
from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake
from tidegate.lake.extensions import connect_with
from tidegate.lake.sql import literal
from tidegate.ledger.migrations import is_behind
from tidegate.orchestration.doctor.finding import Finding, Visit, as_findings

# Clocks that are kept by a server differ by less than a second. What counts days from deadlines forgives a minute.
CLOCKS_DIFFER = dt.timedelta(minutes=1)


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
                case (
                    HttpServer() | QueriedServer() | PythonServer() | ProductServer() | KafkaServer() | SftpServer()
                ) as server:
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
    yield from as_findings("space", found) or [visit.good("space", "There is room on the disks of the home.")]
