"""What is measured of a delivery, and when that rejects it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from tidegate.contract.found import CheckOutcome, Drift, Measures, Unreadable
from tidegate.contract.judging.as_usual import ROW_COUNT, VALUES
from tidegate.contract.judging.assess import GROUP_NAMES, assess, reasons_of, rule_groups
from tidegate.contract.judging.measure import measure, nothing_read
from tidegate.contract.judging.thresholds import holds
from tidegate.contract.judging.verdicts import judge_select
from tidegate.contract.model import Comparison, Contract, Threshold
from tidegate.contract.reading.odcs import load_contract

ContractOf = Callable[..., Contract]
Con = duckdb.DuckDBPyConnection

CONTRACTS = Path(__file__).parents[3] / "contracts"
THINGS = """
  - {name: k, logicalType: string, required: true}
  - {name: v, logicalType: integer}
"""


@pytest.fixture
def orders() -> Contract:
    return load_contract(CONTRACTS / "orders.odcs.yaml")


def measured(con: Con, contract: Contract, rows: str) -> dict[int, Measures]:
    """The measures of `rows`: SQL values (k, v, _delivery), as text."""
    relation = (
        "(select k::varchar as k, v::varchar as v, _delivery, date '2024-01-10' as _day, 'f' as _file "
        f"from (values {rows}) as rows(k, v, _delivery))"
    )
    present = {"k": "VARCHAR", "v": "VARCHAR"}
    con.execute(f"create or replace temp table judged as {judge_select(contract, present, relation)}")
    return measure(con, contract, "judged")


def outcome(checks: tuple[CheckOutcome, ...], name: str) -> CheckOutcome:
    return next(check for check in checks if check.name == name)


@pytest.mark.parametrize(
    ("comparison", "limits", "held", "broken"),
    [
        ("mustBe", "5", "5 5.0", "4 6"),
        ("mustNotBe", "5", "4 6", "5 5.0"),
        ("mustBeGreaterThan", "5", "5.1", "5 4"),
        ("mustBeGreaterOrEqualTo", "5", "5 6", "4.9"),
        ("mustBeLessThan", "5", "4.9", "5 6"),
        ("mustBeLessOrEqualTo", "5", "5 4", "5.1"),
        ("mustBeBetween", "5 7", "5 6 7", "4.9 7.1"),
        ("mustNotBeBetween", "5 7", "4.9 7.1", "5 6 7"),
    ],
)
def test_thresholds(comparison: Comparison, limits: str, held: str, broken: str) -> None:
    threshold = Threshold(comparison, tuple(map(Decimal, limits.split())))
    assert all(holds(threshold, Decimal(number)) for number in held.split())
    assert not any(holds(threshold, Decimal(number)) for number in broken.split())


@pytest.mark.parametrize(
    ("rule", "number"),
    [
        ("metric: nullValues, mustBeLessThan: 1", 2),
        ("metric: nullValues, mustBeLessThan: 1, unit: percent", Decimal(50)),
        ("metric: missingValues, arguments: {missingValues: [9]}, mustBeLessThan: 1", 3),
        ("metric: invalidValues, arguments: {validValues: [1, 9]}, mustBeLessThan: 1", 0),
        ("metric: invalidValues, arguments: {validValues: [1]}, mustBe: 0, severity: warning", 1),
        ("metric: duplicateValues, mustBeLessThan: 1", 0),
        ("metric: invalidValues, arguments: {validValues: [1]}, mustBe: 0, unit: percent", Decimal(25)),
        ("type: custom, engine: tidegate, name: n, implementation: v = 9, severity: warning", 1),
        ("type: sql, name: n, query: 'select sum({property}) from ${table}', mustBe: 10", 10),
        ("type: sql, name: n, query: 'select avg({property}) from {object};', mustBe: 5", 5),
        (
            "type: sql, name: n, mustBe: 4, query: 'select count(*) from {object} where _day > ''2024-01-09'''",
            4,
        ),
        (
            "type: sql, name: n, mustBe: 2, "
            "query: 'with t as (select k, count(*) as c from {object} group by k) "
            "select max(c) from t join {object} using (k)'",
            2,
        ),
        ("type: sql, name: n, query: 'select max(v) from {object} where v < 0', mustBe: 5", None),
        ("type: sql, name: n, query: 'select sum(v) / 0 from {object}', mustBe: 5", None),
    ],
)
def test_a_rule_measures_the_sound_rows(
    rule: str, number: Decimal | int | None, contract_of: ContractOf, con: Con
) -> None:
    contract = contract_of(THINGS.replace("integer}", f"integer, quality: [{{{rule}}}]}}"))
    rows = "('a', '1', 7), ('a', '9', 7), ('b', null, 7), ('c', '', 7), (null, '5', 7), ('d', 'x', 7)"
    [(delivery, measures)] = measured(con, contract, rows).items()
    assert (delivery, measures.rows_read, measures.rows_sound, measures.rows_broken) == (7, 6, 4, 2)
    assert measures.reasons == {"missing_k": 1, "invalid_v": 1}
    assert list(measures.values.values()) == [number]


def test_deliveries_are_measured_apart(contract_of: ContractOf, con: Con) -> None:
    contract = contract_of(
        THINGS,
        quality="""
  - {metric: duplicateValues, arguments: {properties: [k, v]}, mustBeLessThan: 9}
  - {metric: rowCount, mustBeGreaterThan: 0}
  - {type: sql, name: total, query: select sum(v) from {object}, mustBeGreaterThan: 0}
  - {type: sql, name: keys, query: select count(distinct k) from {object}, mustBeGreaterThan: 0}""".replace(
            "query: select", "query: 'select"
        ).replace("{object},", "{object}',"),
    )
    rows = "('a', '1', 0), ('a', '1', 0), ('a', '1', 1), ('b', '2', 1), (null, '3', 2)"
    found = measured(con, contract, rows)
    assert [list(found[delivery].values.values()) for delivery in (0, 1, 2)] == [
        [1, 2, 2, 1],
        [0, 2, 3, 2],
        [0, 1, None, 0],
    ]
    assert found[2].rows_sound == 0


def test_a_rule_that_fails_on_one_delivery_fails_that_one_only(contract_of: ContractOf, con: Con) -> None:
    contract = contract_of(
        THINGS,
        quality="""
  - {metric: rowCount, mustBeGreaterThan: 0}
  - {type: sql, name: total, query: 'select sum(cast(k as integer)) from {object}', mustBe: 3}
  - {type: sql, name: any_key, query: 'select cast(k as integer) from {object}', mustBe: 3}""",
    )
    found = measured(con, contract, "('3', '1', 0), ('x', '1', 1), ('1', '1', 2), ('2', '1', 2)")
    assert found[0].values == {"row_count": 1, "total": 3, "any_key": 3}
    assert assess(contract, found[0], Drift()).accepted
    assert found[1].failures["total"] == "Could not convert string 'x' to INT32 when casting from source column k"
    rejection = assess(contract, found[1], Drift()).rejection or ""
    assert "total could not be measured: Could not convert string 'x' to INT32" in rejection
    assert set(found[2].failures) == {"any_key"}
    assert "More than one row returned" in found[2].failures["any_key"]


def test_a_rule_without_a_number_rejects_rows_but_not_their_absence(contract_of: ContractOf, con: Con) -> None:
    contract = contract_of(
        THINGS, quality="  - {type: sql, name: total, query: 'select sum(v) from {object}', mustBe: 3}"
    )
    found = measured(con, contract, "('a', null, 0)")
    assert "total gave no number" in (assess(contract, found[0], Drift()).rejection or "")
    assert assess(contract, nothing_read(), Drift()).accepted


def test_too_many_broken_rows_reject_with_words_a_person_can_act_on(orders: Contract) -> None:
    values = {"share_of_guests": Decimal(10)}
    measures = Measures(5000, 4588, 412, {"missing_order_id": 400, "in_the_future": 12}, values)
    verdict = assess(orders, measures, Drift())
    assert not verdict.accepted
    assert verdict.rejection == (
        "412 of 5,000 rows (8.24 %) broke the contract, above its limit of 5 % (maxQuarantinedPercent); "
        "most often missing_order_id 400, in_the_future 12. "
        "Nothing was loaded; the rows and reasons are in quarantine.orders, and what was loaded before "
        f"stays. Fix the source and deliver again, or change the rule in {orders.label} and run "
        "`tidegate quarantine replay --source orders --partition DAY`."
    )
    valid = outcome(verdict.checks, "values_are_valid")
    assert (valid.passed, valid.severity, valid.blocking) == (False, "error", True)
    present = outcome(verdict.checks, "required_values_are_present")
    assert (present.passed, present.severity) == (False, "warning")
    assert present.observed == "5,000 rows read; missing_order_id 400; share_of_guests 10 %; row_count 5,000"
    in_time = outcome(verdict.checks, "rows_arrive_in_time")
    assert (in_time.passed, in_time.severity, in_time.blocking) == (False, "warning", False)
    assert outcome(verdict.checks, "keys_are_unique").passed


@pytest.mark.parametrize(
    ("broken", "read", "accepted"),
    [
        (5, 100, True),
        (12, 100, False),
        # Of few rows a share says little.
        (1, 3, True),
        (2, 10, True),
        (4, 10, False),
        (20, 390, True),
        (21, 390, False),
        (251, 5000, False),
        # Nothing sound is left.
        (1, 1, False),
    ],
)
def test_the_limit_itself_is_allowed(broken: int, read: int, accepted: bool, orders: Contract) -> None:
    measures = Measures(read, read - broken, broken, {"quantity_is_zero": broken}, {"share_of_guests": Decimal(0)})
    assert assess(orders, measures, Drift()).accepted is accepted


def test_unparsable_lines_count_as_read_and_broken(orders: Contract) -> None:
    sound = Measures(95, 95, 0, {}, {"share_of_guests": Decimal(0)})
    assert sound.with_unparsable(0) is sound
    assert assess(orders, sound.with_unparsable(5), Drift()).accepted
    verdict = assess(orders, sound.with_unparsable(25), Drift())
    assert "25 of 120 rows (20.83 %) broke" in (verdict.rejection or "")
    assert "unparsable_line 25" in outcome(verdict.checks, "values_are_valid").observed
    assert "row_count 120" in outcome(verdict.checks, "required_values_are_present").observed


def test_an_empty_delivery_is_held_against_the_row_count_alone(orders: Contract) -> None:
    verdict = assess(orders, nothing_read(), Drift())
    assert (verdict.rejection or "").startswith("row_count is 0 and must be from 1 to 10,000,000. Nothing was loaded")
    present = outcome(verdict.checks, "required_values_are_present")
    assert not present.passed
    assert all(check.passed for check in verdict.checks if check is not present)


def test_drift_warns_or_rejects(orders: Contract) -> None:
    fine = Measures(100, 100, 0, {}, {"share_of_guests": Decimal(0)})
    added = assess(orders, fine, Drift(added=("coupon", "channel"), missing_optional=("country",)))
    assert added.accepted
    check = outcome(added.checks, "rows_are_consistent")
    assert (check.passed, check.severity) == (False, "warning")
    assert "It has the new columns coupon, channel, not loaded." in check.description
    assert assess(orders, fine, Drift(reordered=True)).checks == assess(orders, fine, Drift()).checks
    lacking = assess(orders, fine, Drift(missing_required=("order_id",)))
    assert (lacking.rejection or "").startswith("It lacks the required column order_id. Nothing was loaded")
    assert outcome(lacking.checks, "rows_are_consistent").severity == "error"


def test_a_file_that_cannot_be_read_rejects_whatever_the_rest_is_like(orders: Contract) -> None:
    fine = Measures(100, 100, 0, {}, {"share_of_guests": Decimal(0)})
    unreadable = Unreadable({"b.csv": "ends in the middle"}, 3)
    verdict = assess(orders, fine, Drift(missing_required=("order_id",)), None, unreadable)
    assert verdict.rejection == (
        "b.csv ends in the middle. Nothing was loaded; what could be read is in quarantine.orders, the bytes are in "
        "the archive, and what was loaded before stays. Fix the source and deliver again, or say in "
        f"{orders.label} how its files are written."
    )
    accounted = outcome(verdict.checks, "every_row_is_accounted_for")
    assert (verdict.accepted, accounted.passed, accounted.severity) == (False, False, "error")
    assert (accounted.observed, accounted.description) == ("1 of 3 files cannot be read", verdict.rejection)


def test_rows_that_went_missing_are_an_error(orders: Contract) -> None:
    verdict = assess(orders, Measures(100, 90, 4, {}, {"share_of_guests": Decimal(0)}), Drift())
    check = outcome(verdict.checks, "every_row_is_accounted_for")
    assert (check.passed, check.severity, check.blocking) == (False, "error", True)
    assert "100 rows were read, but 90 are sound and 4 quarantined" in (verdict.rejection or "")


def test_a_warning_rejects_nothing(contract_of: ContractOf) -> None:
    rule = "  - {metric: rowCount, mustBeGreaterThan: 10, severity: warning, dimension: timeliness}"
    contract = contract_of(THINGS, quality=rule)
    verdict = assess(contract, Measures(3, 3, 0, {}, {}), Drift())
    assert verdict.accepted
    check = outcome(verdict.checks, "rows_arrive_in_time")
    assert (check.passed, check.severity, check.blocking) == (False, "warning", False)
    assert check.description.startswith("row_count is 3 and must be above 10. The delivery was loaded.")


def test_groups_are_the_dimensions_that_have_rules(orders: Contract, contract_of: ContractOf) -> None:
    assert [group.name for group in rule_groups(orders)] == [*GROUP_NAMES.values(), ROW_COUNT, VALUES]
    assert [group.name for group in rule_groups(orders) if not group.blocking] == [
        "rows_arrive_in_time",
        "keys_are_unique",
        ROW_COUNT,
        VALUES,
    ]
    bare = contract_of("  - {name: a, logicalType: string}")
    assert [(group.dimension, group.blocking) for group in rule_groups(bare)] == [
        ("accuracy", True),
        ("consistency", True),
        ("traceability", True),
        ("completeness", False),
        ("accuracy", False),
    ]
    assert all(group.description for group in (*rule_groups(orders), *rule_groups(bare)))


def test_every_reason_has_a_dimension(orders: Contract) -> None:
    reasons = reasons_of(orders)
    assert reasons["unparsable_line"] == "accuracy"
    assert reasons["missing_order_id"] == "completeness"
    assert reasons["duplicate_key"] == "uniqueness"
    assert reasons["too_late"] == reasons["in_the_future"] == "timeliness"
    assert reasons["discount_above_sale"] == "consistency"


def test_a_contract_may_say_how_many_rows_are_too_many(orders: Contract) -> None:
    strict, mild = (replace(orders, max_quarantined_rows=rows) for rows in (0, 9))
    one_of_three, nine, ten = (
        Measures(read, read - broken, broken, {}, {"share_of_guests": Decimal(0)})
        for broken, read in ((1, 3), (9, 20), (10, 20))
    )
    assert not assess(strict, one_of_three, Drift()).accepted
    assert assess(mild, nine, Drift()).accepted
    assert not assess(mild, ten, Drift()).accepted
