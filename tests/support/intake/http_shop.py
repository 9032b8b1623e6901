"""A shop whose customers come over HTTP: its contract, and an API that answers as a test has it written down."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from tests.support.intake.shop import Shop, open_shop_in
from tests.support.servers import address_of, http_server

from tidegate.contract.http import HttpServer

DAY = dt.date(2024, 1, 5)

CUSTOMERS = """
apiVersion: v3.1.0
kind: DataContract
id: customers
name: Customers of a test shop
version: 1.0.0
status: active
servers:
  - server: crm
    type: api
    location: "{base}/customers?as_of={day}"
    customProperties:
      - {property: baseUrlVariable, value: CRM_URL}
      - {property: records, value: customers}
      - {property: timeLimitSeconds, value: 60}
schema:
  - name: customers
    properties:
      - {name: customer_id, logicalType: string, primaryKey: true}
      - {name: registered_on, logicalType: date, required: true}
      - {name: email, logicalType: string}
      - {name: country, logicalType: string}
"""
WITH_FALLBACK = CUSTOMERS + "customProperties:\n  - {property: fallback, value: last_good}\n"
WITH_TOKEN = CUSTOMERS.replace(
    "      - {property: records", "      - {property: tokenVariable, value: CRM_TOKEN}\n      - {property: records"
)


def open_http_shop_in(home: Path, contract: str, **environment: str) -> Shop:
    """A shop with these environment variables, and no other. Close its lake when done."""
    shop = open_shop_in(home, contract)
    shop.outside = replace(shop.outside, environment=environment)
    return shop


def limit(shop: Shop, seconds: int) -> None:
    """Give the shop's captures another time limit."""
    region = shop.contract.regions[0]
    assert isinstance(region.server, HttpServer)
    limited = replace(region, server=replace(region.server, time_limit_seconds=seconds))
    shop.contract = replace(shop.contract, regions=(limited,))


def archived_objects(shop: Shop) -> list[bytes]:
    return [path.read_bytes() for path in (shop.archive / "objects").glob("*/*")]


@dataclass(frozen=True)
class Answer:
    """One answer: `body` as JSON if it is not bytes. Without `length` its end is the connection's."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str | None = "application/json"
    announced: bool = True


def customer(number: int, **other: object) -> dict[str, object]:
    return {"customer_id": f"C{number}", "registered_on": "2024-01-01", "email": None, "country": "DE"} | other


def page(number: int, pages: int, total: int, *customers: object) -> Answer:
    return Answer({"page": number, "pages": pages, "total": total, "customers": list(customers)})


@dataclass
class Api:
    """Gives its answers one after the other, then the last one for ever. `asked` holds paths and headers."""

    url: str
    answers: Sequence[Answer]
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]


@contextmanager
def api(*answers: Answer) -> Iterator[Api]:
    with http_server(_Handler) as server:
        served = Api(address_of(server), list(answers))
        server.api = served  # type: ignore[attr-defined]
        yield served


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        served: Api = self.server.api  # type: ignore[attr-defined]
        answer = served.answers[min(len(served.asked), len(served.answers) - 1)]
        served.asked.append((self.path, dict(self.headers)))
        body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        announced = {"Content-Length": str(len(body))} if answer.announced else {}
        typed = {"Content-Type": answer.content_type} if answer.content_type else {}
        for name, value in (typed | announced | dict(answer.headers)).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
