"""Profiles of deliveries: how many rows, and of each column how many values are missing and how the others lie.

A profile is a function of the delivery's bytes and its contract, whenever it is taken. What is unusual about one is
for `unusual`. It is one aggregate over the judged rows.

Values are put on a scale where a mean is robust and cheap: numbers by the signed logarithm, moments by that of the
hours from the start of the delivery's day. Text has no scale, so each value gets a place from 0 to 1 by its hash: the
mean moves when the shares of the values change, and does not when only their order does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import duckdb

from tidegate.contract.model import Column, Contract
from tidegate.lake.sql import literal, quoted

# Beyond the ninth decimal, sums depend on the order in which threads add.
_DECIMALS = 9
# hash() gives 64 bits; 24 of them are exact in a double and more than any mean needs.
_PLACE = "(hash({value}) >> 40) / 16777216.0"


@dataclass(frozen=True)
class ColumnProfile:
    """Of a delivery's sound rows: those without a value, and the mean and standard deviation of the others on the
    column's scale, None where there is no value."""

    rows: int
    nulls: int
    center: float | None = None
    spread: float | None = None

    @property
    def values(self) -> int:
        return self.rows - self.nulls


@dataclass(frozen=True)
class Profile:
    """One delivery: the rows that were read, and the profile of each column by name.

    `hashed_by` names what gave texts their places: those of another are not comparable.
    """

    rows_read: int
    columns: Mapping[str, ColumnProfile] = field(default_factory=dict)
    hashed_by: str = ""


def hashed_by() -> str:
    """What gives texts their places: another version of DuckDB may hash otherwise."""
    return f"duckdb {duckdb.__version__}"


def profiles(
    con: duckdb.DuckDBPyConnection, contract: Contract, judged_table: str, rows_read: Mapping[int, int]
) -> dict[int, Profile]:
    """The profile of each delivery in `rows_read`, by its number; of one without a sound row, without columns."""
    rows = con.execute(_profiles_select(contract, judged_table)).fetchall()
    columns = {delivery: _columns(contract, numbers) for delivery, *numbers in rows}
    return {delivery: Profile(read, columns.get(delivery, {}), hashed_by()) for delivery, read in rows_read.items()}


def _profiles_select(contract: Contract, judged_table: str) -> str:
    figures = "".join(
        f", count({quoted(column.name)}), {_rounded('avg', column)}, {_rounded('stddev_pop', column)}"
        for column in contract.columns
    )
    return f"select _delivery, count(*){figures} from {judged_table} where _reasons is null group by _delivery"


def _rounded(aggregate: str, column: Column) -> str:
    return f"round({aggregate}({scaled(column)}), {literal(_DECIMALS)})"


def _columns(contract: Contract, numbers: list[float | None]) -> dict[str, ColumnProfile]:
    rows = int(numbers[0] or 0)
    found = {}
    for i, column in enumerate(contract.columns):
        values, center, spread = numbers[1 + 3 * i : 4 + 3 * i]
        found[column.name] = ColumnProfile(rows, rows - int(values or 0), center, spread)
    return found


def scaled(column: Column) -> str:
    """SQL for the value of the column on its scale; null for infinities, which have no mean."""
    name = quoted(column.name)
    match column.logical_type:
        case "string":
            return f"if({name} is null, null, {_PLACE.format(value=name)})"
        case "boolean":
            return f"{name}::integer::double"
        case "integer" | "number":
            may_be_infinite = column.sql_type in ("DOUBLE", "FLOAT")
            return _signed_log(f"{name}::double", finite=name if may_be_infinite else None)
        case "date" | "timestamp":
            return _signed_log(f"(epoch({name}) - epoch(_day)) / 3600.0", finite=name)
        case "time":
            return f"epoch({name}) / 3600.0"


def _signed_log(value: str, finite: str | None) -> str:
    scaled_value = f"sign({value}) * ln(1 + abs({value}))"
    return f"if(isfinite({finite}), {scaled_value}, null)" if finite else scaled_value
