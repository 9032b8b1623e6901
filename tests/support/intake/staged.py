"""A staging model in small: a macro over `raw.orders`, built for the days that a load says it touches."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

import duckdb
import jinja2

from tidegate.contract.model import Contract
from tidegate.intake.columns import raw_columns
from tidegate.intake.touched import touched_dates
from tidegate.lake.sql import literal, quoted, rows_relation
from tidegate.ledger.names import Partition
from tidegate.transform.package import DBT_PACKAGE

Row = tuple[object, ...]


class Staged:
    """What it shows, day by day, and only of the days that a batch is said to touch."""

    def __init__(self, contract: Contract, macro: str, columns: str) -> None:
        """`macro` is the call of one of versions.sql over `delivered`, `columns` what to look at of its rows."""
        self.contract = contract
        self.macro = macro
        self.columns = columns
        self.con = duckdb.connect()
        of_raw = ", ".join(f"{quoted(name)} {kind}" for name, kind in raw_columns(contract).items())
        self.con.execute(f"create schema raw; create table raw.orders ({of_raw})")
        self.rows: dict[dt.date, list[Row]] = {}

    def deliver(self, batch: Mapping[Partition, Sequence[Row]]) -> set[dt.date]:
        """In place of what was delivered for these partitions before. Returns the days that were built again."""
        new = rows_relation(raw_columns(self.contract), [row for rows in batch.values() for row in rows])
        held = [each for each in batch if self.con.execute(f"select 1 from raw.orders where {_of(each)}").fetchone()]
        touched = touched_dates(self.con, self.contract, held, new)
        for each in held:
            self.con.execute(f"delete from raw.orders where {_of(each)}")
        self.con.execute(f"insert into raw.orders {new}")
        days = {day for each in batch for day in touched.of(each)}
        for day in days:
            self.rows[day] = self.con.execute(f"select {self.columns} from ({staging(self.macro, day)})").fetchall()
        return days

    @property
    def all(self) -> list[Row]:
        return sorted(row for rows in self.rows.values() for row in rows)


def staging(macro: str, day: dt.date, table: str = "orders") -> str:
    """The macro, as dbt compiles it for a day, over what was delivered to a table of raw."""
    environment = jinja2.Environment()
    environment.globals["tidegate"] = {"happened_in_window": lambda column: f"{column} = date '{day}'"}
    macros = (DBT_PACKAGE / "macros" / "versions.sql").read_text()
    query = environment.from_string(f"{macros}{{{{ {macro} }}}}").render()
    delivered = f"select * from raw.{table} where _delivered_on >= {literal(day)}"
    return f"with delivered as ({delivered}) select * from ({query})"


def _of(partition: Partition) -> str:
    return f"_region = {literal(partition.region)} and _delivered_on = {literal(partition.day)}"
