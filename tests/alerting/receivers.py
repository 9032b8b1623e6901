"""Stand-ins for what receives alerts, which speak the real protocols: HTTP servers, and an SMTP server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as SmtpMessage
from aiosmtpd.smtp import AuthResult
from tests.support.servers import address_of, free_port, http_server

# What must never be seen anywhere but at its receiver.
TOKEN = "5ecret-t0ken"


@dataclass
class Receiver:
    """An HTTP server that keeps what it is sent. `status` is what it answers."""

    url: str = ""
    status: int = 200
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    pings: int = 0


@contextmanager
def http_receiver() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if receiver.status < 300:
                receiver.bodies.append(json.loads(body))
                receiver.headers.append(dict(self.headers))
            self._answer()

        def do_GET(self) -> None:
            receiver.pings += receiver.status < 300
            self._answer()

        def _answer(self) -> None:
            # Some servers repeat what they were asked.
            self.send_response(receiver.status, f"no {TOKEN}" if receiver.status >= 300 else None)
            self.end_headers()
            self.wfile.write(TOKEN.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http_server(Handler) as server:
        receiver.url = f"{address_of(server)}/{TOKEN}"
        yield receiver


class _Mailbox(SmtpMessage):
    def __init__(self) -> None:
        super().__init__()
        self.mails: list[Any] = []

    def handle_message(self, message: Any) -> None:
        self.mails.append(message)


@contextmanager
def smtp_receiver() -> Iterator[tuple[str, list[Any]]]:
    """The address of an SMTP server that wants a login, and the mails that it got."""
    box = _Mailbox()

    def authenticate(_server: object, _session: object, _envelope: object, _mechanism: str, data: Any) -> AuthResult:
        is_known = data.login == b"tidegate" and data.password == TOKEN.encode()
        # Not handled here: the server itself answers that it is wrong.
        return AuthResult(success=is_known, handled=False)

    port = free_port()
    controller = Controller(
        box, hostname="127.0.0.1", port=port, authenticator=authenticate, auth_required=True, auth_require_tls=False
    )
    controller.start()
    try:
        yield f"smtp://tidegate:{TOKEN}@127.0.0.1:{port}", box.mails
    finally:
        controller.stop()
