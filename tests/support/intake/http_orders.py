"""An API with orders that answers as the test's function says: a real server, on a port of its own."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.support.servers import address_of, http_server

ORDERS = [
    {"id": f"A{number}", "amount": f"{number}.10", "at": f"2024-01-05T0{number // 2}:00:00Z"} for number in range(7)
]


@dataclass(frozen=True)
class Asked:
    """One request."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any = None


@dataclass(frozen=True)
class Said:
    """One answer."""

    content: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    gzipped: bool = False


@dataclass
class Orders:
    """The server. `asked` holds what it was asked, in order."""

    url: str
    answer: Callable[[Asked], Said | Any]
    asked: list[Asked] = field(default_factory=list)

    @property
    def queries(self) -> list[Mapping[str, str]]:
        return [asked.query for asked in self.asked]


@contextmanager
def orders_api(answer: Callable[[Asked], Said | Any]) -> Iterator[Orders]:
    """Serve what `answer` makes of each request: a `Said`, or JSON."""
    with http_server(_Handler) as server:
        served = Orders(address_of(server), answer)
        server.served = served  # type: ignore[attr-defined]
        yield served


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        written = self.rfile.read(int(self.headers["Content-Length"]))
        is_json = "json" in self.headers["Content-Type"]
        self._answer(json.loads(written) if is_json else dict(parse_qsl(written.decode())))

    def _answer(self, body: Any) -> None:
        served: Orders = self.server.served  # type: ignore[attr-defined]
        parts = urlsplit(self.path)
        asked = Asked(parts.path, dict(parse_qsl(parts.query, keep_blank_values=True)), dict(self.headers), body)
        served.asked.append(asked)
        said = served.answer(asked)
        said = said if isinstance(said, Said) else Said(said)
        content = said.content if isinstance(said.content, bytes) else json.dumps(said.content).encode()
        headers = {"Content-Type": "application/json"} | dict(said.headers)
        if said.gzipped:
            content, headers = gzip.compress(content), headers | {"Content-Encoding": "gzip"}
        self.send_response(said.status)
        for name, value in (headers | {"Content-Length": str(len(content))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
