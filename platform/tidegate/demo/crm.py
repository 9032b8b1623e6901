"""The demo shop's CRM: its customers as a paged JSON API over real HTTP, and a second address to break it by.

    GET /customers?as_of=2024-01-31&page=1    a page of the snapshot that `demo shop` lands as a file for that day
    PUT /fault/hangs  DELETE /fault  GET /    at the control address: break it, fix it, see how it stands

What the shop's customers are is `trade`'s, and how an answer goes wrong is in `crm_faults`.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import sys
import threading
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Self
from urllib.parse import parse_qs, urlsplit

import duckdb

from tidegate.demo.crm_faults import FAULTS, Fault
from tidegate.demo.trade import Shop, admit_customers, customer_snapshot, set_up
from tidegate.errors import TidegateError

HOST = "127.0.0.1"
PAGE_SIZE = 100
MAX_DAYS = 10 * 365


class Snapshots:
    """The shop's customers of any day, page by page. Safe for several threads."""

    def __init__(self, shop: Shop, page_size: int = PAGE_SIZE) -> None:
        self.shop = shop
        self.page_size = page_size
        self._con = duckdb.connect(config={"threads": 1})
        self._in_use = threading.Lock()
        self._days_admitted = 0
        for statement in set_up(shop, days=1):
            self._con.execute(statement)

    def page(self, as_of: dt.date, number: int) -> dict[str, Any] | None:
        """The page `number`, from 1, of that day's customers; None for a day or page that the shop does not have."""
        day = (as_of - self.shop.first_day).days
        if not 0 <= day < MAX_DAYS:
            return None
        total = self.shop.customers_on(day)
        pages = math.ceil(total / self.page_size)
        if not 1 <= number <= pages:
            return None
        return {"page": number, "pages": pages, "total": total, "customers": self._customers(day, number)}

    def _customers(self, day: int, page: int) -> list[dict[str, str | None]]:
        first, end = self.page_size * (page - 1), min(self.page_size * page, self.shop.customers_on(day))
        with self._in_use:
            while self._days_admitted <= day:
                self._con.execute(admit_customers(self.shop, self._days_admitted))
                self._days_admitted += 1
            within = f"customer_number >= {first} and customer_number < {end}"
            found = self._con.execute(customer_snapshot(self.shop.day(day), within))
            names = [column[0] for column in found.description or ()]
            rows = found.fetchall()
        return [
            {name: None if value is None else str(value) for name, value in zip(names, row, strict=True)}
            for row in rows
        ]


@dataclass
class Crm:
    """A CRM that is up: its two servers, and the fault it has. Use it as a context manager, or `start` and `stop`.

    `token`, when given, must come with every request. A port of 0 takes a free one.
    """

    snapshots: Snapshots
    port: int = 0
    control_port: int = 0
    token: str | None = None
    fault: Fault | None = None
    faults_left: float = math.inf
    requests: int = 0

    def __post_init__(self) -> None:
        self.fixed = threading.Event()
        self._changing = threading.RLock()
        self._server: ThreadingHTTPServer | None = None
        self._control: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def control_url(self) -> str:
        return f"http://{HOST}:{self.control_port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to answer. Raises TidegateError when a port is taken."""
        try:
            self._listen()
            self._control = _serve(self, _ControlHandler, self.control_port)
        except TidegateError:
            self.stop()
            raise
        self.control_port = self._control.server_port
        if self.fault is not None:
            self.break_by(self.fault, self.faults_left)

    def stop(self) -> None:
        self.fixed.set()
        self._close()
        if self._control is not None:
            _close(self._control)
            self._control = None

    def break_by(self, fault: Fault, times: float = math.inf) -> None:
        """Have the next requests fail, `times` of them; `refused` ends with `fix` only."""
        with self._changing:
            self.fix()
            self.fixed.clear()
            self.fault, self.faults_left = fault, times
            if fault is Fault.REFUSED:
                self.faults_left = math.inf
                self._close()

    def fix(self) -> None:
        with self._changing:
            self.fault, self.faults_left = None, math.inf
            self.fixed.set()
            if self._server is None:
                self._listen()

    def next_fault(self) -> Fault | None:
        """The fault of the request that just came in."""
        with self._changing:
            self.requests += 1
            fault = self.fault
            if fault is not None:
                self.faults_left -= 1
                if self.faults_left <= 0:
                    self.fault = None
            return fault

    def _listen(self) -> None:
        self._server = _serve(self, _CustomersHandler, self.port)
        self.port = self._server.server_port

    def _close(self) -> None:
        if self._server is not None:
            _close(self._server)
            self._server = None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # A request that hangs must not keep the server from closing.
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        # Whoever gives up waiting leaves in the middle of an answer; that is not news.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def _serve(crm: Crm, handler: type[_Handler], port: int) -> ThreadingHTTPServer:
    try:
        server = _Server((HOST, port), type(handler.__name__, (handler,), {"crm": crm}))
    except OSError as error:
        raise TidegateError(
            f"The demo CRM cannot listen on {HOST}:{port}: {error.strerror}. Choose another with --port."
        ) from error
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    return server


def _close(server: ThreadingHTTPServer) -> None:
    server.shutdown()
    server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Or every answer on a kept connection waits 40 ms for the other side's acknowledgement.
    disable_nagle_algorithm = True
    crm: ClassVar[Crm]

    def log_message(self, format: str, *args: object) -> None:
        """Requests are not logged: they bear a token."""

    def answer(self, status: HTTPStatus, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _CustomersHandler(_Handler):
    def do_GET(self) -> None:  # http.server's name
        fault = self.crm.next_fault()
        asked = urlsplit(self.path)
        if self.crm.token is not None and self.headers.get("Authorization") != f"Bearer {self.crm.token}":
            self.answer(HTTPStatus.UNAUTHORIZED, {"error": "the token is missing or wrong"})
        elif asked.path != "/customers":
            self.answer(HTTPStatus.NOT_FOUND, {"error": "there is /customers?as_of=YYYY-MM-DD&page=N only"})
        elif (page := self._page(parse_qs(asked.query), fault)) is None:
            self.answer(HTTPStatus.BAD_REQUEST, {"error": "there is no such day or page"})
        elif fault is None:
            self.answer(HTTPStatus.OK, page)
        else:
            FAULTS[fault](self, page, self.crm.fixed)

    def _page(self, asked: dict[str, list[str]], fault: Fault | None) -> dict[str, Any] | None:
        try:
            as_of, number = dt.date.fromisoformat(asked["as_of"][-1]), int(asked.get("page", ["1"])[-1])
        except (KeyError, ValueError):
            return None
        page = self.crm.snapshots.page(as_of, number)
        if page is None and fault is Fault.ENDLESS:
            # There is always one more.
            first = self.crm.snapshots.page(as_of, 1)
            return first and first | {"page": number}
        return page


class _ControlHandler(_Handler):
    def do_GET(self) -> None:
        self.answer(HTTPStatus.OK, {"fault": self.crm.fault, "requests": self.crm.requests, "url": self.crm.url})

    def do_PUT(self) -> None:
        asked = urlsplit(self.path)
        try:
            fault = Fault(asked.path.removeprefix("/fault/"))
            times = float(parse_qs(asked.query).get("times", ["inf"])[-1])
        except ValueError:
            known = ", ".join(Fault)
            self.answer(HTTPStatus.BAD_REQUEST, {"error": f"PUT /fault/KIND?times=N, with a KIND of {known}"})
            return
        self.crm.break_by(fault, times)
        self.do_GET()

    def do_DELETE(self) -> None:
        self.crm.fix()
        self.do_GET()
