"""Limits of quarantine by group and amount, keys with empty parts, and what a repeated row means."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tidegate.contract.found import Drift, Measures
from tidegate.contract.judging.assess import assess
from tidegate.contract.judging.logic import logic_of
from tidegate.contract.judging.measure import measure
from tidegate.contract.judging.verdicts import duplicate_updates, judge_select
from tidegate.contract.model import Contract
from tidegate.contract.reading.odcs import load_contract
from tidegate.errors import ContractError
from tidegate.lake.sql import rows_relation

CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: sales
version: 1.0.0
servers: [{server: north, type: local, path: "sales/{day}", format: csv}]
schema:
  - name: sales
    properties:
      - {name: id, logicalType: string KEY}
      - {name: shop, logicalType: string MORE}
      - {name: amount, logicalType: number, physicalType: "decimal(18,2)"}
      - {name: note, logicalType: string, logicalTypeOptions: {maxLength: 3}}
customProperties:
  - {property: maxQuarantinedPercent, value: 90}
"""

Reads = Callable[..., Contract]
Row = tuple[str | None, ...]


@pytest.fixture
def reads(tmp_path: Path) -> Reads:
    def read(*properties: str, key: str = "", more: str = "") -> Contract:
        path = tmp_path / "sales.odcs.yaml"
        lines = "".join(f"  - {{{each}}}\n" for each in properties)
        path.write_text(CONTRACT.replace(" KEY", key).replace(" MORE", more) + lines)
        return load_contract(path)

    return read


def judged(contract: Contract, *rows: Row) -> tuple[Measures, list[Any]]:
    con = duckdb.connect()
    columns = dict.fromkeys(("id", "shop", "amount", "note"), "VARCHAR")
    given = rows_relation(columns, rows)
    delivered = f"select 0 as _delivery, date '2024-03-01' as _day, 'f' as _file, * from ({given})"
    con.execute(f"create table judged as {judge_select(contract, columns, f'({delivered})')}")
    for statement in duplicate_updates(contract, "judged"):
        con.execute(statement)
    reasons = con.execute("select _reasons from judged order by all").fetchall()
    return measure(con, contract, "judged")[0], [each[0] for each in reasons]


def rejection(contract: Contract, *rows: Row, unparsable: int = 0) -> str:
    measures, _ = judged(contract, *rows)
    return assess(contract, measures.with_unparsable(unparsable), Drift()).rejection or ""


def sale(number: int, shop: str | None = "K1", amount: str | None = "1.00", note: str = "ok") -> Row:
    return (f"s{number}", shop, amount, note)


BROKEN = "too long"
GOOD = [sale(n, shop) for n, shop in enumerate(["K1"] * 9 + ["K2"] * 3 + [None] * 2)]


def test_one_broken_row_of_a_small_group_rejects_the_delivery(reads: Reads) -> None:
    contract = reads("property: maxQuarantinedPercentBy, value: {shop: 10}")
    assert rejection(contract, *GOOD, sale(90, note=BROKEN)) == ""
    said = rejection(contract, *GOOD, sale(90, "K2", note=BROKEN), sale(91, "K1", note=BROKEN))
    assert (
        "At most 10 % of the rows of each shop may be quarantined (maxQuarantinedPercentBy): shop lacks too many of "
        "its rows for 'K2' (1 of 4)." in said
    )
    assert "for no value (1 of 3)" in rejection(contract, *GOOD, sale(90, None, note=BROKEN))


def test_what_is_missing_of_an_amount_has_a_limit_in_both_directions(reads: Reads) -> None:
    contract = reads("property: maxQuarantinedSum, value: {amount: 0.3}")
    small = [sale(90, amount="0.1", note=BROKEN), sale(91, amount="-0.2", note=BROKEN)]
    assert rejection(contract, *GOOD, *small, sale(92, amount=None, note=BROKEN)) == ""
    said = rejection(contract, *GOOD, *small, sale(92, amount="0.01", note=BROKEN))
    assert "At most 0.3 of amount may be quarantined (maxQuarantinedSum): amount of the rows in quarantine" in said
    assert "adds up to 0.31." in said


def test_a_row_of_which_nobody_knows_the_group_or_amount_is_above_every_limit(reads: Reads) -> None:
    by_sum = reads("property: maxQuarantinedSum, value: {amount: 1000}")
    assert "1 row in quarantine cannot be read as to it" in rejection(by_sum, *GOOD, sale(90, amount="abc"))
    assert "2 rows in quarantine cannot be read as to it" in rejection(by_sum, *GOOD, unparsable=2)
    by_group = reads("property: maxQuarantinedPercentBy, value: {shop: 50}", more=", required: true")
    good = [each for each in GOOD if each[1]]
    assert "1 row in quarantine cannot be read as to it" in rejection(by_group, *good, sale(90, None))
    most = [sale(90, amount="9" * 16, note=BROKEN)] * 2
    assert "adds up to 20,000,000" in rejection(by_sum, *GOOD, *most)


def test_rows_that_repeat_others_take_nothing_from_a_figure(reads: Reads) -> None:
    contract = reads("property: maxQuarantinedSum, value: {amount: 0}", key=", primaryKey: true")
    assert rejection(contract, sale(1), sale(1), sale(2)) == ""


def test_an_exact_repeat_of_a_source_without_a_key_is_kept_or_dropped_as_the_contract_says(reads: Reads) -> None:
    rows = [sale(1), sale(1, None), sale(1), sale(1, None), sale(1, amount="2.00"), sale(1)]
    for written in ((), ("property: repeatedRows, value: keep",)):
        assert judged(reads(*written), *rows)[1] == [None] * 6
    dropping = reads("property: repeatedRows, value: drop")
    # One of each stays, and no value is like no value.
    assert judged(dropping, *rows)[1] == [["repeated_row"]] * 3 + [None] * 3
    assert rejection(dropping, *[sale(1)] * 50) == ""
    assert "90 %" in rejection(dropping, *[sale(1)] * 2, *[sale(n, note=BROKEN) for n in range(60)])


def test_a_part_of_the_key_may_be_empty(reads: Reads) -> None:
    contract = reads(key=", primaryKey: true", more=", primaryKey: true, required: false")
    rows = [sale(1, None), sale(1), sale(1, None), (None, "K1", "1.00", "ok"), sale(2, None)]
    assert judged(contract, *rows)[1] == [["duplicate_key"], ["missing_id"], None, None, None]


def test_contracts_that_say_none_of_it_judge_as_they_did(reads: Reads) -> None:
    plain = logic_of(reads())
    assert logic_of(reads("property: repeatedRows, value: keep")) == plain
    assert plain != logic_of(reads("property: repeatedRows, value: drop"))
    assert plain != logic_of(reads("property: maxQuarantinedSum, value: {amount: 5}"))


@pytest.mark.parametrize(
    ("property_", "key", "more", "says"),
    [
        ("property: maxQuarantinedSum, value: {shop: 5}", "", "", "'shop', whose sum is limited, is of type string"),
        ("property: maxQuarantinedSum, value: {amuont: 5}", "", "", "'amuont' is not a column"),
        ("property: maxQuarantinedSum, value: 5", "", "", "does not say of which column"),
        ("property: maxQuarantinedSum, value: {amount: .nan}", "", "", "is no limit of amount"),
        ("property: maxQuarantinedSum, value: {amount: -1}", "", "", "is no limit of amount"),
        ("property: maxQuarantinedPercentBy, value: {shop: 101}", "", "", "a number from 0 to 100"),
        ("property: repeatedRows, value: drop", ", primaryKey: true", "", "is for a source without a key"),
        ("property: repeatedRows, value: maybe", "", "", "write one of keep, drop"),
        (
            "property: readiness, value: marker",
            ", primaryKey: true, required: false",
            ", primaryKey: true, required: false",
            "every part of the key may be empty",
        ),
    ],
)
def test_limits_that_say_nothing_are_refused(reads: Reads, property_: str, key: str, more: str, says: str) -> None:
    with pytest.raises(ContractError, match=says):
        reads(property_, key=key, more=more)
