"""How long a connection to PostgreSQL may be without a sign of life, and how long one waits on it.

A machine that loses power, or whose network is cut, says no farewell: without these, the server would keep its
transactions, and with them its leases, for the two hours after which Linux looks for the first time.
"""

from __future__ import annotations

from urllib.parse import quote, urlencode

from tidegate.addresses import libpq_settings

# Of the client: a server that is gone is noticed after 10 s of silence and three questions, 25 s in all.
KEEPALIVES = {
    "connect_timeout": "10",
    "keepalives": "1",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}

# Of the server, for this connection: a client that is gone is noticed as soon. A row that another writer's open
# transaction holds is waited for a minute: a commit takes milliseconds, so its writer hangs. No statement on a catalog
# takes minutes. Idle transactions have no limit: a lease is one.
OF_THE_SERVER = {
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "30s",
    "lock_timeout": "60s",
    "statement_timeout": "10min",
}

LIMITS = {**KEEPALIVES, "options": " ".join(f"-c {name}={value}" for name, value in OF_THE_SERVER.items())}


def with_limits(connection: str, **more: str) -> str:
    """libpq settings, or a URL, with these limits and `more`; what they say themselves stays."""
    given = libpq_settings(connection)
    added = {name: value for name, value in {**LIMITS, **more}.items() if name not in given}
    if connection.startswith(("postgresql://", "postgres://")):
        return f"{connection}{'&' if '?' in connection else '?'}{urlencode(added, quote_via=quote)}"
    return " ".join([connection.strip(), *(f"{name}={_quoted(value)}" for name, value in added.items())]).strip()


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
