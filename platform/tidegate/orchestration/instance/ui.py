"""Dagster's own UI, which answers the person at this machine and no website that is open in their browser.

Dagster's webserver asks for no password and answers whoever reaches it. A page of another website can have the browser
send requests to 127.0.0.1: under its own name, once that leads here too (DNS rebinding), or under ours, with a mutation
in the address. Both are refused. For people elsewhere a proxy with passwords stands before it: docs/operating.md.

    python -m tidegate.orchestration.instance.ui dev --workspace workspace.yaml    `dagster dev` with this webserver
    python -m tidegate.orchestration.instance.ui --workspace workspace.yaml        the webserver alone
"""

from __future__ import annotations

import sys
from typing import Any
from urllib.parse import urlsplit

from dagster_webserver import app, cli
from dagster_webserver.webserver import DagsterWebserver
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from tidegate.orchestration.private import run_dagster_dev
from tidegate.settings import load_settings

# By these names a browser on this machine reaches it.
LOCAL_HOSTS = ("localhost", "127.0.0.1")

REFUSED = "This request comes from a page of another website, so it was refused. Nothing was changed."


class OwnPagesOnly:
    """Refuses what a browser says a page of another website asked for; a link to one of the UI's pages is followed."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and _is_of_another_website(Headers(scope=scope), scope["path"]):
            await PlainTextResponse(REFUSED, status_code=403)(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def _is_of_another_website(headers: Headers, path: str) -> bool:
    # What is no browser sends neither header, and needs no protection.
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != headers.get("host"):
        return True
    follows_a_link = headers.get("sec-fetch-mode") == "navigate" and not path.endswith("/graphql")
    return headers.get("sec-fetch-site") in ("cross-site", "same-site") and not follows_a_link


class Webserver(DagsterWebserver[Any, Any]):
    """Dagster's, behind both guards."""

    def build_middleware(self) -> list[Middleware]:
        named = load_settings().ui_hosts.replace(",", " ").split()
        guards = [
            Middleware(TrustedHostMiddleware, allowed_hosts=[*LOCAL_HOSTS, *named], www_redirect=False),
            Middleware(OwnPagesOnly),
        ]
        return [*guards, *super().build_middleware()]


def main() -> None:
    """`dagster dev`, or the webserver alone."""
    if sys.argv[1:2] == ["dev"]:
        run_dagster_dev(__spec__.name)
    else:
        app.DagsterWebserver = Webserver  # type: ignore[attr-defined]
        cli.main()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
