"""What an environment variable with libpq settings or a URL holds: what to add to it, and what of it nobody may see."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import parse_qsl, urlencode

from tidegate import addresses

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
    """The connection's texts that must not be shown: all of it, and its passwords, however they are written."""
    yield connection
    # What cannot be parsed connects to nothing, so no server repeats a part of it.
    with suppress(ValueError):
        for secret in addresses.secrets_of(addresses.libpq_settings(connection)):
            yield from addresses.written_forms(secret)
