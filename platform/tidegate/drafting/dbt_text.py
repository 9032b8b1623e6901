"""The dbt source and the staging model that load what a contract describes, as the text of their files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tidegate.contract.model import Column, Contract
from tidegate.drafting.contract_text import scalar
from tidegate.lake.sql import quoted

_UNQUOTED = re.compile(r"[a-z_][a-z0-9_]*")
# What raw adds to each row, beside the contract's columns.
RAW_COLUMNS = (
    ("_region", "varchar", "The region that delivered the row."),
    ("_delivered_on", "date", "The day of the delivery."),
    ("_file", "varchar", "The file within the delivery."),
    ("_fingerprint", "varchar", "The delivery's fingerprint."),
)
# Reserved in DuckDB: names of columns that stand in quotes.
_RESERVED = frozenset(
    """
    all analyse analyze and any array as asc asymmetric both case cast check collate column
    constraint create default deferrable desc describe distinct do else end except false fetch for
    foreign from group having in initially intersect into lambda lateral leading limit not null
    offset on only or order pivot placing primary qualify references returning select show some
    summarize symmetric table then to trailing true union unique unpivot using variadic when where
    window with
    """.split()  # noqa: SIM905  # a list of words
)


@dataclass(frozen=True)
class DbtFiles:
    """The texts of a staging model and its YAML."""

    model_sql: str
    model_yaml: str


def data_type(column: Column) -> str:
    """The type as dbt's YAML writes it: `decimal(18, 4)`."""
    return re.sub(r",(?=\S)", ", ", column.sql_type.lower())


def sql_name(name: str) -> str:
    """The name as SQL has it, in quotes only where it must be."""
    return name if _UNQUOTED.fullmatch(name) and name not in _RESERVED else quoted(name)


def dbt_files(contract: Contract, macros: str) -> DbtFiles:
    """Of a contract. `macros` stands before the names of Tidegate's: `tidegate.`, or nothing."""
    return DbtFiles(_model_sql(contract, macros), _model_yaml(contract, macros))


def source_yaml(contract: Contract) -> str:
    return "\n".join(
        [
            "sources:",
            "  - name: raw",
            "    tables:",
            f"      - name: {scalar(contract.source)}",
            f"        description: {_described(contract)}",
            "        columns:",
            *(f"          - {column_line(*each)}" for each in raw_columns(contract)),
            "",
        ]
    )


def raw_columns(contract: Contract) -> list[tuple[str, str, str]]:
    """Name, type and description of every column of the source's raw table."""
    own = [(column.name, data_type(column), column.description) for column in contract.columns]
    return [*own, *RAW_COLUMNS]


def column_line(name: str, sql_type: str, description: str) -> str:
    """A column as one line of YAML, in braces."""
    shown = f", description: {_in_braces(description)}" if description else ""
    return f"{{name: {_in_braces(name)}, data_type: {_in_braces(sql_type)}{shown}}}"


def _in_braces(text: str) -> str:
    return text if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_ ;.]*", text) and scalar(text)[0] != '"' else scalar_quoted(text)


def scalar_quoted(text: str) -> str:
    written = scalar(text)
    return written if written.startswith('"') or not re.search(r"[,:{}\[\]()]", written) else f'"{written}"'


def _described(contract: Contract) -> str:
    if contract.key:
        return scalar(f"One row for each delivered version of {', '.join(contract.key)}")
    return "One row for each delivered row."


# --- the staging model


def day_of_model(contract: Contract) -> str:
    """The column that a staged row's day stands in."""
    names = {column.name for column in contract.columns}
    if contract.event_time is None:
        return _free("snapshot_date", names)
    if contract.column(contract.event_time).logical_type == "date":
        return contract.event_time
    stem = re.sub(r"(_?(at|on|time|timestamp|ts|date|datetime))+$", "", contract.event_time) or "event"
    return _free(f"{stem}_date", names)


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_of_event"
    return name


def _model_sql(contract: Contract, macros: str) -> str:
    day = day_of_model(contract)
    config = f'{{{{ config(partition_by="{day}") }}}}' if '"' not in day else ""
    parts = [config, "", "with", "", *_ctes(contract, macros)]
    final = ",\n".join(f"        {line}" for line in _selected(contract, macros, day))
    return "\n".join([*parts, f"final as (\n\n    select\n{final}\n    from newest\n\n)\n\nselect * from final\n"])


def _ctes(contract: Contract, macros: str) -> Iterator[str]:
    source, event = contract.source, contract.event_time and sql_name(contract.event_time)
    key = [sql_name(name) for name in contract.key]
    within = (
        f'{{{{ {macros}delivered_within_reach("{source}") }}}}'
        if event
        else f'{{{{ {macros}in_window("_delivered_on") }}}}'
    )
    delivered = f'    select * from {{{{ source("raw", "{source}") }}}}\n    where {within}'
    yield f"delivered as {{{{ {macros}not_materialized() }}}} (\n\n{delivered}\n\n),\n"
    if not key:
        happened = f"\n    where {_call(macros, 'happened_in_window', event)}" if event else ""
        yield f"newest as (\n\n    select * from delivered{happened}\n\n),\n"
        return
    by = key if event else ["_delivered_on", *key]
    listed = ", ".join(in_jinja(name) for name in by)
    yield f'versions as (\n\n    {{{{ {macros}with_next_delivery("delivered", [{listed}]) }}}}\n\n),\n'
    if event:
        in_time = f"{{{{ {macros}is_newest_in_time({in_jinja(source)}, {in_jinja(event)}) }}}}"
        where = f"\n        {_call(macros, 'happened_in_window', event)}\n        and {in_time}"
    else:
        where = " _next_delivered_on is null"
    yield f"newest as (\n\n    select * from versions\n    where{where}\n\n),\n"


def _call(macros: str, macro: str, argument: str) -> str:
    return f"{{{{ {macros}{macro}({in_jinja(argument)}) }}}}"


def in_jinja(text: str) -> str:
    """A text in quotes, as Jinja reads them."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'" if '"' in text else f'"{escaped}"'


def _selected(contract: Contract, macros: str, day: str) -> Iterator[str]:
    yield from (sql_name(column.name) for column in contract.columns)
    if contract.event_time is None:
        yield f"_delivered_on as {day}"
        return
    if day != contract.event_time:
        yield f"{_call(macros, 'day_of', sql_name(contract.event_time))} as {day}"
    yield "_delivered_on as delivered_on"


def _model_yaml(contract: Contract, macros: str) -> str:
    model, day = f"stg_{contract.source}", day_of_model(contract)
    columns = [(column.name, data_type(column), column.description) for column in contract.columns]
    if day != contract.event_time:
        columns.append((day, "date", f"The day of {contract.event_time or 'the snapshot'}."))
    if contract.event_time:
        columns.append(("delivered_on", "date", "The day of the delivery that this version came with."))
    return "\n".join(
        [
            "models:",
            f"  - name: {model}",
            f"    description: {_model_description(contract)}",
            "    config:",
            "      meta:",
            f"        tidegate: {{day: {scalar(day)}}}",
            "    columns:",
            *(f"      - {column_line(*each)}" for each in columns),
            "    data_tests:",
            *_tests(contract, macros, day),
            "",
        ]
    )


def _model_description(contract: Contract) -> str:
    if contract.key and contract.event_time:
        return scalar(
            f"The newest version in time of each {', '.join(contract.key)}, on the day of {contract.event_time}"
        )
    if contract.key:
        return scalar(f"One row for each day and {', '.join(contract.key)} of that day's snapshot")
    return "Every delivered row, on its day."


def _tests(contract: Contract, macros: str, day: str) -> Iterator[str]:
    model = f"stg_{contract.source}"
    required = dict.fromkeys([*contract.required, day])
    yield from _test(
        f"{macros}not_null",
        f"{model}_required_values_are_present",
        "Every row has its required values. If this fails: make these columns required in the contract.",
        [f"columns: {_names(required)}"],
        "completeness",
    )
    if contract.key:
        yield from _test(
            f"{macros}unique",
            f"{model}_keys_are_unique",
            "Each key appears once a day. If this fails: find the delivery in "
            f"raw.{contract.source} that has a key twice.",
            [f"columns: {_names(dict.fromkeys([day, *contract.key]))}"],
            "uniqueness",
        )
    if contract.event_time:
        delivered = [f"delivered: source('raw', '{contract.source}')", f"happened_at: {_name(contract.event_time)}"]
        yield from _test(
            f"{macros}delivered_rows_are_within_reach",
            f"{model}_every_delivered_row_is_within_reach",
            "Every loaded row was delivered on its day or as late as the contract allows. If this fails: judge the "
            "delivery again with `tidegate quarantine replay`.",
            delivered,
            "timeliness",
        )
        if contract.key:
            yield from _test(
                f"{macros}no_row_is_lost",
                f"{model}_no_row_is_lost",
                f"Every row of raw.{contract.source} is staged on its day, in one version. "
                "If this fails: fix the model.",
                [*delivered, f"key: {_names(contract.key)}", f"day: {_name(day)}"],
                "traceability",
            )


def _test(test: str, name: str, description: str, arguments: Sequence[str], dimension: str) -> Iterator[str]:
    yield f"      - {test}:"
    yield f"          name: {name}"
    yield f'          description: "{description}"'
    yield "          arguments:"
    yield from (f"            {argument}" for argument in arguments)
    yield "          config:"
    yield "            severity: error"
    yield f"            meta: {{dimension: {dimension}}}"


def _name(name: str) -> str:
    return _in_braces(sql_name(name))


def _names(names: Sequence[str] | dict[str, None]) -> str:
    return f"[{', '.join(_name(name) for name in names)}]"
