"""The same receipts come through every door, each as its kind of source writes them: one content, to the cent."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
import sqlalchemy
from tests.support.intake.fixtures import OpenShop
from tests.support.intake.http_shop import Answer, api
from tests.support.intake.shop import Shop
from tests.support.kafka import Cluster, cluster
from tests.support.mysql_server import mysql_server, needs_mariadb

from tidegate.lake.content import content_of
from tidegate.window import Window

DAY = dt.date(2024, 12, 31)

CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: receipts
version: 1.0.0
servers:
  - server: export                    # of a European Windows: a title above the header, a total below
    type: local
    path: "export/belege_{day:%Y%m%d}.csv"
    format: csv
    customProperties:
      - {property: encoding, value: windows-1252}
      - {property: delimiter, value: ";"}
      - {property: skipLines, value: 1}
      - {property: footer, value: ^Summe}
      - {property: decimal, value: ","}
      - {property: thousands, value: "."}
      - {property: currency, value: [€]}
      - {property: nullWords, value: [k.A.]}
      - {property: dateFormats, value: dd.MM.yyyy}
  - server: workbook
    type: local
    path: "books/{day}"
    format: xlsx
    customProperties: [{property: headerRow, value: 2}, {property: nullWords, value: [k.A.]}]
  - server: nested
    type: local
    path: "app/{day}"
    format: json_array
    customProperties: [{property: records, value: data.receipts}]
  - server: database
    type: mysql
    customProperties:
      - {property: connectionVariable, value: TILL}
      - {property: query, value: "select * from receipts where received_on = {day}"}
      - {property: readyQuery, value: "select count(*) > 0 from receipts where received_on = {day}"}
  - server: api
    type: api
    location: "{base}/receipts?day={day}"
    customProperties:
      - {property: baseUrlVariable, value: SHOP_URL}
      - {property: records, value: items}
      - {property: paging, value: cursor}
      - {property: cursorParameter, value: after}
      - {property: cursorAt, value: meta.next}
  - server: function
    type: python
    customProperties: [{property: callable, value: "feeds:receipts"}]
  - server: stream
    type: kafka
    customProperties: [{property: topic, value: receipts}, {property: connectionVariable, value: BROKERS}]
schema:
  - name: receipts
    properties:
      - {name: receipt_id, physicalName: Beleg-Nr., logicalType: string, primaryKey: true}
      - {name: customer, physicalName: Käufer, logicalType: string}
      - {name: received_on, physicalName: Datum, logicalType: date, required: true}
      - {name: amount, physicalName: Betrag, logicalType: number, physicalType: "decimal(18,2)"}
customProperties:
  - {property: readiness, value: all_regions}
  - {property: maxQuarantinedPercent, value: 0}
"""

# Eighteen digits, a cent that no double has, and nothing at all.
ROWS: list[tuple[str, str | None, Decimal | None]] = [
    ("0001", "Müller & Söhne", Decimal("1234.56")),
    ("0002", "Grün; Groß", Decimal("-0.07")),
    ("0003", None, None),
    ("0004", 'Žofie "Å" Šafrová', Decimal("1234567890123.45")),
    ("0005", "O'Neill, Æthel", Decimal("0.30")),
]


def german(amount: Decimal | None) -> str:
    if amount is None:
        return "k.A."
    return f"{amount:,.2f} €".translate(str.maketrans(",.", ".,"))


def put_export(shop: Shop) -> None:
    lines = ["Belege der Filiale Köln", "Beleg-Nr.;Käufer;Datum;Betrag"]
    for number, customer, amount in ROWS:
        name = (customer or "k.A.").replace('"', '""')
        lines.append(f'{number};"{name}";{DAY:%d.%m.%Y};{german(amount)}')
    lines.append("Summe;;;1.234.567.891.358,24 €")
    path = shop.landing / "export" / f"belege_{DAY:%Y%m%d}.csv"
    path.parent.mkdir(parents=True)
    path.write_bytes("\r\n".join(lines).encode("windows-1252"))


def put_workbook(shop: Shop) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Belege der Filiale Köln"])
    sheet.append(["Beleg-Nr.", "Käufer", "Datum", "Betrag"])
    for number, customer, amount in ROWS:
        sheet.append([number, customer or "k.A.", DAY, "k.A." if amount is None else float(amount)])
    folder = shop.landing / "books" / str(DAY)
    folder.mkdir(parents=True)
    book.save(folder / "belege.xlsx")


def records() -> list[str]:
    """As JSON, with numbers as they are."""
    return [
        f'{{"receipt_id": {json.dumps(number)}, "customer": {json.dumps(customer)}, "received_on": "{DAY}", '
        f'"amount": {"null" if amount is None else amount}}}'
        for number, customer, amount in ROWS
    ]


def put_nested(shop: Shop) -> None:
    folder = shop.landing / "app" / str(DAY)
    folder.mkdir(parents=True)
    (folder / "day.json").write_text(f'{{"meta": {{"v": 1}}, "data": {{"receipts": [{", ".join(records())}]}}}}')


def put_database(url: str) -> None:
    rows = [(number, customer, DAY, amount) for number, customer, amount in ROWS]
    with sqlalchemy.create_engine(url).begin() as database:
        database.exec_driver_sql(
            "create table receipts (receipt_id varchar(8), customer text, received_on date, amount decimal(20, 2))"
        )
        # Of the day before, too.
        for row in [*rows, ("9", "x", dt.date(2024, 12, 30), Decimal("1.00"))]:
            database.exec_driver_sql("insert into receipts values (%s, %s, %s, %s)", row)


def put_function(folder: Path) -> None:
    (folder / "feeds.py").write_text(
        "from decimal import Decimal\n"
        "def receipts(day):\n"
        f"    for number, customer, amount in {ROWS!r}:\n"
        "        yield {'receipt_id': number, 'customer': customer, 'received_on': day, 'amount': amount}\n"
    )


def pages() -> list[Answer]:
    first, second = (
        f'{{"items": [{", ".join(part)}], "meta": {{"next": {following}}}}}'
        for part, following in ((records()[:3], '"c3"'), (records()[3:], "null"))
    )
    return [Answer(first.encode()), Answer(second.encode())]


def put_stream(broker: Cluster) -> None:
    """Spread over the partitions; the day ends with what is dated after it."""
    noon = dt.datetime.combine(DAY, dt.time(12), dt.UTC)
    sent = [[n % 4, int(noon.timestamp() * 1000), ROWS[n][0], record] for n, record in enumerate(records())]
    tomorrow = int((noon + dt.timedelta(days=1)).timestamp() * 1000)
    broker.produce("receipts", [*sent, [0, tomorrow, "x", '{"receipt_id": "x", "received_on": "2025-01-01"}']])


@needs_mariadb
@pytest.mark.system
def test_the_same_rows_come_through_every_door(open_shop: OpenShop, tmp_path: Path) -> None:
    shop = open_shop(CONTRACT)
    put_export(shop)
    put_workbook(shop)
    put_nested(shop)
    put_function(tmp_path)
    with api(*pages()) as served, cluster() as broker, mysql_server() as database:
        put_stream(broker)
        put_database(database)
        variables = {"TILL": database, "SHOP_URL": served.url, "BROKERS": broker.address}
        shop.outside = replace(shop.outside, environment=variables)
        reports = shop.load(Window.of_day(DAY))

    regions = [region.name for region in shop.contract.regions]
    assert {name: reports[name].rejection for name in regions} == dict.fromkeys(regions)
    assert {name: (reports[name].rows_read, reports[name].rows_loaded) for name in regions} == dict.fromkeys(
        regions, (len(ROWS), len(ROWS))
    )
    columns = ", ".join(f'"{column.name}"' for column in shop.contract.columns)
    contents = {
        name: content_of(shop.lake.con, f"select {columns} from raw.receipts where _region = '{name}'")
        for name in regions
    }
    assert len(set(contents.values())) == 1, contents
    assert shop.raw("receipt_id, customer, received_on, amount", "_region = 'export'") == [
        (number, customer, DAY, amount) for number, customer, amount in ROWS
    ]
