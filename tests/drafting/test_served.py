"""Samples behind an address: the drafted contract asks the same server for each day, or says what fills landing."""

from __future__ import annotations

import datetime as dt
import io
import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.intake.archives import folder_archive
from tests.support.intake.http_orders import Asked as AskedOf
from tests.support.intake.http_orders import Said, orders_api
from typer.testing import CliRunner

from tidegate.cli import app
from tidegate.contract.http import HttpServer
from tidegate.contract.reading.odcs import load_contract
from tidegate.drafting.served import day_of_address
from tidegate.sources.http.joined import join_pages
from tidegate.sources.http.source import HttpOrigin
from tidegate.sources.origin import Outside

FRIDAY, SATURDAY = dt.date(2024, 1, 5), dt.date(2024, 1, 6)


def orders_of(day: str) -> list[dict[str, Any]]:
    return [{"order_id": f"O{day[-2:]}{n}", "ordered_at": f"{day}T0{n}:00:00Z", "amount": f"{n}.50"} for n in range(9)]


def in_pages(asked: AskedOf) -> Any:
    number = int(asked.query.get("page", "1"))
    found = orders_of(asked.query["day"])
    return {"page": number, "pages": 3, "total": 9, "orders": found[3 * number - 3 : 3 * number]}


def with_links(asked: AskedOf) -> Any:
    at = int(asked.query.get("after", "0"))
    found = orders_of(asked.query["from"])
    following = f"/orders?from={asked.query['from']}&to={asked.query['to']}&after={at + 4}" if at + 4 < 9 else None
    return {"data": {"items": found[at : at + 4]}, "links": {"next": following}}


def whole(asked: AskedOf) -> Any:
    assert asked.query["api_key"] == "s3cret"
    return orders_of(asked.query["day"])


def drafted(address: str, folder: Path, code: int = 0) -> tuple[str, str]:
    """The contract, and what was said beside it."""
    done = CliRunner().invoke(app, ["contract", "draft", address, "--show", "--source", "orders"])
    assert done.exit_code == code, done.output
    (folder / "orders.odcs.yaml").write_text(done.stdout)
    return done.stdout, done.stderr


def ids_of(folder: Path, url: str, day: dt.date) -> list[str]:
    """What the drafted contract gets of a day."""
    (region,) = load_contract(folder / "orders.odcs.yaml").regions
    assert isinstance(region.server, HttpServer)
    origin = HttpOrigin("orders", region.server, Outside("", str(folder), {"ORDERS_URL": url}))
    archive, lines = folder_archive(folder / "archive"), io.BytesIO()
    captured = origin.capture(archive, "orders", day)
    pages = [(file.name, archive.local(file).read_bytes()) for file in captured.files]
    assert join_pages(pages, origin.server, lines) == {}
    return [json.loads(line)["order_id"] for line in lines.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("answer", "address", "location"),
    [
        (in_pages, "/orders?day=2024-01-05&page=1", "{base}/orders?day={day}"),
        (with_links, "/orders?from=2024-01-05&to=2024-01-06", "{base}/orders?from={day}&to={end:%Y-%m-%d}"),
    ],
)
def test_the_drafted_contract_loads_from_the_same_server_that_day_and_the_next(
    answer: Any, address: str, location: str, tmp_path: Path
) -> None:
    with orders_api(answer) as api:
        text, said = drafted(api.url + address, tmp_path)
        assert f'location: "{location}"' in text
        assert "type: local" not in text
        assert f"export ORDERS_URL={api.url}" in " ".join(said.split())
        for day in (FRIDAY, SATURDAY):
            assert ids_of(tmp_path, api.url, day) == [order["order_id"] for order in orders_of(str(day))]


def test_what_signs_in_gets_into_no_file_and_a_whole_list_is_one_page(tmp_path: Path) -> None:
    with orders_api(whole) as api:
        text, said = drafted(f"{api.url}/orders?day=2024-01-05&api_key=s3cret", tmp_path)
    assert "s3cret" not in text + said
    assert "keyVariable" in text
    assert "{property: paging, value: single}" in text
    assert 'value: "$"' in text


@pytest.mark.parametrize(
    ("content", "address", "why"),
    [
        (b"order_id,amount\n1,2.5\n", "/orders.csv?day=2024-01-05", "over HTTP, and this is csv"),
        (json.dumps(orders_of("2024-01-05")).encode(), "/orders", "names no day"),
    ],
)
def test_what_no_contract_can_ask_for_says_how_it_gets_into_landing(
    content: bytes, address: str, why: str, tmp_path: Path
) -> None:
    with orders_api(lambda _: Said(content)) as api:
        text, said = drafted(api.url + address, tmp_path)
    assert "type: local" in text
    for place in (text.replace("\n# ", " "), " ".join(said.split())):
        assert why in place
        assert 'mkdir -p "$TIDEGATE_LANDING/orders/$DAY"' in place


def test_an_address_may_name_one_day_or_its_two_ends() -> None:
    assert day_of_address("https://x/2024-01-05/a?until=2024-01-06") == FRIDAY
    assert day_of_address("https://x/a?d=20240105") == FRIDAY
    assert day_of_address("https://x/a?d=20249905&id=1202401051") is None
    assert day_of_address("https://x/a?from=2024-01-05&to=2024-02-05") is None
