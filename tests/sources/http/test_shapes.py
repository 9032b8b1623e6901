"""Every shape of paging and of signing in that a contract can name, against a real server that has it."""

from __future__ import annotations

import base64
import io
import json
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.support.intake.archives import folder_archive
from tests.support.intake.http_orders import ORDERS, Asked, Orders, Said, orders_api
from tests.support.intake.http_shop import CUSTOMERS, DAY

from tidegate.contract.http import HttpServer
from tidegate.contract.model import CLOCK_OF_UTC
from tidegate.contract.reading.document import Document
from tidegate.contract.reading.servers import read_regions
from tidegate.delivery_days import ALL_DAYS
from tidegate.errors import ContractError, SourceDownError, TidegateError
from tidegate.sources.http.joined import join_pages
from tidegate.sources.http.source import HttpOrigin
from tidegate.sources.origin import Outside

A_KEY = "s3cret-key-7f3a"


class Reader:
    """Reads the orders of a day by a contract's server, as a person would write it."""

    def __init__(self, folder: Path, url: str, **environment: str) -> None:
        self.folder = folder
        self.environment = {"CRM_URL": url} | environment

    def origin(self, location: str = "{base}/orders?day={day}", **properties: Any) -> HttpOrigin:
        written = {"baseUrlVariable": "CRM_URL", "records": "orders", "timeLimitSeconds": 20} | properties
        custom = [{"property": name, "value": value} for name, value in written.items()]
        server = {"server": "crm", "type": "api", "location": location, "customProperties": custom}
        path = self.folder / "customers.odcs.yaml"
        path.write_text(f"{CUSTOMERS.partition('servers:')[0]}servers: [{json.dumps(server)}]\n")
        (region,) = read_regions(Document(path), ALL_DAYS, CLOCK_OF_UTC)
        assert isinstance(region.server, HttpServer)
        return HttpOrigin("crm", region.server, Outside("", str(self.folder), self.environment))

    def ids(self, location: str = "{base}/orders?day={day}", **properties: Any) -> list[str]:
        """The ids of all records of the day, in the order in which they are read."""
        origin = self.origin(location, **properties)
        archive = folder_archive(self.folder / "archive")
        captured = origin.capture(archive, "customers", DAY)
        lines = io.BytesIO()
        pages = [(file.name, archive.local(file).read_bytes()) for file in captured.files]
        assert join_pages(pages, origin.server, lines) == {}
        return [json.loads(line)["id"] for line in lines.getvalue().splitlines()]

    def refusal(self, **properties: Any) -> str:
        """What is said of an API that does not answer as the contract says, which is no outage."""
        with pytest.raises(TidegateError) as error:
            self.ids(**properties)
        assert not isinstance(error.value, SourceDownError | ContractError)
        return str(error.value)


ALL = [order["id"] for order in ORDERS]


def numbered(asked: Asked, first: int = 1, parameter: str = "page", size: int = 3) -> list[dict[str, str]]:
    """The orders of the page that is asked for."""
    at = (int((asked.body or asked.query).get(parameter, first)) - first) * size
    return ORDERS[at : at + size]


def since(asked: Asked, parameter: str, inclusive: bool) -> list[dict[str, str]]:
    moment = asked.query.get(parameter, "")
    return [order for order in ORDERS if order["at"] > moment or (inclusive and order["at"] == moment)][:3]


def offset_of(asked: Asked) -> int:
    return int(asked.query["offset"])


def after(asked: Asked) -> int:
    """Where a cursor `c3` points to."""
    return int(asked.query.get("cursor", "c0")[1:])


def cursor_page(asked: Asked, end: object = None) -> dict[str, object]:
    here = after(asked)
    following = f"c{here + 3}" if here + 3 < len(ORDERS) else end
    return {"data": {"items": ORDERS[here : here + 3]}, "meta": {"next": following}}


def linked(asked: Asked, base: str = "/orders") -> dict[str, object]:
    here = int(asked.query.get("at", 0))
    following = f"{base}?at={here + 3}" if here + 3 < len(ORDERS) else None
    return {"orders": ORDERS[here : here + 3], "@odata.nextLink": following}


def in_header(asked: Asked) -> Said:
    here = int(asked.query.get("at", 0))
    link = f'<http://{asked.headers["Host"]}/orders?at={here + 3}>; rel="next", </orders>; rel="first"'
    return Said(ORDERS[here : here + 3], headers={"Link": link} if here + 3 < len(ORDERS) else {})


def starting_after(asked: Asked) -> dict[str, object]:
    ids = [order["id"] for order in ORDERS]
    here = ids.index(asked.query["starting_after"]) + 1 if "starting_after" in asked.query else 0
    return {"orders": ORDERS[here : here + 3], "has_more": here + 3 < len(ORDERS)}


def graphql(asked: Asked) -> dict[str, object]:
    assert asked.body["query"] == "query { orders { id } }"
    assert asked.body["variables"]["from"] == "2024-01-05T00:00:00Z"
    here = int(asked.body["variables"].get("after") or 0)
    info = {"endCursor": str(here + 3), "hasNextPage": here + 3 < len(ORDERS)}
    return {"data": {"orders": {"nodes": ORDERS[here : here + 3], "pageInfo": info}}}


SHAPES: Mapping[str, tuple[Callable[[Asked], Any], dict[str, Any]]] = {
    "page numbers until one is empty": (lambda asked: {"orders": numbered(asked)}, {"paging": "page_number"}),
    "page numbers from 0": (
        lambda asked: {"orders": numbered(asked, first=0, parameter="p")},
        {"paging": "page_number", "firstPage": 0, "pageParameter": "p"},
    ),
    "page numbers and the number of pages as text": (
        lambda asked: {"orders": numbered(asked), "meta": {"last_page": "3"}},
        {"paging": "page_number", "pagesAt": "meta.last_page"},
    ),
    "page numbers and a total as text": (
        lambda asked: {"orders": numbered(asked), "total": "7"},
        {"paging": "page_number", "totalAt": "total"},
    ),
    "page numbers and a total in a header": (
        lambda asked: Said(numbered(asked), headers={"X-Total-Count": "7"}),
        {"records": "$", "paging": "page_number", "totalAt": "header:X-Total-Count"},
    ),
    "page numbers and has_more": (
        lambda asked: {"orders": numbered(asked), "has_more": int(asked.query["page"]) < 3},
        {"paging": "page_number", "hasMoreAt": "has_more"},
    ),
    "page numbers in what is posted": (
        lambda asked: {"orders": numbered(asked)},
        {"paging": "page_number", "body": {"day": "{day}"}},
    ),
    "a bare array": (lambda asked: numbered(asked), {"records": "$", "paging": "page_number"}),
    "an offset and a limit": (
        lambda asked: {"orders": ORDERS[offset_of(asked) :][: int(asked.query["limit"])]},
        {"paging": "offset", "pageSizeParameter": "limit", "pageSize": 3},
    ),
    "an offset where the server gives less than it is asked for": (
        lambda asked: {"orders": ORDERS[offset_of(asked) :][:2], "total": 7},
        {"paging": "offset", "pageSizeParameter": "limit", "pageSize": 3, "totalAt": "total"},
    ),
    "a cursor in the body": (
        cursor_page,
        {"records": "data.items", "paging": "cursor", "cursorParameter": "cursor", "cursorAt": "meta.next"},
    ),
    "a cursor that ends as an empty text": (
        lambda asked: cursor_page(asked, end=""),
        {"records": "$.data.items", "paging": "cursor", "cursorParameter": "cursor", "cursorAt": "$.meta.next"},
    ),
    "a cursor in a header": (
        lambda asked: Said(
            ORDERS[after(asked) :][:3], headers={"X-Next": f"c{after(asked) + 3}"} if after(asked) < 4 else {}
        ),
        {"records": "$", "paging": "cursor", "cursorParameter": "cursor", "cursorAt": "header:X-Next"},
    ),
    "the last record's id": (
        starting_after,
        {"paging": "cursor", "cursorParameter": "starting_after", "cursorAt": "last:id", "hasMoreAt": "has_more"},
    ),
    "the last record's time, and what came after it": (
        lambda asked: {"orders": since(asked, "since", inclusive=False)[:2]},
        {"paging": "cursor", "cursorParameter": "since", "cursorAt": "last:at"},
    ),
    "the last record's time, and what came since it": (
        lambda asked: {"orders": since(asked, "since", inclusive=True)},
        {"paging": "cursor", "cursorParameter": "since", "cursorAt": "last:at"},
    ),
    "a link in the body": (linked, {"paging": "next_link", "nextAt": "@odata.nextLink"}),
    "a link that begins with a question mark": (
        lambda asked: linked(asked, base=""),
        {"paging": "next_link", "nextAt": "@odata.nextLink"},
    ),
    "a link in the header": (in_header, {"records": "$", "paging": "link_header"}),
    "all in one answer": (lambda asked: {"orders": ORDERS}, {"paging": "single"}),
    "compressed": (lambda asked: Said({"orders": ORDERS}, gzipped=True), {"paging": "single"}),
    "text by its media type": (
        lambda asked: Said({"orders": ORDERS}, headers={"Content-Type": "text/plain; charset=utf-8"}),
        {"paging": "single"},
    ),
    "graphql": (
        graphql,
        {
            "body": {"query": "query { orders { id } }", "variables": {"from": "{start}"}},
            "records": "data.orders.nodes",
            "paging": "cursor",
            "cursorParameter": "variables.after",
            "cursorAt": "data.orders.pageInfo.endCursor",
            "hasMoreAt": "data.orders.pageInfo.hasNextPage",
        },
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_all_records_come_once_and_in_order(tmp_path: Path, shape: str) -> None:
    answer, properties = SHAPES[shape]
    with orders_api(answer) as api:
        assert Reader(tmp_path, api.url).ids(**properties) == ALL


def test_what_came_twice_in_one_page_stays_twice(tmp_path: Path) -> None:
    """Only what the page before had already is left out."""
    twice = [ORDERS[0], ORDERS[0], ORDERS[2]]
    pages = {"": twice, ORDERS[2]["at"]: [ORDERS[2], ORDERS[2], ORDERS[4]], ORDERS[4]["at"]: [ORDERS[4]]}
    with orders_api(lambda asked: {"orders": pages[asked.query.get("since", "")]}) as api:
        ids = Reader(tmp_path, api.url).ids(paging="cursor", cursorParameter="since", cursorAt="last:at")
    assert ids == ["A0", "A0", "A2", "A2", "A4"]


@pytest.mark.parametrize(
    ("location", "query"),
    [
        ("{base}/orders?from={start}&to={end}", {"from": "2024-01-05T00:00:00Z", "to": "2024-01-06T00:00:00Z"}),
        ("{base}/orders?from={start:epoch}&to={end:epoch_ms}", {"from": "1704412800", "to": "1704499200000"}),
        ("{base}/orders?on={day:%d/%m/%Y}", {"on": "05/01/2024"}),
        ("{base}/{day:%Y/%m/%d}/orders?x=1", {"x": "1"}),
        ("{base}/orders?to={day}T23:59:59.999Z", {"to": "2024-01-05T23:59:59.999Z"}),
        ("{base}/orders?from={start:%Y-%m-%d %H:%M:%S%z}", {"from": "2024-01-05 00:00:00+0000"}),
    ],
)
def test_a_day_is_asked_for_as_the_api_writes_it(tmp_path: Path, location: str, query: dict[str, str]) -> None:
    with orders_api(lambda asked: {"orders": ORDERS}) as api:
        Reader(tmp_path, api.url).ids(location, paging="single")
    assert api.queries == [query]
    assert api.asked[0].path == ("/2024/01/05/orders" if "x" in query else "/orders")


# --- what does not fit


def test_an_answer_of_another_shape_is_told_as_such_and_not_as_an_outage(tmp_path: Path) -> None:
    with orders_api(lambda asked: {"results": ORDERS, "count": 7}) as api:
        told = Reader(tmp_path, api.url).refusal()
    assert "does not answer as the contract says: the answer lacks `orders`; its keys are `results`, `count`." in told
    assert "Correct the server in the contract, or ask who runs the API" in told
    assert len(api.asked) == 2


def same(asked: Asked) -> dict[str, object]:
    return {"orders": ORDERS, "next": "/orders?day=2024-01-05", "more": True, "cursor": "c1", "odd": [1], "total": "?"}


@pytest.mark.parametrize(
    ("properties", "told"),
    [
        ({}, "lacks `pages` (a contract that does not say `paging` means pages with `page`, `pages` and `total`)"),
        ({"records": "next"}, "has no list under `next`"),
        ({"records": "$"}, "has no list as the whole answer"),
        ({"paging": "page_number"}, "is the same for page 2 as for page 1, so the API does not know the parameter `pa"),
        ({"paging": "offset", "offsetParameter": "skip"}, "does not know the parameter `skip`"),
        ({"paging": "single", "totalAt": "total"}, "has a `total` that is not a count"),
        ({"paging": "single", "totalAt": "meta.total"}, "lacks `meta.total`"),
        ({"paging": "page_number", "hasMoreAt": "next"}, "has a `next` that is neither true nor false"),
        ({"paging": "next_link", "nextAt": "odd"}, "has a `odd` that is neither text nor a number"),
        ({"paging": "next_link", "nextAt": "next"}, "to a page that was asked for before"),
        ({"paging": "cursor", "cursorParameter": "c", "cursorAt": "cursor"}, "to a page that was asked for before"),
        ({"paging": "cursor", "cursorParameter": "c", "cursorAt": "last:no"}, "record without a text or number `no`"),
        (
            {"paging": "cursor", "cursorParameter": "c", "cursorAt": "no", "hasMoreAt": "more"},
            "says that there is more, and has no cursor at `no`",
        ),
    ],
)  # fmt: skip
def test_pages_that_are_not_as_the_contract_says_are_told(
    tmp_path: Path, properties: dict[str, Any], told: str
) -> None:
    with orders_api(same) as api:
        assert told in Reader(tmp_path, api.url).refusal(**properties)


@pytest.mark.parametrize("link", ["http://127.0.0.1:9/orders", "/other", "//evil.example/orders", "http://["])
def test_a_link_that_leads_elsewhere_is_not_followed(tmp_path: Path, link: str) -> None:
    with orders_api(lambda asked: {"orders": ORDERS, "next": link}) as api:
        reader = Reader(tmp_path, f"{api.url}/orders", CRM_TOKEN=A_KEY)
        told = reader.refusal(location="{base}?day={day}", paging="next_link", nextAt="next", tokenVariable="CRM_TOKEN")
    assert "nothing outside of" in told or "is not an address" in told
    assert {asked.path for asked in api.asked} == {"/orders"}


# --- signing in


def authorization(asked: Asked) -> str:
    return asked.headers.get("Authorization", "")


@pytest.mark.parametrize(
    ("properties", "is_signed"),
    [
        ({"tokenVariable": "KEY"}, lambda asked: authorization(asked) == f"Bearer {A_KEY}"),
        (
            {"userVariable": "USER", "passwordVariable": "KEY"},
            lambda asked: authorization(asked) == "Basic " + base64.b64encode(f"shop:{A_KEY}".encode()).decode(),
        ),
        ({"keyVariable": "KEY", "keyHeader": "X-Api-Key"}, lambda asked: asked.headers.get("X-Api-Key") == A_KEY),
        ({"keyVariable": "KEY", "keyParameter": "api_key"}, lambda asked: asked.query.get("api_key") == A_KEY),
    ],
)
def test_every_page_is_signed_for_and_no_message_repeats_the_secret(
    tmp_path: Path, properties: dict[str, Any], is_signed: Callable[[Asked], bool], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    environment = {"KEY": A_KEY, "USER": "shop"}

    def answer(asked: Asked) -> Any:
        if not is_signed(asked):
            return Said({}, status=401)
        if asked.path == "/broken":
            return {f"your key is {A_KEY}": True, "error": A_KEY}
        return linked(asked)

    with orders_api(answer) as api:
        reader = Reader(tmp_path, api.url, **environment)
        paged = properties | {"paging": "next_link", "nextAt": "@odata.nextLink"}
        assert reader.ids(**paged) == ALL
        assert len(api.asked) == 3
        told = reader.refusal(location="{base}/broken?day={day}", **paged)
        described = reader.origin(**paged).describe(DAY)
        refused = Reader(tmp_path, api.url, **(environment | {"KEY": A_KEY[::-1]})).refusal(**paged)
    assert "the answer lacks `orders`" in told
    assert "was refused: it answered 401 (Unauthorized)" in refused
    shown = "\n".join([told, described, refused, caplog.text])
    assert A_KEY not in shown and A_KEY[::-1] not in shown


def test_a_key_that_the_api_repeats_in_its_links_is_in_no_message(tmp_path: Path) -> None:
    def answer(asked: Asked) -> Any:
        if "at" in asked.query:
            return Said({}, status=404)
        return {"orders": ORDERS, "next": f"/orders?at=3&api_key={asked.query['api_key']}"}

    with orders_api(answer) as api:
        told = Reader(tmp_path, api.url, KEY=A_KEY).refusal(
            paging="next_link", nextAt="next", keyVariable="KEY", keyParameter="api_key"
        )
    assert f"{api.url}/orders?at=3 was refused: it answered 404" in told
    assert api.queries[-1] == {"at": "3", "api_key": A_KEY}


class TokenServer:
    """Gives tokens that are good for so many requests; the API takes the newest only."""

    def __init__(self, good_for: int, expires_in: int = 3600) -> None:
        self.good_for = good_for
        self.expires_in = expires_in
        self.fetched: list[Asked] = []
        self.left = 0

    def __call__(self, asked: Asked) -> Any:
        if asked.path == "/token":
            self.fetched.append(asked)
            self.left = self.good_for
            return {"access_token": f"tok-{len(self.fetched)}-{A_KEY}", "expires_in": self.expires_in}
        if self.left == 0 or authorization(asked) != f"Bearer tok-{len(self.fetched)}-{A_KEY}":
            return Said({}, status=401)
        self.left -= 1
        return linked(asked)


OAUTH = {
    "clientIdVariable": "ID",
    "clientSecretVariable": "KEY",
    "tokenUrlVariable": "TOKENS",
    "paging": "next_link",
    "nextAt": "@odata.nextLink",
}


def oauth_reader(folder: Path, api: Orders) -> Reader:
    return Reader(folder, api.url, ID="client 7", KEY=A_KEY, TOKENS=f"{api.url}/token")


@pytest.mark.parametrize(("server", "fetched"), [(TokenServer(99), 1), (TokenServer(1), 3), (TokenServer(99, 0), 1)])
def test_a_token_is_fetched_once_and_again_when_it_is_not_taken_any_more(
    tmp_path: Path, server: TokenServer, fetched: int
) -> None:
    with orders_api(server) as api:
        assert oauth_reader(tmp_path, api).ids(**OAUTH, scope="orders.read") == ALL
    assert len(server.fetched) == fetched
    assert server.fetched[0].body == {"grant_type": "client_credentials", "scope": "orders.read"}
    assert base64.b64decode(authorization(server.fetched[0])[6:]).decode() == f"client 7:{A_KEY}"


def test_a_token_that_ends_soon_is_fetched_before_it_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = TokenServer(99, expires_in=60)
    clock = time.monotonic
    hours: list[float] = []
    monkeypatch.setattr("tidegate.sources.http.sign_in.time.monotonic", lambda: clock() + sum(hours))

    def answer(asked: Asked) -> Any:
        said = server(asked)
        if asked.path == "/orders":
            hours.append(20.0)
        return said

    with orders_api(answer) as api:
        assert oauth_reader(tmp_path, api).ids(**OAUTH, timeLimitSeconds=600) == ALL
    assert len(server.fetched) == 2


def test_id_and_secret_go_into_the_form_where_the_contract_says_so(tmp_path: Path) -> None:
    server = TokenServer(99)
    with orders_api(server) as api:
        oauth_reader(tmp_path, api).ids(**OAUTH, credentialsIn="body")
    (asked,) = server.fetched
    assert asked.body == {"grant_type": "client_credentials", "client_id": "client 7", "client_secret": A_KEY}
    assert "Authorization" not in asked.headers


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Said({"error": "invalid_client", "you": A_KEY}, status=401), "/token was refused: it answered 401"),
        ({"token": A_KEY}, "The address of tokens in $TOKENS answered, but not with a JSON object"),
        (Said({}, status=404), "/token was refused: it answered 404"),
    ],
)
def test_a_token_that_is_not_given_is_told_without_the_secret(tmp_path: Path, answer: Any, told: str) -> None:
    with orders_api(lambda asked: answer) as api:
        said = oauth_reader(tmp_path, api).refusal(**OAUTH)
    assert told in said
    assert A_KEY not in said
    assert {asked.path for asked in api.asked} == {"/token"}


def test_no_more_is_asked_in_a_minute_than_the_contract_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("tidegate.sources.http.client.time.sleep", pauses.append)
    with orders_api(linked) as api:
        ids = Reader(tmp_path, api.url).ids(paging="next_link", nextAt="@odata.nextLink", maxRequestsPerMinute=30)
    assert ids == ALL
    assert len(pauses) == 2
    assert all(1 < pause <= 2 for pause in pauses)


def test_the_server_is_what_the_contract_says(tmp_path: Path) -> None:
    origin = Reader(tmp_path, "http://127.0.0.1").origin(
        paging="offset", totalAt="meta.total", body={"from": "{start}"}, maxRequestsPerMinute=60
    )
    server = origin.server
    assert (server.paging.parameter, server.paging.in_body, server.paging.paths) == ("offset", True, ("meta.total",))
    assert origin.describe(DAY) == '$CRM_URL/orders?day=2024-01-05 {"from": "2024-01-05T00:00:00Z"}'
