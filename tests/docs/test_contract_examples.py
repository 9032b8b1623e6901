"""The examples of servers in docs/contracts.md are contracts that load, and name every property that there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tidegate.contract.http import HttpServer
from tidegate.contract.model import CLOCK_OF_UTC, Region
from tidegate.contract.reading.changes import CHANGE_PROPERTIES, SNAPSHOT
from tidegate.contract.reading.database import DATABASE_PROPERTIES
from tidegate.contract.reading.document import Document
from tidegate.contract.reading.http import HTTP_PROPERTIES
from tidegate.contract.reading.kafka import KAFKA_PROPERTIES
from tidegate.contract.reading.landing import LANDING_PROPERTIES
from tidegate.contract.reading.limits import LIMIT_PROPERTIES
from tidegate.contract.reading.odcs import load_contract
from tidegate.contract.reading.product import PRODUCT_PROPERTIES
from tidegate.contract.reading.python import PYTHON_PROPERTIES
from tidegate.contract.reading.servers import read_regions
from tidegate.delivery_days import ALL_DAYS

PAGE = (Path(__file__).parents[2] / "docs" / "contracts.md").read_text(encoding="utf-8")
HEAD = "apiVersion: v3.1.0\nkind: DataContract\nid: orders\nname: Orders\nversion: 1.0.0\n"
WHOLE = [each for each in re.findall(r"^```yaml\n(apiVersion[^`]*)^```", PAGE, re.MULTILINE) if "[...]" not in each]
EXAMPLES = re.findall(r"^```yaml\n(servers:\n.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def regions_of(example: str, folder: Path) -> tuple[Region, ...]:
    path = folder / "orders.odcs.yaml"
    path.write_text(HEAD + example)
    return read_regions(Document(path), ALL_DAYS, CLOCK_OF_UTC)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_loads(number: int, tmp_path: Path) -> None:
    written = yaml.safe_load(EXAMPLES[number])["servers"]
    assert [region.name for region in regions_of(EXAMPLES[number], tmp_path)] == [
        server["server"] for server in written
    ]


def test_every_property_of_a_contract_is_in_one_that_loads(tmp_path: Path) -> None:
    path = tmp_path / "example.odcs.yaml"
    for example in WHOLE:
        path.write_text(example)
        load_contract(path, anywhere=True)
    written = "".join(WHOLE)
    for name in (*LIMIT_PROPERTIES, *CHANGE_PROPERTIES, SNAPSHOT, "envelope"):
        assert f"property: {name}," in written


def test_every_property_of_servers_has_a_line_and_an_example() -> None:
    for name in (*LANDING_PROPERTIES, *DATABASE_PROPERTIES, *PYTHON_PROPERTIES, *PRODUCT_PROPERTIES, *KAFKA_PROPERTIES):
        assert f"`{name}`" in PAGE
        assert f"property: {name}," in "".join(EXAMPLES)


def test_every_property_of_an_api_has_a_line_and_an_example(tmp_path: Path) -> None:
    found = {name for example in EXAMPLES for name in re.findall(r"property: (\w+)", example)}
    # What a page says of itself is one line for all, and an example each of a path and a header.
    assert set(HTTP_PROPERTIES) - found == {"pageAt"}
    assert [name for name in HTTP_PROPERTIES if f"`{name}`" not in PAGE] == []
    kinds = {
        region.server.paging.kind
        for example in EXAMPLES
        for region in regions_of(example, tmp_path)
        if isinstance(region.server, HttpServer)
    }
    assert len(kinds) == 6
