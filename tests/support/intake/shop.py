"""A contract to deliver by, and a shop that delivers: real files, a real lake, in a temporary home."""

from __future__ import annotations

import datetime as dt
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.support.lake.copied import new_lake

from tidegate.contract.landing import FolderServer
from tidegate.contract.model import Contract
from tidegate.contract.reading.odcs import load_contract
from tidegate.intake.load import DeliveryReport, load_deliveries
from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake
from tidegate.lake.content import Content, content_of
from tidegate.sources.origin import Outside
from tidegate.window import Window

SALES = """
apiVersion: v3.1.0
kind: DataContract
id: sales
name: Sales of a test shop
version: 1.0.0
status: active
servers:
  - {server: north, type: local, path: "sales/north/{day}", format: auto}
  - {server: south, type: local, path: "sales/south/{day}", format: auto}
  - {server: west, type: local, path: "sales/west/{day}", format: auto}
schema:
  - name: sales
    properties:
      - {name: sale_id, logicalType: string, primaryKey: true, primaryKeyPosition: 1}
      - {name: line, logicalType: integer, physicalType: integer, primaryKey: true, primaryKeyPosition: 2}
      - {name: note, logicalType: string}
      - name: price
        logicalType: number
        physicalType: decimal(18,4)
        required: true
        logicalTypeOptions: {minimum: 0}
      - {name: sold_at, logicalType: timestamp, required: true}
customProperties:
  - {property: maxQuarantinedPercent, value: 74}
  - {property: maxQuarantinedRows, value: 0}
  - {property: eventTime, value: sold_at}
"""

HEADER = "sale_id,line,note,price,sold_at"
DAY = dt.date(2024, 3, 1)


def row(number: int, *, note: str = "", price: object = "1.50", day: dt.date = DAY) -> str:
    return f"s{number},1,{note},{price},{day}T10:00:00Z"


def csv(*rows: str, header: str = HEADER) -> bytes:
    return "".join(f"{line}\n" for line in (header, *rows)).encode()


class Shop:
    """What a test does with one home: deliver, load, look."""

    def __init__(self, home: Path, lake: Lake, contract: Contract) -> None:
        self.home = home
        self.lake = lake
        self.contract = contract
        self.landing, self.archive = home / "landing", home / "archive"
        self.outside = Outside(str(self.landing), str(self.archive))

    def folder(self, region: str, day: dt.date = DAY) -> Path:
        server = self.contract.region(region).server
        assert isinstance(server, FolderServer)
        return self.landing / server.path.replace("{day}", day.isoformat())

    def deliver(
        self, region: str, files: Mapping[str, bytes] | bytes, day: dt.date = DAY, complete: bool = True
    ) -> Path:
        """Put files in place of what lies in the region's folder of that day."""
        folder = self.folder(region, day)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, content in ({"sales.csv": files} if isinstance(files, bytes) else files).items():
            (folder / name).write_bytes(content)
        if complete:
            (folder / "_SUCCESS").touch()
        return folder

    def load(
        self,
        window: Window | None = None,
        regions: Sequence[str] | None = None,
        from_landing: bool = False,
        run_id: str = "a-run",
    ) -> dict[str, DeliveryReport]:
        """Load a window, the one day by default; the last day's report of each region."""
        reports = load_deliveries(
            self.lake,
            self.contract,
            window or Window.of_day(DAY),
            regions,
            outside=self.outside,
            run_id=run_id,
            from_landing=from_landing,
        )
        return {report.region: report for report in reports}

    def load_each(self, window: Window) -> dict[tuple[str, dt.date], DeliveryReport]:
        """Load a window as one batch; its reports by region and day."""
        reports = load_deliveries(self.lake, self.contract, window, outside=self.outside, run_id="a-run")
        return {(report.region, report.day): report for report in reports}

    def load_one(self, region: str, files: Mapping[str, bytes] | bytes) -> DeliveryReport:
        self.deliver(region, files)
        return self.load(regions=[region])[region]

    def raw(self, columns: str = "sale_id", where: str = "true") -> list[Any]:
        """Rows of raw, or values when one column is asked for."""
        return self._rows(f"select {columns} from raw.{self.contract.source} where {where} order by all")

    def quarantined(self, columns: str = "reasons", where: str = "true") -> list[Any]:
        return self._rows(f"select {columns} from quarantine.{self.contract.source} where {where} order by all")

    def _rows(self, sql: str) -> list[Any]:
        rows = self.lake.con.execute(sql).fetchall()
        return [row[0] if len(row) == 1 else row for row in rows]

    def content(self) -> tuple[Content, Content]:
        """The content hashes of raw and quarantine."""
        source = self.contract.source
        return (
            content_of(self.lake.con, f"select * from raw.{source}"),
            content_of(self.lake.con, f"select * from quarantine.{source}"),
        )


def open_shop_in(home: Path, contract: str, catalog: str | None = None) -> Shop:
    """A shop by the text of its contract, on a catalog of its own unless one is named. Close its lake when done."""
    source = re.findall(r"^id: (\w+)$", contract, re.MULTILINE)[0]
    path = home / "contracts" / f"{source}.odcs.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(contract)
    config = LakeConfig(
        catalog=catalog or f"sqlite:{home / 'lake' / 'catalog.sqlite'}",
        data=str(home / "lake" / "data"),
        threads=2,
        memory_limit="1GB",
        spill=home / "spill",
        patience=20,
    )
    return Shop(home, new_lake(config), _read(path, contract))


# By their text, contracts that were read: most shops have the same few.
_READ: dict[str, Contract] = {}


def _read(path: Path, text: str) -> Contract:
    if "type: python" in text:
        # Its function is looked for beside the contract.
        return load_contract(path)
    if text not in _READ:
        _READ[text] = load_contract(path)
    return replace(_READ[text], path=path)
