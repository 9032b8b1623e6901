"""Customers over HTTP: what is captured and loaded, how often a page is asked for, and what is never told to whom."""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.intake.http_shop import (
    CUSTOMERS,
    DAY,
    WITH_TOKEN,
    Answer,
    api,
    archived_objects,
    customer,
    open_http_shop_in,
    page,
)
from tests.support.intake.shop import Shop

from tidegate.intake.load import DeliveryReport
from tidegate.sources.http.client import ATTEMPTS
from tidegate.window import Window

OpenShop = Callable[..., Shop]
ONE = page(1, 1, 1, customer(1))
TOKEN = "t0ken-nobody-may-see"


@pytest.fixture
def open_shop(tmp_path: Path) -> Iterator[OpenShop]:
    shops: list[Shop] = []

    def open_one(url: str, contract: str = CUSTOMERS, **environment: str) -> Shop:
        shops.append(open_http_shop_in(tmp_path, contract, CRM_URL=url, **environment))
        return shops[-1]

    yield open_one
    for shop in shops:
        shop.lake.close()


def load(shop: Shop) -> DeliveryReport:
    return shop.load(Window.of_day(DAY))["crm"]


# --- what is captured and loaded


def test_pages_are_archived_as_they_came_and_loaded(open_shop: OpenShop) -> None:
    pages = [page(1, 2, 3, customer(1), customer(2, email="a@b.c")), page(2, 2, 3, customer(3))]
    with api(*pages) as crm:
        shop = open_shop(crm.url)
        report = load(shop)

    assert (report.status, report.files, report.rows_read, report.rows_loaded) == ("accepted", 2, 3, 3)
    assert crm.paths == ["/customers?as_of=2024-01-05&page=1", "/customers?as_of=2024-01-05&page=2"]
    assert sorted(archived_objects(shop)) == sorted(json.dumps(each.body).encode() for each in pages)
    assert shop.raw("customer_id, email, _region, _delivered_on, _file") == [
        ("C1", None, "crm", DAY, "customers.jsonl"),
        ("C2", "a@b.c", "crm", DAY, "customers.jsonl"),
        ("C3", None, "crm", DAY, "customers.jsonl"),
    ]


def test_hostile_records_are_quarantined_with_their_number_and_none_is_lost(open_shop: OpenShop) -> None:
    hostile = (
        b'[{"customer_id": "C1", "registered_on": "2024-01-01"}, null, {"customer_id": "C2", "registered_on": 1.10},'
        b'{"customer_id": "C3\xff", "registered_on": "2024-01-01"}, "text",'
        b'{"customer_id": "C4", "registered_on": "2024-01-01", "email": "a\nb"},'
        b'{"customer_id": "C5",\n "registered_on": "2024-01-01", "unknown": [{}]}]'
    )
    body = b'{"page": 2, "pages": 2, "total": 8, "customers": ' + hostile + b"}"
    contract = CUSTOMERS + "customProperties:\n  - {property: maxQuarantinedPercent, value: 90}\n"
    with api(page(1, 2, 8, customer(0)), Answer(body)) as crm:
        shop = open_shop(crm.url, contract)
        report = load(shop)

    assert report.rows_read == 8 == report.rows_loaded + report.rows_quarantined
    assert shop.raw("customer_id") == ["C0", "C1", "C5"]
    assert shop.quarantined("_line, reasons[2], raw", "reasons[1] = 'unparsable_line'") == [
        (3, "no object", "null"),
        (
            5,
            "bytes that are not UTF-8",
            '{"customer_id": "C3\\xff", "registered_on": "2024-01-01"}',
        ),
        (6, "no object", '"text"'),
        (
            7,
            "text that is not JSON",
            '{"customer_id": "C4", "registered_on": "2024-01-01", "email": "a\tb"}',
        ),
    ]
    assert shop.quarantined("raw->>'registered_on'", "reasons = ['invalid_registered_on']") == ["1.10"]
    assert report.drift.added == ("unknown",)


def test_loading_again_changes_nothing_and_an_empty_snapshot_empties(open_shop: OpenShop) -> None:
    with api(ONE, ONE, page(1, 0, 0)) as crm:
        shop = open_shop(crm.url)
        first, before = load(shop), shop.content()
        again = load(shop)
        assert (again.fingerprint, again.touched, shop.content()) == (first.fingerprint, (), before)

        emptied = load(shop)
    assert (emptied.status, emptied.rows_read, emptied.touched) == ("accepted", 0, (DAY,))
    assert shop.raw("customer_id") == []


def test_a_contract_that_names_another_list_meets_archived_pages_with_a_sentence(
    open_shop: OpenShop, tmp_path: Path
) -> None:
    with api(ONE) as crm:
        load(open_shop(crm.url))
        shop = open_shop(crm.url, CUSTOMERS.replace("value: customers}", "value: people}"))
    report = load(shop)

    assert report.status == "rejected"
    assert report.rejection is not None
    assert "page-00001.json lacks `people`" in report.rejection
    assert report.rows_read == 1 == report.rows_quarantined
    assert shop.raw("customer_id") == ["C1"]


def test_days_are_not_asked_for_one_by_one_while_the_source_is_down(open_shop: OpenShop) -> None:
    with api(Answer({}, status=500)) as crm:
        shop = open_shop(crm.url)
        reports = shop.load_each(Window(DAY, DAY + dt.timedelta(days=20)))

    assert all(report.status == "missing" and report.trouble for report in reports.values())
    assert len(reports) == 20
    assert len(crm.asked) == 2 * ATTEMPTS


def test_the_token_is_sent_and_stands_nowhere_else(
    open_shop: OpenShop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    refusal = Answer({"error": f"bad {TOKEN}"}, status=401, headers={"WWW-Authenticate": TOKEN, "X-Echo": TOKEN})
    with api(ONE, Answer(TOKEN.encode(), status=500), refusal) as crm:
        # A line end, as files of secrets have one.
        shop = open_shop(crm.url, WITH_TOKEN, CRM_TOKEN=f"{TOKEN}\n")
        reports = [load(shop), load(shop)]

    assert {headers["Authorization"] for _, headers in crm.asked} == {f"Bearer {TOKEN}"}
    assert [report.status for report in reports] == ["accepted", "missing"]
    assert "the token is missing, wrong or spent" in str(reports[1].rejection)
    assert TOKEN not in str(reports)
    assert TOKEN not in caplog.text
    assert TOKEN not in repr(shop.outside)
    for path in (path for path in tmp_path.rglob("*") if path.is_file()):
        assert TOKEN.encode() not in path.read_bytes(), path
