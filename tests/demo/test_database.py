"""The demo shop's database: the payments of its files in a real PostgreSQL, the same however often it is filled."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from tests.support.lake.copied import new_lake

from tidegate.contract.reading.odcs import load_contract
from tidegate.demo.database import fill_database
from tidegate.demo.shop import write_shop
from tidegate.demo.trade import Shop
from tidegate.errors import TidegateError
from tidegate.intake.load import load_deliveries
from tidegate.lake.config import LakeConfig
from tidegate.lake.content import Content, content_of
from tidegate.lake.extensions import connect_with
from tidegate.lake.sql import literal
from tidegate.settings import CHECKOUT, load_settings
from tidegate.sources.origin import Outside
from tidegate.window import ONE_DAY, Window

VARIABLE = "SHOP_DATABASE"
DAYS = 5
SHOP = Shop(dt.date(2024, 1, 1), orders_per_day=60, seed=7)
FILES = CHECKOUT / "contracts" / "payments.odcs.yaml"
DATABASE = CHECKOUT / "examples" / "unattended" / "contracts" / "payments.odcs.yaml"


def fill(database: str, days: int = DAYS, shop: Shop = SHOP) -> int:
    return fill_database(database, VARIABLE, shop, days).payments


def contents(database: str) -> tuple[Content, Content]:
    """Rows and hash of both tables."""
    with connect_with(["postgres_scanner"]) as con:
        con.execute(f"attach {literal(database)} as shop (type postgres, read_only)")
        payments = content_of(con, "select * from shop.payments")
        return payments, content_of(con, "select * from shop.etl_status")


def test_filling_again_changes_nothing_and_another_window_only_adds(database: str) -> None:
    written = fill(database)
    payments, statuses = contents(database)
    assert (payments.rows, statuses.rows) == (written, DAYS)
    assert fill(database, days=3) < written
    assert contents(database) == (payments, statuses)
    assert fill(database, days=DAYS + 1) > written
    assert contents(database)[1].rows == DAYS + 1


def test_another_shop_is_refused_and_changes_nothing(database: str) -> None:
    fill(database)
    before = contents(database)
    with pytest.raises(TidegateError, match="of another demo shop, and nothing was changed"):
        fill(database, days=2, shop=Shop(SHOP.first_day, SHOP.orders_per_day, seed=8))
    assert contents(database) == before


def test_a_database_that_is_not_there_is_told_without_its_password() -> None:
    with pytest.raises(TidegateError, match=f"the database in \\${VARIABLE} is not there") as refusal:
        fill("host=127.0.0.1 port=1 user=u password=s3cret")
    assert refusal.value.__context__ is None
    assert "s3cret" not in str(refusal.value)


@pytest.mark.slow
def test_payments_from_files_and_from_the_database_are_the_same_in_the_end(database: str, tmp_path: Path) -> None:
    """Files hold late rows on the day they came, the database on the day they were paid."""
    landing = tmp_path / "landing"
    write_shop(landing, first_day=SHOP.first_day, days=DAYS, orders_per_day=SHOP.orders_per_day, seed=SHOP.seed)
    fill(database)
    outside = Outside(str(landing), str(tmp_path / "archive"), {VARIABLE: database})
    window = Window(SHOP.first_day, SHOP.first_day + DAYS * ONE_DAY)
    loaded = []
    for contract in (FILES, DATABASE):
        settings = load_settings(home=tmp_path / contract.parent.parent.name)
        with new_lake(LakeConfig.of(settings)) as lake:
            reports = load_deliveries(lake, load_contract(contract), window, outside=outside, run_id="run")
            assert [report.rejection for report in reports] == [None] * DAYS
            assert sum(report.reasons.get("missing_amount", 0) for report in reports) == 1
            loaded.append(
                content_of(lake.con, "select payment_id, order_id, amount, method, paid_at from raw.payments")
            )
    assert loaded[0] == loaded[1]
