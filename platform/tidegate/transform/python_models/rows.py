"""What a model in Python reads: rows as a DuckDB relation that never makes a float of a decimal.

DuckDB itself gives pandas its decimals and its integers above 64 bits as floats, without a word.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from duckdb import DuckDBPyConnection, DuckDBPyRelation

from tidegate.lake.sql import quoted
from tidegate.transform.python_models.trouble import PythonModelError

if TYPE_CHECKING:
    import pandas as pd

# DuckDB makes floats of decimals in all of these, and nothing exact could be made of their results.
INEXACT = frozenset({"fetchnumpy", "fetch_df_chunk", "torch", "tf"})

# Of 64 bits, which is as much as pandas and numpy have.
_ABOVE_64_BITS = ("HUGEINT", "UHUGEINT")


class Rows:
    """A DuckDB relation: everything that one can do is done by it, and gives rows again or what DuckDB gives.

    `df()` gives decimals as `decimal.Decimal`, and integers with nulls as pandas' Int64.
    """

    def __init__(self, relation: DuckDBPyRelation) -> None:
        self._relation = relation

    @property
    def relation(self) -> DuckDBPyRelation:
        """DuckDB's own."""
        return self._relation

    def df(self) -> pd.DataFrame:
        """The rows in pandas."""
        decimals = [name for name, sql_type in _typed(self._relation) if sql_type.startswith("DECIMAL")]
        frame = _replaced(self._relation, {name: f"cast({quoted(name)} as varchar)" for name in decimals}).df()
        for name in decimals:
            frame[name] = frame[name].astype(object).map(Decimal, na_action="ignore")
        return frame

    to_df = fetchdf = fetch_df = df

    def __getattr__(self, name: str) -> Any:
        if name in INEXACT:
            raise PythonModelError(f"{name}() would make floats of decimals. Take the rows with df(), pl() or arrow().")
        found = getattr(self._relation, name)
        return _with_rows(found) if callable(found) else found

    def __len__(self) -> int:
        return len(self._relation)


def read(con: DuckDBPyConnection, query: str, *, units: bool) -> Rows:
    """The rows of a query, in one order whatever threads DuckDB has: a float sum depends on it. `units`: decimals as
    whole numbers of their smallest unit."""
    relation = con.query(f"{query} order by all")
    return Rows(_replaced(relation, dict(_exact_integers(relation, units=units))))


def _exact_integers(relation: DuckDBPyRelation, *, units: bool) -> list[tuple[str, str]]:
    """By column, how it is read where not as it is. A number that has no room in 64 bits is an error of DuckDB's."""
    found = [(name, f"cast({quoted(name)} as bigint)") for name, kind in _typed(relation) if kind in _ABOVE_64_BITS]
    for name, sql_type in _typed(relation) if units else ():
        if sql_type.startswith("DECIMAL"):
            found.append((name, f"cast({quoted(name)} * {10 ** scale_of(sql_type)} as bigint)"))
    return found


def scale_of(sql_type: str) -> int:
    """The digits after the point of `DECIMAL(38,4)`."""
    return int(sql_type.rpartition(",")[2].strip(" )"))


def _typed(relation: DuckDBPyRelation) -> list[tuple[str, str]]:
    return [(name, str(sql_type)) for name, sql_type in zip(relation.columns, relation.types, strict=True)]


def _replaced(relation: DuckDBPyRelation, by: dict[str, str]) -> DuckDBPyRelation:
    """The relation with other expressions for some of its columns."""
    if not by:
        return relation
    return relation.project(
        ", ".join(f"{by[name]} as {quoted(name)}" if name in by else quoted(name) for name in relation.columns)
    )


def _with_rows(method: Callable[..., Any]) -> Callable[..., Any]:
    """The method of a relation, taking and giving rows."""

    @functools.wraps(method)
    def called(*arguments: Any, **named: Any) -> Any:
        plain = [each.relation if isinstance(each, Rows) else each for each in arguments]
        named = {name: each.relation if isinstance(each, Rows) else each for name, each in named.items()}
        result = method(*plain, **named)
        return Rows(result) if isinstance(result, DuckDBPyRelation) else result

    return called
