"""Rows on a terminal: no word and no number is broken over two lines, however narrow it is."""

from __future__ import annotations

import io
from decimal import Decimal

import pytest
from rich.cells import cell_len
from rich.console import Console

from tidegate.cli.tables import print_table

COLUMNS = ("order_date", "what the row says", "net_revenue")
ROWS = [
    ("2024-01-01", "a sentence that may well be wrapped between its words", Decimal("12345678.9000")),
    ("2024-01-02", "売上 [red] is a text", None),
]


def printed(width: int, columns: tuple[str, ...] = COLUMNS, rows: object = ROWS, terminal: bool = True) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=terminal, color_system=None)
    print_table(console, columns, rows, "A title")  # type: ignore[arg-type]
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [200, 80, 50, 30, 10, 1])
def test_every_word_is_whole_at_every_width(width: int) -> None:
    text = printed(width)
    for word in ("2024-01-01", "sentence", "12345678.9000", "net_revenue", "売上", "[red]"):
        assert word in text
    if width >= 50:
        assert all(cell_len(line) <= width for line in text.splitlines())


def test_what_does_not_fit_becomes_records_or_fewer_columns() -> None:
    wide = tuple(f"column_{number}" for number in range(40))
    few = printed(80, wide, [range(40)] * 2)
    assert "column_39  39" in few
    many = printed(80, wide, [range(40)] * 50)
    assert "… 33 more columns: column_7" in many
    assert all(cell_len(line) <= 80 for line in many.splitlines())


def test_a_pipe_gets_each_row_on_one_line() -> None:
    text = printed(80, tuple(f"column_{number}" for number in range(40)), [range(40)] * 50, terminal=False)
    assert sum(line.startswith("│") for line in text.splitlines()) == 50


def test_nothing_to_show_is_an_empty_table() -> None:
    assert "order_date" in printed(80, rows=[])


def test_counts_have_their_thousands_grouped_and_other_numbers_are_what_they_are() -> None:
    rows = [(1234567, "2024", True, Decimal("12345.60"), None)]
    shown = {}
    for counts in (True, False):
        console = Console(file=io.StringIO(), width=100)
        print_table(console, ("rows", "year", "open", "amount", "none"), rows, counts=counts)
        assert isinstance(console.file, io.StringIO)
        shown[counts] = console.file.getvalue()
    assert "1,234,567" in shown[True]
    assert "1234567" in shown[False]
    assert all("True" in text and "12345.60" in text and "2024" in text for text in shown.values())
