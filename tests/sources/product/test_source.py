"""A mart of another home: its days arrive by content hash, from its exports or its lake, never what it holds back."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.intake.fixtures import OpenShop
from tests.support.intake.shop import Shop as Consumer
from tests.support.lake.copied import put_lake
from tests.support.lake.shop import Home, Shop, config_in

from tidegate.errors import SourceDownError, TidegateError
from tidegate.intake.not_loaded_yet import Watch
from tidegate.ledger.calendar import ProductRow, enter_holds, enter_product
from tidegate.outputs.exports import Exports
from tidegate.outputs.making import make_outputs
from tidegate.publishing.requirements import Mart
from tidegate.storage.folder import FolderStorage
from tidegate.window import ONE_DAY, Cadence, Window

DAY = dt.date(2024, 6, 3)
DAYS = Window(DAY, DAY + 3 * ONE_DAY)

HEAD = """
apiVersion: v3.1.0
kind: DataContract
id: sales_abroad
version: 1.0.0
servers:
  - server: eu
    type: tidegate
    customProperties:
      - {property: mart, value: daily_sales_by_region}
"""
TAIL = """
schema:
  - name: sales_abroad
    properties:
      - {name: order_date, logicalType: date, required: true}
      - {name: region, logicalType: string}
      - {name: net_revenue, logicalType: number, physicalType: "decimal(38,4)"}
"""
BY_EXPORTS = "      - {property: exportsVariable, value: EU_OUTPUTS}\n"
BY_LAKE = "      - {property: catalogVariable, value: EU_CATALOG}\n"
DAY_COLUMN = "      - {property: dayColumn, value: order_date}\n"
# Beside exports, the lake says why a day is not there.
KINDS = {"lake": BY_LAKE + DAY_COLUMN, "exports": BY_EXPORTS + BY_LAKE}


@dataclass
class Upstream:
    """Another home with a lake, whose exports are made when it publishes."""

    shop: Shop
    store: FolderStorage

    def publish(self, window: Window, factor: int = 1, rows: int = 2) -> None:
        self.shop.publish(window, factor, rows)
        by_region = Exports(Mart("daily_sales_by_region", "order_date"), Cadence.daily)
        make_outputs(self.shop.lake, self.store, [by_region], window.days, "a-run")

    def hold(self, day: dt.date, why: str) -> None:
        enter_product(self.shop.lake.con, ProductRow("sales", "daily", ("daily_sales_by_region",), ""), [])
        enter_holds(self.shop.lake.con, "sales", Cadence.daily, [day], {day: why})


@pytest.fixture
def upstream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    folder = tmp_path / "eu"
    config = config_in(folder)
    put_lake(config)
    monkeypatch.setenv("EU_OUTPUTS", str(folder / "outputs"))
    monkeypatch.setenv("EU_CATALOG", config.catalog)
    with ExitStack() as stack:
        home = Home(config, stack)
        yield Upstream(Shop(home.open(), home), FolderStorage(folder / "outputs"))


@pytest.fixture(params=[*KINDS])
def consumer(request: pytest.FixtureRequest, open_shop: OpenShop) -> Consumer:
    return open_shop(HEAD + KINDS[request.param] + TAIL)


def waiting(consumer: Consumer) -> dict[dt.date, str]:
    """What stands upstream and is not loaded as it stands, by day."""
    watch = Watch(lambda: nullcontext(consumer.lake), consumer.contract, consumer.outside, DAYS)
    return {day: found[0].listing for day, found in watch.look([], lambda _: True, 10).items()}


@pytest.mark.slow
def test_days_arrive_as_they_are_published_and_restated_and_put_back(upstream: Upstream, consumer: Consumer) -> None:
    upstream.publish(Window(DAY, DAY + 2 * ONE_DAY))
    first = waiting(consumer)
    assert [*first] == [DAY, DAY + ONE_DAY]
    report = consumer.load(Window.of_day(DAY))["eu"]
    assert (report.status, report.rows_loaded) == ("accepted", 2)
    once = consumer.content()
    assert consumer.raw("order_date, region, net_revenue::int") == [(DAY, "region 0", 1), (DAY, "region 1", 1)]

    assert [*waiting(consumer)] == [DAY + ONE_DAY]
    upstream.publish(Window.of_day(DAY), factor=7, rows=3)
    restated = waiting(consumer)
    assert (restated[DAY] != first[DAY], restated[DAY + ONE_DAY]) == (True, first[DAY + ONE_DAY])
    assert consumer.load(Window.of_day(DAY))["eu"].touched == (DAY,)
    assert consumer.raw("net_revenue::int") == [7, 7, 7]

    # What was published first, by its content.
    upstream.publish(Window.of_day(DAY))
    assert waiting(consumer) == first
    consumer.load(Window.of_day(DAY))
    assert consumer.content() == once


def test_a_day_that_is_not_published_is_not_there(upstream: Upstream, consumer: Consumer) -> None:
    upstream.publish(Window.of_day(DAY))
    upstream.hold(DAY + ONE_DAY, "orders/north is missing.")
    report = consumer.load(Window.of_day(DAY + ONE_DAY))["eu"]
    assert report.status == "missing"
    tells = "eu: day 2024-06-04 is held upstream: orders/north is missing."
    assert tells in str(report.rejection)
    assert [*waiting(consumer)] == [DAY]


def test_a_home_that_cannot_be_read_is_an_outage_and_what_was_loaded_stays(
    upstream: Upstream, consumer: Consumer, tmp_path: Path
) -> None:
    upstream.publish(Window.of_day(DAY))
    consumer.load(Window.of_day(DAY))
    before = consumer.content()
    upstream.shop.lake.close()
    (tmp_path / "eu").rename(tmp_path / "gone")
    with pytest.raises(SourceDownError, match=r"in \$EU_\w+ cannot be read: "):
        waiting(consumer)
    report = consumer.load(Window.of_day(DAY))["eu"]
    assert "cannot be read" in str(report.trouble)
    assert consumer.content() == before
    # Of a day that never came.
    assert consumer.load(Window.of_day(DAY + ONE_DAY))["eu"].status == "missing"


@pytest.mark.parametrize("change", ["bytes", "path", "mart", "json", "list", "hash"])
def test_an_export_that_is_not_what_its_pointer_says_is_refused(
    upstream: Upstream, open_shop: OpenShop, change: str
) -> None:
    consumer = open_shop(HEAD + BY_EXPORTS + TAIL)
    upstream.publish(Window.of_day(DAY))
    pointer = upstream.store.root / "exports" / "daily_sales_by_region" / str(DAY) / "latest.json"
    content = json.loads(pointer.read_text())
    changed: dict[str, Callable[[], object]] = {
        "bytes": lambda: (pointer.parent / content["files"][0]["path"]).write_bytes(b"PAR1"),
        "path": lambda: content["files"][0].update(path="../../../lake/catalog.sqlite"),
        "mart": lambda: content.update(mart="daily_sales"),
        "json": lambda: pointer.write_text("[" * 100_000),
        "list": lambda: pointer.write_text("[]"),
        "hash": lambda: content.update(content_hash=None),
    }
    changed[change]()
    if change in ("path", "mart", "hash"):
        pointer.write_text(json.dumps(content))
    report = consumer.load(Window.of_day(DAY))["eu"]
    assert report.status == "missing"
    assert ("is not the file that" if change == "bytes" else "is not a pointer to an export") in str(report.rejection)


def test_a_day_column_that_is_not_the_marts_is_told(upstream: Upstream, open_shop: OpenShop) -> None:
    upstream.publish(Window.of_day(DAY))
    consumer = open_shop(HEAD + BY_LAKE + DAY_COLUMN.replace("order_date", "region") + TAIL)
    assert "cannot be read" in str(consumer.load(Window.of_day(DAY))["eu"].rejection)
    consumer = open_shop(HEAD + BY_LAKE + DAY_COLUMN.replace("order_date", "sold_on") + TAIL)
    assert "has no column 'sold_on'" in str(consumer.load(Window.of_day(DAY))["eu"].rejection)


def test_a_mart_that_the_home_does_not_have_is_told(upstream: Upstream, open_shop: OpenShop) -> None:
    upstream.publish(Window.of_day(DAY))
    upstream.hold(DAY, "x")
    consumer = open_shop(HEAD.replace("daily_sales_by_region", "daily_sale") + BY_EXPORTS + BY_LAKE + TAIL)
    said = str(consumer.load(Window.of_day(DAY))["eu"].rejection)
    assert "the other home has no mart daily_sale. It has daily_sales, " in said


def test_a_variable_that_names_nothing_is_told(open_shop: OpenShop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EU_CATALOG", "mysql:shop")
    with pytest.raises(TidegateError, match="EU_CATALOG names no catalog"):
        open_shop(HEAD + BY_LAKE + DAY_COLUMN + TAIL).load()
