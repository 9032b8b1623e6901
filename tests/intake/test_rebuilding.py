"""A contract whose column gets another type: loading is refused, and raw is rebuilt from the archive."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.intake.shop import DAY, SALES, Shop, csv, row
from tests.support.lake.queries import stale_days

from tidegate.contract.reading.odcs import load_contract
from tidegate.errors import ColumnTypeError, TidegateError
from tidegate.intake import rebuilding
from tidegate.intake.rebuilding import Rebuilt, rebuild_source
from tidegate.ledger.builds import begin_build, finish_build
from tidegate.ledger.deliveries import newest_deliveries, standing_deliveries
from tidegate.window import ONE_DAY, Window

BEFORE = DAY - ONE_DAY
NARROW = SALES.replace("decimal(18,4)", "decimal(18,2)")


def change_contract(shop: Shop, contract: str) -> None:
    shop.contract.path.write_text(contract)
    shop.contract = load_contract(shop.contract.path)


def rebuild(shop: Shop) -> Rebuilt:
    return rebuild_source(shop.lake, shop.contract, outside=shop.outside, run_id="a-rebuild", days_at_once=1)


def entries(shop: Shop) -> list[tuple[Any, ...]]:
    newest = newest_deliveries(shop.lake.con, "sales", None)
    return [(e.region, e.partition_day, e.verdict, e.rows_loaded, e.rows_quarantined) for e in newest]


def with_history(shop: Shop) -> None:
    """Two days, a late row, a broken row, and a delivery that was rejected after a good one; all of it built."""
    shop.deliver("north", csv(row(1, price="1.25"), row(2, day=BEFORE)))
    shop.deliver("north", csv(row(3, price="7", day=BEFORE), row(4, price="-1", day=BEFORE)), BEFORE)
    shop.load(Window(BEFORE, DAY + ONE_DAY), ["north"])
    shop.load_one("south", csv(row(5)))
    shop.load_one("south", csv("s5,1,,dear,never", "s6,1,,dear,never"))
    shop.lake.unit_of_work(lambda con: begin_build(con, "b1", [BEFORE, DAY], ["stg_sales"], "a-run"))
    shop.lake.unit_of_work(lambda con: finish_build(con, "b1"))


@pytest.mark.slow
def test_a_source_whose_column_gets_another_type_is_rebuilt_from_the_archive(shop: Shop) -> None:
    change_contract(shop, NARROW)
    with_history(shop)
    before, quarantined = entries(shop), shop.quarantined("*")
    change_contract(shop, SALES)
    with pytest.raises(
        ColumnTypeError, match=r"price of raw.sales holds DECIMAL.*Nothing was changed.*tidegate rebuild sales"
    ):
        shop.load(regions=["north"])
    assert (entries(shop), stale_days(shop.lake.con, "sales")) == (before, [])

    rebuilt = rebuild(shop)
    assert (rebuilt.deliveries, rebuilt.rows_loaded, rebuilt.rows_quarantined) == (3, 4, 1)
    assert rebuilt.due == (BEFORE, DAY)
    assert shop.raw("_region, _delivered_on, sale_id, price::varchar") == [
        ("north", BEFORE, "s3", "7.0000"),
        ("north", DAY, "s1", "1.2500"),
        ("north", DAY, "s2", "1.5000"),
        ("south", DAY, "s5", "1.5000"),
    ]
    assert (entries(shop), shop.quarantined("*")) == (before, quarantined)
    assert stale_days(shop.lake.con, "sales") == [BEFORE, DAY]
    once = shop.content()
    rebuild(shop)
    shop.load(Window(BEFORE, DAY + ONE_DAY), ["north"])
    assert shop.content() == once


@pytest.mark.slow
def test_a_rebuild_that_dies_in_its_last_step_has_changed_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    with_history(shop)
    before, content = entries(shop), shop.content()
    change_contract(shop, NARROW)

    def die(*_: object) -> None:
        assert shop.raw("typeof(price)", "sale_id = 's1'") == ["DECIMAL(18,2)"]
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(rebuilding, "record_checks", die)
        with pytest.raises(KeyboardInterrupt):
            rebuild(shop)
    assert (entries(shop), shop.content(), stale_days(shop.lake.con, "sales")) == (before, content, [])

    rebuild(shop)
    assert shop.raw("price::varchar", "sale_id = 's1'") == ["1.25"]
    assert (entries(shop), stale_days(shop.lake.con, "sales")) == (before, [BEFORE, DAY])


@pytest.mark.slow
def test_a_rebuild_that_would_lose_a_loaded_delivery_is_refused_with_its_reasons(shop: Shop) -> None:
    shop.load_one("north", csv(row(1, note="9"), row(2, note="many")))
    shop.load_one("south", csv(row(3, note="all"), row(4, note="none")))
    content = shop.content()
    change_contract(shop, SALES.replace("{name: note, logicalType: string}", "{name: note, logicalType: integer}"))
    with pytest.raises(
        TidegateError, match=r"1 of 2 loaded deliveries.*\n- sales/south 2024-03-01 rejected: 2 of 2 rows"
    ):
        rebuild(shop)
    assert shop.content() == content

    shop.contract.path.write_text(shop.contract.path.read_text().replace("value: 74", "value: 100"))
    shop.contract = load_contract(shop.contract.path)
    assert rebuild(shop).rows_quarantined == 3
    assert shop.raw("sale_id, note") == [("s1", 9)]


@pytest.mark.slow
def test_a_source_whose_region_left_at_the_same_time_is_rebuilt_without_it(shop: Shop) -> None:
    shop.load_one("north", csv(row(1)))
    shop.load_one("south", csv(row(2)))
    north = '  - {server: north, type: local, path: "sales/north/{day}", format: auto}\n'
    change_contract(shop, NARROW.replace(north, ""))
    assert rebuild(shop).deliveries == 1
    assert [entry.region for entry in standing_deliveries(shop.lake.con, None)] == ["south"]
    assert shop.raw("_region, price::varchar") == [("south", "1.50")]
    assert shop.quarantined("_region, reasons") == [("north", ["region_withdrawn"])]


def test_rows_that_the_ledger_does_not_know_are_not_given_up(shop: Shop) -> None:
    shop.load_one("north", csv(row(1)))
    shop.load_one("south", csv(row(2)))
    shop.lake.con.execute("delete from ops.deliveries where region = 'north'")
    change_contract(shop, NARROW)
    with pytest.raises(TidegateError, match=r"does not list as loaded: sales/north 2024-03-01\. Nothing was changed"):
        rebuild(shop)
    assert shop.raw("_region") == ["north", "south"]


# What the contract says of `line` or `note`, from one version of it to the next, and what raw has then.
LINE = "{name: line, logicalType: integer, physicalType: integer, primaryKey: true, primaryKeyPosition: 2}"
NOTE = "{name: note, logicalType: string}"
VERSIONS = [
    (NOTE, "{name: note, logicalType: number, physicalType: double}", "note::varchar", ["7.0", "12.0"]),
    (NOTE, "{name: note, logicalType: integer, physicalType: tinyint}", "note::varchar", ["7", "12"]),
    (NOTE, "{name: remark, physicalName: note, logicalType: string}", "remark", ["7", "12"]),
    (NOTE, "", "sale_id", ["s1", "s2"]),
    (NOTE, NOTE, "note", ["7", "12"]),
    (LINE, "{name: line, logicalType: string, primaryKey: true, primaryKeyPosition: 2}", "line", ["1", "1"]),
    (
        LINE,
        "{name: position, physicalName: line, logicalType: integer, primaryKey: true}",
        "position::varchar",
        ["1"] * 2,
    ),
]


@pytest.mark.slow
def test_a_column_changes_its_type_in_any_direction_its_name_or_leaves_and_comes_back(shop: Shop) -> None:
    shop.load_one("north", csv(row(1, note="7"), row(2, note="12")))
    for of, to, shown, values in VERSIONS:
        change_contract(shop, SALES.replace(f"      - {of}\n", f"      - {to}\n" if to else ""))
        assert rebuild(shop).rows_loaded == 2
        assert shop.raw(f"sale_id, {shown}") == list(zip(["s1", "s2"], values, strict=True)), to
        # Of no older version is anything left, and loading goes on.
        assert shop.load_one("north", csv(row(1, note="7"), row(2, note="12"))).touched == (), to
        columns = shop.lake.con.execute("describe raw.sales").fetchall()
        assert len([name for name, *_ in columns if not name.startswith("_")]) == len(shop.contract.columns)
