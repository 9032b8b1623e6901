"""A server of type `api`: its address, who signs in how, and the shape of its pages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from open_data_contract_standard.model import Server as OdcsServer

from tidegate.addresses import climbs, names_a_secret
from tidegate.contract.http import (
    COUNTED_PAGES,
    ApiKey,
    BasicSignIn,
    BearerToken,
    ClientCredentials,
    HttpServer,
    Paging,
    PagingKind,
    SignIn,
)
from tidegate.contract.reading.document import At, Document, Written
from tidegate.contract.reading.outside import (
    read_text,
    read_time_limit,
    read_variable,
    required_text,
    required_variable,
)
from tidegate.contract.reading.written import read_choice, whole_number
from tidegate.placeholders import holes_in, wrong_hole

# Faster than a thousand a second, no API that states a rate is.
MAX_REQUESTS_PER_MINUTE = 60_000
MAX_PAGE_SIZE = 1_000_000

# Right after its base begins a path or a query: anything else would go on with the base's host.
_LOCATION = re.compile(r"\{base\}[/?](?:[^\s{}#\\]|\{(?:day|start|end)(?::[^{}]+)?\})*")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")

# By what a sign-in is recognised, and what belongs to each.
_SIGN_INS: Mapping[str, tuple[str, ...]] = {
    "tokenVariable": ("tokenVariable",),
    "userVariable": ("userVariable", "passwordVariable"),
    "keyVariable": ("keyVariable", "keyHeader", "keyParameter"),
    "clientIdVariable": ("clientIdVariable", "clientSecretVariable", "tokenUrlVariable", "scope", "credentialsIn"),
}
_SIZES = ("pageSizeParameter", "pageSize", "pagingIn")
# What each shape of paging may say, and what it must.
_SHAPES: Mapping[PagingKind, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "page_number": ((*_SIZES, "pageParameter", "firstPage", "pageAt", "pagesAt", "totalAt", "hasMoreAt"), ()),
    "offset": ((*_SIZES, "offsetParameter", "totalAt", "hasMoreAt"), ()),
    "cursor": ((*_SIZES, "cursorParameter", "cursorAt", "totalAt", "hasMoreAt"), ("cursorParameter", "cursorAt")),
    "next_link": ((*_SIZES, "nextAt", "totalAt", "hasMoreAt"), ("nextAt",)),
    "link_header": ((*_SIZES, "totalAt"), ()),
    "single": (("totalAt",), ()),
}
_OF_PAGING = tuple(dict.fromkeys(name for may, _ in _SHAPES.values() for name in may))
_PARAMETERS: Mapping[str, tuple[str, str]] = {
    "page_number": ("pageParameter", "page"),
    "offset": ("offsetParameter", "offset"),
    "cursor": ("cursorParameter", ""),
}

HTTP_PROPERTIES = (
    "baseUrlVariable",
    "records",
    "body",
    "paging",
    *_OF_PAGING,
    *(name for names in _SIGN_INS.values() for name in names),
    "maxRequestsPerMinute",
    "timeLimitSeconds",
)


def read_http(doc: Document, server: OdcsServer, custom: Written, at: At) -> HttpServer:
    """Raises ContractError for an API that cannot be asked."""
    body = _read_body(doc, custom)
    rate = whole_number(doc, custom, "maxRequestsPerMinute", 1, MAX_REQUESTS_PER_MINUTE, "requests a minute")
    records = required_text(doc, custom, "records", "the path of a page's list of records", at)
    return HttpServer(
        location=_read_location(doc, server, custom, body, at),
        base_url_variable=required_variable(doc, custom, "baseUrlVariable", "the base of the API's address", at),
        records=records.removeprefix("$.") or "$",
        sign_in=_read_sign_in(doc, custom, at),
        paging=_read_paging(doc, custom, at, has_body=body is not None),
        body=body,
        requests_per_minute=rate,
        time_limit_seconds=read_time_limit(doc, custom) or HttpServer.time_limit_seconds,
    )


def _read_location(doc: Document, server: OdcsServer, custom: Written, body: Mapping[str, Any] | None, at: At) -> str:
    location, here = server.location or "", (*at, "location")
    rest = location.removeprefix("{base}")
    asks_for_a_day = holes_in(location) or any(map(holes_in, _texts(body)))
    if not _LOCATION.fullmatch(location) or not asks_for_a_day:
        what = f"'{location}' does not say where a day's pages are"
        instead = (
            "write it as '{base}/customers?as_of={day}' or '{base}/orders?from={start}&to={end}': the base once, "
            "'/' or '?' after it, and the day"
        )
        raise doc.refused(here, what, instead)
    for text, where in [(rest, here), *((text, custom["body"][1]) for text in _texts(body))]:
        # In a body, other braces are the API's.
        if (wrong := wrong_hole(text)) and (where == here or holes_in(wrong)):
            instead = "write {day:%Y%m%d}, {start:%Y-%m-%dT%H:%M:%SZ} or {end:epoch} with letters of strftime"
            raise doc.refused(where, f"'{wrong}' is no way to write a day", instead)
    path, _, query = rest.partition("?")
    if climbs(path):
        raise doc.refused(here, f"'{location}' leads out of its base", "write it without '..' and '.'")
    if names_a_secret(query):
        # Not shown: it may hold the secret.
        what = "the address has a parameter that is named like a secret"
        raise doc.refused(here, what, "remove it, and write the custom properties 'keyVariable' and 'keyParameter'")
    return location


def _read_body(doc: Document, custom: Written) -> Mapping[str, Any] | None:
    if "body" not in custom:
        return None
    body, at = custom["body"]
    if isinstance(body, dict):
        return body
    raise doc.refused(at, "'body' is not a mapping", "write what is posted as JSON: {status: done, from: '{start}'}")


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for item in value.values():
                yield from _texts(item)
        case list():
            for item in value:
                yield from _texts(item)


# --- signing in


def _read_sign_in(doc: Document, custom: Written, at: At) -> SignIn | None:
    written = [name for name in _SIGN_INS if name in custom]
    for first, names in _SIGN_INS.items():
        for name in names:
            if name in custom and first not in custom:
                raise doc.refused(custom[name][1], f"'{name}' without '{first}' signs nobody in", f"write '{first}'")
    if len(written) > 1:
        what = f"'{written[0]}' and '{written[1]}' are two ways to sign in"
        raise doc.refused(custom[written[1]][1], what, "keep one of them")
    match written:
        case ["tokenVariable"]:
            return BearerToken(required_variable(doc, custom, "tokenVariable", "the token", at))
        case ["userVariable"]:
            return BasicSignIn(
                required_variable(doc, custom, "userVariable", "the user", at),
                required_variable(doc, custom, "passwordVariable", "the password", at),
            )
        case ["keyVariable"]:
            return _read_key(doc, custom)
        case ["clientIdVariable"]:
            return ClientCredentials(
                required_variable(doc, custom, "tokenUrlVariable", "the address of tokens", at),
                required_variable(doc, custom, "clientIdVariable", "the client's id", at),
                required_variable(doc, custom, "clientSecretVariable", "the client's secret", at),
                read_text(doc, custom, "scope"),
                read_choice(doc, custom, "credentialsIn", ("header", "body"), "header"),
            )
    return None


def _read_key(doc: Document, custom: Written) -> ApiKey:
    variable, here = read_variable(doc, custom, "keyVariable") or "", custom["keyVariable"][1]
    header, parameter = read_text(doc, custom, "keyHeader"), read_text(doc, custom, "keyParameter")
    if (header is None) == (parameter is None):
        what = "the key goes into a header or a parameter, one of them"
        raise doc.refused(here, what, "write 'keyHeader: X-Api-Key' or 'keyParameter: api_key'")
    if header is not None and not _HEADER_NAME.fullmatch(header):
        raise doc.refused(custom["keyHeader"][1], f"'{header}' cannot name a header", "write it as 'X-Api-Key'")
    return ApiKey(variable, "header", header) if header is not None else ApiKey(variable, "parameter", parameter or "")


# --- paging


def _read_paging(doc: Document, custom: Written, at: At, *, has_body: bool) -> Paging:
    if "paging" not in custom:
        may: tuple[str, ...] = ("pageParameter",)
        _refuse_idle(doc, custom, may, "unless 'paging' says how pages follow each other")
        parameter = read_text(doc, custom, "pageParameter") or COUNTED_PAGES.parameter
        return Paging("page_number", parameter, page_at="page", pages_at="pages", total_at="total")
    kind: PagingKind = read_choice(doc, custom, "paging", get_args(PagingKind), None)
    may, must = _SHAPES[kind]
    _refuse_idle(doc, custom, may, f"with 'paging: {kind}'")
    for name in must:
        required_text(doc, custom, name, f"how to get from page to page ('paging: {kind}')", custom["paging"][1])
    parameter_property, otherwise = _PARAMETERS.get(kind, ("", ""))
    size_parameter = read_text(doc, custom, "pageSizeParameter")
    size = whole_number(doc, custom, "pageSize", 1, MAX_PAGE_SIZE, "records a page")
    if (size is None) != (size_parameter is None):
        what = "'pageSize' and 'pageSizeParameter' say nothing without each other"
        raise doc.refused(custom["pageSize" if size else "pageSizeParameter"][1], what, "write both")
    first = whole_number(doc, custom, "firstPage", 0, 1, "the first page")
    return Paging(
        kind,
        read_text(doc, custom, parameter_property) or otherwise,
        first=1 if first is None else first,
        size_parameter=size_parameter,
        size=size,
        in_body=read_choice(doc, custom, "pagingIn", ("query", "body"), "body" if has_body else "query") == "body",
        **{field: _read_place(doc, custom, name) for name, field in _PLACES.items()},
    )


_PLACES = {
    "pageAt": "page_at",
    "pagesAt": "pages_at",
    "totalAt": "total_at",
    "hasMoreAt": "has_more_at",
    "cursorAt": "cursor_at",
    "nextAt": "next_at",
}


def _read_place(doc: Document, custom: Written, name: str) -> str | None:
    place = read_text(doc, custom, name)
    if place is None:
        return None
    if place.startswith("last:") and name != "cursorAt":
        what = "'last:' is a field of a page's last record, which only a cursor is taken from"
        raise doc.refused(custom[name][1], what, "write a path of keys, or 'header:NAME'")
    if place in ("last:", "header:"):
        raise doc.refused(custom[name][1], f"'{place}' names nothing", f"write '{place}NAME'")
    return place.removeprefix("$.")


def _refuse_idle(doc: Document, custom: Written, may: tuple[str, ...], when: str) -> None:
    for name in _OF_PAGING:
        if name in custom and name not in may:
            raise doc.refused(custom[name][1], f"'{name}' has no effect {when}", "remove it, or correct 'paging'")
