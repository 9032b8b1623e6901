"""The sample with its columns as they were chosen, and what holds for its rows: what is never empty, bounds, kinds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from duckdb import DuckDBPyConnection

from tidegate.contract.judging.casts import cast_strictly
from tidegate.drafting import words
from tidegate.drafting.asked import Field
from tidegate.drafting.choice import Choice
from tidegate.lake.sql import literal, qualified, quoted

TYPED = qualified("temp", "main", "drafting_typed")

# Fewer rows than this that all have a value say little of those to come.
ROWS_THAT_REQUIRE = 10
_ROWS_THAT_BOUND = 50
# A kind comes again and again; one that came once may be the first of many.
_MOST_KINDS = 12
_ROWS_OF_A_KIND = 3
_ROWS_A_KIND = 20
_ROWS_IN_ALL = 30
# Above the greatest value seen: what is a hundred times more is a mistake.
_ROOM = 100
_UUID = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"


def make_typed(
    con: DuckDBPyConnection,
    table: str,
    choices: Sequence[Choice],
    sampled_as: Mapping[str, str],
    days: Sequence[dt.date | None],
) -> None:
    """Make TYPED of the sample: its rows with their delivery, and its day where that is known."""
    columns = ", ".join(f"{_typed(choice, sampled_as[choice.name])} as {quoted(choice.name)}" for choice in choices)
    day = _day_of_each(days)
    con.execute(f"create or replace temp table {TYPED} as select _delivery, {day} as _day, {columns} from {table}")


def _day_of_each(days: Sequence[dt.date | None]) -> str:
    listed = ", ".join("null::date" if day is None else literal(day) for day in days)
    return f"([{listed}])[_delivery + 1]"


def _typed(choice: Choice, sampled_as: str) -> str:
    value = quoted(choice.name)
    if sampled_as == "VARCHAR":
        said = f"trim({value})" if choice.values.trim else value
        if choice.values.null_words:
            listed = ", ".join(literal(word) for word in ("", *choice.values.null_words))
            value = f"case when trim({value}) not in ({listed}) then {said} end"
        else:
            value = f"nullif({said}, '')"
    return cast_strictly(choice.column, value, sampled_as, None, choice.values)


def with_rules(con: DuckDBPyConnection, choices: Sequence[Choice], fields: Mapping[str, Field]) -> list[Choice]:
    """The choices with what is never empty, kinds and bounds. Those of keys are not bounded."""
    return [_with_rules(con, choice, fields[choice.name]) for choice in choices]


def _with_rules(con: DuckDBPyConnection, choice: Choice, field: Field) -> Choice:
    rows, given, distinct = _counts(con, choice)
    if not given or choice.open:
        return choice
    choice = _required(choice, field, rows, given)
    if choice.logical_type == "string" and not choice.personal:
        return _with_kinds(con, choice, given, distinct)
    if (
        choice.logical_type in ("integer", "number")
        and choice.key_place is None
        and not words.identifies(choice.delivered)
    ):
        return _with_bounds(con, choice, given)
    return choice


def _counts(con: DuckDBPyConnection, choice: Choice) -> tuple[int, int, int]:
    column = quoted(choice.name)
    found = con.execute(f"select count(*), count({column}), count(distinct {column}) from {TYPED}").fetchone()
    return (found[0], found[1], found[2]) if found else (0, 0, 0)


def _required(choice: Choice, field: Field, rows: int, given: int) -> Choice:
    if choice.key_place is not None or choice.required:
        return choice
    if field.missing_somewhere:
        return choice.noting("not in every file or record")
    if given < rows:
        return choice.noting(f"empty in {rows - given:,} of {rows:,} rows")
    if rows < ROWS_THAT_REQUIRE:
        return choice.noting(f"never empty, but in only {rows:,} rows: add 'required: true' if it must not be")
    return choice.noting(f"never empty in {rows:,} rows", required=True)


def _with_kinds(con: DuckDBPyConnection, choice: Choice, given: int, distinct: int) -> Choice:
    column = quoted(choice.name)
    if given >= _ROWS_IN_ALL and distinct == given and _all_match(con, choice, _UUID):
        return choice.noting("each is a UUID", text_format="uuid")
    few = 1 < distinct <= _MOST_KINDS and choice.key_place is None and not words.identifies(choice.delivered)
    if not few or (
        given < max(_ROWS_IN_ALL, distinct * _ROWS_A_KIND)
        and not (words.is_a_kind(choice.delivered) and given >= max(_ROWS_IN_ALL, 5 * distinct))
    ):
        return choice
    counted = con.execute(
        f"select {column}, count(*), count(distinct _delivery) from {TYPED} where {column} is not null "
        "group by 1 order by 2 desc, 1"
    ).fetchall()
    if min(count for _, count, _ in counted) < _ROWS_OF_A_KIND:
        return choice.noting(f"{distinct} values, but some too seldom to say that there are no others")
    if not words.is_a_kind(choice.delivered) and len({files for _, _, files in counted}) > 1:
        return choice.noting(f"{distinct} values, but not each of them in every file")
    shown = ", ".join(f"{value!r} {count:,}" for value, count, _ in counted)
    values = tuple(sorted(value for value, _, _ in counted))
    if words.is_a_kind(choice.delivered):
        return choice.noting(f"only these in {given:,} rows: {shown}", enum=values)
    return choice.noting(f"{distinct} values in {given:,} rows ({shown}); if there are no others, write them as 'enum'")


def _all_match(con: DuckDBPyConnection, choice: Choice, pattern: str) -> bool:
    column = quoted(choice.name)
    found = con.execute(
        f"select count(*) from {TYPED} where not regexp_matches({column}, {literal(pattern)})"
    ).fetchone()
    return bool(found and found[0] == 0)


def _with_bounds(con: DuckDBPyConnection, choice: Choice, given: int) -> Choice:
    column = quoted(choice.name)
    found = con.execute(f"select min({column})::varchar, max({column})::varchar from {TYPED}").fetchone()
    if found is None or found[0] is None:
        return choice
    least, most = Decimal(found[0]), Decimal(found[1])
    seen = f"from {_plain(least)} to {_plain(most)} in {given:,} rows"
    if given < _ROWS_THAT_BOUND or least == most == 0:
        return choice.noting(seen)
    choice = choice.noting(f"{seen}; the bounds leave room, for what can only be a mistake")
    if least >= 0 and not words.may_be_negative(choice.delivered):
        choice = replace(choice, minimum="0")
    elif least < 0:
        choice = replace(choice, minimum=_plain(-_with_room(-least)))
    largest = _largest(choice.sql_type)
    greatest = _with_room(max(abs(most), abs(least)))
    return replace(choice, maximum=_plain(greatest)) if greatest < largest else choice


def _with_room(value: Decimal) -> Decimal:
    """The next power of ten above a hundred times the value."""
    room = max(abs(value), Decimal(1)) * _ROOM
    return Decimal(10) ** (room.adjusted() + 1)


def _largest(sql_type: str) -> Decimal:
    if sql_type.startswith("DECIMAL"):
        width, places = map(int, sql_type[8:-1].split(","))
        return Decimal(10) ** (width - places)
    bits = {"TINYINT": 7, "SMALLINT": 15, "INTEGER": 31, "UTINYINT": 8, "USMALLINT": 16, "UINTEGER": 32, "UBIGINT": 64}
    return Decimal(2) ** bits.get(sql_type, 63)


def _plain(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
