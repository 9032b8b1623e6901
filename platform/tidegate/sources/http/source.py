"""Deliveries from a paged JSON API: all pages of a day, one by one into the archive.

A page is checked before it is kept, and the pages against each other before they count as a delivery. How requests are
made and repeated belongs to `http.client`, what a page is made of to `http.pages`.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from functools import partial

import httpx

from tidegate.archive.archive import Archive
from tidegate.archive.manifest import Captured, CapturedFile
from tidegate.contract.model import HttpServer
from tidegate.errors import TidegateError
from tidegate.sources.http.client import PassingError, TimedClient, outside_of
from tidegate.sources.http.pages import Page, PageError, read_page
from tidegate.sources.origin import Outside

# A hundred million customers at a thousand a page. An API that announces more has lost count.
MAX_PAGES = 99_999

# A snapshot that changed while its pages were read is read once more, from its first page.
READINGS = 2

# What a header can carry. A line end from a file of secrets is not part of the token.
_TOKEN = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True)
class HttpOrigin:
    """One region's paged API."""

    region: str
    server: HttpServer
    outside: Outside

    def capture(self, archive: Archive, source: str, day: dt.date) -> Captured:
        """All pages of the day. Raises SourceDownError for what may pass, TidegateError for what we must fix."""
        base = self._base()
        url = self._url(base, day)
        with TimedClient(base, self._token(), self.server.time_limit_seconds) as client:
            files = client.persist(partial(self._capture_pages, client, archive, url), str(url), attempts=READINGS)
        return archive.enter(source, self.region, day, files)

    def ask(self, day: dt.date) -> None:
        """Ask for the day's first page."""
        base = self._base()
        with TimedClient(base, self._token(), self.server.time_limit_seconds) as client:
            first = self._url(base, day).copy_merge_params({self.server.page_parameter: 1})
            client.get_json(first, partial(self._checked, 1))

    def describe(self, day: dt.date) -> str:
        """The address of the day's first page, without its base when that is not set."""
        return self.server.address.replace("{day}", day.isoformat())

    def _capture_pages(self, client: TimedClient, archive: Archive, url: httpx.URL) -> tuple[CapturedFile, ...]:
        files: list[CapturedFile] = []
        first: Page | None = None
        seen = 0
        while first is None or len(files) < first.pages:
            number = len(files) + 1
            page_url = url.copy_merge_params({self.server.page_parameter: number})
            body, page = client.get_json(page_url, partial(self._checked, number))
            first = first or page
            seen += page.records
            _refuse_disagreement(first, page, seen)
            files.append(archive.add(f"page-{number:05}.json", [body]))
        if seen != first.total:
            raise PassingError(f"it sent {seen:,} records on {len(files):,} pages and announced {first.total:,}")
        return tuple(files)

    def _checked(self, number: int, body: bytes) -> Page:
        try:
            page = read_page(body, self.server.records)
        except PageError as error:
            raise PassingError(f"its answer {error}") from error
        if page.page != number:
            raise PassingError(f"it sent page {page.page:,} in place of page {number:,}")
        if page.pages > MAX_PAGES:
            raise PassingError(f"it announced {page.pages:,} pages, above the {MAX_PAGES:,} that are read")
        return page

    def _base(self) -> httpx.URL:
        name = self.server.base_url_variable
        try:
            base = httpx.URL(self.outside.variable(name, "the address of the API").strip())
        except httpx.InvalidURL:
            base = httpx.URL()
        # The value is not shown: a person may have put a secret into it.
        if base.scheme not in ("http", "https") or not base.host or base.userinfo or base.query or base.fragment:
            raise TidegateError(
                f"The environment variable {name} holds no address such as https://crm.example.com/api (no user, no "
                "password, nothing after a question mark). Nothing was changed. Correct it, and run again."
            )
        return base

    def _url(self, base: httpx.URL, day: dt.date) -> httpx.URL:
        address = self.server.location.replace("{day}", day.isoformat())
        try:
            return httpx.URL(address.replace("{base}", str(base).rstrip("/")))
        except httpx.InvalidURL as error:
            raise outside_of(base) from error

    def _token(self) -> str | None:
        name = self.server.token_variable
        if name is None:
            return None
        token = self.outside.variable(name, "the token of the API").strip()
        if not _TOKEN.fullmatch(token):
            raise TidegateError(
                f"The environment variable {name} holds no token: those are letters, digits and signs without "
                "spaces. Nothing was changed. Correct it, and run again."
            )
        return token


def _refuse_disagreement(first: Page, page: Page, seen: int) -> None:
    if (page.pages, page.total) != (first.pages, first.total):
        raise PassingError(
            f"it announced {first.total:,} records on {first.pages:,} pages with page 1, and {page.total:,} on "
            f"{page.pages:,} with page {page.page:,}"
        )
    if seen > page.total:
        raise PassingError(f"it sent {seen:,} records up to page {page.page:,} and announced {page.total:,}")
