"""Signing in at an API: what a request carries, and what of it nobody may see.

The values come from environment variables that the contract names. They go to the API's base alone, and a client's id
and secret to the address of tokens alone.
"""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from tidegate import addresses
from tidegate.contract.http import ApiKey, BasicSignIn, BearerToken, ClientCredentials, SignIn
from tidegate.errors import TidegateError
from tidegate.sources.origin import Outside

# What a header can carry. A line end from a file of secrets is not part of the token.
_TOKEN = re.compile(r"[\x21-\x7e]+")

# A token is fetched again so many seconds before it ends: longer than a request may take to be answered.
BEFORE_ITS_END = 30.0
# Where a token's answer does not say how long it lives.
DEFAULT_LIFE = 3_600.0

Send = Callable[[httpx.Request], bytes]


class Signer:
    """Signs requests. `send` gives the body of a request's answer that is not the API's."""

    secrets: tuple[str, ...] = ()

    def sign(self, request: httpx.Request, send: Send) -> None:
        """Nothing to sign with."""

    def forget(self) -> bool:
        """After a refusal: whether another sign-in may be let in."""
        return False


@dataclass
class _InHeader(Signer):
    name: str
    value: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)

    def sign(self, request: httpx.Request, send: Send) -> None:
        request.headers[self.name] = self.value


@dataclass
class _InParameter(Signer):
    name: str
    secrets: tuple[str, ...] = field(repr=False)

    def sign(self, request: httpx.Request, send: Send) -> None:
        request.url = request.url.copy_set_param(self.name, self.secrets[0])


class _ByClientCredentials(Signer):
    def __init__(self, url: httpx.URL, client: tuple[str, str], settings: ClientCredentials) -> None:
        self._url = url
        self._id, self._secret = client
        self._settings = settings
        self._token = ""
        self._ends_at = 0.0
        self.secrets = (self._secret,)

    def sign(self, request: httpx.Request, send: Send) -> None:
        if not self._token or time.monotonic() >= self._ends_at:
            self._fetch(send)
        request.headers["Authorization"] = f"Bearer {self._token}"

    def forget(self) -> bool:
        had, self._token = bool(self._token), ""
        return had

    def _fetch(self, send: Send) -> None:
        form = {"grant_type": "client_credentials"} | ({"scope": self._settings.scope} if self._settings.scope else {})
        headers = {"Accept": "application/json"}
        if self._settings.sent_in == "header":
            headers["Authorization"] = _basic(self._id, self._secret)
        else:
            form |= {"client_id": self._id, "client_secret": self._secret}
        try:
            answer = json.loads(send(httpx.Request("POST", self._url, data=form, headers=headers)))
            token, lives = answer["access_token"], float(answer.get("expires_in") or DEFAULT_LIFE)
        except (ValueError, TypeError, LookupError, AttributeError):
            token, lives = "", 0.0
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            # What came is not shown: it may hold a token.
            raise TidegateError(
                f"The address of tokens in ${self._settings.token_url_variable} answered, but not with a JSON object "
                "that has a text `access_token`. Nothing was changed. Correct the address, or ask who runs it."
            ) from None
        self._token, self._ends_at = token, time.monotonic() + lives - min(BEFORE_ITS_END, lives / 2)
        self.secrets = (self._secret, token)


def signer_of(sign_in: SignIn | None, outside: Outside) -> Signer:
    """Raises TidegateError for a variable that is not set, or that holds what cannot be sent."""
    match sign_in:
        case None:
            return Signer()
        case BearerToken(variable):
            token = _secret(outside, variable, "the token of the API")
            return _InHeader("Authorization", f"Bearer {token}", (token,))
        case BasicSignIn(user, password):
            name = _plain(outside, user, "the user at the API")
            word = outside.variable(password, "the password at the API").rstrip("\r\n")
            basic = _basic(name, word)
            return _InHeader("Authorization", basic, (word, basic.partition(" ")[2]))
        case ApiKey(variable, "header", name):
            key = _secret(outside, variable, "the key of the API")
            return _InHeader(name, key, (key,))
        case ApiKey(variable, _, name):
            return _InParameter(name, (_secret(outside, variable, "the key of the API"),))
        case ClientCredentials():
            client = (
                _plain(outside, sign_in.id_variable, "the client's id at the API"),
                _secret(outside, sign_in.secret_variable, "the client's secret at the API"),
            )
            return _ByClientCredentials(address_in(outside, sign_in.token_url_variable), client, sign_in)


def address_in(outside: Outside, variable: str) -> httpx.URL:
    """The address that a variable holds. Raises TidegateError for none, or for one with a secret in it."""
    try:
        address = httpx.URL(outside.variable(variable, "the address of the API").strip())
    except httpx.InvalidURL:
        address = httpx.URL()
    # The value is not shown: a person may have put a secret into it.
    shown = address.userinfo or address.query or address.fragment
    if address.scheme not in ("http", "https") or not address.host or shown:
        raise TidegateError(
            f"The environment variable {variable} holds no address such as https://crm.example.com/api (no user, no "
            "password, nothing after a question mark). Nothing was changed. Correct it, and run again."
        )
    return address


@contextmanager
def hiding(signer: Signer) -> Iterator[None]:
    """Whatever a server said, no error repeats a secret of ours."""
    try:
        yield
    except TidegateError as error:
        hidden = addresses.hiding(str(error), signer.secrets)
        if hidden == str(error):
            raise
        raise type(error)(hidden) from None


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


def _secret(outside: Outside, variable: str, what: str) -> str:
    value = outside.variable(variable, what).strip()
    if _TOKEN.fullmatch(value):
        return value
    raise TidegateError(
        f"The environment variable {variable} holds no {what.split()[1]}: those are letters, digits and signs without "
        "spaces. Nothing was changed. Correct it, and run again."
    )


def _plain(outside: Outside, variable: str, what: str) -> str:
    value = outside.variable(variable, what).strip()
    if value.isprintable() and ":" not in value:
        return value
    raise TidegateError(
        f"The environment variable {variable}, {what}, holds a colon or signs that are not printed. Nothing was "
        "changed. Correct it, and run again."
    )
