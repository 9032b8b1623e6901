"""What an environment variable with libpq settings or a URL holds: what to add to it, and what of it nobody may see."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, unquote, urlencode

# Where the variable does not say otherwise. By itself libpq waits for ever; so a server that is gone is noticed
# within half a minute. Without the encoding, text of a database in LATIN1 comes as it is stored there.
CONNECTION = {
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
    "client_encoding": "UTF8",
    "application_name": "tidegate",
}


def with_defaults(connection: str) -> str:
    """The libpq settings or URL, with `CONNECTION` where it does not say otherwise."""
    if not connection.startswith(("postgres://", "postgresql://")):
        # Of two values for one setting the later one counts.
        return " ".join([*(f"{name}={value}" for name, value in CONNECTION.items()), connection])
    given = dict(parse_qsl(connection.partition("?")[2]))
    lacking = urlencode({name: value for name, value in CONNECTION.items() if name not in given})
    return f"{connection}{'&' if '?' in connection else '?'}{lacking}"


def secrets_of(connection: str) -> Iterator[str]:
    """The connection's texts that must not be shown: all of it, and its passwords."""
    yield connection
    found = re.findall(r"password\s*=\s*('(?:[^'\\]|\\.)*'|[^\s&]+)", connection)
    in_url = re.match(r"postgres(?:ql)?://[^/@:]*:(.*)@", connection)
    for password in [*found, *([in_url[1]] if in_url else [])]:
        yield from (secret for secret in (password, password.strip("'"), unquote(password)) if secret)
