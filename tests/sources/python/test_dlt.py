"""A resource of dlt is a callable as it is."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from tests.support.intake.archives import folder_archive
from tests.support.intake.shop import DAY

from tidegate.contract.python import PythonServer
from tidegate.placeholders import UTC_DAYS
from tidegate.sources.origin import Outside
from tidegate.sources.python.source import PythonOrigin

pytest.importorskip("dlt", reason="dlt is not installed")

CODE = """
import decimal
import dlt

@dlt.resource(primary_key="id")
def orders(day, page_size=2):
    for number in range(3):
        yield {"id": number, "amount": decimal.Decimal("1.10"), "day": day}

@dlt.resource
def plain():
    yield [{"id": 1}, {"id": 2}]

ready_made = orders("2024-01-01")

@dlt.source
def shop(day):
    return orders(day), plain
"""


@pytest.mark.parametrize(
    ("function", "rows"),
    [
        ("feeds:orders", [("0", "1.10", "2024-03-01"), ("1", "1.10", "2024-03-01"), ("2", "1.10", "2024-03-01")]),
        ("feeds:plain", [("1",), ("2",)]),
        ("feeds:ready_made", [(str(number), "1.10", "2024-01-01") for number in range(3)]),
    ],
)
def test_a_resource_gives_its_records(tmp_path: Path, function: str, rows: list[tuple[str, ...]]) -> None:
    (tmp_path / "feeds.py").write_text(CODE)
    archive = folder_archive(tmp_path / "archive")
    origin = PythonOrigin("shop", PythonServer(function), Outside("", ""), UTC_DAYS, tmp_path)
    captured = origin.capture(archive, "orders", DAY)
    assert captured is not None
    (file,) = captured.files
    assert duckdb.sql(f"from read_parquet('{archive.local(file)}')").fetchall() == rows
