"""What a model returned, as a relation of DuckDB: from pandas, polars, Arrow or a relation.

Null is one thing: None, NaN, NaT and NA, in every column. Whether a column is what was promised belongs to `fit`.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from duckdb import DuckDBPyConnection, DuckDBPyRelation

from tidegate.lake.sql import quoted
from tidegate.transform.python_models.rows import Rows
from tidegate.transform.python_models.trouble import PythonModelError

if TYPE_CHECKING:
    import pandas as pd

    Column = pd.Series[Any]

CATEGORIES = "categories"
NULLS = "nothing but nulls"


@dataclass(frozen=True)
class Returned:
    """A relation with the columns that a model returned.

    By column, in lower case, `written_out` says what its values are where they are text only here: `DECIMAL`,
    `HUGEINT` or `DATE`.
    `unfit` are columns of which no table can be made, and what is in them: text in the relation, or null.
    """

    relation: DuckDBPyRelation
    written_out: dict[str, str] = field(default_factory=dict)
    unfit: dict[str, str] = field(default_factory=dict)
    # The name of the index of pandas, which is no column.
    index: str | None = None


def returned(con: DuckDBPyConnection, result: object) -> Returned:
    """What a model returned. Raises PythonModelError for what is no table, or has two columns of one name."""
    if isinstance(result, Rows | DuckDBPyRelation):
        return Returned(_kept(con, result.relation if isinstance(result, Rows) else result))
    reader = _READERS.get(type(result).__module__.partition(".")[0])
    if reader is None or not any(hasattr(result, name) for name in ("columns", "collect_schema", "schema")):
        raise PythonModelError(
            f"it returned {type(result).__name__}, which is no table. Return a frame of pandas or polars, a table of "
            "Arrow, or a relation of DuckDB."
        )
    return reader(con, result)


def _of_polars(con: DuckDBPyConnection, frame: Any) -> Returned:
    whole = frame.collect() if hasattr(frame, "collect") else frame
    kinds = {name: kind.base_type().__name__ for name, kind in whole.schema.items()}
    unfit = {name: CATEGORIES for name, kind in kinds.items() if kind in ("Categorical", "Enum")}
    unfit |= {name: "Python objects" for name, kind in kinds.items() if kind == "Object"}
    return _without(con, whole.drop([*unfit]), unfit)


def _of_arrow(con: DuckDBPyConnection, table: Any) -> Returned:
    whole = table.read_all() if hasattr(table, "read_all") else table
    unfit = {each.name: CATEGORIES for each in whole.schema if str(each.type).startswith("dictionary")}
    kept = whole.select([name for name in whole.schema.names if name not in unfit])
    return _without(con, kept, unfit)


def _of_pandas(con: DuckDBPyConnection, frame: pd.DataFrame) -> Returned:
    import pandas as pd

    if twice := [str(name) for name, count in Counter(frame.columns).items() if count > 1]:
        raise PythonModelError(f"it returned two columns named {', '.join(twice)}.")
    columns: dict[str, Column] = {}
    found = Returned(con.query("select 1"), index=None if frame.index.name is None else str(frame.index.name))
    for name in frame.columns:
        kind = _kind_of(frame[name])
        if kind in _WRITTEN_OUT:
            found.written_out[str(name).lower()] = kind
        elif kind not in _SCANNED:
            found.unfit[str(name).lower()] = kind
        columns[str(name)] = _scanned(frame[name], kind)
    relation = _registered(con, pd.DataFrame(columns))
    return Returned(relation, found.written_out, found.unfit, found.index)


_READERS: dict[str, Callable[[DuckDBPyConnection, Any], Returned]] = {
    "pandas": _of_pandas,
    "polars": _of_polars,
    "pyarrow": _of_arrow,
}


def _kept(con: DuckDBPyConnection, relation: DuckDBPyRelation) -> DuckDBPyRelation:
    """Its rows, which it would compute again each time it is asked."""
    name = _new_name()
    relation.query("computed", f"create temporary table {name} as select * from computed")
    return con.query(f"select * from {name}")


def _registered(con: DuckDBPyConnection, frame: object) -> DuckDBPyRelation:
    name = _new_name()
    con.register(name, frame)
    return con.query(f"select * from {name}")


def _new_name() -> str:
    """A connection may make the rows of several models."""
    return f"returned_{uuid.uuid4().hex}"


def _without(con: DuckDBPyConnection, frame: object, unfit: Mapping[str, str]) -> Returned:
    """What is left of a frame from which the columns that fit nothing were taken: these are null."""
    relation = _registered(con, frame).project(", ".join(["*", *(f"null as {quoted(name)}" for name in unfit)]))
    return Returned(relation, unfit={name.lower(): what for name, what in unfit.items()})


# What a pandas column holds, where DuckDB takes it as it is.
_SCANNED = ("", NULLS, "text", "float", "boolean", "naive", "aware", "bytes")

# What goes to DuckDB as text, and is cast there: by itself it looks at a sample, and makes floats of long decimals.
_WRITTEN_OUT = ("DECIMAL", "HUGEINT", "DATE")


def _kind_of(column: Column) -> str:
    """What the column holds: '' where its dtype says so."""
    dtype = str(column.dtype)
    if dtype == "category":
        return CATEGORIES
    if dtype != "object" and "[pyarrow]" not in dtype:
        return ""
    values = column.astype(object)[column.notna()]
    kinds = {_kind_of_value(value) for value in values}
    if kinds <= {"HUGEINT", "DECIMAL"} and "DECIMAL" in kinds:
        return "DECIMAL"
    if len(kinds) > 1:
        return f"values of several kinds: {', '.join(sorted({type(value).__name__ for value in values}))}"
    return kinds.pop() if kinds else NULLS


def _kind_of_value(value: object) -> str:
    match value:
        case bool():
            return "boolean"
        case Decimal():
            return "DECIMAL"
        case dt.datetime():
            return "naive" if value.tzinfo is None else "aware"
        case dt.date():
            return "DATE"
        case str():
            return "text"
        case bytes():
            return "bytes"
    kind = type(value).__name__
    if kind.startswith(("int", "uint")):
        return "HUGEINT"
    if kind.startswith("float"):
        return "float"
    return "boolean" if kind.startswith("bool") else f"values of the type {kind}"


def _scanned(column: Column, kind: str) -> Column:
    """The column as DuckDB is to scan it."""
    import pandas as pd

    if kind in ("", "bytes"):
        return column.reset_index(drop=True)
    objects = column.astype(object).where(column.notna(), None).reset_index(drop=True)
    match kind:
        case "DECIMAL":
            return objects.map(_digits, na_action="ignore").astype("str")
        case "float":
            return objects.astype("float64")
        case "boolean":
            return objects.astype("boolean")
        case "naive" | "aware":
            return pd.to_datetime(objects, utc=kind == "aware")
    return objects.map(str, na_action="ignore").astype("str")


def _digits(value: Decimal | int) -> str:
    """A decimal as text, without an exponent and without the zeros at its end."""
    if not value:
        return "0"
    text = format(Decimal(value), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
