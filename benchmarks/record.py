"""What one more small day takes with Dagster's record in SQLite, and in PostgreSQL near and far, by Dagster's own storage
there and by Tidegate's. All else is in the home.
"""

from __future__ import annotations

import datetime as dt
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import yaml
from tests.support.servers import PostgresAddress, postgres, postgres_database

from benchmarks.far import seen_from_afar
from benchmarks.growth import GrowingSite, begin_site, growing_landing
from benchmarks.processes import Command, Measured, in_child, run
from tidegate.lake.extensions import connect_with
from tidegate.lake.sql import literal
from tidegate.orchestration.instance.dagster_home import EVENT_BATCH_SIZE, RECORD_MODULE

# The first day of a home makes tables; the second one is measured, and the third.
DAYS = 1
ROUND_TRIPS_MS = (0, 5)

# Who comes over the network, and the password.
FAR = "far"


def record_report(data: Path) -> Iterator[str]:
    """Lines of the report."""
    today = dt.datetime.now(dt.UTC).date()
    landing = in_child(growing_landing, data, DAYS, today)
    yield "\nrecord: one more day of about 20 lines, its process included, by where Dagster's record is"
    yield f"{'':32}{'seconds':>10}{'CPU s':>10}"
    site = GrowingSite(data / "sites" / "record", landing, DAYS, today)
    yield _line("SQLite", _one_more_day(site, None, "0"))
    with postgres() as server:
        let_in(server)
        for milliseconds in ROUND_TRIPS_MS:
            for name, storage, batch in (
                ("Dagster's", "dagster_postgres.storage.DagsterPostgresStorage", "0"),
                ("Tidegate's", f"{RECORD_MODULE}.PooledPostgresStorage", EVENT_BATCH_SIZE),
            ):
                with ExitStack() as stack:
                    print(f"record: {name}, {milliseconds} ms ...", file=sys.stderr, flush=True)
                    database = stack.enter_context(postgres_database(server))
                    name_of_it = database.rpartition("dbname=")[2]
                    port = stack.enter_context(seen_from_afar(server.port, milliseconds / 1000))
                    url = f"postgresql+psycopg2://{FAR}:{FAR}@127.0.0.1:{port}/{name_of_it}"
                    measured = _one_more_day(site, {storage: url}, batch)
                yield _line(f"PostgreSQL, {milliseconds} ms, {name}", measured)
    shutil.rmtree(site.folder)


def let_in(server: PostgresAddress) -> None:
    """Have the server know who comes over the network."""
    role = f"create role {FAR} superuser login password {literal(FAR)}"
    with connect_with(["postgres_scanner"]) as con:
        con.execute(f"attach {literal(server.settings + ' dbname=postgres')} as server (type postgres)")
        con.execute(f"call postgres_execute('server', {literal(role)})")


def _one_more_day(site: GrowingSite, record: dict[str, str] | None, batch: str) -> Measured:
    begin_site(site)
    if record:
        [(storage, url)] = record.items()
        module, _, class_name = storage.rpartition(".")
        config = site.home / "dagster" / "dagster.yaml"
        written = yaml.safe_load(config.read_text())
        del written["event_log_storage"]
        written["storage"] = {"custom": {"module": module, "class": class_name, "config": {"postgres_url": url}}}
        config.write_text(yaml.safe_dump(written))
    first, *others = [site.first, *site.measured_days]
    run([_run(site, first, batch)], site.log)
    return min((run([_run(site, day, batch)], site.log) for day in others), key=lambda each: each.seconds)


def _run(site: GrowingSite, day: dt.date, batch: str) -> Command:
    command = site.tidegate("run", "--partition", str(day))
    return replace(command, env={**command.env, "DAGSTER_EVENT_BATCH_SIZE": batch})


def _line(name: str, took: Measured) -> str:
    return f"{name:32}{took.seconds:10.2f}{took.cpu_seconds:10.2f}"
