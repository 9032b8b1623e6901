"""Deliveries from a JSON API: all pages of a day, one by one into the archive.

A page is checked before it is kept, and the pages against each other before they count as a delivery. How requests are
made and repeated belongs to `http.client`, what a page is made of to `http.pages`, how one leads to the next to
`http.paging`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import quote

import httpx

from tidegate.archive.archive import Archive
from tidegate.archive.manifest import Captured, CapturedFile
from tidegate.contract.http import COUNTED_PAGES, ApiKey, HttpServer
from tidegate.placeholders import UTC_DAYS, Moments, with_offset
from tidegate.sources.http.client import (
    PassingError,
    Question,
    Reply,
    TimedClient,
    WrongShapeError,
    outside_of,
)
from tidegate.sources.http.overlap import Overlap
from tidegate.sources.http.pages import Lines, OtherShapeError, Page, PageError, read_page
from tidegate.sources.http.paging import (
    MAX_PAGES,
    Announced,
    Answer,
    Ask,
    announced,
    first_ask,
    next_ask,
    question,
    refuse_link_elsewhere,
)
from tidegate.sources.http.sign_in import Signer, address_in, hiding, signer_of
from tidegate.sources.origin import Outside

# A snapshot that changed while its pages were read is read once more, from its first page.
READINGS = 2


@dataclass(frozen=True)
class HttpOrigin:
    """One region's API."""

    region: str
    server: HttpServer
    outside: Outside
    moments: Moments = UTC_DAYS

    def capture(self, archive: Archive, source: str, day: dt.date) -> Captured:
        """All pages of the day. Raises SourceDownError for what may pass, TidegateError for what we must fix."""
        reading = self._reading(day)
        with hiding(reading.signer), reading.client() as client:
            files = client.persist(partial(reading.capture, client, archive), str(reading.url), attempts=READINGS)
        return archive.enter(source, self.region, day, files)

    def ask(self, day: dt.date) -> None:
        """Ask for the day's first page."""
        reading = self._reading(day)
        with hiding(reading.signer), reading.client() as client:
            reading.ask(client, first_ask(self.server.paging))

    def describe(self, day: dt.date) -> str:
        """The address of the day's first page, without its base when that is not set."""
        return self.moments.fill(self.server.address, day, with_offset)

    def _reading(self, day: dt.date) -> _Reading:
        base = address_in(self.outside, self.server.base_url_variable)
        return _Reading(
            self.server, base, self._url(base, day), self._body(day), signer_of(self.server.sign_in, self.outside)
        )

    def _url(self, base: httpx.URL, day: dt.date) -> httpx.URL:
        address = self.moments.fill(self.server.location, day, with_offset, lambda text, _: quote(text, safe="-_.~:/"))
        try:
            return httpx.URL(address.replace("{base}", str(base).rstrip("/")))
        except httpx.InvalidURL as error:
            raise outside_of(base) from error

    def _body(self, day: dt.date) -> Mapping[str, Any] | None:
        return None if self.server.body is None else _filled(self.server.body, self.moments, day)


def _filled(value: Any, moments: Moments, day: dt.date) -> Any:
    """The value with the day in all of its texts."""
    match value:
        case str():
            return moments.fill(value, day, with_offset)
        case dict():
            return {key: _filled(item, moments, day) for key, item in value.items()}
        case list():
            return [_filled(item, moments, day) for item in value]
    return value


@dataclass(frozen=True)
class _Reading:
    """How one day is asked for."""

    server: HttpServer
    base: httpx.URL
    url: httpx.URL
    body: Mapping[str, Any] | None
    signer: Signer

    def client(self) -> TimedClient:
        server = self.server
        return TimedClient(self.base, self.signer, server.time_limit_seconds, server.requests_per_minute)

    def ask(self, client: TimedClient, ask: Ask, overlap: Lines | None = None) -> tuple[bytes, Answer]:
        asked = question(self.server.paging, ask, self.url, self.body)
        return client.ask(asked, partial(self._checked, asked, ask, overlap))

    def capture(self, client: TimedClient, archive: Archive) -> tuple[CapturedFile, ...]:
        """The pages from the first to the last, in the archive."""
        files: list[CapturedFile] = []
        pages = _PagesSoFar(self.server)
        ask: Ask | None = first_ask(self.server.paging)
        while ask is not None:
            body, answer = self.ask(client, ask)
            files.append(archive.add(f"page-{len(files) + 1:05}.json", [body]))
            ask = self._following(ask, answer, pages.take(body, answer), pages)
        pages.refuse_another_total()
        return tuple(files)

    def _following(self, asked: Ask, answer: Answer, seen: int, pages: _PagesSoFar) -> Ask | None:
        if self.server.paging.field_of_last and not pages.had_new_records:
            return None
        following = next_ask(self.server.paging, asked, answer, seen)
        if following is not None:
            pages.refuse_again(following)
            if following.link is not None:
                return Ask(link=self._without_key(following.link))
        return following

    def _without_key(self, link: httpx.URL) -> httpx.URL:
        """A link as it may be shown. Some APIs repeat the key in it, which is added when it is asked."""
        refuse_link_elsewhere(self.base, link)
        sign_in = self.server.sign_in
        if isinstance(sign_in, ApiKey) and sign_in.place == "parameter":
            return link.copy_remove_param(sign_in.name)
        return link

    def _checked(self, asked: Question, ask: Ask, lines: Lines | None, reply: Reply) -> Answer:
        try:
            page = read_page(reply.body, self.server.records, lines, self.server.paging.paths)
        except OtherShapeError as error:
            raise WrongShapeError(str(error)) from error
        except PageError as error:
            raise PassingError(f"its answer {error}") from error
        answer = Answer(page, asked.url, reply.headers, reply.links)
        try:
            # Whatever is wrong with what it says of its pages is found while it can be asked for again.
            announced(self.server.paging, answer)
            next_ask(self.server.paging, ask, answer, seen=-1)
        except WrongShapeError as error:
            if replace(self.server.paging, parameter="page") != COUNTED_PAGES:
                raise
            hint = "a contract that does not say `paging` means pages with `page`, `pages` and `total`"
            raise WrongShapeError(f"{error} ({hint})") from error
        return answer


class _PagesSoFar:
    """What the pages of a reading have said, so that they cannot disagree, end early or never end."""

    def __init__(self, server: HttpServer) -> None:
        self._server = server
        self._first: Announced | None = None
        self._asked: set[Ask] = {first_ask(server.paging)}
        self._overlap = Overlap(None)
        self._body = b""
        self.count = 0
        self.seen = 0
        self.had_new_records = False

    def take(self, body: bytes, answer: Answer) -> int:
        """Count a page in: how many records there have been so far."""
        paging = self._server.paging
        said = announced(paging, answer)
        self._first = self._first or said
        self._refuse_the_same(body, answer.page)
        self.count += 1
        self.seen += self._new_records(body, answer.page)
        if said != self._first:
            raise PassingError(
                f"it announced {self._first.in_words} with page 1, and {said.in_words} with page {self.count:,}"
            )
        if said.total is not None and self.seen > said.total:
            raise PassingError(f"it sent {self.seen:,} records up to page {self.count:,} and announced {said.total:,}")
        return self.seen

    def refuse_again(self, ask: Ask) -> None:
        """Raises WrongShapeError for pages that lead back to one of them."""
        if ask in self._asked:
            raise WrongShapeError(
                f"leads from page {self.count:,} to a page that was asked for before, so its pages would never end"
            )
        if self.count >= MAX_PAGES:
            raise WrongShapeError(f"goes on after {MAX_PAGES:,} pages, which is all that are read")
        self._asked.add(ask)

    def refuse_another_total(self) -> None:
        """After the last page. Raises PassingError for another number of records than was announced."""
        total = self._first.total if self._first else None
        if total is not None and self.seen != total:
            raise PassingError(f"it sent {self.seen:,} records on {self.count:,} pages and announced {total:,}")

    def _new_records(self, body: bytes, page: Page) -> int:
        new = page.records
        if self._server.paging.field_of_last:
            self._overlap.begin_page()
            read_page(body, self._server.records, self._overlap)
            new = self._overlap.passed_on
        self.had_new_records = new > 0
        return new

    def _refuse_the_same(self, body: bytes, page: Page) -> None:
        """An API that does not know the parameter sends its first page again and again."""
        paging = self._server.paging
        if page.records and body == self._body and paging.kind in ("page_number", "offset"):
            raise WrongShapeError(
                f"is the same for page {self.count + 1:,} as for page {self.count:,}, so the API does not know the "
                f"parameter `{paging.parameter}`"
            )
        self._body = body
