"""The UI answers the person at this machine, and no page of another website that is open in their browser."""

from __future__ import annotations

import pytest
from dagster._cli import dev
from dagster_webserver import app
from dagster_webserver.webserver import DagsterWebserver
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from tidegate.orchestration.instance import ui

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def browser() -> TestClient:
    def answer(_: Request) -> PlainTextResponse:
        return PlainTextResponse("answered")

    routes = [Route(path, answer, methods=["GET", "POST"]) for path in ("/runs", "/graphql")]
    server = Starlette(routes=routes, middleware=object.__new__(ui.Webserver).build_middleware())
    return TestClient(server, base_url="http://127.0.0.1:3000")


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/graphql", {"Host": "evil.example:3000"}, 400),
        ("/runs", {"Host": "127.0.0.1.evil.example"}, 400),
        ("/graphql", {"Origin": "http://evil.example"}, 403),
        ("/graphql", {"Origin": "http://localhost:8080"}, 403),
        ("/graphql", {"Origin": "null"}, 403),
        ("/graphql?query=mutation", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ("/graphql?query=mutation", {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ("/graphql?query=mutation", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 403),
        ("/runs", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200),
        ("/graphql", {"Origin": "http://127.0.0.1:3000", "Sec-Fetch-Site": "same-origin"}, 200),
        ("/graphql", {"Host": "localhost:3000", "Origin": "http://localhost:3000"}, 200),
        ("/graphql", {}, 200),
    ],
)
def test_the_ui_answers_its_own_pages_only(
    browser: TestClient, path: str, headers: dict[str, str], status: int
) -> None:
    assert browser.get(path, headers=headers).status_code == status
    assert browser.post(path, headers=JSON | headers).status_code == status


def test_the_ui_answers_to_names_that_a_setting_adds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEGATE_UI_HOSTS", "dagster.example, *.inside.example")
    server = Starlette(middleware=object.__new__(ui.Webserver).build_middleware())
    for host, status in {"dagster.example": 404, "a.inside.example:80": 404, "evil.example": 400}.items():
        assert TestClient(server).get("/", headers={"Host": host}).status_code == status


def test_dagster_starts_its_webserver_as_it_did() -> None:
    """`ui` takes the place of both by these names, of which Dagster promises none."""
    assert app.DagsterWebserver is DagsterWebserver  # type: ignore[attr-defined]
    assert callable(dev.open_ipc_subprocess)  # type: ignore[attr-defined]
    assert "build_middleware" in vars(DagsterWebserver)
