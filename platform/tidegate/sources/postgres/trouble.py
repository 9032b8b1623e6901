"""What went wrong with a source's database, in sentences, and whether asking again can heal it.

Of what can heal, whoever asked adds what was kept and what to do: another day's delivery may stand in.

Nothing of what the connection variable holds is ever shown, and libpq likes to quote it, even the piece of a
password that it took for a host. So trouble with a connection is told in words of our own; only what PostgreSQL
says of the contract's queries is quoted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tidegate.contract.database import PostgresServer
from tidegate.errors import SourceDownError, TidegateError
from tidegate.sources.postgres.settings import secrets_of

_NO_SETTINGS = "cannot be found: the variable holds neither libpq settings nor a URL (postgresql://...)"
_NOT_LET_IN = "does not let Tidegate in: user, password or the database's name is wrong, or its pg_hba.conf forbids it"

# What libpq says, in the order to look for it; what that means, and whether it can heal.
_CONNECTING: Sequence[tuple[str, str, bool]] = (
    ("connection info string|invalid uri|invalid (connection option|port|integer)", _NO_SETTINGS, False),
    ("/value separator|percent-encoded|unexpected character|end of string|invalid [^ ]+ value", _NO_SETTINGS, False),
    ("authentication failed|no password supplied|pg_hba.conf|not permitted to log in", _NOT_LET_IN, False),
    ('permission denied for database|role "|database "|user name', _NOT_LET_IN, False),
    ("ssl was required|ssl error|certificate", "and Tidegate do not agree about SSL", False),
    ("could not translate host name", "has a host that nobody knows by this name", True),
    ("timeout expired|timed out", "does not answer", True),
    ("starting up|shutting down|recovery|not (yet )?accepting", "is starting or stopping", True),
    ("too many|connection slots", "has no connection to spare", True),
    ("refused|no such file|unreachable|no route", "is not there: nothing listens at its address", True),
)

# What PostgreSQL and libpq say of a query that may well succeed the next time.
_PASSING = (
    "server closed the connection|connection to server|no connection|could not (receive|send) data|ssl connection"
    "|ssl syscall|terminating connection|the database system is|(statement|lock) timeout|conflict with recovery"
    "|deadlock detected|could not serialize|could not extend file|too many|out of shared memory"
)
_NO_ROOM = "out of memory error|no space left|could not write"

_KEPT = "What was loaded before stays."


def cannot_connect(variable: str, text: str, connection: str) -> TidegateError:
    """The error for a `connection` that failed with `text`, of which nothing is shown."""
    # DuckDB quotes the settings before what libpq says of them.
    said = text.replace(connection, "").lower()
    for signs, what, can_heal in _CONNECTING:
        if re.search(signs, said):
            return _unreachable(variable, what, can_heal)
    return _unreachable(variable, "cannot be reached", True)


def _unreachable(variable: str, what: str, can_heal: bool) -> TidegateError:
    if can_heal:
        return SourceDownError(f"the database in ${variable} {what}.")
    return TidegateError(
        f"the database in ${variable} {what}. {_KEPT} Fix the variable where Tidegate runs, or the database, and "
        f'run again; `psql "${variable}"` tells more.'
    )


def took_too_long(server: PostgresServer) -> SourceDownError:
    """The error for a database that did not answer within the server's time limit."""
    return SourceDownError(
        f"the database in ${server.connection_variable} did not answer within {server.time_limit_seconds:,} s "
        "(timeLimitSeconds in the contract)."
    )


def cannot_answer(variable: str, asked: str, text: str, connection: str) -> TidegateError:
    """The error for the contract's query `asked` that failed with `text`."""
    said = what_it_says(text, connection)
    database = f"the database in ${variable}"
    if re.search(_PASSING, said.lower()):
        return SourceDownError(f"{database} broke off while it answered the contract's {asked}: {said}.")
    if "ERROR:" not in text and re.search(_NO_ROOM, said.lower()):
        return TidegateError(f"its rows could not be kept: {said}. {_KEPT} Make room where TMPDIR is, and run again.")
    return TidegateError(
        f"{database} cannot answer the contract's {asked}: {said}. {_KEPT} "
        "Fix the query or the database, and run again."
    )


def what_it_says(text: str, connection: str) -> str:
    """The line that PostgreSQL or libpq says in a message of DuckDB's, without what must not be shown."""
    # DuckDB quotes the query before what PostgreSQL says of it; what libpq says has no such head.
    answer = re.search("(?:ERROR|FATAL): +(.*)", text)
    line = answer[1] if answer else text.strip().partition("\n")[0]
    for secret in secrets_of(connection):
        line = line.replace(secret, "***")
    return line.strip().rstrip(".")
