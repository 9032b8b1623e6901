"""How an HTTP API is asked for a day, as plain values: its address, who signs in how, and the shape of its pages.

Reading them from a contract belongs to `contract.reading.http`, asking by them to `sources.http`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

PagingKind = Literal["page_number", "offset", "cursor", "next_link", "link_header", "single"]

# The list of records is the answer itself.
WHOLE_ANSWER = "$"


@dataclass(frozen=True)
class BearerToken:
    """`Authorization: Bearer ...`."""

    variable: str

    @property
    def variables(self) -> tuple[str, ...]:
        return (self.variable,)


@dataclass(frozen=True)
class BasicSignIn:
    """`Authorization: Basic ...`, of a user and a password."""

    user_variable: str
    password_variable: str

    @property
    def variables(self) -> tuple[str, ...]:
        return (self.user_variable, self.password_variable)


@dataclass(frozen=True)
class ApiKey:
    """A key in the header or in the parameter of the address that is called `name`."""

    variable: str
    place: Literal["header", "parameter"]
    name: str

    @property
    def variables(self) -> tuple[str, ...]:
        return (self.variable,)


@dataclass(frozen=True)
class ClientCredentials:
    """OAuth2: a token that is fetched for a client's id and secret, and fetched again before it ends.

    `sent_in`: where the address of tokens wants id and secret, in the header of HTTP Basic or in the form.
    """

    token_url_variable: str
    id_variable: str
    secret_variable: str
    scope: str | None = None
    sent_in: Literal["header", "body"] = "header"

    @property
    def variables(self) -> tuple[str, ...]:
        return (self.token_url_variable, self.id_variable, self.secret_variable)


SignIn = BearerToken | BasicSignIn | ApiKey | ClientCredentials


@dataclass(frozen=True)
class Paging:
    """How the pages of a day follow each other.

    `parameter` carries the page's number, the offset or the cursor; `first` is the first page's number. What ends with
    `_at` is where in an answer something stands: a path of keys (`meta.total`), a header (`header:X-Total`), or, for a
    cursor, a field of the page's last record (`last:id`).
    """

    kind: PagingKind
    parameter: str = ""
    first: int = 1
    size_parameter: str | None = None
    size: int | None = None
    in_body: bool = False
    page_at: str | None = None
    pages_at: str | None = None
    total_at: str | None = None
    has_more_at: str | None = None
    cursor_at: str | None = None
    next_at: str | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of keys at which something is looked for in an answer."""
        places = (self.page_at, self.pages_at, self.total_at, self.has_more_at, self.cursor_at, self.next_at)
        return tuple(place for place in places if place and not place.startswith(("header:", "last:")))

    @property
    def field_of_last(self) -> str | None:
        """The field of a page's last record that the next page is asked for by."""
        return self.cursor_at.removeprefix("last:") if self.cursor_at and self.cursor_at.startswith("last:") else None


# What a contract means that says nothing of it: `{"page": 1, "pages": 3, "total": 250, ...}`.
COUNTED_PAGES = Paging("page_number", "page", page_at="page", pages_at="pages", total_at="total")


@dataclass(frozen=True)
class HttpServer:
    """A JSON API. `location` is `{base}/customers?as_of={day}`; `{base}` stands for the variable's value.

    The variables name environment variables; what they hold is read when a delivery is asked for. `records` is the
    path of a page's list. With a `body` it is asked by POST. Location and body hold the day as `sources.moments` says.
    """

    location: str
    base_url_variable: str
    records: str
    sign_in: SignIn | None = None
    paging: Paging = COUNTED_PAGES
    body: Mapping[str, Any] | None = None
    requests_per_minute: int | None = None
    time_limit_seconds: int = 600

    @property
    def address(self) -> str:
        place = self.location.replace("{base}", f"${self.base_url_variable}")
        return place if self.body is None else f"{place} {json.dumps(self.body, ensure_ascii=False)}"

    @property
    def variables(self) -> tuple[str, ...]:
        """The environment variables that it takes to ask."""
        return (self.base_url_variable, *(self.sign_in.variables if self.sign_in else ()))
