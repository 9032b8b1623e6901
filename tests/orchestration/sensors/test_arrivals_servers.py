"""Sensors of sources that are asked, not dropped into: databases that say what is ready, and APIs that say nothing."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from tests.support.runs.today import TODAY, days_ago
from tests.support.runs.watched import DAY, LATER, NOW, Watched, delivery, requests_of, said
from tests.support.s3_server import Bucket

from tidegate.contract.database import PostgresServer
from tidegate.contract.files import FileOptions
from tidegate.contract.http import HttpServer
from tidegate.contract.model import Contract, Region
from tidegate.home import Home
from tidegate.lake.extensions import connect_with
from tidegate.lake.sql import literal
from tidegate.orchestration.history.contacts import contact
from tidegate.orchestration.names import load_job
from tidegate.orchestration.partitions import window_of_tags
from tidegate.sources.origin import listing_of
from tidegate.sources.places import origin_of
from tidegate.window import Window

YESTERDAY, BEFORE = days_ago(1), days_ago(2)
SHOP_DATABASE = "SHOP_DATABASE"


def asked_days(watched: Watched, contract: Contract, now: dt.datetime = NOW) -> list[dt.date]:
    return [day for request in requests_of(watched.look(contract, now)) for day in window_of_tags(request.tags).days]


def enter(watched: Watched, day: dt.date, listing: str | None = None, **fields: object) -> None:
    watched.write([replace(delivery("customers", "crm", day, f"{day}", listing), **fields)])  # type: ignore[arg-type]


# --- an API


@pytest.fixture
def crm(watched: Watched) -> Contract:
    server = HttpServer("{base}/customers?as_of={day}", "CRM_URL", "customers")
    return replace(watched.home.contracts["customers"], regions=(Region("crm", server, FileOptions("json")),))


def test_an_api_is_asked_for_each_day_that_ended_until_it_gave_it(watched: Watched, crm: Contract) -> None:
    assert asked_days(watched, crm) == [BEFORE, YESTERDAY]
    enter(watched, BEFORE)
    assert asked_days(watched, crm) == [YESTERDAY]
    enter(watched, YESTERDAY)
    assert asked_days(watched, crm) == []
    assert asked_days(watched, crm, LATER) == [TODAY]


def test_an_api_is_asked_for_an_old_day_once_something_else_of_it_came(watched: Watched, crm: Contract) -> None:
    for day in (BEFORE, YESTERDAY):
        enter(watched, day)
    watched.load([("north", DAY)])
    assert asked_days(watched, crm) == [DAY]


def test_a_stand_in_is_replaced_as_soon_as_the_source_gives_the_day(watched: Watched, crm: Contract) -> None:
    enter(watched, BEFORE)
    enter(watched, YESTERDAY, stands_in_for=BEFORE)
    assert asked_days(watched, crm) == [YESTERDAY]
    enter(watched, YESTERDAY)
    assert asked_days(watched, crm) == []


def test_an_api_that_is_down_is_asked_one_day_at_a_time_then_at_its_breakers_pace(
    watched: Watched, crm: Contract
) -> None:
    def fail() -> dt.datetime:
        watched.instance.report_runless_asset_event(contact("customers", "503"))
        return dt.datetime.now(dt.UTC)

    fail()
    assert asked_days(watched, crm) == [BEFORE]
    run = watched.run(load_job("customers"), Window.of_day(BEFORE))
    assert asked_days(watched, crm) == []
    watched.instance.delete_run(run.run_id)
    now = fail()
    assert asked_days(watched, crm, now + dt.timedelta(seconds=50)) == []
    assert asked_days(watched, crm, now + dt.timedelta(seconds=61)) == [BEFORE]
    now = fail()
    assert asked_days(watched, crm, now + dt.timedelta(seconds=61)) == [BEFORE]


def test_an_open_breaker_tells_why_nothing_is_asked(watched: Watched, crm: Contract) -> None:
    for _ in range(2):
        watched.instance.report_runless_asset_event(contact("customers", "503"))
    told = said(watched.look(crm))
    assert "customers is open after 2 failures in a row" in told
    assert "503" in told


def test_while_a_breaker_is_open_what_it_keeps_away_is_told_as_overdue(watched: Watched, crm: Contract) -> None:
    crm = replace(crm, published_by=dt.time(0))
    for _ in range(2):
        watched.instance.report_runless_asset_event(contact("customers", "503"))
    assert f"Overdue: customers has not delivered crm {BEFORE}..{YESTERDAY}." in said(watched.look(crm))
    assert "Overdue" not in said(watched.look(crm))


# --- a database


class Etl:
    """The database's owner, who says which days are ready."""

    def __init__(self, settings: str) -> None:
        self.con = connect_with(["postgres_scanner"])
        self.con.execute(f"attach {literal(settings)} as owner (type postgres)")
        self.execute("create table etl_status (date date, status text, updated_at int)")

    def execute(self, sql: str) -> None:
        self.con.execute(f"call postgres_execute('owner', {literal(sql)}, use_transaction => false)")

    def say(self, day: dt.date, status: str, updated_at: int = 1) -> None:
        self.execute(f"delete from etl_status where date = '{day}'")
        self.execute(f"insert into etl_status values ('{day}', '{status}', {updated_at})")


@pytest.fixture
def etl(database: str, monkeypatch: pytest.MonkeyPatch) -> Etl:
    monkeypatch.setenv(SHOP_DATABASE, database)
    return Etl(database)


@pytest.fixture
def payments(watched: Watched) -> Contract:
    ready = "select status = 'completed', updated_at from etl_status where date = {day}"
    query = "select 1 as customer_id where now() between {start} and {end}"
    region = Region("crm", PostgresServer(SHOP_DATABASE, query, ready), FileOptions("parquet"))
    return replace(watched.home.contracts["customers"], regions=(region,))


def listing(watched: Watched, contract: Contract, day: dt.date) -> str:
    found = listing_of(origin_of(contract, contract.regions[0], watched.home.outside), day)
    assert found is not None
    return found


def test_a_database_is_read_when_it_says_so_and_again_when_it_says_something_else(
    watched: Watched, payments: Contract, etl: Etl
) -> None:
    assert asked_days(watched, payments) == []
    etl.say(BEFORE, "completed")
    etl.say(YESTERDAY, "running")
    assert asked_days(watched, payments) == [BEFORE]
    enter(watched, BEFORE, listing(watched, payments, BEFORE))
    assert asked_days(watched, payments) == []
    etl.say(BEFORE, "completed", updated_at=2)
    assert asked_days(watched, payments) == [BEFORE]


def test_a_database_that_is_not_ready_past_the_deadline_is_overdue(
    watched: Watched, payments: Contract, etl: Etl
) -> None:
    etl.say(BEFORE, "completed")
    enter(watched, BEFORE, listing(watched, payments, BEFORE))
    contract = replace(payments, published_by=dt.time(0))
    assert f"crm {YESTERDAY}." in said(watched.look(contract))


def test_a_source_that_cannot_be_looked_at_opens_its_breaker_and_is_looked_at_again(
    watched: Watched, payments: Contract, monkeypatch: pytest.MonkeyPatch, database: str
) -> None:
    monkeypatch.setenv(SHOP_DATABASE, "host=127.0.0.1 port=1 dbname=x user=x password=s3cret")
    for _ in range(2):
        told = watched.look(payments)
        assert requests_of(told) == []
        assert "s3cret" not in said(told)
    assert "breaker of customers is open" in said(watched.look(payments))
    monkeypatch.setenv(SHOP_DATABASE, database)
    Etl(database).say(BEFORE, "completed")
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=62)
    assert asked_days(watched, payments, soon) == [BEFORE]


# --- a bucket


def test_a_bucket_is_looked_at_like_a_folder(watched: Watched, bucket: Bucket) -> None:
    home = Home(watched.home.settings.model_copy(update={"landing": f"s3://{bucket.name}/landing"}))
    watched.home = home
    folder = f"landing/orders/north/{DAY}"
    bucket.put(f"{folder}/a.csv", b"a")
    assert watched.asked() == []
    bucket.put(f"{folder}/_SUCCESS", b"")
    assert watched.asked() == [("north", DAY)]
    watched.load([("north", DAY)])
    assert watched.asked() == []
    bucket.put(f"{folder}/a.csv", b"a")
    assert watched.asked() == []
    bucket.put(f"{folder}/a.csv", b"b")
    assert watched.asked() == [("north", DAY)]
    home.close()
