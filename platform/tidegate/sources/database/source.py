"""Deliveries from a database that SQLAlchemy has a dialect for: a day's rows as one Parquet file in the archive.

Every value is kept as text, exactly as its driver gives it, and rows are sorted by all of their columns: equal rows are
equal bytes. Readiness and rows are asked for on one connection, in one transaction that is rolled back. The driver
is whoever writes the contract's to install. Judging rows belongs to `intake`, saying what went wrong to
`database.trouble`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

import sqlalchemy
from sqlalchemy.engine import URL, Connection

from tidegate.archive.archive import Archive
from tidegate.archive.manifest import Captured
from tidegate.contract.database import DatabaseKind, DatabaseServer
from tidegate.errors import SourceDownError, TidegateError
from tidegate.lake.sql import literal
from tidegate.placeholders import Moments, without_offset
from tidegate.sources.database.trouble import cannot_answer, cannot_connect, url_of
from tidegate.sources.origin import Outside
from tidegate.sources.ready import capture_if_ready, fingerprint_of_row, in_time, is_true
from tidegate.sources.rows import text_of, write_texts

T = TypeVar("T")

# So many rows are fetched at a time.
FETCHED = 5_000

# How values are written must not depend on how the server or the user is set up, and a source is only read.
_SESSION: Mapping[DatabaseKind, tuple[str, ...]] = {
    "mysql": (
        "set time_zone = '+00:00'",
        "set session transaction isolation level repeatable read",
        "start transaction with consistent snapshot, read only",
    ),
    "oracle": (
        "alter session set time_zone = '+00:00' nls_date_format = 'YYYY-MM-DD HH24:MI:SS' "
        "nls_timestamp_format = 'YYYY-MM-DD HH24:MI:SS.FF6' nls_numeric_characters = '.,'",
        "set transaction read only",
    ),
    "snowflake": ("alter session set timezone = 'UTC'",),
    "sqlite": ("pragma query_only = on", "begin"),
}


@dataclass(frozen=True)
class DatabaseOrigin:
    """Where a region's rows are queried from."""

    region: str
    server: DatabaseServer
    outside: Outside
    moments: Moments

    def describe(self, day: dt.date) -> str:
        return f"the database in ${self.server.connection_variable}, asked for {day}"

    def capture(self, archive: Archive, source: str, day: dt.date) -> Captured | None:
        return capture_if_ready(
            self, archive, source, day, lambda file: self._ask(lambda asked: asked.copy_if_ready(day, file))
        )

    def ready_days(self, days: Iterable[dt.date]) -> dict[dt.date, str]:
        """Those of `days` that are complete, each with a fingerprint of the readyQuery's row. Raises as `capture`."""
        rows = self._ask(lambda asked: {day: asked.readiness(day) for day in days})
        return {day: fingerprint_of_row(row) for day, row in rows.items() if row and is_true(row[0])}

    def _ask(self, question: Callable[[_Asked], T]) -> T:
        url = url_of(self.server, self.outside.variable(self.server.connection_variable, "the URL of the database"))
        work = partial(self._answer, url, question)
        answer = in_time(self.server.time_limit_seconds, work, "database")
        if answer is None:
            raise SourceDownError(
                f"the database in ${self.server.connection_variable} did not answer within "
                f"{self.server.time_limit_seconds:,} s (timeLimitSeconds in the contract)."
            )
        if isinstance(answer, TidegateError):
            raise answer
        return answer.value

    def _answer(self, url: URL, question: Callable[[_Asked], T]) -> _Answer[T] | TidegateError:
        # Errors are returned and not raised from the driver's: whoever prints a chain of exceptions would print what
        # a driver repeats of its connection.
        try:
            engine = sqlalchemy.create_engine(
                url, poolclass=sqlalchemy.NullPool, isolation_level=_isolation(self.server.kind)
            )
            connection = engine.connect()
        except (sqlalchemy.exc.SQLAlchemyError, ImportError, OSError) as error:
            return cannot_connect(self.server, url, error)
        asked = _Asked(connection, self.server, self.moments)
        try:
            asked.begin()
            return _Answer(question(asked))
        except (sqlalchemy.exc.SQLAlchemyError, OSError, UnicodeError) as error:
            return cannot_answer(self.server, url, asked.now, error)
        except TidegateError as error:
            return error
        finally:
            connection.invalidate()
            connection.close()


@dataclass(frozen=True)
class _Answer(Generic[T]):
    value: T


class _Asked:
    """One connection to the source's database."""

    def __init__(self, connection: Connection, server: DatabaseServer, moments: Moments) -> None:
        # Without parameters a driver takes a percent sign for what it is.
        self._connection = connection.execution_options(no_parameters=True, stream_results=True)
        self._server = server
        self._moments = moments
        # What is being asked.
        self.now = "session"

    def begin(self) -> None:
        for statement in _SESSION.get(self._server.kind, ()):
            self._connection.exec_driver_sql(statement)

    def readiness(self, day: dt.date) -> tuple[object, ...] | None:
        """The first row that the readyQuery returns, if any. Raises TidegateError for one that does not begin with a
        condition."""
        self.now = "readyQuery"
        with self._connection.exec_driver_sql(self._filled(self._server.ready_query, day)) as result:
            found = result.fetchone()
        if found is None:
            return None
        row = tuple(found)
        if not row or is_true(row[0]) is None:
            raise TidegateError(
                f"the contract's readyQuery returns {type(row[0]).__name__} values for {day} and not true or false, 1 "
                "or 0. What was loaded before stays. Write a condition first in its select, and run again."
            )
        return row

    def copy_if_ready(self, day: dt.date, file: Path) -> bool | None:
        """Whether the day is ready, and then its rows are in `file`; None when the database knows no such day."""
        row = self.readiness(day)
        if row is None or not is_true(row[0]):
            return None if row is None else False
        self.now = "query"
        with self._connection.exec_driver_sql(self._filled(self._server.query, day)) as result:
            write_texts(list(result.keys()), _texts(result), file, in_order_of_values=True)
        return True

    def _filled(self, query: str, day: dt.date) -> str:
        return self._moments.fill(query, day, without_offset, self._as_literal)

    def _as_literal(self, written: str, is_number: bool) -> str:
        if is_number:
            return written
        if self._server.kind == "oracle":
            return f"{'timestamp' if ' ' in written else 'date'} {literal(written)}"
        return literal(written)


def _texts(result: sqlalchemy.CursorResult[tuple[object, ...]]) -> Iterator[Mapping[int, str | None]]:
    for rows in result.partitions(FETCHED):
        for row in rows:
            yield {number: text_of(value) for number, value in enumerate(row)}


def _isolation(kind: DatabaseKind) -> str | None:
    """Sessions of these begin a transaction of their own."""
    return "AUTOCOMMIT" if kind in ("mysql", "sqlite") else None
