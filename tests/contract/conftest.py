"""Contracts written for a test, and the judging of a few rows by them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from tidegate.contract.model import Contract
from tidegate.contract.reading.odcs import load_contract

SERVERS = """\
servers:
  - {server: here, type: local, path: "things/{day}", format: auto}
"""


# By their text. Hundreds of tests ask something of the same few.
READ: dict[str, Contract] = {}


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a contract of the source `things`."""

    def write(text: str) -> Path:
        path = tmp_path / "things.odcs.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def contract_of(write: Callable[[str], Path]) -> Callable[..., Contract]:
    """A contract of the source `things` with these `properties`, and more at the schema and the root."""

    def contract_of(properties: str, quality: str = "", root: str = "") -> Contract:
        schema = f"schema:\n- name: things\n  properties:\n{properties}\n"
        if quality:
            schema += f"  quality:\n{quality}\n"
        head = "apiVersion: v3.1.0\nkind: DataContract\nid: things\nversion: 1.0.0\n"
        text = head + SERVERS + schema + root
        if text not in READ:
            READ[text] = load_contract(write(text))
        return READ[text]

    return contract_of


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    # A zone that is not UTC: nothing here may depend on the session's.
    with duckdb.connect(":memory:", config={"threads": 1}) as con:
        con.execute("set TimeZone = 'America/New_York'")
        yield con
