"""The contracts that come with Tidegate, and what they make of the data they were written for."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import subprocess
import sys
from decimal import Decimal
from importlib.resources import files
from pathlib import Path

import duckdb
import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

from tidegate.contract.found import Drift, Measures
from tidegate.contract.judging.assess import assess
from tidegate.contract.judging.measure import measure
from tidegate.contract.judging.verdicts import duplicate_updates, judge_select
from tidegate.contract.landing import FolderServer
from tidegate.contract.reading.odcs import load_contract, load_contracts

CHECKOUT = Path(__file__).parents[3]
SHOP = CHECKOUT / "contracts"
ONLINE_RETAIL = CHECKOUT / "examples" / "online_retail" / "contracts"
UNATTENDED = CHECKOUT / "examples" / "unattended" / "contracts"
FILES = [path for folder in (SHOP, ONLINE_RETAIL, UNATTENDED) for path in sorted(folder.glob("*.odcs.yaml"))]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.parent.name}/{path.name}")
def test_it_is_valid_by_the_schema_of_the_standard(path: Path) -> None:
    schema = json.loads(files("open_data_contract_standard").joinpath("schema.json").read_text("utf-8"))
    jsonschema.validate(yaml.safe_load(path.read_text(encoding="utf-8")), schema)


def test_the_contracts_of_the_shop() -> None:
    contracts = load_contracts(SHOP)
    orders, customers, payments = contracts["orders"], contracts["customers"], contracts["payments"]
    assert {column.name: column.sql_type for column in orders.columns} == {
        "order_id": "VARCHAR",
        "line_number": "INTEGER",
        "customer_id": "VARCHAR",
        "product_id": "VARCHAR",
        "product_category": "VARCHAR",
        "quantity": "INTEGER",
        "unit_price": "DECIMAL(18,4)",
        "discount_amount": "DECIMAL(18,4)",
        "ordered_at": "TIMESTAMP",
        "country": "VARCHAR",
    }
    assert orders.required == (
        "order_id",
        "line_number",
        "product_id",
        "quantity",
        "unit_price",
        "ordered_at",
    )
    assert orders.key == ("order_id", "line_number")
    assert (orders.event_time, orders.allowed_lateness_days) == ("ordered_at", 7)
    assert [region.name for region in orders.regions] == ["us-east", "us-west", "eu-west", "ap-south"]
    assert orders.region("eu-west").server == FolderServer("orders/eu-west/{day}")
    assert [rule.reason for rule in orders.row_rules] == [
        "unit_price_below_minimum",
        "unit_price_above_maximum",
        "discount_amount_below_minimum",
        "quantity_is_zero",
        "discount_above_sale",
        "in_the_future",
        "too_late",
    ]
    assert orders.max_quarantined_percent == 5
    assert (orders.owner, orders.channel, orders.published_by) == (
        "sales-platform",
        "#orders-data",
        dt.time(6),
    )
    assert customers.key == ("customer_id",)
    assert [region.server for region in customers.regions] == [FolderServer("customers/{day}")]
    assert {column.name: column.sql_type for column in payments.columns} == {
        "payment_id": "VARCHAR",
        "order_id": "VARCHAR",
        "amount": "DECIMAL(18,4)",
        "method": "VARCHAR",
        "paid_at": "TIMESTAMP",
    }
    assert (payments.key, payments.event_time, payments.allowed_lateness_days) == (("payment_id",), "paid_at", 7)
    assert payments.required == ("payment_id", "order_id", "amount", "paid_at")


def test_the_same_columns_in_both_sets_of_contracts() -> None:
    shop, online_retail = load_contracts(SHOP), load_contracts(ONLINE_RETAIL)
    for source in ("orders", "customers"):
        typed = [[(c.name, c.sql_type) for c in set_[source].columns] for set_ in (shop, online_retail)]
        assert typed[0] == typed[1]


ORDERS = """
order_id,line_number,customer_id,product_id,product_category,quantity,unit_price,discount_amount,ordered_at,country
A1,1,C1,P1,toys,2,10.00,1.00,2024-01-10 10:00:00,US
A1,2,C1,P1,toys,-2,10.00,0.00,2024-01-10 10:00:00,US
A2,1,,P2,,1,0,,2024-01-03T00:00:00Z,
A3,1,C1,P1,toys,1,100000,0,2024-01-10 23:59:59,US
,1,C1,P1,toys,1,1,0,2024-01-10 10:00:00,US
B1,,C1,P1,toys,1,1,0,2024-01-10 10:00:00,US
B2,1,C1,,toys,1,1,0,2024-01-10 10:00:00,US
B3,1,C1,P1,toys,,1,0,2024-01-10 10:00:00,US
B4,1,C1,P1,toys,1,,0,2024-01-10 10:00:00,US
B5,1,C1,P1,toys,1,1,0,,US
B6,1,C1,P1,toys,0,1,0,2024-01-10 10:00:00,US
B7,1,C1,P1,toys,1,-0.01,-1,2024-01-10 10:00:00,US
B8,1,C1,P1,toys,1,100000.01,0,2024-01-10 10:00:00,US
B9,1,C1,P1,toys,2,5.00,10.01,2024-01-10 10:00:00,US
C1,1,C1,P1,toys,1,1,0,2024-01-11 00:00:00,US
C2,1,C1,P1,toys,1,1,0,2024-01-02 23:59:59,US
C3,x,C1,P1,toys,1.5,ten,0.00001,yesterday,US
A1,1,C1,P1,toys,3,10.00,1.00,2024-01-10 10:00:00,US
"""


def test_every_row_rule_of_orders() -> None:
    contract = load_contracts(SHOP)["orders"]
    header, *lines = [line.split(",") for line in ORDERS.strip().splitlines()]
    rows = ", ".join(f"({', '.join(repr(value) for value in line)})" for line in lines)
    relation = (
        f"(select *, 0 as _delivery, date '2024-01-10' as _day, 'f' as _file from (values {rows}) "
        f"as v({', '.join(header)}))"
    )
    with duckdb.connect() as con:
        con.execute(f"create table judged as {judge_select(contract, dict.fromkeys(header, 'VARCHAR'), relation)}")
        for update in duplicate_updates(contract, "judged"):
            con.execute(update)
        found = con.execute("select order_id, line_number, quantity, _reasons from judged").fetchall()
    assert {(order, line, quantity): reasons for order, line, quantity, reasons in found} == {
        ("A1", 1, 2): ["duplicate_key"],
        ("A1", 2, -2): None,
        ("A2", 1, 1): None,
        ("A3", 1, 1): None,
        (None, 1, 1): ["missing_order_id"],
        ("B1", None, 1): ["missing_line_number"],
        ("B2", 1, 1): ["missing_product_id"],
        ("B3", 1, None): ["missing_quantity"],
        ("B4", 1, 1): ["missing_unit_price"],
        ("B5", 1, 1): ["missing_ordered_at"],
        ("B6", 1, 0): ["quantity_is_zero"],
        ("B7", 1, 1): ["unit_price_below_minimum", "discount_amount_below_minimum"],
        ("B8", 1, 1): ["unit_price_above_maximum"],
        ("B9", 1, 2): ["discount_above_sale"],
        ("C1", 1, 1): ["in_the_future"],
        ("C2", 1, 1): ["too_late"],
        ("C3", None, None): [
            "invalid_line_number",
            "invalid_quantity",
            "invalid_unit_price",
            "invalid_discount_amount",
            "invalid_ordered_at",
        ],
        ("A1", 1, 3): None,
    }


def test_online_retail_quarantines_two_negative_prices_and_rejects_no_day() -> None:
    """The shape of the real data's worst days; the data itself is judged by tests/e2e."""
    contract = load_contracts(ONLINE_RETAIL)["orders"]
    relation = """(
        select 'A' || i as order_id, '1' as line_number, if(i <= 442, null, '12345') as customer_id,
          'B' as product_id, 'uncategorised' as product_category, '1' as quantity,
          case when i <= 2 then '-11062.06' when i = 3 then '38970' else '0.001' end as unit_price,
          '0' as discount_amount, '2011-08-12 14:51:00' as ordered_at, 'United Kingdom' as country,
          0 as _delivery, date '2011-08-12' as _day, 'f' as _file
        from range(1, 501) as lines(i)
    )"""
    present = {column.name: "VARCHAR" for column in contract.columns}
    with duckdb.connect() as con:
        con.execute(f"create table judged as {judge_select(contract, present, relation)}")
        measures = measure(con, contract, "judged")[0]
    assert (measures.rows_sound, measures.rows_broken) == (498, 2)
    assert round(measures.values["share_of_guests"] or Decimal(0), 2) == Decimal("88.35")
    assert assess(contract, measures, Drift()).accepted


def test_judging_does_not_import_the_standard() -> None:
    """Workers that only judge must not pay for it: a contract is read once, where definitions are made."""
    code = (
        "import sys, tidegate.contract.model, tidegate.contract.judging.verdicts, tidegate.contract.judging.assess, "
        "tidegate.contract.judging.measure; "
        "print([m for m in ('pydantic', 'yaml', 'open_data_contract_standard') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(CHECKOUT / "platform")},
    )
    assert done.stdout.strip() == "[]"


def test_messages_name_the_file_that_the_contract_stands_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "shop" / "contracts"
    shutil.copytree(SHOP, folder)
    orders = load_contract(folder / "orders.odcs.yaml")

    def rejection() -> str:
        return assess(orders, Measures(10, 1, 9, {"missing_order_id": 9}, {}), Drift()).rejection or ""

    assert f"change the rule in {folder}/orders.odcs.yaml and run" in rejection()
    monkeypatch.chdir(tmp_path)
    assert "change the rule in shop/contracts/orders.odcs.yaml and run" in rejection()
