"""The ways in which the demo CRM fails: each takes a request and its right answer, and gives another one, or none."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    # The command line imports this module for the names of the faults; this one takes 40 ms.
    from http.server import BaseHTTPRequestHandler

Page = dict[str, Any]
Answer: TypeAlias = "Callable[[BaseHTTPRequestHandler, Page, threading.Event], None]"

# On closing, send a reset at once and nothing of what waits to be sent.
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
SECONDS_PER_BYTE = 0.05
RETRY_AFTER_SECONDS = 1


class Fault(StrEnum):
    REFUSED = "refused"
    HANGS = "hangs"
    RESETS = "resets"
    SLOW = "slow"
    ERRORS = "errors"
    BUSY = "busy"
    HTML = "html"
    WRONG_JSON = "wrong-json"
    WRONG_TOTAL = "wrong-total"
    ENDLESS = "endless"


def _vanish(request: BaseHTTPRequestHandler, page: Page, fixed: threading.Event) -> None:
    _reset(request)


def _hang(request: BaseHTTPRequestHandler, page: Page, fixed: threading.Event) -> None:
    fixed.wait()
    _reset(request)


def _reset_in_the_middle(request: BaseHTTPRequestHandler, page: Page, fixed: threading.Event) -> None:
    body = _json(page)
    _begin(request, HTTPStatus.OK, len(body))
    request.wfile.write(body[: len(body) // 2])
    request.wfile.flush()
    _reset(request)


def _drip(request: BaseHTTPRequestHandler, page: Page, fixed: threading.Event) -> None:
    body = _json(page)
    _begin(request, HTTPStatus.OK, len(body))
    try:
        for position in range(len(body)):
            request.wfile.write(body[position : position + 1])
            if fixed.wait(SECONDS_PER_BYTE):
                break
    except OSError:
        # Whoever asked has gone, as they should.
        request.close_connection = True
        return
    _reset(request)


def _fail(request: BaseHTTPRequestHandler, page: Page, fixed: threading.Event) -> None:
    _send(request, _json({"error": "the database is away"}), HTTPStatus.INTERNAL_SERVER_ERROR)


def _be_busy(request: BaseHTTPRequestHandler, page: Page, fixed: threading.Event) -> None:
    later = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    _send(request, _json({"error": "too many requests"}), HTTPStatus.TOO_MANY_REQUESTS, later)


def _show_a_page(request: BaseHTTPRequestHandler, page: Page, fixed: threading.Event) -> None:
    html = b"<!doctype html><title>Back soon</title><h1>We are working on it</h1>"
    _send(request, html, headers={"Content-Type": "text/html; charset=utf-8"})


def _cut_short(request: BaseHTTPRequestHandler, page: Page, fixed: threading.Event) -> None:
    body = _json(page)
    _send(request, body[: len(body) // 2])


def _miscount(request: BaseHTTPRequestHandler, page: Page, fixed: threading.Event) -> None:
    _send(request, _json(page | {"total": page["total"] + 1}))


def _go_on_for_ever(request: BaseHTTPRequestHandler, page: Page, fixed: threading.Event) -> None:
    _send(request, _json(page | {"pages": page["page"] + 1}))


FAULTS: Mapping[Fault, Answer] = {
    # For connections from before; new ones find nobody who listens.
    Fault.REFUSED: _vanish,
    Fault.HANGS: _hang,
    Fault.RESETS: _reset_in_the_middle,
    Fault.SLOW: _drip,
    Fault.ERRORS: _fail,
    Fault.BUSY: _be_busy,
    Fault.HTML: _show_a_page,
    Fault.WRONG_JSON: _cut_short,
    Fault.WRONG_TOTAL: _miscount,
    Fault.ENDLESS: _go_on_for_ever,
}


def _reset(request: BaseHTTPRequestHandler) -> None:
    request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    request.close_connection = True
    request.connection.close()


def _json(content: object) -> bytes:
    return json.dumps(content).encode()


def _send(
    request: BaseHTTPRequestHandler,
    body: bytes,
    status: HTTPStatus = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
) -> None:
    _begin(request, status, len(body), headers)
    request.wfile.write(body)


def _begin(
    request: BaseHTTPRequestHandler, status: HTTPStatus, length: int, headers: Mapping[str, str] | None = None
) -> None:
    request.send_response(status)
    for name, value in {"Content-Type": "application/json", "Content-Length": str(length), **(headers or {})}.items():
        request.send_header(name, value)
    request.end_headers()
