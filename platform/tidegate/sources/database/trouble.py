"""What went wrong with a database, in sentences, and whether asking again can heal it.

Drivers like to repeat what they connect with. Of what they say, the first line is shown, without any secret of the URL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

import sqlalchemy
from sqlalchemy.engine import URL

from tidegate.addresses import hiding
from tidegate.contract.database import DatabaseKind, DatabaseServer
from tidegate.errors import SourceDownError, TidegateError

_KEPT = "What was loaded before stays."

# What drivers say when somebody has to change something.
_NOT_LET_IN = (
    "access denied|login failed|authentication|password|ora-01017|not authori[sz]ed|permission|unknown database"
)
# What they say of what may well succeed the next time.
_PASSING = (
    "gone away|lost connection|connection (was |is )?(lost|reset|closed|refused|timed out)|can't connect|timed? ?out"
    "|deadlock|database is locked|too many connections|server is (starting|shutting)|broken pipe|unreachable"
)

# What to install for each kind, and how its URL begins.
_DRIVERS: Mapping[DatabaseKind, tuple[str, str]] = {
    "mysql": ("tidegate[mysql]", "mysql+pymysql://user:password@host/database"),
    "sqlite": ("nothing", "sqlite:////folder/shop.db"),
    "sqlserver": ("pymssql", "mssql+pymssql://user:password@host/database"),
    "oracle": ("oracledb", "oracle+oracledb://user:password@host/?service_name=shop"),
    "snowflake": ("snowflake-sqlalchemy", "snowflake://user:password@account/database/schema"),
    "bigquery": ("sqlalchemy-bigquery", "bigquery://project/dataset"),
    "redshift": (
        "sqlalchemy-redshift and redshift_connector",
        "redshift+redshift_connector://user:password@host/database",
    ),
}
_DIALECTS: Mapping[DatabaseKind, tuple[str, ...]] = {"mysql": ("mysql", "mariadb"), "sqlserver": ("mssql",)}


def url_of(server: DatabaseServer, written: str) -> URL:
    """The URL that the variable holds. Raises TidegateError, which does not show it, for none of this kind."""
    try:
        url = sqlalchemy.make_url(written.strip())
    except (sqlalchemy.exc.ArgumentError, ValueError):
        url = None
    if url is not None and url.get_backend_name() in _DIALECTS.get(server.kind, (server.kind,)):
        return _only_to_read(url)
    raise TidegateError(
        f"The environment variable {server.connection_variable} holds no URL of a database of type {server.kind}, such "
        f"as {_DRIVERS[server.kind][1].replace('user:password@', '')} with user and password. Nothing was changed. "
        "Correct it where Tidegate runs, and run again."
    )


def _only_to_read(url: URL) -> URL:
    """Of SQLite, so that a file that is not there is not made. Others are told to in their session."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return url
    return url.set(database=f"file:{quote(url.database)}", query={"mode": "ro", "uri": "true"})


def cannot_connect(server: DatabaseServer, url: URL, error: Exception) -> TidegateError:
    variable = f"the database in ${server.connection_variable}"
    if isinstance(error, ImportError | sqlalchemy.exc.NoSuchModuleError):
        return TidegateError(
            f"{variable} cannot be asked: the driver that its URL names, {url.drivername}, is not installed. {_KEPT} "
            f"Install {_DRIVERS[server.kind][0]} where Tidegate runs, and run again."
        )
    said = what_it_says(error, url)
    if re.search(_NOT_LET_IN, said.lower()):
        return TidegateError(
            f"{variable} does not accept the login: {said}. {_KEPT} Correct the variable, and run again."
        )
    return SourceDownError(f"{variable} cannot be reached: {said}.")


def cannot_answer(server: DatabaseServer, url: URL, asked: str, error: Exception) -> TidegateError:
    """The error for the contract's query `asked` that failed."""
    said, database = what_it_says(error, url), f"the database in ${server.connection_variable}"
    if getattr(error, "connection_invalidated", False) or re.search(_PASSING, said.lower()):
        return SourceDownError(f"{database} failed while it answered the contract's {asked}: {said}.")
    todo = "Fix the query or the database, and run again."
    return TidegateError(f"{database} cannot answer the contract's {asked}: {said}. {_KEPT} {todo}")


def what_it_says(error: Exception, url: URL) -> str:
    """What a driver says, on one line and without what must not be shown."""
    original = getattr(error, "orig", None) or error
    # Most drivers raise a number and a text.
    said = str(original.args[-1]) if original.args else str(original)
    secrets = [url.render_as_string(hide_password=False), str(url.password or ""), *map(str, url.query.values())]
    # Before it is cut, which might leave half of one.
    return hiding(" ".join(said.split()), secrets)[:300].rstrip(". ")
