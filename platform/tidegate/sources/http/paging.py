"""How one page leads to the next: a function for each shape that APIs have.

All are pure: what was asked and what came in, what to ask next out, None after the last page. Asking, and what the
pages must be together, belong to `http.source`.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from tidegate.contract.http import Paging, PagingKind
from tidegate.sources.http.client import PassingError, Question, WrongShapeError, is_below
from tidegate.sources.http.pages import Page

# A hundred million customers at a thousand a page. An API that announces more has lost count.
MAX_PAGES = 99_999

# Enough for any count, and too few to keep Python busy with. Some APIs write numbers as text.
_COUNT = re.compile(rb'"?(0|[1-9][0-9]{0,17})"?')
_YES_OR_NO = {b"true": True, b"false": False, b'"true"': True, b'"false"': False, b"1": True, b"0": False}
_MORE = {b"null": False} | _YES_OR_NO
_HEADER = "header:"


@dataclass(frozen=True)
class Ask:
    """What a page is asked for by, beside what the contract says: the value of the parameter, or a link."""

    value: int | str | None = None
    link: httpx.URL | None = None


@dataclass(frozen=True)
class Answer:
    """A page that came, and what its headers say."""

    page: Page
    url: httpx.URL
    headers: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Announced:
    """How much a page says that there is."""

    pages: int | None = None
    total: int | None = None

    @property
    def in_words(self) -> str:
        pages = [] if self.pages is None else [f"{self.pages:,} pages"]
        return " on ".join([*([] if self.total is None else [f"{self.total:,} records"]), *pages])


def first_ask(paging: Paging) -> Ask:
    match paging.kind:
        case "page_number":
            return Ask(paging.first)
        case "offset":
            return Ask(0)
    return Ask()


def next_ask(paging: Paging, asked: Ask, answer: Answer, seen: int) -> Ask | None:
    """What to ask after an answer, when `seen` records have come with it; None when it was the last.

    Raises WrongShapeError for an answer that is none of this shape.
    """
    _refuse_another_page(paging, asked, answer)
    if _said_more(paging, answer) is False:
        return None
    counts_alone = paging.kind in ("page_number", "offset") and not (paging.pages_at or paging.has_more_at)
    if counts_alone and seen == announced(paging, answer).total:
        return None
    return _SHAPES[paging.kind](paging, asked, answer)


def announced(paging: Paging, answer: Answer) -> Announced:
    """Raises PassingError for more pages than are read."""
    pages = _count(answer, paging.pages_at)
    if pages is not None and pages > MAX_PAGES:
        raise PassingError(f"it announced {pages:,} pages, above the {MAX_PAGES:,} that are read")
    return Announced(pages, _count(answer, paging.total_at))


def question(paging: Paging, ask: Ask, url: httpx.URL, body: Mapping[str, Any] | None) -> Question:
    """The request for a page: at the contract's address with the parameters of paging in it, or at a link."""
    if ask.link is not None:
        return Question(ask.link, body)
    named = {paging.parameter: ask.value, paging.size_parameter or "": paging.size}
    values = {name: value for name, value in named.items() if name and value is not None}
    if body is None or not paging.in_body:
        return Question(url.copy_merge_params(values), body)
    return Question(url, _with_values(body, values))


def _refuse_another_page(paging: Paging, asked: Ask, answer: Answer) -> None:
    said = _count(answer, paging.page_at)
    if said is not None and said != asked.value:
        raise PassingError(f"it sent page {said:,} in place of page {asked.value:,}")


# --- shapes


def _by_page_number(paging: Paging, asked: Ask, answer: Answer) -> Ask | None:
    number = int(asked.value or 0)
    pages = announced(paging, answer).pages
    if pages is not None:
        is_last = number - paging.first + 1 >= pages
    else:
        # Nothing but an empty page says that there is no more: a short one may be all that the server gives at once.
        is_last = not answer.page.records and _said_more(paging, answer) is None
    return None if is_last else Ask(number + 1)


def _by_offset(paging: Paging, asked: Ask, answer: Answer) -> Ask | None:
    if not answer.page.records:
        if _said_more(paging, answer):
            raise WrongShapeError(f"says at `{paging.has_more_at}` that there is more, and has no records")
        return None
    return Ask(int(asked.value or 0) + answer.page.records)


def _by_cursor(paging: Paging, asked: Ask, answer: Answer) -> Ask | None:
    name = paging.field_of_last
    if name is not None:
        return _by_last_record(name, asked, answer)
    cursor = _text(answer, paging.cursor_at)
    if cursor is None and _said_more(paging, answer):
        raise WrongShapeError(f"says that there is more, and has no cursor at `{paging.cursor_at}`")
    return Ask(cursor) if cursor else None


def _by_last_record(name: str, asked: Ask, answer: Answer) -> Ask | None:
    if answer.page.last is None:
        return None
    try:
        # A number keeps its digits.
        record = json.loads(answer.page.last, parse_float=str, parse_int=str)
        cursor = record.get(name)
    except (ValueError, AttributeError, RecursionError):
        cursor = None
    if not isinstance(cursor, str) or not cursor:
        raise WrongShapeError(f"has a last record without a text or number `{name}`, which the next page is asked by")
    return Ask(cursor)


def _by_next_link(paging: Paging, asked: Ask, answer: Answer) -> Ask | None:
    link = _text(answer, paging.next_at)
    return Ask(link=_joined(answer, link)) if link else None


def _by_link_header(paging: Paging, asked: Ask, answer: Answer) -> Ask | None:
    link = answer.links.get("next")
    return Ask(link=_joined(answer, link)) if link else None


def _single(paging: Paging, asked: Ask, answer: Answer) -> None:
    return None


_SHAPES: Mapping[PagingKind, Callable[[Paging, Ask, Answer], Ask | None]] = {
    "page_number": _by_page_number,
    "offset": _by_offset,
    "cursor": _by_cursor,
    "next_link": _by_next_link,
    "link_header": _by_link_header,
    "single": _single,
}


# --- what stands where


def _joined(answer: Answer, link: str) -> httpx.URL:
    try:
        return answer.url.join(link)
    except httpx.InvalidURL as error:
        raise WrongShapeError("has a link to its next page that is not an address") from error


def refuse_link_elsewhere(base: httpx.URL, link: httpx.URL) -> None:
    """Raises WrongShapeError for a link out of the base: whoever signs in does so nowhere else."""
    if not is_below(base, link):
        where = f"{link.scheme}://{link.host}"
        raise WrongShapeError(f"links to its next page at {where}, and nothing outside of {base} is asked")


def _at(answer: Answer, place: str | None) -> bytes | None:
    if place is None:
        return None
    if place.startswith(_HEADER):
        value = answer.headers.get(place.removeprefix(_HEADER).lower())
        return None if value is None else json.dumps(value).encode()
    return answer.page.found.get(place)


def _count(answer: Answer, place: str | None) -> int | None:
    """The count at a place that the contract names. Raises WrongShapeError where there is none."""
    if place is None:
        return None
    written = _at(answer, place)
    if written is None:
        raise WrongShapeError(f"lacks `{place}`")
    match = _COUNT.fullmatch(written)
    if match is None:
        raise WrongShapeError(f"has a `{place}` that is not a count")
    return int(match[1])


def _said_more(paging: Paging, answer: Answer) -> bool | None:
    if paging.has_more_at is None:
        return None
    written = _at(answer, paging.has_more_at)
    if written is None:
        raise WrongShapeError(f"lacks `{paging.has_more_at}`")
    if written.lower() not in _MORE:
        raise WrongShapeError(f"has a `{paging.has_more_at}` that is neither true nor false")
    return _MORE[written.lower()]


def _text(answer: Answer, place: str | None) -> str | None:
    """The text or number at a place; None where there is none, which says that there is no more."""
    written = _at(answer, place)
    if written is None or written in (b"null", b'""', b"false"):
        return None
    try:
        value = json.loads(written, parse_float=str, parse_int=str)
    except ValueError:
        value = None
    if isinstance(value, str):
        return value
    raise WrongShapeError(f"has a `{place}` that is neither text nor a number")


def _with_values(body: Mapping[str, Any], values: Mapping[str, int | str]) -> Mapping[str, Any]:
    """The body with values at paths of keys in it."""
    whole: dict[str, Any] = copy.deepcopy(dict(body))
    for path, value in values.items():
        *keys, last = path.split(".")
        inner = whole
        for key in keys:
            inner = inner.setdefault(key, {})
        inner[last] = value
    return whole
