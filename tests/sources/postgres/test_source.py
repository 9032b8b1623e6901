"""Payments out of a real PostgreSQL server: copied as they stand there and judged, or told why not."""

from __future__ import annotations

import datetime as dt
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.support.intake.archives import folder_archive
from tests.support.lake.copied import new_lake
from tests.support.servers import PostgresAddress, postgres_database

from tidegate.archive.archive import Archive
from tidegate.archive.manifest import Captured
from tidegate.contract.database import PostgresServer
from tidegate.contract.model import Clock, Contract
from tidegate.contract.reading.odcs import load_contract
from tidegate.errors import IncompleteError, SourceDownError, TidegateError
from tidegate.intake.load import DeliveryReport, load_deliveries
from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake
from tidegate.lake.extensions import connect_with
from tidegate.lake.sql import literal
from tidegate.settings import CHECKOUT, load_settings
from tidegate.sources.origin import Outside
from tidegate.sources.places import origin_of
from tidegate.sources.postgres.source import PostgresOrigin
from tidegate.window import ONE_DAY, Window
from tidegate.zones import Zone

CONTRACT = CHECKOUT / "examples" / "unattended" / "contracts" / "payments.odcs.yaml"
VARIABLE = "SHOP_DATABASE"
DAY = dt.date(2024, 3, 1)
SECRET = "s3cr#t p@ss'word"

TABLES = """
create table payments (payment_id text, order_id text, amount numeric, method text, paid_at timestamp);
create table etl_status (date date, process_name text, status text);
insert into etl_status values ('2024-03-01', 'payments', 'completed'), ('2024-03-02', 'payments', 'running')
"""


class Database:
    """The source's database, as its owner sees it."""

    def __init__(self, settings: str) -> None:
        self.settings = settings
        self.con = connect_with(["postgres_scanner"])
        self.con.execute(f"attach {literal(settings)} as owner (type postgres)")

    def execute(self, sql: str) -> None:
        self.con.execute(f"call postgres_execute('owner', {literal(sql)}, use_transaction => false)")

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        return self.con.execute(f"from postgres_query('owner', {literal(sql)})").fetchall()

    def pay(self, *rows: str) -> None:
        self.execute(f"insert into payments values {', '.join(rows)}")


@pytest.fixture(scope="module")
def whole_database(postgres_address: PostgresAddress) -> Iterator[Database]:
    with postgres_database(postgres_address) as settings:
        database = Database(settings)
        yield database
        database.con.close()


@pytest.fixture
def shop(whole_database: Database) -> Database:
    whole_database.execute("drop schema public cascade; create schema public")
    whole_database.execute(TABLES)
    return whole_database


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return folder_archive(tmp_path / "archive")


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with new_lake(LakeConfig.of(load_settings(home=tmp_path / "home", threads=1))) as lake:
        yield lake


def asking(query: str) -> Contract:
    """The example contract with another query."""
    contract = load_contract(CONTRACT)
    (region,) = contract.regions
    assert isinstance(region.server, PostgresServer)
    return replace(contract, regions=(replace(region, server=replace(region.server, query=query)),))


def payments_origin(connection: str, **changes: Any) -> PostgresOrigin:
    """The example contract's origin, its server with some `changes`."""
    contract = load_contract(CONTRACT)
    region = contract.regions[0]
    assert isinstance(region.server, PostgresServer)
    changed = replace(region, server=replace(region.server, **changes))
    origin = origin_of(contract, changed, Outside("/landing", "/archive", {VARIABLE: connection}))
    assert isinstance(origin, PostgresOrigin)
    return origin


def captured_of(origin: PostgresOrigin, archive: Archive, day: dt.date = DAY) -> Captured:
    captured = origin.capture(archive, "payments", day)
    assert captured is not None
    return captured


def load(lake: Lake, connection: str, tmp_path: Path, contract: Contract | None = None) -> DeliveryReport:
    """Load the day by the example contract."""
    outside = Outside(str(tmp_path / "landing"), str(tmp_path / "archive"), {VARIABLE: connection})
    days = Window.of_day(DAY)
    (report,) = load_deliveries(lake, contract or load_contract(CONTRACT), days, outside=outside, run_id="run")
    return report


def told(error: BaseException) -> str:
    """All that a log would show of an error, its causes included."""
    chain: list[str] = []
    seen: BaseException | None = error
    while seen is not None:
        chain.append(f"{seen} {seen!r}")
        seen = seen.__cause__ or seen.__context__
    return "\n".join(chain)


def test_a_day_is_loaded_as_it_stands_in_the_database(shop: Database, lake: Lake, tmp_path: Path) -> None:
    shop.pay(
        "('p1', 'o1', 10.50, 'card', '2024-03-01 00:00:00')",
        "('p2', 'o2', -0.0001, 'it''s \"quoted\", ⚓\n', '2024-03-01 23:59:59.999999')",
        "('p3', 'o3', 99999.99990000, null, '2024-03-01 12:00:00')",
        "('p0', 'o0', 1, 'card', '2024-02-29 23:59:59.999999')",
        "('p4', 'o4', 1, 'card', '2024-03-02 00:00:00')",
    )
    report = load(lake, shop.settings, tmp_path)
    assert (report.status, report.files, report.rows_read, report.rows_loaded) == ("accepted", 1, 3, 3)
    rows = lake.con.execute(
        "select payment_id, amount::varchar, method, paid_at::varchar from raw.payments order by payment_id"
    ).fetchall()
    assert rows == [
        ("p1", "10.5000", "card", "2024-03-01 00:00:00"),
        ("p2", "-0.0001", 'it\'s "quoted", ⚓\n', "2024-03-01 23:59:59.999999"),
        ("p3", "99999.9999", None, "2024-03-01 12:00:00"),
    ]
    assert report.touched == (DAY,)


@pytest.mark.parametrize("column", ["timestamp", "timestamptz"])
def test_a_day_is_the_platforms_whatever_clock_the_database_writes_by(
    column: str, shop: Database, lake: Lake, tmp_path: Path
) -> None:
    """A day of 23 hours in Berlin is from 19:00 of the day before to 18:00 in a database in New York."""
    day = dt.date(2024, 3, 31)
    shop.execute(f"alter table payments alter column paid_at type {column}")
    shop.execute("insert into etl_status values ('2024-03-31', 'payments', 'completed')")
    shop.execute("set timezone = 'America/New_York'")
    for number, paid_at in enumerate(["03-30 18:59:59", "03-30 19:00:00", "03-31 17:59:59", "03-31 18:00:00"]):
        shop.pay(f"('p{number}', 'o', 1, 'card', '2024-{paid_at} {'' if column == 'timestamp' else '-04'}')")
    contract = load_contract(CONTRACT, Zone("Europe/Berlin"))
    region = replace(contract.regions[0], clock=Clock(Zone("America/New_York")))
    outside = Outside(str(tmp_path / "landing"), str(tmp_path / "archive"), {VARIABLE: shop.settings})
    (report,) = load_deliveries(
        lake, replace(contract, regions=(region,)), Window.of_day(day), outside=outside, run_id="run"
    )

    assert (report.rows_loaded, report.rows_quarantined, report.touched) == (2, 0, (day,))
    rows = lake.con.execute("select payment_id, paid_at::varchar from raw.payments order by 1").fetchall()
    assert rows == [("p1", "2024-03-30 23:00:00"), ("p2", "2024-03-31 21:59:59")]


def test_hostile_values_are_quarantined_one_by_one(shop: Database, lake: Lake, tmp_path: Path) -> None:
    """Read by their types, a numeric NaN would come as 0 and a long one as null."""
    sound = [f"('sound{n}', 'o', 1, 'card', '2024-03-01 12:00:00')" for n in range(100)]
    shop.execute("alter table payments add column received_at timestamptz, add column booked_on date")
    shop.execute("alter table payments alter column paid_at type text")
    shop.execute(f"insert into payments values {', '.join(sound)}")
    shop.pay(
        "('nan', 'o', 'NaN', 'card', '2024-03-01 12:00:00')",
        "('infinite', 'o', 'Infinity', 'card', '2024-03-01 12:00:00')",
        "('huge', 'o', repeat('9', 1000)::numeric, 'card', '2024-03-01 12:00:00')",
        "('fine', 'o', 0.00001, 'card', '2024-03-01 12:00:00')",
        "('never', 'o', 1, 'card', 'infinity')",
    )
    contract = asking("select *, paid_at is null from payments where {start} < {end} -- a comment")
    report = load(lake, shop.settings, tmp_path, contract)
    assert (report.status, report.rows_loaded, report.rows_quarantined) == ("accepted", 100, 5)
    assert report.reasons == {"invalid_amount": 4, "invalid_paid_at": 1}
    assert report.drift.added == ("received_at", "booked_on", "?column?")
    kept = lake.con.execute("select raw::json ->> 'amount' from quarantine.payments order by _line").fetchall()
    assert {"NaN", "Infinity", "9" * 1000, "0.00001", "1"} == {amount for (amount,) in kept}


def test_times_that_no_calendar_has_are_quarantined(shop: Database, lake: Lake, tmp_path: Path) -> None:
    never = ["infinity", "-infinity", "0044-03-15 BC", "294276-12-31"]
    shop.pay(*(f"('{paid_at}', 'o', 1, 'card', '{paid_at}')" for paid_at in never))
    shop.pay("('sound', 'o', 1, 'card', '2024-03-01')")
    contract = asking("select * from payments where {start} < {end}")
    report = load(lake, shop.settings, tmp_path, replace(contract, max_quarantined_percent=Decimal(100)))
    assert (report.rows_loaded, report.reasons) == (1, {"invalid_paid_at": 4})


def test_equal_rows_are_equal_bytes_whatever_order_they_come_in(shop: Database, archive: Archive) -> None:
    rows = [f"('p{n}', 'o{n % 7}', {n}.5, 'card', '2024-03-01 10:00:00')" for n in range(200)]
    shop.pay(*rows)
    first = captured_of(payments_origin(shop.settings), archive)
    shop.execute("delete from payments")
    shop.pay(*reversed(rows))
    shop.execute("alter role postgres set datestyle = 'German'")
    try:
        again = captured_of(payments_origin(shop.settings), archive)
    finally:
        shop.execute("alter role postgres reset datestyle")
    assert again == first
    shop.execute("update payments set method = 'cash' where payment_id = 'p199'")
    assert captured_of(payments_origin(shop.settings), archive).fingerprint != first.fingerprint


def test_a_day_without_payments_is_a_delivery_without_rows(shop: Database, lake: Lake, tmp_path: Path) -> None:
    report = load(lake, shop.settings, tmp_path)
    assert (report.status, report.files, report.rows_read) == ("accepted", 1, 0)


def test_a_day_is_complete_when_the_database_says_so(shop: Database, archive: Archive, tmp_path: Path) -> None:
    origin = payments_origin(shop.settings)
    with pytest.raises(IncompleteError, match="does not say yet that it is complete"):
        origin.capture(archive, "payments", DAY + ONE_DAY)
    assert origin.capture(archive, "payments", DAY + 2 * ONE_DAY) is None
    assert not (tmp_path / "archive" / "deliveries").exists()

    days = [DAY + ONE_DAY * n for n in range(-1, 4)]
    assert set(origin.ready_days(days)) == {DAY}
    shop.execute("update etl_status set status = 'completed'")
    assert set(origin.ready_days(days)) == {DAY, DAY + ONE_DAY}


def test_what_else_the_ready_query_returns_tells_states_of_a_day_apart(shop: Database) -> None:
    shop.execute("alter table etl_status add column finished_at timestamptz default '2024-03-02 01:00:00+01'")
    query = "select status = 'completed', finished_at from etl_status where date = {day}"
    origin = payments_origin(shop.settings, ready_query=query)
    first = origin.ready_days([DAY])
    assert origin.ready_days([DAY]) == first
    shop.execute("update etl_status set finished_at = now()")
    assert origin.ready_days([DAY])[DAY] != first[DAY]


def test_text_of_a_database_in_another_encoding_comes_as_unicode(
    postgres_address: PostgresAddress, archive: Archive, tmp_path: Path
) -> None:
    server = Database(f"{postgres_address.settings} dbname=postgres")
    server.execute("create database latin encoding 'LATIN1' template template0 lc_collate 'C' lc_ctype 'C'")
    try:
        shop = Database(f"{postgres_address.settings} dbname=latin")
        shop.execute(TABLES)
        shop.pay("('p1', 'o1', 1, convert_from('\\xe9', 'LATIN1'), '2024-03-01')")
        (file,) = captured_of(payments_origin(shop.settings), archive).files
        assert methods_in(archive.local(file)) == ["é"]
    finally:
        server.execute("drop database latin with (force)")


def methods_in(file: Path) -> list[str]:
    return [method for (method,) in duckdb.sql(f"select method from read_parquet({literal(str(file))})").fetchall()]


# --- what goes wrong


REFUSED_QUERIES = {
    "a table that is not there": ({"query": "select * from nope where {start} < {end}"}, "query", 'relation "nope"'),
    "a column that is not there": ({"query": "select nope from payments where {start} < {end}"}, "query", '"nope"'),
    "a comparison of other types": (
        {"query": "select * from payments where payment_id >= {start} and payment_id < {end}"},
        "query",
        "operator does not exist",
    ),
    "no SQL": ({"query": "{start} {end}"}, "query", "syntax error"),
    "more than one statement": (
        {"query": "select 1 where {start} < {end}; delete from payments"},
        "query",
        "multiple commands",
    ),
    "writing": ({"query": "select forget_all() as n where {start} < {end}"}, "query", "in a read-only transaction"),
    "two columns of one name": ({"query": "select 1 as a, 2 as A where {start} < {end}"}, "query", "duplicate column"),
    "a value that fails": ({"query": "select 1 / 0 as a where {start} < {end}"}, "query", "division by zero"),
    "readiness of a table that is not there": ({"ready_query": "select true from nope"}, "readyQuery", "nope"),
    "readiness that is not a condition": ({"ready_query": "select status from etl_status"}, "readyQuery", "str values"),
}


@pytest.mark.parametrize("case", REFUSED_QUERIES)
def test_a_query_that_cannot_work_is_quoted_with_what_the_database_says(
    shop: Database, archive: Archive, case: str
) -> None:
    changes, named, says = REFUSED_QUERIES[case]
    shop.execute("create function forget_all() returns void language sql as 'delete from payments'")
    shop.pay("('p1', 'o1', 1, 'card', '2024-03-01')")
    with pytest.raises(TidegateError) as refusal:
        payments_origin(shop.settings, **changes).capture(archive, "payments", DAY)
    assert type(refusal.value) is TidegateError
    assert f"contract's {named}" in str(refusal.value)
    assert says in str(refusal.value)
    assert "What was loaded before stays." in str(refusal.value)
    assert shop.ask("select count(*) from payments") == [(1,)]


def test_a_password_that_is_wrong_is_never_shown(
    shop: Database, postgres_address: PostgresAddress, archive: Archive
) -> None:
    shop.execute("create role reader login password 'right'")
    try:
        quoted = SECRET.replace("'", "\\'")
        over_tcp = f"{postgres_address.over_tcp} user=reader password='{quoted}'"
        with pytest.raises(TidegateError, match=f"in \\${VARIABLE} does not let Tidegate in") as refusal:
            payments_origin(over_tcp).capture(archive, "payments", DAY)
        assert not isinstance(refusal.value, SourceDownError)
        assert_not_shown(refusal.value, SECRET, quoted)
    finally:
        shop.execute("drop role reader")


def assert_not_shown(error: BaseException, *secrets: str) -> None:
    for secret in secrets:
        assert secret not in told(error)
    for piece in ("s3cr", "word"):
        assert piece not in told(error).replace("password", "").replace("The environment", "")


# What the variable holds, words of the message, and whether it can heal. Each holds the secret in some way.
UNREACHABLE: dict[str, tuple[str, str, bool]] = {
    "nothing listens": ("host=127.0.0.1 port=1 user=u password=s3cret-word", "nothing listens", True),
    "no socket": ("host=/nowhere password=s3cret-word", "nothing listens", True),
    "unknown host": ("host=shop.invalid password=s3cret-word", "nobody knows", True),
    "unknown host in a URL": ("postgresql://u:s3cret-word@shop.invalid/shop", "nobody knows", True),
    "a password taken for a host": ("postgresql://u:p@s3cret-word@127.0.0.1:1/shop", "nobody knows", True),
    "only a password": ("s3cret-word", "neither libpq settings nor a URL", False),
    "a quote that is not closed": ("host=127.0.0.1 password='s3cret-word", "neither libpq settings nor a URL", False),
    "an unknown setting": ("hots=127.0.0.1 password=s3cret-word", "neither libpq settings nor a URL", False),
    "a port that is none": ("host=127.0.0.1 port=s3cret-word", "neither libpq settings nor a URL", False),
    "a URL that is none": ("postgresql://u:s3cret-word%@127.0.0.1/x", "neither libpq settings nor a URL", False),
}


@pytest.mark.parametrize("case", UNREACHABLE)
def test_a_database_that_cannot_be_reached_is_told_without_its_settings(archive: Archive, case: str) -> None:
    connection, says, can_heal = UNREACHABLE[case]
    with pytest.raises(TidegateError, match=says) as refusal:
        payments_origin(connection).capture(archive, "payments", DAY)
    assert isinstance(refusal.value, SourceDownError) == can_heal
    assert f"${VARIABLE}" in str(refusal.value)
    assert_not_shown(refusal.value, connection)


def test_logins_that_cannot_heal(shop: Database, postgres_address: PostgresAddress, archive: Archive) -> None:
    for wrong in ("user=nobody-here", "user=postgres dbname=no-such-database"):
        with pytest.raises(TidegateError, match="does not let Tidegate in") as refusal:
            payments_origin(f"host={postgres_address.socket_folder} port={postgres_address.port} {wrong}").capture(
                archive, "payments", DAY
            )
        assert not isinstance(refusal.value, SourceDownError)
    with pytest.raises(TidegateError, match="do not agree about SSL"):
        payments_origin(f"{postgres_address.over_tcp} user=postgres sslmode=require").ready_days([DAY])


def test_a_variable_that_is_not_set_is_named(archive: Archive) -> None:
    with pytest.raises(TidegateError, match=f"The environment variable {VARIABLE}"):
        payments_origin("").capture(archive, "payments", DAY)


def test_a_password_in_an_answer_is_blotted_out(shop: Database, archive: Archive) -> None:
    connection = f"{shop.settings} password=s3cret-word"
    query = "select 's3cret-word'::integer as a where {start} < {end}"
    with pytest.raises(TidegateError, match=r"invalid input syntax for type integer: \"\*\*\*\"") as refusal:
        payments_origin(connection, query=query).capture(archive, "payments", DAY)
    assert_not_shown(refusal.value, connection)


def test_a_query_that_takes_too_long_may_succeed_another_time(shop: Database, archive: Archive) -> None:
    slow = "select pg_sleep(60)::text as a where {start} < {end}"
    began = time.monotonic()
    with pytest.raises(SourceDownError, match=r"did not answer within 1 s|statement timeout"):
        payments_origin(shop.settings, query=slow, time_limit_seconds=1).capture(archive, "payments", DAY)
    assert time.monotonic() - began < 30


@pytest.mark.slow
def test_a_server_that_hangs_in_the_middle_of_an_answer_is_given_up(shop: Database, archive: Archive) -> None:
    """It answers the network's probes and nothing else; its own statement timeout never fires."""
    slow = "select pg_sleep(60)::text as a where {start} < {end}"
    backends: list[int] = []
    stopper = threading.Thread(target=stop_backend_when_it_sleeps, args=(shop, backends))
    stopper.start()
    try:
        with pytest.raises(SourceDownError, match="did not answer within 3 s"):
            payments_origin(shop.settings, query=slow, time_limit_seconds=3).capture(archive, "payments", DAY)
    finally:
        stopper.join()
        for backend in backends:
            os.kill(backend, signal.SIGCONT)
    assert backends


def stop_backend_when_it_sleeps(shop: Database, backends: list[int]) -> None:
    asleep = "select pid from pg_stat_activity where application_name = 'tidegate' and query like '%pg_sleep(60)%'"
    deadline = time.monotonic() + 20
    while not backends and time.monotonic() < deadline:
        backends += [pid for (pid,) in shop.ask(asleep)]
        time.sleep(0.02)
    for backend in backends:
        os.kill(backend, signal.SIGSTOP)


def test_a_connection_that_is_cut_may_be_back_another_time(shop: Database, archive: Archive) -> None:
    cut = "select pg_terminate_backend(pg_backend_pid())::text as a where {start} < {end}"
    with pytest.raises(SourceDownError, match="broke off while it answered the contract's query"):
        payments_origin(shop.settings, query=cut).capture(archive, "payments", DAY)
