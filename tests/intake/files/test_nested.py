"""Columns that a file names otherwise, or has inside of nested values: found in every format that has them."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from tests.support.intake.fixtures import OpenShop

CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: things
version: 1.0.0
servers:
  - {server: here, type: local, path: "things/{day}", format: FORMAT}
schema:
  - name: things
    properties:
      - {name: id, physicalName: Thing Id, logicalType: string, primaryKey: true}
      - {name: city, physicalName: customer.address.city, logicalType: string}
      - {name: amount, physicalName: sums.total, logicalType: number, physicalType: "decimal(38,4)"}
      - {name: dotted, physicalName: a.b, logicalType: integer}
customProperties: [{property: maxQuarantinedPercent, value: 100}, {property: readiness, value: all_regions}]
"""
BIG = "1234567890123456789012345678901234.5678"
SOUND = [
    f'{{"thing id": "A1", "customer": {{"address": {{"city": "Köln"}}}}, "sums": {{"total": {BIG}}}, "a.b": 1}}',
    '{"Thing Id": "A2", "customer": {"address": null}, "a": {"b": 2}}',
    '{"id": "A3", "customer": null, "sums": {}}',
]
BROKEN = [
    '{"id": "B1", "customer": [{"address": {"city": "x"}}]}',
    '{"id": "B2", "customer": {"address": {"city": "x", "city": "y"}}}',
    '{"id": "B3", "sums": {"total": {"deep": 1}}}',
    '{"id": "B4", "Thing Id": "C4", "customer": "text"}',
]
RIGHT = [("A1", "Köln", BIG, 1), ("A2", None, None, 2), ("A3", None, None, None)]
COLUMNS = "id, city, amount::varchar, dotted"


@pytest.mark.slow
@pytest.mark.parametrize("written", ["json", "json_array"])
def test_values_inside_of_json(open_shop: OpenShop, written: str) -> None:
    shop = open_shop(CONTRACT.replace("FORMAT", written))
    lines = [*SOUND, *BROKEN]
    text = "\n".join(lines) if written == "json" else f"[{', '.join(lines)}]"
    report = shop.load_one("here", {"a.json": text.encode()})

    assert (report.rows_read, report.rows_loaded) == (7, 3)
    assert shop.raw(COLUMNS) == RIGHT
    assert sorted(shop.quarantined("reasons[:1]")) == [["invalid_amount"], *[["unparsable_line"]] * 3]
    # What a path leads into is no column that the contract does not know.
    assert report.drift.added == ()


def test_values_inside_of_parquet(open_shop: OpenShop, tmp_path: Path) -> None:
    shop = open_shop(CONTRACT.replace("FORMAT", "parquet"))
    file = tmp_path / "a.parquet"
    duckdb.sql(f"""
        copy (
            select 'A1' as "Thing Id", {{address: {{city: 'Köln'}}}} as customer,
                {{total: {BIG}::decimal(38, 4)}} as sums, 1 as "a.b"
            union all select 'A2', {{address: null}}, null, 2
            union all select 'A3', null, {{total: null}}, null
        ) to '{file}' (format parquet)
    """)
    report = shop.load_one("here", {"a.parquet": file.read_bytes()})

    assert report.rejection is None
    assert shop.raw(COLUMNS) == RIGHT
    assert (report.drift.added, report.drift.missing_optional) == ((), ())


def test_elements_of_xml_under_other_names(open_shop: OpenShop) -> None:
    shop = open_shop(CONTRACT.replace("FORMAT", "xml").replace("customer.address.city", "customer/city"))
    text = '<all><t><id>A1</id><customer><city>Köln</city></customer></t><t Thing_Id="x"><id>A2</id></t></all>'
    shop.load_one("here", {"a.xml": text.encode()})

    assert shop.raw("id, city") == [("A1", "Köln"), ("A2", None)]
