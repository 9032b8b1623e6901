"""Of addresses that samples were fetched from: the server of a contract that asks them for each day, or why there can
be none. Which APIs a contract can describe is decided where contracts are read."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tidegate.addresses import names_a_secret
from tidegate.contract.files import FileOptions

_A_DAY = re.compile(r"(?<!\d)(20\d\d)(-?)([01]\d)\2([0-3]\d)(?!\d)")
_NEXT = ("next", "next_url", "nextLink", "@odata.nextLink", "links.next", "paging.next", "meta.next")
_TOTALS = ("total", "total_count", "meta.total")

# A larger page is not looked into for how the next one is found.
_LARGEST_PAGE = 64 * 1024 * 1024


@dataclass(frozen=True)
class Served:
    """Where an API gives a day's records. `base` is what the environment variable is to hold here, without a secret."""

    location: str
    variable: str
    base: str
    properties: tuple[tuple[str, str], ...]
    evidence: str

    @property
    def sentence(self) -> str:
        return (
            f"The contract asks {self.location} for each day. Set where it is, here and where the daemon runs: export "
            f"{self.variable}={self.base}"
        )


def day_of_address(address: str) -> dt.date | None:
    """The day that an address asks for, if it names just one."""
    days = sorted(set(_days_in(address)))
    return days[0] if days and (len(days) == 1 or _is_next(days)) else None


def served_by(addresses: Sequence[str], source: str, options: FileOptions, page: Path) -> Served | str:
    """The server of these addresses, each of a day; or, in a sentence, why something else has to fill landing."""
    if options.format != "json_array":
        return f"A contract loads JSON documents over HTTP, and this is {options.format or 'another format'}."
    found = [_located(address) for address in addresses]
    if any(day_of_address(address) is None for address in addresses):
        return "The address names no day, so every run would get what is there at that time."
    if len(set(found)) > 1:
        return f"The addresses differ in more than their day: {', '.join(sorted({each[1] for each in found}))}."
    base, location, left_out = found[0]
    properties, evidence = _pages(page)
    records = ("records", ".".join(options.json.records) or "$")
    if properties == () and "page" in dict(parse_qsl(urlsplit(addresses[0]).query)):
        location = _without(location, "page")
    if left_out:
        evidence += (
            ". What signs in was left out of the address: say it with tokenVariable, or keyVariable and keyParameter"
        )
    variable = re.sub(r"[^A-Z0-9]", "_", source.upper()) + "_URL"
    return Served(location, f"{'_' if variable[0].isdigit() else ''}{variable}", base, (records, *properties), evidence)


def what_to_do_instead(why: str, source: str, address: str) -> str:
    """How a file that an address gives gets into landing."""
    name = urlsplit(address).path.rpartition("/")[2] or source
    place = f'"$TIDEGATE_LANDING/{source}/$DAY'
    return (
        f"{why} So the contract reads files from landing; have each day's fetched there, for example by cron: "
        f'mkdir -p {place}" && curl -fsSo {place}/{name}" ADDRESS && touch {place}/_SUCCESS". Or write a function in '
        "Python that fetches it (type: python)."
    )


def _days_in(text: str) -> Iterator[dt.date]:
    for found in _A_DAY.finditer(text):
        try:
            yield dt.date(int(found[1]), int(found[3]), int(found[4]))
        except ValueError:
            continue


def _is_next(days: Sequence[dt.date]) -> bool:
    return len(days) == 2 and days[1] - days[0] == dt.timedelta(days=1)


def _located(address: str) -> tuple[str, str, bool]:
    """Base, location with the day as a placeholder, and whether something that signs in was left out of it."""
    parts = urlsplit(address)
    days = sorted(set(_days_in(address)))
    first = days[0] if days else None

    def hole(found: re.Match[str]) -> str:
        day = next(iter(_days_in(found[0])), None)
        if day is None:
            return found[0]
        dashes = bool(found[2])
        if day == first:
            return "{day}" if dashes else "{day:%Y%m%d}"
        return "{end:%Y-%m-%d}" if dashes else "{end:%Y%m%d}"

    given = parts.query.split("&") if parts.query else []
    kept = [parameter for parameter in given if not names_a_secret(parameter)]
    query = f"?{'&'.join(kept)}" if kept else ""
    host = parts.netloc.rpartition("@")[2]
    location = _A_DAY.sub(hole, f"{parts.path or '/'}{query}")
    return f"{parts.scheme}://{host}", f"{{base}}{location}", len(kept) < len(given) or "@" in parts.netloc


def _without(location: str, parameter: str) -> str:
    path, _, query = location.partition("?")
    kept = [each for each in query.split("&") if each.partition("=")[0] != parameter]
    return f"{path}?{'&'.join(kept)}" if kept else path


def _pages(page: Path) -> tuple[tuple[tuple[str, str], ...], str]:
    """How a page says that more follow, and what of it says so."""
    single = (("paging", "single"),)
    try:
        found = json.loads(page.read_bytes()) if page.stat().st_size <= _LARGEST_PAGE else None
    except ValueError:
        found = None
    if isinstance(found, dict):
        if {"page", "pages", "total"} <= found.keys():
            return (), "the page says page, pages and total, so pages are asked for by number"
        for path in _NEXT:
            there, value = _at(found, path)
            if there and (value is None or isinstance(value, str)):
                return (("paging", "next_link"), ("nextAt", path)), f"the page has the next one's address at {path}"
        for path in _TOTALS:
            there, value = _at(found, path)
            if there and isinstance(value, int) and not isinstance(value, bool):
                return (*single, ("totalAt", path)), (
                    f"nothing says how the next page is found; a page with fewer records than {path} says is refused"
                )
    return single, "nothing says that more pages follow; if they do, say how (paging in docs/contracts.md)"


def _at(value: Any, path: str) -> tuple[bool, Any]:
    for key in [path] if path.startswith("@") else path.split("."):
        if not isinstance(value, dict) or key not in value:
            return False, None
        value = value[key]
    return True, value
