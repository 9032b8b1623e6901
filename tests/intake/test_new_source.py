"""A source with other columns is another contract file and nothing else."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from tests.support.intake.fixtures import OpenShop
from tests.support.intake.shop import DAY

READINGS = """
apiVersion: v3.1.0
kind: DataContract
id: readings
name: What the meters say
version: 2.1.0
status: active
servers:
  - {server: grid, type: local, path: "meters/{day}/export", format: auto}
schema:
  - name: readings
    properties:
      - {name: Meter No, logicalType: string, primaryKey: true}
      - {name: "select", logicalType: number, physicalType: double}
      - {name: is_estimate, logicalType: boolean}
      - {name: read_on, logicalType: date, required: true}
customProperties:
  - {property: maxQuarantinedPercent, value: 60}
"""


def test_a_new_source_needs_a_contract_file_and_no_python(open_shop: OpenShop) -> None:
    shop = open_shop(READINGS)
    shop.deliver(
        "grid", {"a.csv": b'Meter No,read_on,select,is_estimate\nM1,2024-03-01,1.5e3,true\n"M 2",yesterday,2,no\n'}
    )
    report = shop.load()["grid"]

    assert (report.status, report.rows_loaded, report.reasons) == (
        "accepted",
        1,
        {"invalid_is_estimate": 1, "invalid_read_on": 1},
    )
    assert shop.raw('"Meter No", "select", is_estimate, read_on, _region') == [
        ("M1", 1500.0, True, dt.date(2024, 3, 1), "grid")
    ]
    # Without an event time, what changes is the day of the delivery.
    assert report.touched == (DAY,)


def test_a_contract_can_get_a_new_column(open_shop: OpenShop) -> None:
    shop = open_shop(READINGS)
    shop.deliver("grid", {"a.csv": b"Meter No,read_on\nM1,2024-03-01\n"})
    shop.load()
    shop = open_shop(
        READINGS.replace("customProperties:", "      - {name: place, logicalType: string}\ncustomProperties:")
    )
    shop.deliver("grid", {"a.csv": b"Meter No,read_on,place\nM1,2024-03-01,roof\n"})
    shop.load()

    assert shop.raw('"Meter No", place') == [("M1", "roof")]


AWKWARD = """
apiVersion: v3.1.0
kind: DataContract
id: awkward
name: Columns called what intake's own SQL calls things
version: 1.0.0
status: active
servers:
  - {server: only, type: local, path: "awkward/{day}", format: auto}
schema:
  - name: awkward
    properties:
      - {name: key, logicalType: string, primaryKey: true}
      - {name: event_date, logicalType: date, required: true}
      - {name: content, logicalType: string}
      - {name: day, logicalType: string}
      - {name: file, logicalType: string}
      - {name: line, logicalType: string}
      - {name: read, logicalType: string}
      - {name: accepted, logicalType: string}
      - {name: reasons, logicalType: string}
      - {name: raw, logicalType: string}
customProperties:
  - {property: maxQuarantinedPercent, value: 60}
  - {property: eventTime, value: event_date}
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_columns_may_be_called_anything(open_shop: OpenShop, name: str) -> None:
    shop = open_shop(AWKWARD)
    columns = ["key", "event_date", "content", "day", "file", "line", "read", "accepted", "reasons", "raw"]
    for day in ("2024-03-01", "2024-02-29"):
        rows = [["k", day, *"abcdefgh"], ["l", "never", *"ijklmnop"]]
        as_csv = "\n".join(map(",".join, [columns, *rows]))
        as_json = "\n".join(json.dumps(dict(zip(columns, values, strict=True))) for values in rows)
        shop.deliver("only", {name: (as_csv if name == "a.csv" else as_json).encode()})
        report = shop.load()["only"]

    assert report.reasons == {"invalid_event_date": 1}
    assert report.touched == (dt.date(2024, 2, 29), DAY)
    assert shop.raw(", ".join(columns)) == [("k", dt.date(2024, 2, 29), *"abcdefgh")]
    assert shop.quarantined("_line") == [3 if name == "a.csv" else 2]
