"""How a database is asked for a day, as plain values.

Reading them from a contract belongs to `contract.reading.servers`, asking by them to `sources.postgres` and
`sources.database`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

DatabaseKind = Literal["mysql", "sqlite", "sqlserver", "oracle", "snowflake", "bigquery", "redshift"]


@dataclass(frozen=True)
class QueriedServer:
    """A query on a database. `connection_variable` names the environment variable that says how to connect."""

    connection_variable: str
    query: str
    ready_query: str
    time_limit_seconds: int = 600

    @property
    def address(self) -> str:
        return f"${self.connection_variable}: {self.query}"

    @property
    def variables(self) -> tuple[str, ...]:
        return (self.connection_variable,)


@dataclass(frozen=True)
class PostgresServer(QueriedServer):
    """A query on a PostgreSQL database.

    The variable has libpq settings or a URL. `query` holds `{start}` and `{end}`, where the window's timestamps go as
    literals; `ready_query` holds `{day}`, and the day is ready when it returns a row whose first value is true.
    """


@dataclass(frozen=True, kw_only=True)
class DatabaseServer(QueriedServer):
    """A query on a database that SQLAlchemy has a dialect for.

    The variable has SQLAlchemy's URL. The queries hold the day as `placeholders` says; the day is ready when
    `ready_query` returns a row whose first value is true or 1.
    """

    kind: DatabaseKind
