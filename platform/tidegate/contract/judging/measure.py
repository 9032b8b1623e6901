"""Measuring judged deliveries: the only thing of a contract that runs SQL on data. Nothing is written.

measure(con, contract, judged_table)   Measures by `_delivery`; a delivery without rows is absent
nothing_read()                         Measures of a delivery without a single row
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import duckdb

from tidegate.contract.found import Measures
from tidegate.contract.judging.limits import limit_figures
from tidegate.contract.judging.sqlcheck import first_line
from tidegate.contract.judging.verdicts import measures_select
from tidegate.contract.model import Contract, DeliveryRule

# What a rule's own SQL can do wrong on some data. Anything else (memory, disk, a lost connection) says
# nothing about the delivery and is not caught.
_RULE_FAILURES = (duckdb.ConversionException, duckdb.OutOfRangeException, duckdb.InvalidInputException)


def measure(con: duckdb.DuckDBPyConnection, contract: Contract, judged_table: str) -> dict[int, Measures]:
    """The measures of each `_delivery` in `judged_table`; one without rows is absent (see `nothing_read`).

    A rule whose own SQL fails on a delivery's data is a failure of that delivery only. Call it outside of a
    transaction: DuckDB gives a transaction up at the first failing statement.
    """
    try:
        found = _measured(con, contract, measures_select(contract, judged_table), contract.delivery_rules)
    except _RULE_FAILURES:
        found = _measured_rule_by_rule(con, contract, judged_table)
    for delivery, figures in limit_figures(con, contract, judged_table).items():
        found[delivery] = replace(found[delivery], limits=figures)
    return found


def nothing_read() -> Measures:
    """What there is to say of a delivery without rows: every number is unknown, and zero rows were read."""
    return Measures(rows_read=0, rows_sound=0, rows_broken=0)


def _measured_rule_by_rule(
    con: duckdb.DuckDBPyConnection, contract: Contract, judged_table: str
) -> dict[int, Measures]:
    steady = [rule for rule in contract.delivery_rules if rule.kind != "query"]
    found = _measured(con, contract, measures_select(contract, judged_table, steady), steady)
    for rule in contract.delivery_rules:
        if rule.kind == "query":
            for delivery, measures in found.items():
                found[delivery] = _with_rule(con, contract, judged_table, delivery, measures, rule)
    return found


def _with_rule(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    judged_table: str,
    delivery: int,
    measures: Measures,
    rule: DeliveryRule,
) -> Measures:
    try:
        alone = _measured(con, contract, measures_select(contract, judged_table, [rule], delivery), [rule])[delivery]
    except _RULE_FAILURES as error:
        return replace(measures, failures={**measures.failures, rule.name: first_line(str(error))})
    return replace(measures, values={**measures.values, **alone.values})


def _measured(
    con: duckdb.DuckDBPyConnection, contract: Contract, select: str, rules: Sequence[DeliveryRule]
) -> dict[int, Measures]:
    found = {}
    for delivery, read, sound, reasons, *numbers in con.execute(select).fetchall():
        values = {rule.name: _number(rule, n, sound) for rule, n in zip(rules, numbers, strict=True)}
        found[delivery] = Measures(read, sound, read - sound, dict(reasons), values)
    return found


def _number(rule: DeliveryRule, number: Any, rows: int) -> Decimal | None:
    if number is None or (isinstance(number, float) and not math.isfinite(number)):
        return None
    exact = Decimal(str(number))
    if rule.kind != "count" or rule.threshold.unit == "rows":
        return exact
    return 100 * exact / rows if rows else None
