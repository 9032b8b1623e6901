"""The demo shop's database: its payments in a real PostgreSQL, with the etl_status rows that call its days complete.

They are the payments of `demo shop`'s files, but for rows that are there twice: the table has a primary key.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import duckdb

from tidegate.demo.payments import WITHIN_DAYS, create_payments, rows_of_database
from tidegate.demo.spoil import create_day, day_lines, forget_day
from tidegate.demo.trade import Shop, set_up
from tidegate.errors import TidegateError
from tidegate.lake.extensions import connect_with
from tidegate.lake.sql import literal
from tidegate.sources.postgres.settings import with_defaults
from tidegate.sources.postgres.trouble import cannot_connect, what_it_says

PROCESS = "payments"
COMPLETED = "completed"

_TABLES = """
    create table if not exists shop.payments (
        payment_id varchar primary key, order_id varchar, amount decimal(18, 4), method varchar, paid_at timestamp
    );
    create table if not exists shop.etl_status (
        date date, process_name varchar, status varchar, primary key (date, process_name)
    );
"""


@dataclass(frozen=True)
class DatabaseReport:
    """What the database holds now of the days that were asked for."""

    days: int
    payments: int


def fill_database(connection: str, variable: str, shop: Shop, days: int) -> DatabaseReport:
    """Replace the payments and statuses of the shop's first `days` days, in one transaction.

    `connection`, which `variable` holds, is libpq settings or a URL; tables that are not there are made. Raises
    TidegateError when the database cannot be reached or does not take them, with nothing changed.
    """
    with connect_with(["postgres_scanner"], {"threads": 1}) as con:
        _make_payments(con, shop, days)
        trouble = _attach(con, connection, variable) or _write(con, connection, variable, shop, days)
        # Not raised where DuckDB's error is at hand: it quotes the connection's settings.
        if trouble:
            raise trouble
        (payments,) = con.execute("select count(*) from made").fetchall()[0]
    return DatabaseReport(days, int(payments))


def _make_payments(con: duckdb.DuckDBPyConnection, shop: Shop, days: int) -> None:
    # What files of later days hold of these is there as well: the table has a payment on the day it was paid.
    reach = days + WITHIN_DAYS
    for statement in set_up(shop, reach):
        con.execute(statement)
    for number in range(reach):
        create_day(con, shop, number)
        create_payments(con, shop, number, day_lines(number), dirt=True)
        rows = f"from ({rows_of_database()}) where paid_at < {literal(shop.begins(days))}"
        con.execute(f"insert into made {rows}" if number else f"create temp table made as {rows}")
        forget_day(con, number)


def _attach(con: duckdb.DuckDBPyConnection, connection: str, variable: str) -> TidegateError | None:
    settings = with_defaults(connection)
    try:
        con.execute(f"attach {literal(settings)} as shop (type postgres)")
    except duckdb.Error as error:
        return cannot_connect(variable, str(error), settings)
    return None


def _write(
    con: duckdb.DuckDBPyConnection, connection: str, variable: str, shop: Shop, days: int
) -> TidegateError | None:
    first, end = literal(shop.first_day), literal(shop.day(days))
    begins, ends = literal(shop.begins(0)), literal(shop.begins(days))
    statuses = (
        f"select day::date, {literal(PROCESS)}, {literal(COMPLETED)} from range({first}, {end}, interval 1 day) t(day)"
    )
    try:
        con.begin()
        con.execute(_TABLES)
        con.execute(f"delete from shop.payments where paid_at >= {begins} and paid_at < {ends}")
        con.execute(
            f"delete from shop.etl_status where date >= {first} and date < {end} and process_name = {literal(PROCESS)}"
        )
        con.execute("insert into shop.payments from made")
        con.execute(f"insert into shop.etl_status {statuses}")
        con.commit()
    except duckdb.Error as error:
        return _not_taken(variable, what_it_says(str(error), connection))
    finally:
        # Closing a transaction that PostgreSQL has given up would end the process.
        with suppress(duckdb.Error):
            con.rollback()
    return None


def _not_taken(variable: str, said: str) -> TidegateError:
    if "duplicate key" in said:
        return TidegateError(
            f"The database in ${variable} holds payments of another demo shop, and nothing was changed. "
            "Drop its tables payments and etl_status, or ask for the shop that it was filled with."
        )
    return TidegateError(
        f"The database in ${variable} did not take the payments: {said}. Nothing was changed. "
        "Let the role create and write tables there, and run the command again."
    )
