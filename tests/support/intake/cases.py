"""Small files as people have them, loaded by their own contracts, completed by what each case needs to say.

The files lie outside of the checkout; the variable names their folder. What each case needs, and what is right then, is
written down beside the test that walks them.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.intake.shop import Shop

from tidegate.contract.reading.odcs import load_contract
from tidegate.intake.load import DeliveryReport
from tidegate.lake.connect import Lake
from tidegate.sources.origin import Outside
from tidegate.window import Window
from tidegate.zones import Zone

# Read when the tests are collected: no test sees the environment of whoever runs them.
VARIABLE = "TIDEGATE_TEST_CASES"
GIVEN = bool(os.environ.get(VARIABLE))
FOLDER = Path(os.environ.get(VARIABLE, "")).resolve()

needs_cases = pytest.mark.skipif(not GIVEN, reason=f"needs files as people have them: set {VARIABLE} to their folder")


@dataclass(frozen=True)
class Case:
    """What completes a case's contract, and what is right then.

    `server` and `contract` are custom properties there, `columns` adds keys to columns, by name; `format` and `path`
    are the server's, `zone` is the platform's. `rows` are those of raw, all values as text. `kept_out` is what
    quarantine has: the reasons of its rows, by the value of the first column or, where it was not split, by the line.
    `says` are words of the rejection or of the contract's refusal.
    """

    rows: Sequence[tuple[str | None, ...]] | None = None
    kept_out: dict[str, str] = field(default_factory=dict)
    says: str = ""
    server: Mapping[str, Any] = field(default_factory=dict)
    contract: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    format: str = ""
    zone: str = "UTC"
    path: str = ""
    # Files that the case tells of and does not have, by their path below landing.
    landed: Mapping[str, bytes] = field(default_factory=dict)


def names() -> list[str]:
    """The cases that there are."""
    return sorted(path.parent.name for path in FOLDER.glob("*/case.json")) if GIVEN else []


def deliver(name: str, case: Case, home: Path, lake: Lake) -> tuple[Shop, list[DeliveryReport]]:
    """A shop with the completed contract, in which all days of the case were loaded. Raises ContractError."""
    written = FOLDER / name
    days = [dt.date.fromisoformat(day) for day in json.loads((written / "case.json").read_text())["days"]]
    source = next((written / "contracts").iterdir())
    contract = home / "contracts" / source.name
    contract.parent.mkdir(exist_ok=True)
    contract.write_text(yaml.safe_dump(_completed(yaml.safe_load(source.read_text()), case), sort_keys=False))
    shop = Shop(home, lake, load_contract(contract, Zone(case.zone)))
    landing = home / "landing" / name
    if (written / "landing").is_dir():
        shutil.copytree(written / "landing", landing)
    for below, content in case.landed.items():
        (landing / below).parent.mkdir(parents=True, exist_ok=True)
        (landing / below).write_bytes(content)
    shop.outside = Outside(str(landing), str(home / "archive"))
    loaded = [report for day in days for report in _load(shop, day)]
    return shop, loaded


def _load(shop: Shop, day: dt.date) -> list[DeliveryReport]:
    return list(shop.load_each(Window.of_day(day)).values())


def outcome(shop: Shop, loaded: list[DeliveryReport]) -> Case:
    """What became of a delivery, in the words of a case."""
    columns = ", ".join(f'"{column.name}"::varchar' for column in shop.contract.columns)
    rejections = " ".join(report.rejection or "" for report in loaded)
    if all(report.status == "missing" for report in loaded):
        return Case(says=rejections)
    rows = shop.lake.con.execute(f"select {columns} from raw.{shop.contract.source} order by all").fetchall()
    kept_out = shop.lake.con.execute(f"select raw, reasons from quarantine.{shop.contract.source}").fetchall()
    first = shop.contract.columns[0].name
    return Case(rows, {_shown(raw, first): _named(reasons) for raw, reasons in kept_out}, rejections)


def ends_right(found: Case, case: Case) -> bool:
    rows = case.rows is None or sorted(found.rows or [], key=repr) == sorted(case.rows, key=repr)
    return rows and found.kept_out == case.kept_out and case.says in found.says


def _shown(raw: str, first: str) -> str:
    try:
        found = json.loads(raw)
    except ValueError:
        return raw
    return str(found.get(first)) if isinstance(found, dict) else raw


def _completed(contract: dict[str, Any], case: Case) -> dict[str, Any]:
    server = contract["servers"][0]
    if case.format:
        server["format"] = case.format
    if case.path:
        server["path"] = case.path
    for place, properties in ((server, case.server), (contract, case.contract)):
        if properties:
            kept = [custom for custom in place.get("customProperties", []) if custom["property"] not in properties]
            place["customProperties"] = [*kept, *({"property": n, "value": value} for n, value in properties.items())]
    for column in contract["schema"][0]["properties"]:
        column |= case.columns.get(column["name"], {})
    return contract


def _named(reasons: list[str]) -> str:
    # Why a line could not be split is in words.
    return " ".join(reason for reason in reasons if " " not in reason)
