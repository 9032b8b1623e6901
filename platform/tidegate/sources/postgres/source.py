"""Deliveries from a PostgreSQL database: a day's rows, copied by DuckDB into one Parquet file in the archive.

No row goes through Python. PostgreSQL writes every value as text: of a numeric NaN DuckDB 1.5.5 makes 0, of a long
one null, and no gate would ever see them. The rows are sorted by all of their columns on one thread, so equal rows
are equal bytes. Judging them belongs to `intake`, saying what went wrong to `postgres.trouble`.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

import duckdb
from duckdb import DuckDBPyConnection

from tidegate.archive.archive import Archive
from tidegate.archive.manifest import Captured
from tidegate.contract.database import PostgresServer
from tidegate.errors import TidegateError
from tidegate.lake.extensions import connect_with
from tidegate.lake.sql import literal, quoted
from tidegate.placeholders import Moments
from tidegate.sources.origin import Outside
from tidegate.sources.postgres.settings import with_defaults
from tidegate.sources.postgres.trouble import cannot_answer, cannot_connect, took_too_long
from tidegate.sources.ready import capture_if_ready, fingerprint_of_row, in_time
from tidegate.window import ONE_DAY

T = TypeVar("T")

# Beyond this, sorting spills to disk.
MEMORY_LIMIT = "500MB"

# How values are written must not depend on how the server or the role is set up.
SESSION = {
    "DateStyle": "ISO, YMD",
    "extra_float_digits": "1",
    "bytea_output": "hex",
}


class PostgresOrigin:
    """Where a region's rows are queried from."""

    def __init__(self, region: str, server: PostgresServer, outside: Outside, moments: Moments) -> None:
        self.region = region
        self.server = server
        self._moments = moments
        self._outside = outside
        self._engine: _Engine | None = None

    def describe(self, day: dt.date) -> str:
        return f"the database in ${self.server.connection_variable}, asked for {day}"

    def capture(self, archive: Archive, source: str, day: dt.date) -> Captured | None:
        return capture_if_ready(
            self, archive, source, day, lambda file: self._ask(lambda database: database.copy_if_ready(day, file))
        )

    def ready_days(self, days: Iterable[dt.date]) -> dict[dt.date, str]:
        """Those of `days` that are complete, each with a fingerprint of the readyQuery's row.

        A row of more than the one value gives another fingerprint when one of the others changes. Raises as
        `capture` does.
        """
        rows = self._ask(lambda database: {day: database.readiness(day) for day in days})
        return {day: fingerprint_of_row(row) for day, row in rows.items() if row and row[0] is True}

    def _ask(self, question: Callable[[_Database], T]) -> T:
        """What the database answers within the server's time limit."""
        connection = self._outside.variable(
            self.server.connection_variable, "which holds libpq settings or a URL of the source's database"
        )
        engine, self._engine = self._engine or _Engine(), None
        work = partial(self._answer, engine.con, connection.strip(), question)
        answer = in_time(self.server.time_limit_seconds, work, "postgres")
        if answer is None:
            engine.con.interrupt()
            raise took_too_long(self.server)
        # Kept for the next day: it takes 0.1 s to make. One that hangs is left alone.
        self._engine = engine
        if isinstance(answer, TidegateError):
            raise answer
        return answer.value

    def _answer(
        self, con: DuckDBPyConnection, connection: str, question: Callable[[_Database], T]
    ) -> _Answer[T] | TidegateError:
        # Errors are returned and not raised from DuckDB's: whoever prints a chain of exceptions would print the
        # connection's settings, which DuckDB and libpq quote.
        settings, database = with_defaults(connection), _Database(con, self.server, self._moments)
        try:
            con.execute(f"attach {literal(settings)} as source (type postgres, read_only)")
        except duckdb.Error as error:
            return cannot_connect(self.server.connection_variable, str(error), settings)
        try:
            database.begin()
            return _Answer(question(database))
        except duckdb.Error as error:
            return cannot_answer(self.server.connection_variable, database.asked, str(error), connection)
        except TidegateError as error:
            return error
        finally:
            # DuckDB 1.5.5 ends the process when it closes a transaction whose connection PostgreSQL has cut; told to
            # roll back, it only says so.
            with suppress(duckdb.Error):
                con.rollback()
            con.execute("detach source")


@dataclass(frozen=True)
class _Answer(Generic[T]):
    value: T


class _Engine:
    """A DuckDB of its own, so that the lake's connection never knows of the source's settings."""

    def __init__(self) -> None:
        self._spill = tempfile.TemporaryDirectory(prefix="tidegate-spill-", ignore_cleanup_errors=True)
        own: dict[str, str | int] = {"threads": 1, "memory_limit": MEMORY_LIMIT, "temp_directory": self._spill.name}
        self.con = connect_with(["postgres_scanner"], own)


class _Database:
    """One read-only transaction on the source's database: all of its answers are of one moment."""

    def __init__(self, con: DuckDBPyConnection, server: PostgresServer, moments: Moments) -> None:
        self._con = con
        self._server = server
        self._moments = moments
        # The contract's query that is being answered.
        self.asked = "query"

    def begin(self) -> None:
        self._con.begin()
        settings = {
            **SESSION,
            "TimeZone": self._moments.clock.name,
            "statement_timeout": str(self._server.time_limit_seconds * 1000),
        }
        chosen = (f"set_config({literal(name)}, {literal(value)}, true) as {name}" for name, value in settings.items())
        self._con.execute(_answers_to(f"select {', '.join(chosen)}")).fetchall()

    def readiness(self, day: dt.date) -> tuple[object, ...] | None:
        """The first row that the readyQuery returns, if any."""
        self.asked = "readyQuery"
        row: tuple[object, ...] | None = self._con.execute(
            _answers_to(self._server.ready_query.replace("{day}", literal(day)))
        ).fetchone()
        if row and not isinstance(row[0], bool | None):
            raise TidegateError(
                f"the contract's readyQuery returns {type(row[0]).__name__} values for {day} and not true or false. "
                "What was loaded before stays. Write a condition first in its select, and run again."
            )
        return row

    def copy_if_ready(self, day: dt.date, file: Path) -> bool | None:
        """Whether the day is ready, and then its rows are in `file`; None when the database knows no such day."""
        row = self.readiness(day)
        if row is None or row[0] is not True:
            return None if row is None else False
        self.asked = "query"
        start, end = (literal(self._moments.begin_of(each)) for each in (day, day + ONE_DAY))
        query = self._server.query.replace("{start}", start).replace("{end}", end)
        # A line feed, so that a comment at the query's end comments nothing else out.
        rows = _answers_to(f"select {self._columns_as_text(query)} from ({query}\n) as delivered")
        self._con.execute(f"copy ({rows} order by all) to {literal(str(file))} (format parquet, compression zstd)")
        return True

    def _columns_as_text(self, query: str) -> str:
        described = self._con.execute(f"describe {_answers_to(query)}").fetchall()
        return ", ".join(f"{quoted(name)}::text as {quoted(name)}" for name, *_ in described)


def _answers_to(query: str) -> str:
    return f"select * from postgres_query('source', {literal(query)})"
