"""Whether what a model returned is what its columns promise: it is, exactly, or it is refused with its first rows.

A value fits where casting it to the promised type, and back, changes nothing. Nothing is rounded, cut off or guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from duckdb import DuckDBPyRelation

from tidegate.lake.sql import literal, quoted
from tidegate.transform.python_models.frames import CATEGORIES, NULLS, Returned
from tidegate.transform.python_models.model import PythonModel
from tidegate.transform.python_models.rows import scale_of
from tidegate.transform.python_models.trouble import ROWS_SHOWN, PythonModelError, rows_shown

_FAMILIES = {
    "whole numbers": r"U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER",
    "decimals": r"DECIMAL\(.*\)",
    "floats": "FLOAT|DOUBLE",
    "text": "VARCHAR",
    "booleans": "BOOLEAN",
    "dates": "DATE",
    "times without a zone": "TIMESTAMP(_NS|_MS|_S)?",
    "times with a zone": "TIMESTAMP WITH TIME ZONE",
    NULLS: '"?NULL"?',
    CATEGORIES: r"ENUM\(.*\)",
}

# A decimal written as text: it may have more digits than any type.
DIGITS = "DECIMAL()"

# What a promised column takes, beside what it is: each value has to come back the same.
_TAKES = {
    "decimals": ("whole numbers",),
    "floats": ("whole numbers",),
    # pandas has no dates, but times at midnight.
    "dates": ("times without a zone",),
    "times without a zone": ("dates",),
}

_ADVICE = {
    ("floats", "decimals"): "A float is not exact. Compute with Decimal or, with `decimals: units` in the YAML, in "
    "whole numbers of the smallest unit",
    ("floats", "whole numbers"): "Round them, and write .astype('Int64'), which has nulls: pandas makes floats of "
    "whole numbers where one is null",
    ("decimals", "floats"): "Write .astype(float) if it need not be exact",
    ("times with a zone", "times without a zone"): "Times are of UTC, without a zone: write "
    ".dt.tz_convert('UTC').dt.tz_localize(None)",
    ("times without a zone", "times with a zone"): "Write .dt.tz_localize('UTC') if they are of UTC",
    ("text", "dates"): "Write pd.to_datetime(…)",
    ("text", "times without a zone"): "Write pd.to_datetime(…)",
}
_ADVICE_FOR_UNFIT = {
    CATEGORIES: "Write .astype('str'): groups of categories have rows for those that are not there",
}


@dataclass(frozen=True)
class _Column:
    """A returned column beside what is `promised`, and as DuckDB spells that: `spelled`. `value` is what it holds, as
    SQL, and `given` the type of that."""

    name: str
    promised: str
    spelled: str
    given: str
    value: str

    @property
    def fitted(self) -> str:
        return f"try_cast({self.value} as {self.promised})"

    @property
    def is_other(self) -> str:
        """The condition on values that the promised type has not."""
        back = f"cast({self.fitted} as {self.given})"
        if self.given == DIGITS:
            back = f"cast({self.fitted} as varchar)"
            back = f"rtrim(rtrim({back}, '0'), '.')" if scale_of(self.spelled) else back
        return f"({self.value} is not null and {back} is distinct from {self.value})"


def fitted(model: PythonModel, found: Returned) -> DuckDBPyRelation:
    """The rows with the promised columns and types, all of them on days of the window.

    Raises PythonModelError, which names each column that is something else, and its first rows.
    """
    if wrong := [*_wrong_names(model, found)]:
        raise _refused(model, found, wrong)
    columns = _columns(model, found)
    if wrong := [sentence for each in columns if (sentence := _wrong_kind(found, each))]:
        raise _refused(model, found, wrong)
    if wrong := [*_wrong_values(found, columns)]:
        raise _refused(model, found, wrong)
    rows = found.relation.project(", ".join(f"{each.fitted} as {quoted(each.name)}" for each in columns))
    if wrong := [*_rows_of_other_days(model, rows)]:
        raise _refused(model, found, wrong)
    return rows


def _wrong_names(model: PythonModel, found: Returned) -> Iterator[str]:
    promised, given = ({name.lower(): name for name in names} for names in (model.columns, found.relation.columns))
    if lacking := [promised[name] for name in promised.keys() - given.keys()]:
        index = f" {found.index} is the index of the frame: return it with reset_index()." if found.index else ""
        yield f"it lacks the column {', '.join(sorted(lacking))}, which its YAML promises.{index}"
    if others := [given[name] for name in given.keys() - promised.keys()]:
        yield f"it has the column {', '.join(sorted(others))}, which its YAML does not promise."


def _columns(model: PythonModel, found: Returned) -> list[_Column]:
    names = list(model.columns)
    promises = [f"max(cast(null as {model.columns[name]}))" for name in names]
    counted = found.relation.aggregate(", ".join([*promises, *(f"count({quoted(name)})" for name in names)]))
    spelled = [str(sql_type) for sql_type in counted.types[: len(names)]]
    filled = (counted.fetchone() or ())[len(names) :]
    return [
        _column(model, found, name, promised) if count or name.lower() in found.unfit else _nulls(model, name, promised)
        for name, promised, count in zip(names, spelled, filled, strict=True)
    ]


def _nulls(model: PythonModel, name: str, spelled: str) -> _Column:
    """A column without a value has no type either."""
    promised = model.columns[name]
    return _Column(name, promised, spelled, given=spelled, value=f"cast(null as {promised})")


def _column(model: PythonModel, found: Returned, name: str, spelled: str) -> _Column:
    types = dict(zip(map(str.lower, found.relation.columns), map(str, found.relation.types), strict=True))
    given, value, written = types[name.lower()], quoted(name), found.written_out.get(name.lower())
    if written == "DECIMAL":
        given = DIGITS
    elif written:
        given, value = written, f"cast({value} as {written})"
    if model.units and _family(given) == "whole numbers" and _family(spelled) == "decimals":
        scale = scale_of(spelled)
        unit = f"cast({Decimal(1).scaleb(-scale):f} as decimal({scale + 1}, {scale}))"
        value, given = f"(cast({value} as decimal(19, 0)) * {unit})", f"DECIMAL({20 + scale}, {scale})"
    if _family(given) == "floats":
        value = f"if(isnan({value}), null, {value})"
    return _Column(name, model.columns[name], spelled, given, value)


def _family(sql_type: str) -> str:
    return next((name for name, pattern in _FAMILIES.items() if re.fullmatch(pattern, sql_type)), sql_type)


def _wrong_kind(found: Returned, column: _Column) -> str | None:
    unfit = found.unfit.get(column.name.lower())
    given, promised = unfit or _family(column.given), _family(column.spelled)
    if unfit is None and (given in (promised, NULLS) or given in _TAKES.get(promised, ())):
        return None
    advice = _ADVICE_FOR_UNFIT.get(given) or _ADVICE.get((given, promised), f"Make it {column.promised}")
    first = _first(found, f"{quoted(column.name)} is not null")
    shown = f" First rows: {first}." if first else ""
    return f"the column {column.name} holds {given} where {column.promised} is promised. {advice}.{shown}"


def _wrong_values(found: Returned, columns: list[_Column]) -> Iterator[str]:
    counts = ", ".join(f"count(*) filter ({each.is_other})" for each in columns)
    row = found.relation.aggregate(counts).fetchone() or ()
    for column, count in zip(columns, row, strict=True):
        if count:
            yield (
                f"the column {column.name} holds values in {_rows(count)} that {column.promised} has not, or not all "
                f"digits of. First rows: {_first(found, column.is_other)}."
            )


def _rows_of_other_days(model: PythonModel, rows: DuckDBPyRelation) -> Iterator[str]:
    days = ", ".join(map(literal, model.window.days))
    outside = f"{quoted(model.day)} is null or {quoted(model.day)} not in ({days})"
    count = len(others := rows.filter(outside).limit(ROWS_SHOWN).fetchall())
    if count:
        yield (
            f"it has rows whose {model.day} is not among the days that were asked for (dbt.days). First rows: "
            f"{rows_shown(rows.columns, others)}."
        )


def _first(found: Returned, condition: str) -> str:
    shown = found.relation.filter(condition)
    return rows_shown(shown.columns, shown.limit(ROWS_SHOWN).fetchall())


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"


def _refused(model: PythonModel, found: Returned, wrong: list[str]) -> PythonModelError:
    shape = f"{len(found.relation):,} rows, {len(found.relation.columns)} columns"
    return PythonModelError(
        f"{model.who} returned a table ({shape}) that its columns do not promise: {' Also, '.join(wrong)} "
        "Nothing of it was changed. Fix the model and run again."
    )
