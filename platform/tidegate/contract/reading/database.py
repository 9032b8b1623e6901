"""Servers that are databases: how to connect, and what to ask for a day."""

from __future__ import annotations

import re

from tidegate.contract.database import DatabaseKind, DatabaseServer, PostgresServer
from tidegate.contract.reading.document import At, Document, Written
from tidegate.contract.reading.outside import read_time_limit, required_text, required_variable
from tidegate.placeholders import holes_in, wrong_hole

DATABASE_PROPERTIES = ("connectionVariable", "query", "readyQuery", "timeLimitSeconds")

_PLACEHOLDER = re.compile(r"\{([A-Za-z_]+)\}")


def read_postgres(doc: Document, custom: Written, at: At) -> PostgresServer:
    """Raises ContractError for a database that cannot be asked."""
    query, ready_query = _read_queries(doc, custom, at)
    _check_placeholders(doc, query, {"start", "end"}, custom["query"][1])
    _check_placeholders(doc, ready_query, {"day"}, custom["readyQuery"][1])
    what_connects = "how to connect (libpq settings or a URL)"
    return PostgresServer(
        connection_variable=required_variable(doc, custom, "connectionVariable", what_connects, at),
        query=query,
        ready_query=ready_query,
        time_limit_seconds=read_time_limit(doc, custom) or PostgresServer.time_limit_seconds,
    )


def read_database(doc: Document, kind: DatabaseKind, custom: Written, at: At) -> DatabaseServer:
    """Raises ContractError for a database that cannot be asked."""
    query, ready_query = _read_queries(doc, custom, at)
    for name, text, example in (
        ("query", query, "where paid_at >= {start} and paid_at < {end}"),
        ("readyQuery", ready_query, "where date = {day}"),
    ):
        if wrong := wrong_hole(text):
            what = f"'{wrong}' means nothing in this query"
            raise doc.refused(custom[name][1], what, "write {day}, {start} or {end}, or one of them as {start:epoch}")
        if not holes_in(text):
            what = "the query does not say which day's rows it asks for"
            raise doc.refused(custom[name][1], what, f"write '{example}' in it, without quotes around the braces")
    return DatabaseServer(
        kind=kind,
        connection_variable=required_variable(doc, custom, "connectionVariable", "SQLAlchemy's URL", at),
        query=query,
        ready_query=ready_query,
        time_limit_seconds=read_time_limit(doc, custom) or DatabaseServer.time_limit_seconds,
    )


def _read_queries(doc: Document, custom: Written, at: At) -> tuple[str, str]:
    return (
        required_text(doc, custom, "query", "the query of a day's rows", at),
        required_text(doc, custom, "readyQuery", "the query that tells whether a day is ready", at),
    )


def _check_placeholders(doc: Document, query: str, needed: set[str], at: At) -> None:
    found = set(_PLACEHOLDER.findall(query))
    shown = " and ".join(f"'{{{name}}}'" for name in sorted(needed, reverse=True))
    if missing := sorted(needed - found, reverse=True):
        what = f"the query does not say where '{{{missing[0]}}}' goes"
        raise doc.refused(at, what, f"write {shown} in it, without quotes around")
    if unknown := sorted(found - needed):
        raise doc.refused(at, f"'{{{unknown[0]}}}' means nothing in this query", f"write only {shown}")
