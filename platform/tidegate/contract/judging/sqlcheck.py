"""May a contract's SQL run? Only if it reaches nothing but the delivery it judges, and works on an empty one.

A contract is a file that many people may change, and its SQL runs on a connection that reads files and writes
the lake. So a rule is parsed, and only known kinds of syntax, known functions and the delivery's own rows are
let through; what is new in DuckDB stays out until it is added here. Functions that answer differently at
another time (`now`, `random`) stay out as well: judging a delivery again must find the same. Then the rule is
bound against an empty table in a DuckDB that can reach no file and no network.

Nothing of a rule is computed here, so that checking it costs the same whatever it says: DuckDB's optimizer, which
computes what is constant, is off, and constants that may grow without end are refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self, TypeAlias

import duckdb

from tidegate.contract.judging.verdicts import ROWS, measure_of_query
from tidegate.contract.model import Column
from tidegate.lake.sql import literal, quoted

_ISOLATED: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "autoload_known_extensions": "false",
    "autoinstall_known_extensions": "false",
    "threads": "1",
}
# Afterwards nothing can be set any more.
_LOCKED = ("pragma disable_optimizer", "set lock_configuration = true")

# One object of DuckDB's serialized syntax tree.
Syntax: TypeAlias = "Mapping[str, Any]"

_ROW_EXPRESSIONS = frozenset(
    {"BETWEEN", "CASE", "CAST", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT"}
    | {"FUNCTION", "LAMBDA", "OPERATOR"}
)
_QUERY_EXPRESSIONS = _ROW_EXPRESSIONS | {"STAR", "SUBQUERY", "WINDOW"}
# No recursive queries: they need not end.
_QUERY_NODES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE"})
_QUERY_TABLES = frozenset({"BASE_TABLE", "EMPTY", "JOIN", "SUBQUERY"})

# DuckDB reads these as functions although they look like columns.
_CLOCKS_AND_USERS = frozenset(
    {"current_catalog", "current_database", "current_date", "current_role", "current_schema", "current_time"}
    | {"current_timestamp", "current_user", "localtime", "localtimestamp", "session_user", "user"}
)

_NO_CTES: Syntax = {"map": []}

# A select of one expression and nothing else.
_BARE_SELECT: Syntax = {
    "type": "SELECT_NODE",
    "modifiers": [],
    "cte_map": _NO_CTES,
    "where_clause": None,
    "group_expressions": [],
    "group_sets": [],
    "having": None,
    "sample": None,
    "qualify": None,
}

_NUMBER = re.compile("U?(TINY|SMALL|BIG|HUGE)?INT|INTEGER|UINTEGER|DECIMAL|FLOAT|DOUBLE")

_OF_NUMBERS = """
    abs add ceil ceiling divide even exp fdiv floor fmod gcd greatest isfinite isinf isnan lcm least ln log
    log10 log2 mod multiply pow power round round_even sign signbit sqrt subtract trunc
"""
_OF_TEXTS = """
    ascii bit_length chr concat concat_ws contains damerau_levenshtein ends_with format hamming hash
    ilike_escape instr jaccard jaro_similarity jaro_winkler_similarity lcase left len length levenshtein
    like_escape lower lpad ltrim md5 nfc_normalize not_ilike_escape not_like_escape ord position prefix
    regexp_extract regexp_extract_all regexp_full_match regexp_matches regexp_replace regexp_split_to_array
    replace reverse right rpad rtrim sha256 split split_part starts_with str_split string_split
    strip_accents strlen strpos substr substring suffix translate trim ucase unicode upper url_decode
    url_encode
"""
_OF_TIMES = """
    date_add date_diff date_part date_sub date_trunc datediff datepart datesub datetrunc day dayname
    dayofmonth dayofweek dayofyear days_in_month epoch epoch_ms epoch_us hour isodow isoyear last_day
    make_date make_time make_timestamp microsecond millisecond minute month monthname quarter second
    strftime strptime time_bucket timezone to_days to_hours to_milliseconds to_minutes to_months to_seconds
    to_weeks to_years try_strptime week weekday weekofyear year yearweek
"""
_OF_LISTS_AND_JSON = """
    array_length json_array_length json_exists json_extract json_extract_string json_type json_valid
    json_value list_aggregate list_any_value list_avg list_contains list_count list_distinct list_element
    list_extract list_filter list_has list_max list_min list_position list_sort list_sum list_transform
    list_unique list_value row struct_extract struct_pack
"""
_OF_CHOICE = """
    coalesce constant_or_null if ifnull nullif typeof
"""
_AGGREGATES = """
    approx_count_distinct arg_max arg_min avg bool_and bool_or corr count count_if count_star countif
    covar_pop covar_samp entropy favg fsum histogram kurtosis mad max max_by mean median min min_by mode
    product quantile quantile_cont quantile_disc regr_slope skewness stddev stddev_pop stddev_samp
    string_agg sum sumkahan var_pop var_samp variance
"""
_OF_WINDOWS = """
    cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number
"""
_FUNCTIONS = frozenset(
    "".join((_OF_NUMBERS, _OF_TEXTS, _OF_TIMES, _OF_LISTS_AND_JSON, _OF_CHOICE, _AGGREGATES, _OF_WINDOWS)).split()
)


# Their result may be much larger, or take much longer, than what is written: `lpad('', 2000000000)`. DuckDB computes
# some arguments when it binds them (patterns, formats, separators), so of constants alone these stay out.
_UNBOUNDED = frozenset(
    {"damerau_levenshtein", "format", "jaccard", "levenshtein", "lpad", "regexp_replace", "replace", "rpad"}
    | {"list_filter", "list_transform", "url_encode", "~~", "!~~", "~~*", "!~~*", "~~~"}
    | {"like_escape", "ilike_escape", "not_like_escape", "not_ilike_escape"}
)


class SqlRefusedError(Exception):
    """Why a contract's SQL may not or cannot run: a clause whose subject is the rule."""


class SqlBench:
    """A DuckDB that can reach nothing, with an empty delivery of the contract's columns to try its SQL on."""

    def __init__(self, columns: Iterable[Column]) -> None:
        columns = tuple(columns)
        self._names = [column.name for column in columns]
        self._con = duckdb.connect(":memory:", config=_ISOLATED)
        for statement in _LOCKED:
            self._con.execute(statement)
        typed = ", ".join(f"{quoted(column.name)} {column.sql_type}" for column in columns)
        self._con.execute(f"create table delivery ({typed}, _delivery integer, _day date, _reasons varchar[])")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._con.close()

    def try_predicate(self, sql: str) -> None:
        """Refuses what is not one boolean expression over the columns of one row (and `_day`)."""
        select = self._parsed(f"select {sql}", sql)
        if not _is_bare(select):
            raise SqlRefusedError("is not one condition on a row (no from, where, group, order, several expressions)")
        self._refuse_foreign(select["select_list"], _ROW_EXPRESSIONS, frozenset())
        columns = ", ".join(quoted(name) for name in [*self._names, "_day"])
        # In a where clause neither aggregates nor windows are allowed.
        found = self._type_of(
            f"select (\n{sql}\n) as found from (select {columns} from delivery) where (\n{sql}\n) is not null"
        )
        if found != "BOOLEAN":
            raise SqlRefusedError(f"gives {found}, not true or false")

    def try_query(self, sql: str) -> None:
        """Refuses what is not one query over the delivery's rows that gives one number."""
        select = self._parsed(sql, sql)
        tables = {ROWS}
        # In order: before its own definition, a name may still be that of a table of the database.
        for cte in select["cte_map"]["map"]:
            self._refuse_foreign(cte["value"], _QUERY_EXPRESSIONS, frozenset(tables))
            if cte["key"].lower() == ROWS:
                raise SqlRefusedError(f"defines a table named {ROWS}, which is the delivery itself")
            tables.add(cte["key"].lower())
        self._refuse_foreign({**select, "cte_map": _NO_CTES}, _QUERY_EXPRESSIONS, frozenset(tables))
        measure = measure_of_query(self._names, sql, "delivery", "_read._delivery")
        found = self._type_of(f"select {measure} as found from (select 0 as _delivery) as _read")
        if not _NUMBER.match(found):
            raise SqlRefusedError(f"gives {found}, not a number")

    def try_pattern(self, pattern: str) -> None:
        """Refuses what is not a regular expression of DuckDB's (RE2's) syntax."""
        self._computed(f"select regexp_matches('', {literal(pattern)}) as found")

    def _parsed(self, statement: str, sql: str) -> Syntax:
        if "\0" in sql:
            raise SqlRefusedError("holds a NUL")
        row = self._con.execute(f"select json_serialize_sql({literal(statement)})").fetchone()
        parsed = json.loads(row[0]) if row else {}
        if parsed["error"] and parsed["error_type"] == "not implemented":
            raise SqlRefusedError("is no 'select'")
        if parsed["error"]:
            raise SqlRefusedError(f"cannot be read: {first_line(parsed['error_message'])}")
        if len(parsed["statements"]) != 1:
            raise SqlRefusedError("holds several statements")
        node: Syntax = parsed["statements"][0]["node"]
        return node

    def _refuse_foreign(self, tree: Any, expressions: frozenset[str], tables: frozenset[str]) -> None:
        columns = {name.lower() for name in self._names}
        for part in _parts(tree):
            if "class" in part:
                _refuse_expression(part, expressions, columns)
                _refuse_unbounded(part)
            elif "cte_map" in part or "sample" in part:
                _refuse_source(part, tables)

    def _type_of(self, select: str) -> str:
        return str(self._computed(f"select column_type from (describe {select})"))

    def _computed(self, select: str) -> Any:
        try:
            row = self._con.execute(select).fetchone()
        except duckdb.Error as error:
            raise SqlRefusedError(f"cannot run: {first_line(str(error))}") from error
        return row[0] if row else ""


def _is_bare(select: Syntax) -> bool:
    alone = all(select.get(key) == value for key, value in _BARE_SELECT.items())
    return alone and select["from_table"]["type"] == "EMPTY" and len(select["select_list"]) == 1


def _parts(tree: Any) -> Iterator[Syntax]:
    """Every object of a syntax tree that says what kind of syntax it is."""
    waiting = [tree]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting.extend(part)
        elif isinstance(part, dict):
            waiting.extend(part.values())
            if isinstance(part.get("type"), str):
                yield part


def _refuse_expression(part: Syntax, allowed: frozenset[str], columns: set[str]) -> None:
    if part["class"] not in allowed:
        raise SqlRefusedError(f"uses a {_words(part['class'])}, which is not allowed here")
    if "function_name" in part:
        _refuse_function(part)
    if part["class"] == "COLUMN_REF" and len(part["column_names"]) == 1:
        name = part["column_names"][0].lower()
        if name in _CLOCKS_AND_USERS and name not in columns:
            raise SqlRefusedError(f"uses {name}, which differs each time; `_day` is the delivery's day")


def _refuse_function(part: Syntax) -> None:
    name = part["function_name"].lower()
    # Operators have names of punctuation only.
    known = name in _FUNCTIONS or not re.search(r"\w", name)
    if not known or part.get("schema") not in ("", "main") or part.get("catalog"):
        raise SqlRefusedError(f"uses the function {name}, which is not among those a contract may use")


def _refuse_unbounded(part: Syntax) -> None:
    if part.get("function_name", "").lower() not in _UNBOUNDED:
        return
    inside = list(_parts(part["children"]))
    of_lambdas = {name for each in inside if each["type"] == "LAMBDA" for name in _columns(_parts(each["lhs"]))}
    if not _columns(inside) - of_lambdas:
        raise SqlRefusedError(f"computes {part['function_name']} of constants only; write the result in its place")


def _columns(parts: Iterable[Syntax]) -> set[str]:
    return {".".join(part["column_names"]).lower() for part in parts if part["type"] == "COLUMN_REF"}


def _refuse_source(part: Syntax, tables: frozenset[str]) -> None:
    if part["type"] not in _QUERY_NODES | _QUERY_TABLES:
        raise SqlRefusedError(f"uses a {_words(part['type'])}, which is not allowed here")
    if part.get("cte_map", _NO_CTES) != _NO_CTES:
        raise SqlRefusedError("has a 'with' inside; it can only stand at the beginning")
    if part.get("sample"):
        raise SqlRefusedError("takes a sample, which differs each time")
    if part["type"] == "BASE_TABLE":
        outside = part["schema_name"] or part["catalog_name"] or part["at_clause"]
        if outside or part["table_name"].lower() not in tables:
            raise SqlRefusedError(f"reads {part['table_name']}; only the delivery itself, {{object}}, can be read")


def _words(kind: str) -> str:
    return kind.lower().replace("_", " ")


def first_line(message: str) -> str:
    """DuckDB's message without its category, its suggestions of functions, and the drawing of the place."""
    text = re.split(r"\n\s*\n|\n\s*Candidate functions", message)[0]
    return " ".join(re.sub(r"^[A-Z][\w ]*Error: ", "", text).split()).rstrip("!.")
