"""The demo CRM: the shop's own customers over real HTTP, and the ways in which it breaks and comes back."""

from __future__ import annotations

import csv
import datetime as dt
import http.client
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tidegate.demo.crm import Crm, Snapshots
from tidegate.demo.crm_faults import Fault
from tidegate.demo.shop import write_shop
from tidegate.demo.trade import Shop
from tidegate.errors import TidegateError

FIRST_DAY = dt.date(2024, 1, 1)
SHOP = Shop(FIRST_DAY, orders_per_day=20, seed=7)


@pytest.fixture(scope="module")
def crm() -> Iterator[Crm]:
    with Crm(Snapshots(SHOP, page_size=7)) as crm:
        yield crm


@pytest.fixture(autouse=True)
def sound(crm: Crm) -> None:
    crm.fix()


def ask(url: str, path: str, method: str = "GET", **headers: str) -> tuple[int, Any]:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    return answer.status, json.loads(body) if answer.getheader("Content-Type") == "application/json" else body


def customers(crm: Crm, day: dt.date) -> list[dict[str, str]]:
    pages = [ask(crm.url, f"/customers?as_of={day}&page=1")[1]]
    while len(pages) < pages[0]["pages"]:
        pages.append(ask(crm.url, f"/customers?as_of={day}&page={len(pages) + 1}")[1])
    assert [page["page"] for page in pages] == list(range(1, pages[0]["pages"] + 1))
    found = [customer for page in pages for customer in page["customers"]]
    assert {page["total"] for page in pages} == {len(found)}
    return found


def test_customers_are_those_that_the_demo_shop_lands(crm: Crm, tmp_path: Path) -> None:
    write_shop(tmp_path, first_day=FIRST_DAY, days=12, orders_per_day=20, seed=7)
    # In no order: a day asked for early must not know those who registered since.
    for number in (11, 0, 5):
        day = SHOP.day(number)
        with (tmp_path / "customers" / str(day) / "customers.csv").open(newline="") as file:
            assert customers(crm, day) == list(csv.DictReader(file))


def test_a_day_or_page_that_is_not_there_is_refused(crm: Crm) -> None:
    for asked in (
        "as_of=2023-12-31",
        "as_of=2034-12-31",
        "as_of=2024-01-01&page=0",
        "as_of=2024-01-01&page=99",
        "as_of=x",
    ):
        assert ask(crm.url, f"/customers?{asked}")[0] == 400
    assert ask(crm.url, "/orders")[0] == 404


def test_the_token_is_asked_for() -> None:
    with Crm(Snapshots(SHOP), token="s3cret") as crm:
        path = f"/customers?as_of={FIRST_DAY}"
        assert ask(crm.url, path)[0] == 401
        assert ask(crm.url, path, Authorization="Bearer wrong")[0] == 401
        assert ask(crm.url, path, Authorization="Bearer s3cret")[0] == 200


def test_it_breaks_and_comes_back_by_its_control_address(crm: Crm) -> None:
    path = f"/customers?as_of={FIRST_DAY}"
    assert ask(crm.control_url, "/fault/errors?times=1", "PUT") == (200, {"fault": "errors", **seen(crm)})
    assert [ask(crm.url, path)[0], ask(crm.url, path)[0]] == [500, 200]

    ask(crm.control_url, "/fault/refused", "PUT")
    with pytest.raises(ConnectionRefusedError):
        ask(crm.url, path)
    assert ask(crm.control_url, "/fault", "DELETE") == (200, {"fault": None, **seen(crm)})
    assert ask(crm.url, path)[0] == 200

    assert ask(crm.control_url, "/fault/moody", "PUT")[0] == 400


def seen(crm: Crm) -> dict[str, Any]:
    return {"requests": crm.requests, "url": crm.url}


def test_faults_that_have_an_answer(crm: Crm) -> None:
    path = f"/customers?as_of={FIRST_DAY}"
    sound = ask(crm.url, path)[1]
    crm.break_by(Fault.BUSY)
    assert ask(crm.url, path)[0] == 429
    crm.break_by(Fault.HTML)
    assert ask(crm.url, path)[1].startswith(b"<!doctype html>")
    crm.break_by(Fault.WRONG_TOTAL)
    assert ask(crm.url, path)[1] == sound | {"total": sound["total"] + 1}
    crm.break_by(Fault.ENDLESS)
    assert ask(crm.url, f"{path}&page=1000")[1] == sound | {"page": 1000, "pages": 1001}
    crm.break_by(Fault.WRONG_JSON)
    with pytest.raises(json.JSONDecodeError):
        ask(crm.url, path)


def test_faults_that_have_none(crm: Crm) -> None:
    path = f"/customers?as_of={FIRST_DAY}"
    crm.break_by(Fault.RESETS)
    with pytest.raises((ConnectionResetError, http.client.IncompleteRead)):
        ask(crm.url, path)
    crm.break_by(Fault.HANGS)
    before = crm.requests
    address = urlsplit(crm.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
    connection.request("GET", path)
    while crm.requests == before:
        time.sleep(0.01)
    crm.fix()
    with pytest.raises((ConnectionResetError, http.client.RemoteDisconnected)):
        connection.getresponse()
    connection.close()


def test_a_taken_port_is_told(crm: Crm) -> None:
    with pytest.raises(TidegateError, match=f"cannot listen on 127.0.0.1:{crm.port}"):
        Crm(Snapshots(SHOP), port=crm.port).start()
