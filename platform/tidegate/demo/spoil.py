"""Drafts of deliveries: a region's part of a day's order lines, with one kind of dirt worked into it.

Which dirt is due where is decided in `dirt`, what sound lines are like in `trade`. Landing's folders belong
to `shop`.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from tidegate.demo import dirt, trade
from tidegate.demo.dirt import DirtKind
from tidegate.demo.trade import Shop
from tidegate.lake.sql import literal, quoted

LATE_BY_DAYS = 3
CORRECTED_WITHIN_DAYS = 2

# One value lost per line; which one depends on the line.
_LOST_VALUES = """
    unit_price = if(position % 3 = 0, null, unit_price),
    quantity = if(position % 3 = 1, null, quantity),
    product_id = if(position % 3 = 2, null, product_id)
"""


def create_day(con: duckdb.DuckDBPyConnection, shop: Shop, number: int) -> None:
    """The day's sound lines of all regions, as a table for its drafts to work on.

    Besides `trade.order_lines` it holds `version`, the order among lines of one position, and `mark`, the
    kind of dirt that a line got.
    """
    lines = trade.order_lines(shop, number, 0, shop.orders_on(number), returns=True)
    con.execute(f"""
        create temp table {day_lines(number)} as select *, 1 as version, null::varchar as mark from ({lines})
    """)


def forget_day(con: duckdb.DuckDBPyConnection, number: int) -> None:
    con.execute(f"drop table if exists {day_lines(number)}")


def day_lines(number: int) -> str:
    """The table that `create_day` makes."""
    return quoted(f"lines of day {number}")


def _break_off(fields: list[str]) -> list[str]:
    return fields[:4]


def _lose_quotes(fields: list[str]) -> list[str]:
    return [*fields[:4], "Toys, Games", *fields[5:]]


def _open_quote(fields: list[str]) -> list[str]:
    return [*fields[:4], '"Toys, Games']


# The fifth column is the category, a text.
_BROKEN_TEXT: Mapping[DirtKind, Callable[[list[str]], list[str]]] = {
    DirtKind.TOO_FEW_COLUMNS: _break_off,
    DirtKind.TOO_MANY_COLUMNS: _lose_quotes,
    DirtKind.UNCLOSED_QUOTE: _open_quote,
}


@dataclass(frozen=True)
class Draft:
    """One region's delivery of one day in the making, and the dirt that is due in it."""

    con: duckdb.DuckDBPyConnection
    shop: Shop
    number: int
    region: str
    kind: DirtKind | None

    def spoil_lines(self) -> int:
        """Work the dirt into the day's lines, as far as it shows in lines; returns how many lines got it."""
        if self.kind is None:
            return 0
        self._top_up(dirt.FEWEST_LINES_WITH_DIRT)
        match self.kind:
            case DirtKind.ADDED_COLUMN | DirtKind.GZIP | DirtKind.JSON_LINES | DirtKind.PARQUET:
                return 0
            case DirtKind.LATE_ROWS:
                return self._add_late_lines()
            case DirtKind.CORRECTION:
                return self._add_corrections()
        return self._break_lines(self.kind)

    def rows(self) -> str:
        """The query for the rows as they are to stand in the file, in order."""
        columns = {name: quoted(name) for name in trade.COLUMNS}
        match self.kind:
            case DirtKind.REJECTED:
                comma = "replace(unit_price::varchar, '.', ',')"
                columns["unit_price"] = f"if(mark = {literal(self.kind)}, {comma}, unit_price::varchar)"
            case DirtKind.JSON_LINES:
                columns["ordered_at"] = "strftime(ordered_at, '%Y-%m-%dT%H:%M:%SZ')"
            case DirtKind.ADDED_COLUMN:
                columns["coupon_code"] = "if(discount_amount > 0, 'SAVE' || 5 * (1 + position % 4), null)"
        selected = ", ".join(f"{sql} as {quoted(name)}" for name, sql in columns.items())
        return f"select {selected} from {self._lines} where {self._own} order by position, version"

    def spoil_text(self, file: Path) -> None:
        """Break the text of the marked lines. Values hold no line breaks, so a row of the CSV is a line."""
        if self.kind is None or self.kind not in _BROKEN_TEXT:
            return
        lines = file.read_text(encoding="utf-8").split("\n")
        for at in self._marked_rows(self.kind):
            lines[at] = ",".join(_BROKEN_TEXT[self.kind](next(csv.reader([lines[at]]))))
        file.write_text("\n".join(lines), encoding="utf-8", newline="\n")

    @property
    def _lines(self) -> str:
        return day_lines(self.number)

    @property
    def _own(self) -> str:
        return f"region = {literal(self.region)}"

    def _break_lines(self, kind: DirtKind) -> int:
        count = dirt.lines_to_spoil(kind, self._count())
        marked = f"{self._own} and mark = {literal(kind)}"
        self.con.execute(f"""
            update {self._lines} set mark = {literal(kind)} where {self._own} and position in (
                select position from {self._lines} where {self._own}
                order by {self._order_of_choice(kind)}
                limit {count}
            )
        """)
        match kind:
            case DirtKind.MISSING_VALUES:
                self.con.execute(f"update {self._lines} set {_LOST_VALUES} where {marked}")
            case DirtKind.NEGATIVE_PRICE:
                self.con.execute(f"update {self._lines} set unit_price = -unit_price where {marked}")
            case DirtKind.DUPLICATE_KEY:
                self.con.execute(f"""
                    insert into {self._lines}
                    select * replace (quantity + 1 as quantity, 0 as version)
                    from {self._lines}
                    where {marked}
                """)
        return count

    def _order_of_choice(self, kind: DirtKind) -> str:
        """Any sales, by lot; but an open quote comes last in its file, where it can swallow no sound line."""
        if kind is DirtKind.UNCLOSED_QUOTE:
            return "position desc"
        return f"quantity < 0, draw(40, {self.number}, position)"

    def _top_up(self, fewest: int) -> None:
        missing = fewest - self._count()
        if missing > 0:
            self._add_lines(self.number, self.shop.orders_on(self.number), missing, mark=None)

    def _add_late_lines(self) -> int:
        """Orders of days before that their own deliveries did not hold."""
        count = max(1, self._count() // 25)
        days = range(max(0, self.number - LATE_BY_DAYS), self.number)
        for day in days:
            # Further on than any top-up of that day's own delivery takes orders from.
            first = self.shop.orders_on(day) + _items_for(dirt.FEWEST_LINES_WITH_DIRT)
            self._add_lines(day, first, count, mark=DirtKind.LATE_ROWS)
        return count * len(days)

    def _add_lines(self, of_day: int, first: int, count: int, mark: DirtKind | None) -> None:
        """Add `count` lines of the region from the orders of a day that are numbered `first` and up."""
        lines = trade.order_lines(self.shop, of_day, first, first + _items_for(count), returns=False)
        self.con.execute(f"""
            insert into {self._lines}
            select *, 1, {literal(mark)} from ({lines}) where {self._own} order by position limit {count}
        """)

    def _add_corrections(self) -> int:
        days = range(max(0, self.number - CORRECTED_WITHIN_DAYS), self.number)
        count = max(1, self._count() // 150)
        for day in days:
            self.con.execute(f"""
                insert into {self._lines}
                select * replace (quantity + 1 as quantity, {literal(DirtKind.CORRECTION)} as mark)
                from {day_lines(day)}
                where {self._own} and mark is null and quantity > 0
                order by draw(41, {self.number}, position)
                limit {count}
            """)
        marked = f"select count(*) from {self._lines} where {self._own} and mark = {literal(DirtKind.CORRECTION)}"
        return self._number_from(marked)

    def _marked_rows(self, kind: DirtKind) -> list[int]:
        """Where in the file the marked lines are: 1 is the first below the header."""
        rows = self.con.execute(f"""
            select row_at from (
                select row_number() over (order by position, version) as row_at, mark
                from {self._lines}
                where {self._own}
            )
            where mark = {literal(kind)}
        """).fetchall()
        return [at for (at,) in rows]

    def _count(self) -> int:
        return self._number_from(f"select count(*) from {self._lines} where {self._own}")

    def _number_from(self, query: str) -> int:
        (number,) = self.con.execute(query).fetchall()[0]
        return int(number)


def _items_for(lines: int) -> int:
    """How many orders in a row surely hold so many lines of any region: one in ten is the smallest one's."""
    return trade.SLOTS + 10 * lines
