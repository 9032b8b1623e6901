"""What of an address may be shown, and where one leads: URLs, and libpq's settings of a connection.

An address comes from a person's environment, from a contract, or from a server that redirects. What may be a secret in
it is found by parsing. Whether it can be reached is not asked here.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit, urlunsplit

HIDDEN = "***"

# A shorter secret would be hidden where it is none.
SHORTEST_SECRET = 4
# So few letters of base64 stand in a text by chance.
SHORTEST_IN_BASE64 = 8

# A URL in a text, up to what can be none of it.
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/{2,}[^\s\"'<>`|]+")
# What the rest of a sentence adds to a URL in it.
_SENTENCE_END = re.compile(r"[.,;:!?)\]}]*$")
# A setting of libpq, or of anything else that is written so, in a text: `password='it''s'`, `sslpassword = x`.
_SETTING = re.compile(r"(?i)\b([a-z_]+)(\s*=\s*)('(?:[^'\\]|\\.|'')*'?|\"[^\"]*\"?|[^\s'\",;&]+)")
_SECRET_NAME = re.compile(r"(?i)(?:pass(?!file)|pwd|secret|token|credential|signature|api_?key|scram_\w+_key)")
# The one kind of value of a query that a message needs: a day, a moment or a count.
_HARMLESS_VALUE = re.compile(r"\d{1,9}|\d{4}-\d\d-\d\d(?:[T ][\d:.]+(?:Z|[+-][\d:]+)?)?")

# libpq's settings: `name = value`, or `name = 'value'` with \ before a quote.
_LIBPQ = re.compile(r"\s*([A-Za-z_]+)\s*=\s*('(?:[^'\\]|\\.)*'|(?:[^\s'\\]|\\.)*)(?=\s|$)", re.DOTALL)
_LIBPQ_URL = ("postgresql://", "postgres://")
_HOSTS = re.compile(r"(?:(?:\[[0-9A-Fa-f:.%]+\]|[^:@\[\],]*)(?::\d*)?(?:,|$))*")


def without_secrets(text: str) -> str:
    """A text with whatever may be a secret in its addresses hidden: users, passwords, tokens, signatures."""
    text = _URL.sub(lambda found: _shown_in_a_sentence(found[0]), text)
    return _SETTING.sub(lambda found: _shown_setting(found[0], found[1], found[2]), text)


def hiding(text: str, secrets: Iterable[str]) -> str:
    """A text without these secrets, however they are written in it: as they are, escaped, or in base64, as in the
    header of HTTP Basic."""
    for secret in secrets:
        if len(secret) >= SHORTEST_SECRET:
            # The longest first: one may hold another.
            for form in sorted(written_forms(secret), key=len, reverse=True):
                text = text.replace(form, HIDDEN)
            for pattern in _in_base64(secret):
                text = re.sub(pattern, HIDDEN, text)
    return text


def _in_base64(secret: str) -> Iterator[str]:
    """Patterns of it with what is encoded together with it.

    Four signs stand for three letters, so it looks otherwise at each of three places, and its ends depend on what is
    beside it.
    """
    raw = secret.encode()
    for before in range(3):
        whole = (before + len(raw)) // 3 * 3
        encoded = base64.b64encode((b"\0" * before + raw)[:whole]).decode("ascii")[4 if before else 0 :]
        if len(encoded) >= SHORTEST_IN_BASE64:
            for form in (encoded, encoded.translate(str.maketrans("+/", "-_"))):
                yield f"[A-Za-z0-9+/_-]*{re.escape(form)}[A-Za-z0-9+/_-]*={{0,2}}"


def holds_secret(text: str) -> bool:
    """Whether something in a text that holds addresses, or is one, would have to be hidden."""
    return without_secrets(text) != text


def names_a_secret(query: str) -> bool:
    """Whether a parameter of a URL's query is named like a secret."""
    return any(_SECRET_NAME.search(name) for name, _ in parse_qsl(query, keep_blank_values=True))


def _shown_in_a_sentence(text: str) -> str:
    end = _SENTENCE_END.search(text)
    cut = end.start() if end else len(text)
    return _shown_url(text[:cut]) + text[cut:]


def _shown_url(url: str) -> str:
    try:
        parts = urlsplit(url.replace("\\", "/"))
    except ValueError:
        # No part of what cannot be taken apart is known to be harmless.
        return f"{url.partition(':')[0]}://{HIDDEN}"
    user, at, host = parts.netloc.rpartition("@")
    query = "&".join(_shown_parameter(parameter) for parameter in parts.query.split("&")) if parts.query else ""
    netloc = f"{HIDDEN}@{host}" if at and user else host
    return urlunsplit((parts.scheme, netloc, parts.path, query, HIDDEN if parts.fragment else ""))


def _shown_parameter(parameter: str) -> str:
    name, equals, value = parameter.partition("=")
    if not equals or not value:
        # `?s3cret` has no name.
        return parameter if _HARMLESS_VALUE.fullmatch(parameter) or equals else HIDDEN
    harmless = _HARMLESS_VALUE.fullmatch(unquote(value)) and not _SECRET_NAME.search(unquote(name))
    return parameter if harmless else f"{name}={HIDDEN}"


def _shown_setting(whole: str, name: str, equals: str) -> str:
    return f"{name}{equals}{HIDDEN}" if _SECRET_NAME.search(name) else whole


# --- libpq


def libpq_settings(connection: str) -> dict[str, str]:
    """The settings in libpq's `name=value` form or URL. Raises ValueError, which does not repeat it, for neither."""
    if connection.startswith(_LIBPQ_URL):
        return _settings_of_url(connection)
    settings: dict[str, str] = {}
    at = 0
    while at < len(connection.rstrip()):
        match = _LIBPQ.match(connection, at)
        if match is None:
            raise ValueError("neither libpq settings nor a URL")
        value = match[2][1:-1] if match[2].startswith("'") else match[2]
        settings[match[1]] = re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL)
        at = match.end()
    return settings


def _settings_of_url(url: str) -> dict[str, str]:
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    # A password with a sign that must be written %2F or so ends the address early: the rest is of the password.
    if not _HOSTS.fullmatch(host) or "@" in parts.path + parts.query or parts.fragment or not url.isprintable():
        raise ValueError("not a URL of libpq")
    name, _, password = user.partition(":")
    found = {"host": host, "user": name, "password": password, "dbname": parts.path.removeprefix("/")}
    settings = {key: unquote(value) for key, value in found.items() if value}
    return settings | dict(parse_qsl(parts.query, keep_blank_values=True))


def secrets_of(settings: Mapping[str, str]) -> Iterator[str]:
    """The values among libpq's settings that must not be shown."""
    return (value for name, value in settings.items() if value and (_SECRET_NAME.search(name) or holds_secret(value)))


def written_forms(secret: str) -> set[str]:
    """How a secret may stand in an address or in settings."""
    escaped = secret.replace("\\", "\\\\").replace("'", "\\'")
    return {secret, escaped, quote(secret), quote(secret, safe=""), quote_plus(secret)}


# --- where a URL leads


def climbs(path: str) -> bool:
    """Whether a server may take a URL's path for one above where it begins: `..`, however it is written."""
    plain = path
    while (decoded := unquote(plain)) != plain:
        plain = decoded
    segments = re.split(r"[/\\]", plain)
    # Some servers cut off what follows a semicolon.
    return "\\" in plain or any(segment.partition(";")[0].strip() in (".", "..") for segment in segments)
