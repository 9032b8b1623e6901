"""Whatever bytes come: every row is accounted for, nothing but a sentence is raised, and nothing hangs."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.examples import examples
from tests.support.intake.shop import DAY, HEADER, SALES, Shop, csv, open_shop_in, row

from tidegate.window import ONE_DAY, Window

DAYS = 8
NAMES = ["a.csv", "a.csv.gz", "a.jsonl", "a.parquet", "a", "a.json.gz"]

# What CSV and JSON readers trip over, in place of bytes that mean nothing to them.
PIECES = [b'"', b'""', b",", b"\n", b"\r\n", b"\r", b"\0", b"\xff", b"\xc3\xa9", b" ", b"\\", b"{", b"}", b":", b"\x1f"]
SOUND = [
    row(1).encode(),
    row(2, note='"a,b"').encode(),
    b'{"sale_id":"s3","line":1,"price":1.10,"sold_at":"2024-03-01"}',
]


@pytest.fixture(scope="module")
def soup_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    # Everything may be quarantined: a rejected delivery would hide what was loaded.
    home: Path = tmp_path_factory.mktemp("soup")
    shop = open_shop_in(home, SALES.replace("value: 74", "value: 100"))
    yield shop
    shop.lake.close()


def mutated(base: bytes) -> st.SearchStrategy[bytes]:
    """`base` with some pieces put in at random places."""
    edits = st.lists(st.tuples(st.integers(0, len(base)), st.sampled_from(PIECES)), max_size=6)

    def apply(changes: list[tuple[int, bytes]]) -> bytes:
        text = base
        for position, piece in changes:
            text = text[:position] + piece + text[position:]
        return text

    return edits.map(apply)


lines = st.lists(st.sampled_from(SOUND + PIECES), max_size=12).map(
    lambda parts: HEADER.encode() + b"\n" + b"\n".join(parts)
)
contents = st.one_of(
    st.binary(max_size=200),
    mutated(csv(row(1), row(2, note='"two\nlines"'), row(3))),
    mutated(b"\n".join([SOUND[2]] * 3)),
    lines,
    mutated(gzip.compress(csv(row(1)))),
)


@pytest.mark.slow
@examples(4)
@given(st.lists(st.tuples(st.sampled_from(NAMES), contents), min_size=1, max_size=DAYS))
def test_every_row_is_accounted_for_whatever_comes(soup_shop: Shop, deliveries: list[tuple[str, bytes]]) -> None:
    window = Window(DAY, DAY + ONE_DAY * len(deliveries))
    for day, (name, content) in zip(window.days, deliveries, strict=True):
        soup_shop.deliver("north", {name: content}, day)
        soup_shop.deliver("south", csv(row(1)), day)
    reports = soup_shop.load_each(window)

    for day in window.days:
        report = reports["north", day]
        # Of this delivery: what an earlier one of the day left stays when a later one is rejected.
        where = f"_region = 'north' and _delivered_on = '{day}' and _fingerprint = '{report.fingerprint}'"
        loaded, quarantined = len(soup_shop.raw("sale_id", where)), len(soup_shop.quarantined("raw", where))
        assert report.rows_read == report.rows_loaded + report.rows_quarantined
        assert report.rows_quarantined == quarantined
        assert report.status == "rejected" or report.rows_loaded == loaded
        assert reports["south", day].rows_loaded == 1
    before = soup_shop.content()
    assert {report.status for report in soup_shop.load_each(window).values()} <= {"accepted", "rejected", "missing"}
    assert soup_shop.content() == before
