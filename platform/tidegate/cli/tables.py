"""Rows on a terminal: as a table where that fits, else as records or with fewer columns. A word or a number is never
broken over two lines, so that what is copied from a screen is what it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table

# More of them are no longer read one by one.
MOST_RECORDS = 20

# A line beside each column and at both ends, and a space on both sides of what is in it.
BESIDE_A_COLUMN = 3
AT_THE_END = 1

Cells = Sequence[str]


def print_table(
    console: Console, columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str = "", *, counts: bool = False
) -> None:
    """Print rows as wide as the console is; in a pipe, as wide as they are. `counts`: their whole numbers count
    something, and have their thousands grouped; others may be years and ids, and stay what they are."""
    rows = list(rows)
    cells = [[_cell(value, counts) for value in row] for row in rows]
    natural = [_widest(column, "\n") for column in _columns(columns, cells)]
    room = console.width if console.is_terminal else _drawn(natural)
    shown = len(natural) if _drawn(natural) <= room else _columns_that_fit(columns, cells, room)
    if shown < len(columns) and len(rows) <= MOST_RECORDS:
        _print_records(console, columns, cells, title)
        return
    if title:
        console.print(escape(title), style="italic")
    fitting = _fitted([_widest(column, None) for column in _columns(columns, cells)][:shown], natural[:shown], room)
    table = Table(header_style="bold")
    for position, width in enumerate(fitting):
        numbers = bool(rows) and all(_is_number(row[position]) for row in rows)
        table.add_column(escape(columns[position]), justify="right" if numbers else "left", width=width)
    for row in cells:
        table.add_row(*(escape(cell) for cell in row[:shown]))
    # A console in a pipe is 80 wide.
    wide = console if console.is_terminal else Console(file=console.file, width=_drawn(fitting))
    wide.print(table, crop=False)
    if shown < len(columns):
        console.print(escape(f"… {len(columns) - shown} more columns: {', '.join(columns[shown:])}"))


def _cell(value: object, counts: bool) -> str:
    if counts and isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "" if value is None else str(value)


def _print_records(console: Console, columns: Sequence[str], cells: Sequence[Cells], title: str) -> None:
    """Each row as lines of a name and a value."""
    if title:
        console.print(escape(title), style="italic")
    width = max(map(cell_len, columns))
    for number, row in enumerate(cells):
        if number:
            console.print()
        for name, cell in zip(columns, row, strict=True):
            padded = name + " " * (width - cell_len(name))
            console.print(f"[bold]{escape(padded)}[/bold]  {escape(cell)}", soft_wrap=True, highlight=False)


def _columns(names: Sequence[str], cells: Sequence[Cells]) -> list[list[str]]:
    return [[name, *(row[position] for row in cells)] for position, name in enumerate(names)]


def _widest(column: Iterable[str], separator: str | None) -> int:
    """The widest of a column's lines, or of its words where `separator` is None."""
    return max((cell_len(part) for cell in column for part in cell.split(separator)), default=0)


def _drawn(widths: Sequence[int]) -> int:
    return sum(widths) + BESIDE_A_COLUMN * len(widths) + AT_THE_END


def _columns_that_fit(columns: Sequence[str], cells: Sequence[Cells], room: int) -> int:
    """How many of the first columns fit where each is as wide as its longest word; one at least."""
    words = [_widest(column, None) for column in _columns(columns, cells)]
    return max(1, max((count for count in range(len(words) + 1) if _drawn(words[:count]) <= room), default=1))


def _fitted(words: Sequence[int], natural: Sequence[int], room: int) -> list[int]:
    """The widths of the columns: as wide as they would be, and where that is too much, the widest become narrower, none
    than its longest word."""
    for limit in sorted({*natural, *words, *range(1, room)}, reverse=True):
        widths = [max(word, min(wide, limit)) for word, wide in zip(words, natural, strict=True)]
        if _drawn(widths) <= room:
            return widths
    return list(words)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal)
