"""Rows that a Python function yields: every kind of them comes to the digit, and its errors name file and line."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from tests.support.intake.archives import folder_archive
from tests.support.intake.shop import DAY, SALES, Shop, open_shop_in

from tidegate.contract.model import CLOCK_OF_UTC
from tidegate.contract.python import PythonServer
from tidegate.contract.reading.document import Document
from tidegate.contract.reading.servers import read_regions
from tidegate.delivery_days import ALL_DAYS
from tidegate.errors import IncompleteError, SourceDownError, TidegateError
from tidegate.placeholders import UTC_DAYS
from tidegate.sources.origin import Outside
from tidegate.sources.python import source as python_source
from tidegate.sources.python.source import PythonOrigin, ReadyPythonOrigin
from tidegate.window import ONE_DAY, Window

SECRET = "s3cret-token-9c"


class Author:
    """Writes functions into a module and has them called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, code: str, module: str = "feeds") -> Path:
        path = self.folder / f"{module}.py"
        path.write_text(textwrap.dedent(code))
        return path

    def origin(self, seconds: int = 60, ready: str | None = None, function: str = "feeds:rows") -> PythonOrigin:
        server = PythonServer(function, ready, ("FEED_TOKEN",), seconds)
        outside = Outside("", str(self.folder), {"FEED_TOKEN": SECRET})
        return (ReadyPythonOrigin if ready else PythonOrigin)("shop", server, outside, UTC_DAYS, self.folder)

    def capture(self, code: str, seconds: int = 60, ready: str | None = None) -> list[Path] | None:
        self.write(code)
        archive = folder_archive(self.folder / "archive")
        captured = self.origin(seconds, ready).capture(archive, "sales", DAY)
        return None if captured is None else [archive.local(file) for file in captured.files]

    def rows(self, code: str) -> list[tuple[object, ...]]:
        files = self.capture(code)
        return [row for file in files or [] for row in duckdb.sql(f"from read_parquet('{file}')").fetchall()]


@pytest.fixture
def author(tmp_path: Path) -> Author:
    return Author(tmp_path)


# --- what is yielded


def test_records_come_in_their_order_and_to_the_digit(author: Author) -> None:
    code = """
    import datetime as dt, decimal

    def rows(day, start, end, region):
        yield {"id": "A1", "amount": decimal.Decimal("12345678901234567890.10"), "at": start}
        yield [{"id": "A2", "amount": 0.1}, {"amount": 10**30, "new": {"tags": ["x", 1]}, "id": None}]
        yield None
        yield {"id": f"{region} {day} {end:%H}", "amount": True, "at": b"\\x00\\xff"}
    """
    assert author.rows(code) == [
        ("A1", "12345678901234567890.10", "2024-03-01 00:00:00+00:00", None),
        ("A2", "0.1", None, None),
        (None, "1" + "0" * 30, None, '{"tags": ["x", 1]}'),
        ("shop 2024-03-01 00", "true", "\\x00ff", None),
    ]


@pytest.mark.slow
def test_frames_of_every_kind_come_with_their_types(author: Author) -> None:
    code = """
    import decimal
    import pandas, polars, pyarrow

    def rows():
        yield {"id": "A0"}
        amounts = pyarrow.array([decimal.Decimal("1.10")], pyarrow.decimal128(18, 2))
        yield pyarrow.table({"id": ["A1"], "amount": amounts})
        yield polars.DataFrame({"id": ["A2"]})
        yield pandas.DataFrame({"id": ["A3", "A4"], "amount": [decimal.Decimal("1.123456789012345678"), None]})
        yield pyarrow.table({"id": ["A5"]}).to_batches()
        yield polars.LazyFrame({"id": ["A6"]})
    """
    files = author.capture(code) or []
    found = [duckdb.sql(f"from read_parquet('{file}')") for file in files]
    assert [row[0] for table in found for row in table.fetchall()] == [f"A{number}" for number in range(7)]
    assert [str(kind) for kind in found[1].types] == ["VARCHAR", "DECIMAL(18,2)"]
    assert found[3].fetchall()[0] == ("A3", "1.123456789012345678")


@pytest.mark.slow
def test_a_function_that_returns_a_frame_or_a_list_will_do(author: Author) -> None:
    assert author.rows("def rows():\n    return [{'id': 'A1'}]") == [("A1",)]
    assert author.rows("import polars\ndef rows():\n    return polars.DataFrame({'id': ['A1']})") == [("A1",)]


def test_a_day_without_rows_is_a_delivery_and_none_is_no_delivery(author: Author) -> None:
    (empty,) = author.capture("def rows():\n    yield from ()") or []
    assert empty.read_bytes() == b""
    assert author.capture("def rows():\n    return None") is None


def test_the_same_rows_are_the_same_delivery(author: Author) -> None:
    code = "def rows():\n    yield from ({'id': n} for n in range(1000))"
    assert author.capture(code) == author.capture(code)


# --- what goes wrong


@pytest.mark.parametrize(
    ("code", "line", "told"),
    [
        ("import json\n\ndef rows():\n    return json.loads('{')", 4, "JSONDecodeError"),
        ("def rows():\n    yield {'id': 1}\n    raise ValueError('no')", 3, "ValueError: no"),
        ("def rows(:\n    pass", 1, "SyntaxError"),
        ("import nothing_of_this_name\n", 1, "ModuleNotFoundError: No module named 'nothing_of_this_name'"),
        ("import os\ndef rows():\n    raise ValueError(os.environ['FEED_TOKEN'])", 3, "ValueError: ***"),
    ],
)
def test_an_error_of_the_author_tells_file_and_line(author: Author, code: str, line: int, told: str) -> None:
    with pytest.raises(TidegateError) as error:
        author.capture(code)
    assert not isinstance(error.value, SourceDownError | IncompleteError)
    assert f"feeds:rows failed at {author.folder / 'feeds.py'}:{line}: {told}" in str(error.value)
    assert "What was loaded before stays. Fix it, and run again." in str(error.value)
    assert SECRET not in str(error.value)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("def other():\n    pass", "the module feeds has no 'rows'"),
        ("def rows(customer):\n    pass", "it wants 'customer'; it can be given day, start, end, region"),
        ("def rows():\n    yield 3", "it yields int; yield dicts, lists of them, or frames of Arrow, pandas or polars"),
        ("import os\ndef rows():\n    os._exit(3)", "feeds:rows ended its process (exit code 3) before it was done"),
        ("def rows():\n    yield {'id': 1}\n    yield {'': 1, 'id': 2}\n", "it has a column without a name"),
    ],
)
def test_what_cannot_be_called_or_kept_is_told(author: Author, code: str, told: str) -> None:
    with pytest.raises(TidegateError) as error:
        author.capture(code)
    assert told in str(error.value)


def test_a_module_that_is_not_there_is_told(author: Author) -> None:
    with pytest.raises(TidegateError, match="nowhere:rows failed: there is no module 'nowhere'"):
        author.origin(function="nowhere:rows").ask(DAY)


@pytest.mark.parametrize("error", ["ConnectionResetError()", "Refused(503)"])
def test_what_may_pass_is_tried_again_and_then_counts_as_down(
    author: Author, error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(python_source, "FIRST_PAUSE_SECONDS", 0.0)
    code = f"""
    class Refused(Exception):
        def __init__(self, status_code):
            self.response, self.status_code = self, status_code

    def rows():
        open("{author.folder}/called", "a").write("x")
        raise {error}
    """
    with pytest.raises(SourceDownError, match=r"was called 3 times\. The last time it failed at .*feeds.py:8"):
        author.capture(code)
    assert (author.folder / "called").read_text() == "xxx"


def test_what_passes_is_loaded(author: Author, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(python_source, "FIRST_PAUSE_SECONDS", 0.0)
    code = f"""
    import pathlib

    def rows():
        yield {{"id": "A1"}}
        if not pathlib.Path("{author.folder}/once").exists():
            pathlib.Path("{author.folder}/once").touch()
            raise ConnectionError
        yield {{"id": "A2"}}
    """
    assert author.rows(code) == [("A1",), ("A2",)]


def test_what_it_prints_and_raises_holds_no_secret(author: Author, capfd: pytest.CaptureFixture[str]) -> None:
    code = """
    import base64, os, sys
    from urllib.parse import quote

    def rows(day):
        token = os.environ["FEED_TOKEN"]
        print("asks with", token)
        os.write(2, f"asks with {token}\\n".encode())
        basic = base64.b64encode(f"user:{token}".encode()).decode()
        raise RuntimeError(f"{quote(token)}, {basic}")
    """
    with pytest.raises(TidegateError, match=r"RuntimeError: \*\*\*, \*\*\*"):
        author.capture(code)
    assert sorted(capfd.readouterr().err.splitlines()) == ["asks with ***", "asks with ***"]


def test_a_function_that_does_not_end_is_stopped(author: Author) -> None:
    with pytest.raises(SourceDownError, match=r"did not end within 2 s .* and was stopped"):
        author.capture("import time\ndef rows():\n    time.sleep(600)", seconds=2)


# --- readiness


def test_a_day_is_asked_for_once_it_is_complete(author: Author) -> None:
    code = """
    import datetime as dt

    def ready(day):
        return {1: True, 2: "version 7"}.get(day.day, False)

    def rows():
        yield {"id": 1}
    """
    author.write(code)
    origin = author.origin(ready="feeds:ready")
    assert isinstance(origin, ReadyPythonOrigin)
    days = origin.ready_days([DAY, DAY + ONE_DAY, DAY + 2 * ONE_DAY])
    assert list(days) == [DAY, DAY + ONE_DAY]
    assert len(set(days.values())) == 2
    assert author.capture(code, ready="feeds:ready")
    with pytest.raises(IncompleteError, match="feeds:ready does not say yet that 2024-03-01 is complete"):
        author.capture(code.replace("1: True, ", ""), ready="feeds:ready")


# --- the whole way


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    servers = """
servers:
  - server: shop
    type: python
    customProperties:
      - {property: callable, value: "feeds:rows"}
      - {property: environment, value: [FEED_TOKEN]}
schema:"""
    head, _, rest = SALES.partition("servers:")
    shop = open_shop_in(tmp_path, head + servers.lstrip() + rest.partition("schema:")[2])
    shop.outside = Outside(shop.outside.landing, shop.outside.archive, {"FEED_TOKEN": SECRET})
    yield shop
    shop.lake.close()


def test_rows_are_archived_judged_and_loaded_like_any_others(shop: Shop) -> None:
    code = """
    import decimal

    def rows(day):
        for number, price in enumerate(["1.5", "2.0001", "-3", "x"]):
            yield {"sale_id": f"s{number}", "line": 1, "price": price, "sold_at": f"{day}T10:00:00Z"}
    """
    (shop.contract.path.absolute().parent.parent / "feeds.py").write_text(textwrap.dedent(code))
    report = shop.load(Window.of_day(DAY))["shop"]
    assert (report.status, report.rows_read, report.rows_loaded, report.rows_quarantined) == ("accepted", 4, 2, 2)
    assert [str(price) for price in shop.raw("price")] == ["1.5000", "2.0001"]


def test_a_contract_names_the_function(tmp_path: Path) -> None:
    path = tmp_path / "sales.odcs.yaml"
    path.write_text(
        "apiVersion: v3.1.0\nkind: DataContract\nid: x\nname: x\nversion: 1.0.0\nservers:\n"
        "  - {server: shop, type: python, customProperties: [{property: callable, value: 'feeds.shop:rows'}, "
        "{property: ready, value: 'feeds.shop:ready'}, {property: environment, value: [A_TOKEN]}]}\n"
    )
    (region,) = read_regions(Document(path), ALL_DAYS, CLOCK_OF_UTC)
    assert region.server == PythonServer("feeds.shop:rows", "feeds.shop:ready", ("A_TOKEN",))
