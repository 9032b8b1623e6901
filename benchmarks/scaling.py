"""What breaks first as a home grows: commits to the catalog, snapshots and files in it, lines of a day, and sources.

Each is loaded alone. Catalogs of many snapshots and files are simulated: rows are written into the catalog's own tables,
as commits would have left them.
"""

from __future__ import annotations

import datetime as dt
import json
import multiprocessing
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from duckdb import DuckDBPyConnection
from tests.support.servers import PostgresAddress, postgres, postgres_database

from benchmarks.far import seen_from_afar
from benchmarks.growth import REGION, GrowingSite, begin_site, growing_landing
from benchmarks.processes import in_child, run
from benchmarks.record import FAR, let_in
from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake
from tidegate.lake.extensions import connect_with
from tidegate.lake.sql import literal

WRITERS = (1, 2, 4, 8)
SECONDS = 10.0
ROUND_TRIPS_MS = (0, 5)
ROWS_OF_A_COMMIT = 100

SIZES = (1_000, 10_000, 100_000)
TRIES = 5

SOURCES = (1, 10, 100)
LINES = (2_000, 20_000, 200_000, 2_000_000)

FIRST = dt.date(2000, 1, 1)


def scaling_report(data: Path, only: Sequence[str]) -> Iterator[str]:
    """Lines of the report."""
    parts: dict[str, Callable[[Path], Iterator[str]]] = {
        "commits": _commits,
        "catalog": _catalogs,
        "lines": _lines,
        "sources": _sources,
    }
    for name, part in parts.items():
        if not only or name in only:
            print(f"scaling: {name} ...", file=sys.stderr, flush=True)
            yield from part(data)


# --- commits


def _commits(data: Path) -> Iterator[str]:
    yield f"\nscaling: commits a second of so many writers, each a file of {ROWS_OF_A_COMMIT} rows and a row of a ledger"
    yield f"{'':32}" + "".join(f"{writers:>10}" for writers in WRITERS)
    folder = data / "scaling"
    with a_folder(folder):
        yield _line("SQLite", [commits_a_second(f"sqlite:{folder}/{w}.sqlite", folder, w) for w in WRITERS])
    with postgres() as server:
        let_in(server)
        for milliseconds in ROUND_TRIPS_MS:
            with a_folder(folder):
                found = []
                for writers in WRITERS:
                    with catalog_in(server, milliseconds / 1000) as catalog:
                        found.append(commits_a_second(catalog, folder, writers))
            yield _line(f"PostgreSQL, {milliseconds} ms", found)


def commits_a_second(catalog: str, folder: Path, writers: int) -> float:
    data = folder / f"data-{writers}"
    with Lake.make(config_of(catalog, data)) as lake:
        lake.con.execute("create schema ops; create schema t; create table ops.ledger (writer int, commit int)")
        for writer in range(writers):
            lake.con.execute(f"create table t.of_{writer} (day date, n bigint)")
    with ProcessPoolExecutor(writers, mp_context=multiprocessing.get_context("spawn")) as pool:
        # So that all begin at once, whatever importing takes.
        begin = time.time() + 8
        made = list(pool.map(_commit, range(writers), *([each] * writers for each in (catalog, data, begin))))
    return sum(made) / SECONDS


def _commit(writer: int, catalog: str, data: Path, begin: float) -> int:
    made = 0
    with Lake.open(config_of(catalog, data)) as lake:
        time.sleep(max(0.0, begin - time.time()))
        while time.time() < begin + SECONDS:

            def work(con: DuckDBPyConnection, number: int = made) -> None:
                con.execute(f"insert into t.of_{writer} select date '{FIRST}', range from range({ROWS_OF_A_COMMIT})")
                con.execute(f"insert into ops.ledger values ({writer}, {number})")

            lake.unit_of_work(work)
            made += 1
    return made


# --- the catalog's size


def _catalogs(data: Path) -> Iterator[str]:
    yield "\nscaling: one more process and one more commit with so much in the catalog (PostgreSQL), seconds"
    yield f"{'':32}" + "".join(f"{size:>10,}" for size in SIZES)
    with postgres() as server, a_folder(data / "scaling") as folder:
        let_in(server)
        for kind, fill in (("snapshots", _SNAPSHOTS), ("files of a table", _FILES)):
            found: list[dict[str, float]] = []
            for size in SIZES:
                with catalog_in(server, 0) as catalog:
                    found.append(_measured_with(catalog, server, folder / f"{kind}-{size}", fill, size))
            for what in found[0]:
                yield _line(f"{kind}: {what}", [each[what] for each in found])


# As DuckLake's own tables are in its version 1.0.
_SNAPSHOTS = """
    insert into ducklake_snapshot
    select (select max(snapshot_id) from ducklake_snapshot) + i, now(), schema_version, next_catalog_id, next_file_id
    from ducklake_snapshot, generate_series(1, {size}) as i
    where snapshot_id = (select max(snapshot_id) from ducklake_snapshot)
"""
_FILES = """
    insert into ducklake_data_file
        (data_file_id, table_id, begin_snapshot, file_order, path, path_is_relative, file_format, record_count,
         file_size_bytes, footer_size, row_id_start)
    select 1000000 + i, table_id, begin_snapshot, file_order, 'day=' || i || '/' || path, path_is_relative, file_format,
        record_count, file_size_bytes, footer_size, row_id_start
    from (select * from ducklake_data_file limit 1) as one, generate_series(1, {size}) as i;
    insert into ducklake_file_column_stats
        (data_file_id, table_id, column_id, column_size_bytes, value_count, null_count, min_value, max_value)
    select 1000000 + i, table_id, column_id, column_size_bytes, value_count, null_count,
        case when column_id = 1 then (date '2001-01-01' + i)::text else min_value end,
        case when column_id = 1 then (date '2001-01-01' + i)::text else max_value end
    from (select * from ducklake_file_column_stats
          where data_file_id = (select min(data_file_id) from ducklake_file_column_stats)) as one,
        generate_series(1, {size}) as i
"""


def _measured_with(catalog: str, server: PostgresAddress, data: Path, fill: str, size: int) -> dict[str, float]:
    with Lake.make(config_of(catalog, data)) as lake:
        lake.con.execute("create table main.sales (day date, n bigint)")
        lake.con.execute(f"insert into main.sales select date '{FIRST}', range from range({ROWS_OF_A_COMMIT})")
    _in_database(server, catalog, fill.format(size=size))
    found: dict[str, list[float]] = {"attach": [], "one day read": [], "commit": []}
    for _ in range(TRIES):
        began = time.perf_counter()
        with Lake.open(config_of(catalog, data)) as lake:
            found["attach"].append(time.perf_counter() - began)
            began = time.perf_counter()
            lake.con.execute(f"select count(*) from main.sales where day = date '{FIRST}'").fetchall()
            found["one day read"].append(time.perf_counter() - began)
            began = time.perf_counter()
            lake.unit_of_work(
                lambda con: con.execute(
                    f"insert into main.sales select date '{FIRST}', range from range({ROWS_OF_A_COMMIT})"
                )
            )
            found["commit"].append(time.perf_counter() - began)
    return {what: min(seconds) for what, seconds in found.items()}


def _in_database(server: PostgresAddress, catalog: str, statements: str) -> None:
    name = dict(part.split("=", 1) for part in catalog.removeprefix("postgres:").split())["dbname"]
    with connect_with(["postgres_scanner"]) as con:
        con.execute(f"attach {literal(f'{server.settings} dbname={name}')} as server (type postgres)")
        for statement in statements.split(";"):
            con.execute(f"call postgres_execute('server', {literal(statement)})")


# --- lines of a day


def _lines(data: Path) -> Iterator[str]:
    """A day of so many lines, made of small ones: what one node takes for it."""
    today = dt.datetime.now(dt.UTC).date()
    yield "\nscaling: a day of so many lines of one source, from landing to published"
    yield f"{'lines':32}{'seconds':>10}{'CPU s':>10}{'peak MiB':>10}"
    landing = in_child(growing_landing, data, 1, today)
    for lines in LINES:
        site = GrowingSite(data / "sites" / "scaling-lines", data / "scaling-landing", 1, today)
        shutil.rmtree(site.landing, ignore_errors=True)
        shutil.copytree(landing, site.landing)
        for day in site.measured_days[:1]:
            _multiply(site.landing / "orders" / REGION / str(day), lines)
        begin_site(site)
        run([site.tidegate("run", "--partition", str(site.first))], site.log)
        took = run([site.tidegate("run", "--partition", str(site.measured_days[0]))], site.log)
        yield f"{lines:<32,}{took.seconds:10.2f}{took.cpu_seconds:10.2f}{took.peak_bytes / 2**20:10,.0f}"
        shutil.rmtree(site.folder)
    shutil.rmtree(data / "scaling-landing")


def _multiply(folder: Path, lines: int) -> None:
    """Have a day's file hold its orders again and again, under other numbers, until it has so many lines."""
    file = next(path for path in folder.iterdir() if path.suffix == ".csv")
    title, *given = file.read_text().splitlines()
    with file.open("w") as out:
        out.write(f"{title}\n")
        for number in range(lines):
            order, rest = given[number % len(given)].split(",", 1)
            out.write(f"{order}-{number // len(given)},{rest}\n")
    (folder / "_SUCCESS").write_text(json.dumps({"rows": lines}) if (folder / "_SUCCESS").stat().st_size else "")


# --- sources


def _sources(data: Path) -> Iterator[str]:
    """How long definitions of so many sources take to load, and a tick of one of their sensors."""
    today = dt.datetime.now(dt.UTC).date()
    yield "\nscaling: definitions of so many sources"
    yield f"{'sources':32}{'load, s':>10}{'CPU s':>10}{'peak MiB':>10}{'a tick, CPU s':>15}"
    landing = in_child(growing_landing, data, 1, today)
    for sources in SOURCES:
        site = GrowingSite(data / "sites" / "scaling-sources", landing, 1, today)
        begin_site(site)
        for number in range(1, sources):
            _write_source(site, f"things_{number}")
        load = site.command(sys.executable, "-c", "import tidegate.definitions")
        run([load], site.log)
        took = run([load], site.log)
        ticks = site.folder / "ticks.json"
        run([site.module("ticks", "--took", str(ticks))], site.log)
        arrivals = [
            each["cpu_seconds"] for name, each in json.loads(ticks.read_text()).items() if name.endswith("_arrivals")
        ]
        tick = sum(arrivals) / len(arrivals)
        yield (f"{sources:<32}{took.seconds:10.2f}{took.cpu_seconds:10.2f}{took.peak_bytes / 2**20:10,.0f}{tick:15.3f}")
        shutil.rmtree(site.folder)


def _write_source(site: GrowingSite, name: str) -> None:
    text = (site.folder / "contracts" / "customers.odcs.yaml").read_text()
    (site.folder / "contracts" / f"{name}.odcs.yaml").write_text(
        text.replace("id: customers", f"id: {name}")
        .replace("- name: customers\n", f"- name: {name}\n")
        .replace("customers/{day}", f"{name}/{{day}}")
    )


# --- what all have


@contextmanager
def catalog_in(server: PostgresAddress, round_trip: float) -> Iterator[str]:
    """A new catalog on the server, so far away."""
    with ExitStack() as stack:
        database = stack.enter_context(postgres_database(server)).rpartition("dbname=")[2]
        port = stack.enter_context(seen_from_afar(server.port, round_trip)) if round_trip else server.port
        yield f"postgres:host=127.0.0.1 port={port} dbname={database} user={FAR}"


@contextmanager
def a_folder(folder: Path) -> Iterator[Path]:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    yield folder
    shutil.rmtree(folder)


def config_of(catalog: str, data: Path) -> LakeConfig:
    return LakeConfig(catalog, str(data), 1, "1GB", data.with_name("spill"), patience=60.0)


def _line(name: str, found: Sequence[float]) -> str:
    return f"{name:32}" + "".join(f"{each:10.3f}" for each in found)
