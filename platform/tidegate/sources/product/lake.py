"""The lake of another home, read only: what it shows of a mart's day, and what it says of days that it does not show.

Rows and what the ledger says of them are read at one moment, and held against each other.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection

from tidegate.archive.archive import Archive
from tidegate.archive.manifest import CapturedFile
from tidegate.errors import SourceDownError, TidegateError
from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake
from tidegate.lake.content import NOTHING, content_by_day, content_by_day_select
from tidegate.lake.sql import CATALOG, literal, qualified, quoted
from tidegate.lake.tables import table_columns
from tidegate.ledger.interim import IS_OF_A_WHOLE_DAY
from tidegate.ledger.rollbacks import WITHHELD
from tidegate.sources.product.source import Shown
from tidegate.window import Window

_STATES = {
    "held": "is held upstream",
    "overdue": "is overdue upstream",
    "awaited": "is not published upstream yet",
    "so far": "was not read to its end upstream yet",
}


class LakeOfMart:
    """One mart in the lake of another home."""

    is_far = False

    def __init__(self, config: Callable[[Path], LakeConfig], variable: str, mart: str, day_column: str | None) -> None:
        self._config = config
        self._variable = variable
        self._mart = mart
        self._day_column = day_column

    def describe(self, day: dt.date) -> str:
        return f"serving.{self._mart} of {day} in the lake of ${self._variable}"

    def shown(self) -> Iterator[Shown]:
        with self._opened() as con:
            return iter(self._shown(con, "true"))

    def shown_of(self, day: dt.date) -> Shown | None:
        with self._opened() as con:
            return next(iter(self._shown(con, f"partition_day = {literal(day)}")), None)

    def copy(self, archive: Archive, day: dt.date) -> CapturedFile | None:
        with tempfile.TemporaryDirectory(prefix="tidegate-", ignore_cleanup_errors=True) as folder:
            file = Path(folder) / f"{self._mart}.parquet"
            with self._opened() as con:
                shown = next(iter(self._shown(con, f"partition_day = {literal(day)}")), None)
                if shown is None:
                    return None
                self._copy(con, day, shown, file)
            return archive.adopt(file.name, file)

    def why_not(self, day: dt.date) -> str | None:
        of_mart = f"list_contains(marts, {literal(self._mart)})"
        with self._opened() as con:
            row = con.execute(
                f"select state, reason from serving.calendar where partition_day = {literal(day)} "
                f"and (product, cadence) in (select (product, cadence) from ops.products where {of_mart})"
            ).fetchone()
            known = con.execute(
                "select list(distinct mart order by mart) from (select unnest(marts) as mart from ops.products)"
            ).fetchone()
        marts = known[0] or [] if known else []
        if marts and self._mart not in marts:
            return f"cannot come: the other home has no mart {self._mart}. It has {', '.join(marts)}."
        if row is None or row[0] == "published":
            return None
        state, reason = row
        said = f": {reason}" if reason else "."
        return f"{_STATES.get(state, f'is {state} upstream')}{said}"

    def _shown(self, con: DuckDBPyConnection, condition: str) -> list[Shown]:
        # A home of an older version knows no days that go on.
        knows_interim = "is_interim" in table_columns(con, [("ops", "publications")])["ops", "publications"]
        is_whole = IS_OF_A_WHOLE_DAY if knows_interim else "true"
        rows = con.execute(
            "select partition_day, content_hash, published_at from ops.publications where superseded_by is null "
            f"and mart = {literal(self._mart)} and not {WITHHELD} and {is_whole} and {condition}"
        ).fetchall()
        return [Shown(day, content, at.replace(tzinfo=dt.UTC)) for day, content, at in rows]

    def _copy(self, con: DuckDBPyConnection, day: dt.date, shown: Shown, file: Path) -> None:
        table, day_column = ("serving", self._mart), str(self._day_column)
        columns = table_columns(con, [table]).get(table, {})
        if day_column not in columns:
            raise TidegateError(
                f"serving.{self._mart} in the lake of ${self._variable} has no column '{day_column}'. What was loaded "
                f"before stays. Its columns are {', '.join(columns)}: correct dayColumn in the contract."
            )
        select = content_by_day_select(*table, columns, day_column, Window.of_day(day))
        found = content_by_day(con, [select]).get((*table, day), NOTHING)
        if found.hash != shown.content:
            raise TidegateError(
                f"{self.describe(day)}, by its column {day_column}, holds {found.rows} rows that are not those that it "
                "published. What was loaded before stays. Correct dayColumn in the contract, or look at that home: "
                "tidegate verify"
            )
        # Sorted, so that the same rows are the same bytes.
        con.execute(
            f"copy (from {qualified(CATALOG, *table)} where {quoted(day_column)} = {literal(day)} order by all) "
            f"to {literal(str(file))} (format parquet)"
        )

    @contextmanager
    def _opened(self) -> Iterator[DuckDBPyConnection]:
        """The lake at one moment. What DuckDB says of it may come and go with its server."""
        with tempfile.TemporaryDirectory(prefix="tidegate-", ignore_cleanup_errors=True) as scratch:
            try:
                lake = Lake.open(self._config(Path(scratch)), read_only=True)
            except (TidegateError, duckdb.Error, OSError) as error:
                raise self._down(error) from error
            with lake:
                try:
                    with lake.one_moment() as con:
                        yield con
                except duckdb.Error as error:
                    raise self._down(error) from error

    def _down(self, error: Exception) -> SourceDownError:
        why = str(error).strip().splitlines()[0].partition(" Nothing was")[0].rstrip(". ")
        return SourceDownError(f"the lake in ${self._variable} cannot be read: {why}.")
