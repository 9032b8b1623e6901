"""A lake on a temporary home, and a small shop that delivers, builds and checks days in it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from duckdb import DuckDBPyConnection
from tests.support.lake.copied import put_lake
from tests.support.lake.queries import overwrite_window

from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake
from tidegate.lake.sql import day_in, literal, qualified
from tidegate.lake.tables import ensure_table
from tidegate.ledger.builds import begin_build, finish_build
from tidegate.ledger.checks import CheckRecord, record_checks
from tidegate.ledger.contents import DayTable, enter_days
from tidegate.ledger.deliveries import DeliveryRecord, record_deliveries
from tidegate.ledger.entries import utc_now
from tidegate.publishing.promote import Promotion, promote
from tidegate.publishing.requirements import GateRequirements, Mart
from tidegate.window import Window

PROCESSES = Path(__file__).with_name("processes.py")


@dataclass
class Home:
    """A temporary home: its lake's configuration, connections that close by themselves, other processes."""

    config: LakeConfig
    stack: ExitStack

    def open(self, read_only: bool = False, patience: float | None = None, snapshot: int | None = None) -> Lake:
        """Its ledger is of this version, so nobody looks whether it is behind: that takes a third of opening."""
        config = self.config if patience is None else dataclasses.replace(self.config, patience=patience)
        return self.stack.enter_context(Lake.open(config, read_only, snapshot))

    def start(self, command: str, *arguments: object, env: dict[str, str] | None = None) -> Process:
        """Run a command of processes.py on this lake in a process of its own."""
        process = Process(self.config, command, [str(argument) for argument in arguments], env or {})
        self.stack.callback(process.kill)
        return process


class Process:
    """A process that says a line when it gets somewhere."""

    def __init__(self, config: LakeConfig, command: str, arguments: list[str], env: dict[str, str]) -> None:
        settings = [config.catalog, config.data, str(config.spill), str(config.patience)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **env}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        self._process = subprocess.Popen(
            [sys.executable, str(PROCESSES), command, *settings, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def wait_for(self, line: str) -> None:
        """Read on until the process says `line`."""
        assert self._process.stdout is not None
        for said in self._process.stdout:
            if said.strip() == line:
                return
        raise AssertionError(f"the process ended before it said {line!r}: {self._process.communicate()[1]}")

    def tell(self, line: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            assert self._process.stderr is not None
            raise AssertionError(f"the process ended early: {self._process.stderr.read()}") from None

    def kill(self) -> None:
        """SIGKILL, as a machine that dies does it."""
        self._process.kill()
        self._process.communicate()

    def result(self) -> str:
        """What it said last, once it has ended well."""
        said, complaints = self._process.communicate(timeout=60)
        assert self._process.returncode == 0, complaints
        return said.strip().splitlines()[-1] if said.strip() else ""


def config_in(folder: Path) -> LakeConfig:
    catalog = folder / "lake" / "catalog.sqlite"
    data = str(folder / "lake" / "data")
    # On tables of a few rows one thread is a third faster than two.
    return LakeConfig(f"sqlite:{catalog}", data, 1, "500MB", folder / "spill", patience=30.0)


@pytest.fixture
def bare_home(tmp_path: Path) -> Iterator[Home]:
    """A home without a lake yet."""
    with ExitStack() as stack:
        yield Home(config_in(tmp_path), stack)


@pytest.fixture
def home(bare_home: Home) -> Home:
    """A home with a lake of its own."""
    put_lake(bare_home.config)
    return bare_home


@pytest.fixture
def lake(home: Home) -> Lake:
    """The lake of `home`, opened."""
    return home.open()


def empty(con: DuckDBPyConnection) -> None:
    """Drop all data and forget all of the ledger but its version, without which it is an older one's."""
    tables = con.execute("select schema_name, table_name from duckdb_tables() where database_name = 'lake'").fetchall()
    for schema, table in tables:
        if schema != "ops":
            con.execute(f"drop table {qualified(schema, table)}")
        elif table != "migrations":
            con.execute(f"delete from {qualified(schema, table)}")


MARTS = {
    "daily_sales": {"order_date": "date", "total_orders": "bigint", "net_revenue": "decimal(38,4)"},
    "daily_sales_by_region": {"order_date": "date", "region": "varchar", "net_revenue": "decimal(38,4)"},
}


@dataclass
class Shop:
    """Two regions, a staging model and two marts, with one blocking check of each."""

    lake: Lake
    home: Home
    regions: tuple[str, ...] = ("eu-west", "us-east")
    models: tuple[str, ...] = ("stg_orders", *MARTS)
    builds: list[str] = field(default_factory=list)
    # Whether days are read back to, so that what they hold is entered.
    is_read_back: bool = False

    @property
    def requirements(self) -> GateRequirements:
        return GateRequirements(
            deliveries=frozenset(("orders", region) for region in self.regions),
            models=frozenset(self.models),
            blocking_checks=frozenset(
                {(f"raw/orders/{region}", "values_are_valid") for region in self.regions}
                | {("staging/stg_orders", "keys_are_unique"), ("marts/daily_sales", "revenue_adds_up")}
            ),
            marts=tuple(Mart(name, "order_date") for name in MARTS),
        )

    def delivery(self, day: dt.date, region: str = "eu-west", **fields: object) -> DeliveryRecord:
        now = utc_now()
        record = DeliveryRecord(
            source="orders", region=region, partition_day=day, fingerprint=f"print-{region}-{day}",
            verdict="accepted", reason=None, contract_version="1.0.0", files=1, bytes=100, archive="a/b",
            rows_read=10, rows_loaded=9, rows_quarantined=1, measures='{"rows": 10}', touched=(day,),
            run_id="run-1", started_at=now, finished_at=now,
        )  # fmt: skip
        return dataclasses.replace(record, **fields)  # type: ignore[arg-type]

    def deliver(self, window: Window, **fields: object) -> None:
        """Every region delivers every day, and the deliveries' checks pass."""
        rows = [self.delivery(day, region, **fields) for day in window.days for region in self.regions]
        checks = [
            self.check(row.partition_day, f"raw/orders/{row.region}", "values_are_valid", row.fingerprint)
            for row in rows
        ]

        def work(con: DuckDBPyConnection) -> None:
            record_deliveries(con, rows)
            record_checks(con, checks)

        self.lake.unit_of_work(work)

    def check(
        self, day: dt.date, asset: str, name: str, subject: str, passed: bool = True, **fields: object
    ) -> CheckRecord:
        record = CheckRecord(
            check_name=name, asset=asset, partition_day=day, passed=passed, blocking=True, severity="error",
            dimension="accuracy", observed="0 of 10 rows" if passed else "7 of 10 rows are wrong",
            description="Fix the file and drop it again.", run_id="run-1", subject=subject, checked_at=utc_now(),
        )  # fmt: skip
        return dataclasses.replace(record, **fields)  # type: ignore[arg-type]

    def build(self, window: Window, factor: int = 1, rows: int = 1) -> str:
        """Build every day's candidates; `factor` tells one build's figures from another's."""
        build_id = f"build-{uuid.uuid4().hex[:8]}"
        checks = [
            self.check(day, asset, name, build_id)
            for day in window.days
            for asset, name in self.requirements.blocking_checks
            if not asset.startswith("raw/")
        ]
        marts = self.requirements.marts if self.is_read_back else ()
        tables = [DayTable("marts", mart.name, mart.day_column) for mart in marts]

        def work(con: DuckDBPyConnection) -> None:
            self._write_candidates(con, window, factor, rows)
            finish_build(con, build_id)
            record_checks(con, checks)
            enter_days(con, window, tables, build_id)

        self.lake.unit_of_work(lambda con: begin_build(con, build_id, window.days, self.models, "run-1"))
        self.lake.unit_of_work(work)
        self.builds.append(build_id)
        return build_id

    def _write_candidates(self, con: DuckDBPyConnection, window: Window, factor: int, rows: int) -> None:
        days = f"unnest({literal(window.days)}::date[]) as order_date"
        selects = {
            "daily_sales": f"select {days}, {factor} as total_orders, {factor * rows} as net_revenue",
            "daily_sales_by_region": f"select {days}, 'region ' || i as region, {factor} as net_revenue "
            f"from range({rows}) as r(i)",
        }
        for name, select in selects.items():
            ensure_table(con, "marts", name, MARTS[name], None)
            overwrite_window(con, ("marts", name), "order_date", window, select)

    def empty_candidates(self, window: Window) -> None:
        self.lake.con.execute(
            "; ".join(
                f"delete from marts.{name} where {day_in('order_date', window.start, window.end)}" for name in MARTS
            )
        )

    def promote(self, window: Window) -> Promotion:
        return promote(self.lake, window, self.requirements, "run-1")

    def publish(self, window: Window, factor: int = 1, rows: int = 1) -> Promotion:
        """A whole good day, or more."""
        self.deliver(window)
        self.build(window, factor, rows)
        return self.promote(window)

    def served(self, mart: str = "daily_sales") -> list[tuple[object, ...]]:
        return self.lake.con.execute(f"select * from serving.{mart} order by all").fetchall()


@pytest.fixture
def shop(home: Home, lake: Lake) -> Shop:
    """A shop in which nothing happened yet."""
    return Shop(lake, home)
