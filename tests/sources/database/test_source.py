"""A day's rows from a database through SQLAlchemy: to the digit, when it says so, and with no secret in any message.

SQLite and MariaDB are the real things here.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
import sqlalchemy
from tests.support.intake.archives import folder_archive
from tests.support.mysql_server import mysql_server, needs_mariadb

from tidegate.contract.database import DatabaseServer
from tidegate.errors import IncompleteError, SourceDownError, TidegateError
from tidegate.placeholders import UTC_DAYS, Moments
from tidegate.sources.database.source import DatabaseOrigin
from tidegate.sources.origin import Outside
from tidegate.sources.rows import text_of
from tidegate.zones import Zone

DAY = dt.date(2024, 1, 5)
QUERY = "select * from payments where paid_at >= {start} and paid_at < {end}"
READY = "select done, version from runs where day = {day}"
SECRET = "s3cret/pass"


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as database:
        database.executescript(
            """
            create table payments (id integer, amount text, weight real, paid_at text, proof blob);
            insert into payments values
                (2, '0.10', 0.1, '2024-01-05 23:59:59', x'00ff'), (1, '12345678901234567890.12', 1e300,
                '2024-01-05 00:00:00', null), (9007199254740993, '3 %', null, '2024-01-06 00:00:00', null);
            create table runs (day text, done integer, version text);
            insert into runs values ('2024-01-05', 1, 'a'), ('2024-01-06', 0, 'a'), ('2024-01-07', 7, 'a');
            """
        )
    yield path


def origin(url: object, query: str = QUERY, ready: str = READY, zone: str = "UTC") -> DatabaseOrigin:
    server = DatabaseServer("SHOP", query, ready, time_limit_seconds=30, kind="sqlite")
    moments = UTC_DAYS if zone == "UTC" else Moments(Zone(zone), Zone(zone))
    return DatabaseOrigin("shop", server, Outside("", "", {"SHOP": str(url)}), moments)


def rows_of(asked: DatabaseOrigin, folder: Path, day: dt.date = DAY) -> list[tuple[object, ...]]:
    archive = folder_archive(folder / "archive")
    captured = asked.capture(archive, "payments", day)
    assert captured is not None
    (kept,) = captured.files
    return duckdb.sql(f"from read_parquet('{archive.local(kept)}')").fetchall()


def test_a_day_comes_as_exact_texts_in_the_order_of_its_values(file: Path, tmp_path: Path) -> None:
    assert rows_of(origin(f"sqlite:///{file}"), tmp_path) == [
        ("1", "12345678901234567890.12", "1e+300", "2024-01-05 00:00:00", None),
        ("2", "0.10", "0.1", "2024-01-05 23:59:59", "\\x00ff"),
    ]


@pytest.mark.parametrize(
    ("query", "zone", "ids"),
    [
        ("select id from payments where strftime('%s', paid_at) + 0 >= {end:epoch}", "UTC", ["9007199254740993"]),
        ("select id from payments where paid_at like {day:%Y-%m-%%}", "UTC", ["1", "2", "9007199254740993"]),
        ("select id from payments where amount like '%3 %' and {day} = {day:%Y-%m-%d}", "UTC", ["9007199254740993"]),
        ("select id from payments where {start} = '2024-01-05 00:00:00'", "Asia/Tokyo", ["1", "2", "9007199254740993"]),
        ("select id from payments where {start} < {end} and false -- nothing", "UTC", []),
    ],
)  # fmt: skip
def test_the_day_stands_where_the_query_says(file: Path, tmp_path: Path, query: str, zone: str, ids: list[str]) -> None:
    found = rows_of(origin(f"sqlite:///{file}", query, zone=zone), tmp_path)
    assert sorted(row[0] for row in found) == ids  # type: ignore[type-var]


def test_a_day_is_ready_when_its_first_value_is_true_and_another_state_is_another_one(
    file: Path, tmp_path: Path
) -> None:
    asked = origin(f"sqlite:///{file}")
    before = asked.ready_days([DAY, DAY + dt.timedelta(1)])
    assert list(before) == [DAY]
    with sqlite3.connect(file) as database:
        database.execute("update runs set version = 'b'")
    assert asked.ready_days([DAY]) != before
    archive = folder_archive(tmp_path / "archive")
    assert asked.capture(archive, "payments", dt.date(2020, 1, 1)) is None
    with pytest.raises(IncompleteError, match="does not say yet that it is complete"):
        asked.capture(archive, "payments", DAY + dt.timedelta(1))
    with pytest.raises(TidegateError, match="returns int values for 2024-01-07 and not true or false"):
        asked.capture(archive, "payments", DAY + dt.timedelta(2))


@pytest.mark.parametrize(
    ("url", "changes", "told"),
    [
        ("sqlite:////nowhere/shop.db", {}, "the database in $SHOP cannot be reached: unable to open database file"),
        (f"mysql+pymysql://shop:{SECRET}@127.0.0.1/shop", {}, "holds no URL of a database of type sqlite"),
        (f"shop {SECRET}", {}, "holds no URL of a database of type sqlite"),
        ("sqlite+nothing:///x.db", {}, "its URL names, sqlite+nothing, is not installed. What was loaded"),
        (
            "sqlite:///{file}",
            {"query": "select odd from payments"},
            "the contract's query: no such column: odd.",
        ),
        ("sqlite:///{file}", {"ready": "select 1 from nowhere"}, "the contract's readyQuery: no such table: nowhere."),
        ("sqlite:///{file}", {"query": "select id, id from payments"}, "it has the column 'id' twice"),
        ("sqlite:///{file}", {"query": "delete from payments returning id"}, "attempt to write a readonly database"),
    ],
)
def test_what_is_wrong_is_told_without_the_secret(
    file: Path, tmp_path: Path, url: str, changes: dict[str, str], told: str
) -> None:
    with pytest.raises(TidegateError) as error:
        rows_of(origin(url.replace("{file}", str(file)), **changes), tmp_path)
    assert told in str(error.value)
    assert SECRET not in str(error.value) and SECRET.partition("/")[2] + "@" not in str(error.value)


def test_a_database_that_takes_too_long_is_down(file: Path, tmp_path: Path) -> None:
    endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n -- {day}"
    asked = origin(f"sqlite:///{file}", endless)
    asked = replace(asked, server=replace(asked.server, time_limit_seconds=1))
    with pytest.raises(SourceDownError, match=r"did not answer within 1 s \(timeLimitSeconds"):
        rows_of(asked, tmp_path)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("1E-7"), "0.0000001"),
        (Decimal("-0.10"), "-0.10"),
        (dt.timedelta(hours=-1, minutes=-30), "-01:30:00"),
        (dt.timedelta(days=1, microseconds=5), "24:00:00.000005"),
        (dt.datetime(2024, 1, 5, 10, tzinfo=dt.UTC), "2024-01-05 10:00:00+00:00"),
        (dt.date(2024, 1, 5), "2024-01-05"),
        (float("nan"), "nan"),
        ({"a": [Decimal("1.10")]}, '{"a": ["1.10"]}'),
        ("", ""),
        (None, None),
    ],
)
def test_every_value_has_one_text(value: object, text: str | None) -> None:
    assert text_of(value) == text


@needs_mariadb
@pytest.mark.system
def test_mysql_gives_every_type_to_the_digit(tmp_path: Path) -> None:
    with mysql_server() as url:
        keep_every_type(url)
        server = DatabaseServer(
            "SHOP", "select * from t where c >= {start} and c < {end}", "select {day} = {day}", kind="mysql"
        )
        asked = DatabaseOrigin("shop", server, Outside("", "", {"SHOP": url}), UTC_DAYS)
        ((a, b, c, d, e, f, _, h, i, j, k),) = rows_of(asked, tmp_path)
        writing = replace(asked, server=replace(server, query="insert into t (b) values (1) -- {day}"))
        with pytest.raises(TidegateError, match="READ ONLY transaction"):
            rows_of(writing, tmp_path)
    assert a == "12345678901234567890123456789012345.123456789012345678901234567890"
    assert (b, c, d) == ("18446744073709551615", "2024-01-05 10:00:00.123456", "2024-01-05 08:00:00")
    assert (e, f, h, i, j, k) == ("-26:30:00", "0.1", '{"p": 1.10}', "1", "é%😀", "2024-01-05")


def keep_every_type(url: str) -> None:
    with sqlalchemy.create_engine(url).begin() as database:
        for statement in (
            "create table t (a decimal(65,30), b bigint unsigned, c datetime(6), d timestamp, e time, f double, "
            "g bit(9), h json, i tinyint(1), j varchar(20) character set utf8mb4, k date)",
            "set time_zone = '+02:00'",
            "insert into t values (12345678901234567890123456789012345.123456789012345678901234567890, "
            "18446744073709551615, '2024-01-05 10:00:00.123456', '2024-01-05 10:00:00', '-26:30:00', 0.1, b'1', "
            """'{"p": 1.10}', 1, 'é%%😀', '2024-01-05')""",
        ):
            database.exec_driver_sql(statement)
