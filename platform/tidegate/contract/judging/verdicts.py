"""The SQL a contract compiles to: pure functions of the contract, no connection.

    judge_select(contract, present, relation)   one pass: typed rows, their reasons, the raw row where broken
    duplicate_updates(contract, judged_table)   updates to run in this order: mark the earlier rows of a key
    measures_select(contract, judged_table)     one row per delivery; run it through `measure.measure`

How a value becomes typed is in `casts`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tidegate.contract.files import PLAIN_VALUES, ValueOptions
from tidegate.contract.judging.casts import Moments, cast_strictly, never_fails
from tidegate.contract.judging.clocks import (
    clock_checks,
    columns_by_clock,
    is_of_a_change,
    shown_struct,
    with_moments,
)
from tidegate.contract.judging.written import given, trimmed
from tidegate.contract.model import CLOCK_OF_UTC, AtChanges, Clock, Column, Contract, DeliveryRule, UniqueRule
from tidegate.lake.sql import literal, quoted
from tidegate.zones import Zone

# The name by which a delivery rule's query knows the delivery's sound rows.
ROWS = "_rows"


def judge_select(
    contract: Contract,
    present: Mapping[str, str],
    relation: str,
    clock: Clock = CLOCK_OF_UTC,
    values: ValueOptions = PLAIN_VALUES,
) -> str:
    """Rows `_delivery, _day, _file, <columns typed>, _reasons, _raw` of every row of `relation`, in one pass.

    `relation` has the columns named in `present` (contract column → SQL type as read) and `_delivery
    INTEGER`, `_day DATE`, `_file VARCHAR`. `_reasons` is null for a sound row; `_raw` is a JSON object of the
    row's values as text, for broken rows only. The layers keep each cast from being computed twice. Timestamps
    without an offset are written by `clock`, and texts as `values` says.
    """
    columns = ", ".join(quoted(column.name) for column in contract.columns)
    zones = {name: zone for name, zone in columns_by_clock(contract, clock).items() if name in present}
    conditions = _conditions(contract, present, zones, values)
    broken = " or ".join(f"({condition})" for _, condition in conditions) or "false"
    return f"""
select _delivery, _day, _file, {columns},
  case when _broken then {_reasons(conditions)} end as _reasons,
  case when _broken then {_raw_json(present)} end as _raw
from (
  select *, coalesce({broken}, false) as _broken
  from ({_typed_rows(contract, present, relation, zones, clock.at_changes, values)}
  )
)"""


def _typed_rows(
    contract: Contract,
    present: Mapping[str, str],
    relation: str,
    zones: Mapping[str, Zone],
    at_changes: AtChanges,
    values: ValueOptions,
) -> str:
    typed = [_typed(column, present, zones, values) for column in contract.columns]
    if zones:
        by_clock = [column for column in contract.columns if column.name in zones]
        given_by_name = {column.name: _given(column, present, values) for column in by_clock}
        typed.append(f"{shown_struct(by_clock, given_by_name, present, values)} as _shown")
    rows = f"""
    select _delivery, _day, _file, _raw, {", ".join(typed)}
    from (select _delivery, _day, _file, {_raw_struct(present)} as _raw from {relation})"""
    return with_moments(rows, zones, at_changes) if zones else rows


def duplicate_updates(contract: Contract, judged_table: str) -> list[str]:
    """One update per unique rule: of a delivery's sound rows alike in it, all but the last get its reason.

    `rowid` is the order of lines. Rows are first grouped by a hash: 0.3 s for 5 million rows, and the end of
    it when none is double. `_raw` then holds the typed values as text: the row was sound, they say the same.
    """
    return [_duplicate_update(contract, rule, judged_table) for rule in contract.unique_rules]


def measures_select(
    contract: Contract,
    judged_table: str,
    rules: Sequence[DeliveryRule] | None = None,
    delivery: int | None = None,
) -> str:
    """`_delivery, rows_read, rows_sound, reasons MAP(VARCHAR, BIGINT)`, then a number per delivery rule.

    One row per delivery that has rows. `rules` and `delivery` narrow it to some rules, to one delivery.
    """
    chosen = contract.delivery_rules if rules is None else rules
    only = "" if delivery is None else f"where _delivery = {literal(delivery)}"
    counts = "".join(f", {rule.measure} as {_alias(i)}" for i, rule in enumerate(chosen) if rule.kind == "count")
    numbers = "".join(f", {_number(contract, rule, i, judged_table)}" for i, rule in enumerate(chosen))
    return f"""
with
_read as (
  select _delivery, count(*) as rows_read, count(*) filter (where _reasons is null) as rows_sound
  from {judged_table} {only} group by _delivery
),
_sound as (
  select _delivery{counts} from {judged_table} where _reasons is null group by _delivery
),
_reason as (
  select _delivery, unnest(_reasons) as reason from {judged_table} where _reasons is not null
),
_reason_count as (
  select _delivery, reason, count(*) as row_count from _reason group by _delivery, reason
),
_reason_map as (
  select _delivery, map_from_entries(list((reason, row_count) order by reason)) as reasons
  from _reason_count group by _delivery
)
select _read._delivery, _read.rows_read, _read.rows_sound,
  coalesce(_reason_map.reasons, map {{}}) as reasons{numbers}
from _read
left join _sound using (_delivery)
left join _reason_map using (_delivery)
order by _read._delivery"""


def measure_of_query(column_names: Iterable[str], query: str, judged_table: str, delivery: str) -> str:
    """The number that `query` gives for the sound rows of one delivery. `delivery` is an SQL expression.

    Correlated, so that DuckDB answers a batch of deliveries with one join instead of one query each.
    """
    columns = ", ".join(quoted(name) for name in column_names)
    return f"""(
with {ROWS} as (
  select {columns}, _day from {judged_table} as _judged
  where _judged._delivery = {delivery} and _judged._reasons is null
)
select * from (
{query}
))"""


def _conditions(
    contract: Contract, present: Mapping[str, str], zones: Mapping[str, Zone], values: ValueOptions
) -> list[tuple[str, str]]:
    """Each reason with the SQL that is true of a row that has it, over the typed columns and `_raw`."""
    deleted = deleted_when(contract)
    checks: list[tuple[str, str]] = []
    for column in contract.columns:
        of_column = _column_checks(column, present, zones, values)
        checks += of_column if deleted is None or column.name in _of_change(contract) else _unless(deleted, of_column)
    rules = [(rule.reason, rule.broken_when) for rule in contract.row_rules]
    return [*checks, *(rules if deleted is None else _unless(deleted, rules))]


def deleted_when(contract: Contract) -> str | None:
    """The condition that a row says that its key was deleted; None where rows are no changes."""
    if contract.changes is None:
        return None
    words = ", ".join(literal(word) for word in contract.changes.deletes)
    return f"coalesce(lower({quoted(contract.changes.operation)}) in ({words}), false)"


def _of_change(contract: Contract) -> set[str]:
    """The columns that a change must say, whatever it does."""
    return {*contract.key, *((contract.changes.operation, contract.changes.ordered_by) if contract.changes else ())}


def _unless(deleted: str, checks: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    # Of what is gone, only its key is sure to be said.
    return [(reason, f"not {deleted} and ({condition})") for reason, condition in checks]


def _column_checks(
    column: Column, present: Mapping[str, str], zones: Mapping[str, Zone], values: ValueOptions
) -> Iterable[tuple[str, str]]:
    if column.name not in present:
        return [(column.missing, "true")] if column.required else []
    raw = _given(column, present, values)
    checks = []
    if column.required:
        checks.append((column.missing, _says_nothing(column, present, raw)))
    invalid = f"{raw} is not null and {quoted(column.name)} is null"
    if column.name in zones:
        checks.append((column.invalid, f"{invalid} and not {is_of_a_change(column.name)}"))
        checks += clock_checks(column, zones[column.name])
    elif not never_fails(column, present[column.name]):
        checks.append((column.invalid, invalid))
    return checks


def _reasons(conditions: Iterable[tuple[str, str]]) -> str:
    each = ", ".join(f"case when {condition} then {literal(reason)} end" for reason, condition in conditions)
    return f"list_filter([{each}], lambda reason: reason is not null)::varchar[]"


def _raw_struct(present: Mapping[str, str]) -> str:
    if not present:
        return "null"
    return f"struct_pack({', '.join(f'{quoted(name)} := {_as_delivered(name, present)}' for name in present)})"


def _as_delivered(name: str, present: Mapping[str, str]) -> str:
    # Text formats cannot tell an empty value from none: both are null.
    return f"nullif({quoted(name)}, '')" if present[name].upper() == "VARCHAR" else quoted(name)


def _given(column: Column, present: Mapping[str, str], values: ValueOptions) -> str:
    """The value as it is to be judged: null where it says nothing."""
    raw, written = _raw_value(column.name), column.written(values)
    if present[column.name].upper() != "VARCHAR" or not (written.null_words or written.trim):
        return raw
    return given(raw, written, column.logical_type == "string")


def _says_nothing(column: Column, present: Mapping[str, str], value: str) -> str:
    # Blanks alone are no text where one is required.
    if column.logical_type == "string" and present[column.name].upper() == "VARCHAR":
        return f"coalesce({trimmed(value)}, '') = ''"
    return f"{value} is null"


def _raw_value(name: str) -> str:
    return f"struct_extract(_raw, {literal(name)})"


def _raw_json(present: Mapping[str, str]) -> str:
    return json_of_text({name: _raw_value(name) for name in present})


def json_of_text(values: Mapping[str, str]) -> str:
    """SQL for one JSON object of `values` (name → SQL), all as text: JSON has no NaN, decimals or timestamps."""
    if not values:
        return "'{}'"
    fields = ", ".join(f"{quoted(name)} := ({value})::varchar" for name, value in values.items())
    return f"to_json(struct_pack({fields}))::varchar"


def _typed(column: Column, present: Mapping[str, str], zones: Mapping[str, Zone], values: ValueOptions) -> str:
    name = quoted(column.name)
    if column.name not in present:
        return f"null::{column.sql_type} as {name}"
    only: Moments | None = "with offset" if column.name in zones else None
    value = _given(column, present, values)
    return f"{cast_strictly(column, value, present[column.name], only, values)} as {name}"


def _duplicate_update(contract: Contract, rule: UniqueRule, judged_table: str) -> str:
    names = ", ".join(quoted(name) for name in rule.columns)
    compared = () if rule.nulls_are_alike else rule.columns
    sound = " and ".join(["_reasons is null", *(f"{quoted(name)} is not null" for name in compared)])
    typed = {column.name: quoted(column.name) for column in contract.columns}
    return f"""
update {judged_table} set _reasons = [{literal(rule.reason)}], _raw = {json_of_text(typed)}
where rowid in (
  select _row from (
    select rowid as _row, max(rowid) over (partition by _delivery, {names}) as _last
    from {judged_table}
    where {sound} and hash(_delivery, {names}) in (
      select hash(_delivery, {names}) as _hash from {judged_table}
      where {sound} group by _hash having count(*) > 1
    )
  )
  where _row < _last
)"""


def _number(contract: Contract, rule: DeliveryRule, position: int, judged_table: str) -> str:
    match rule.kind:
        case "rows_read":
            number = "_read.rows_read"
        case "count":
            number = f"coalesce(_sound.{_alias(position)}, 0)"
        case "query":
            names = (column.name for column in contract.columns)
            number = measure_of_query(names, rule.measure, judged_table, "_read._delivery")
    return f"{number} as {_alias(position)}"


def _alias(position: int) -> str:
    return f"rule_{position}"
