"""What is unusual about a delivery beside its source's past, and how rarely that is a false alarm."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
import random
from collections.abc import Callable, Mapping
from typing import Any

import duckdb
import pytest

from tidegate.contract.found import Drift, Measures
from tidegate.contract.judging.as_usual import ROW_COUNT, VALUES, groups_as_usual, outcomes_as_usual
from tidegate.contract.judging.assess import assess
from tidegate.contract.judging.logic import logic_of
from tidegate.contract.judging.profiles import ColumnProfile, Profile, profiles
from tidegate.contract.judging.unusual import BUDGET_DAYS, compare, distances, limit_of_row_counts, two_sided_t4
from tidegate.contract.model import Contract

ContractOf = Callable[..., Contract]

COLUMNS = """\
  - {name: id, logicalType: string}
  - {name: customer, logicalType: string}
  - {name: price, logicalType: number, physicalType: double}
  - {name: at, logicalType: timestamp}"""
FIRST = dt.date(2024, 1, 1)
# On a weekend half of a working day's rows come.
BY_WEEKDAY = (400, 420, 410, 430, 500, 220, 180)


def profile_of(rng: random.Random, day: dt.date) -> Profile:
    """A day of a shop: rows by weekday and by chance, a quarter without a customer, prices about 20."""
    rows = round(BY_WEEKDAY[day.weekday()] * math.exp(rng.gauss(0, 0.08)))
    sd = 1 / math.sqrt(rows)
    nulls = sum(rng.random() < 0.25 for _ in range(rows))
    return Profile(
        rows,
        {
            "id": ColumnProfile(rows, 0, 0.5 + rng.gauss(0, 0.29 * sd), 0.29),
            "customer": ColumnProfile(rows, nulls, 0.5 + rng.gauss(0, 0.29 * sd), 0.29),
            "price": ColumnProfile(rows, 0, 3 + rng.gauss(0, 0.6 * sd), 0.6 * math.exp(rng.gauss(0, 0.7 * sd))),
            "at": ColumnProfile(rows, 0, 2.5 + rng.gauss(0, 0.4 * sd), 0.4),
        },
    )


def days_of(seed: int, days: int) -> dict[dt.date, Profile]:
    rng = random.Random(seed)
    return {(day := FIRST + dt.timedelta(days=i)): profile_of(rng, day) for i in range(days)}


@pytest.fixture
def shop(contract_of: ContractOf) -> Contract:
    return contract_of(COLUMNS)


def unusual(contract: Contract, day: dt.date, profile: Profile, past: Mapping[dt.date, Profile]) -> set[str]:
    found = compare(contract, day, profile, past).findings
    return {f"{each.column or ''} {each.measured}".strip() for each in found if each.is_unusual}


def test_ordinary_days_stay_within_the_budget_of_false_alarms(shop: Contract) -> None:
    past = days_of(seed=3, days=220)
    alarms = [day for day, profile in past.items() if unusual(shop, day, profile, past)]
    # Half a year of judged days: at most one alarm in BUDGET_DAYS.
    assert len(alarms) <= 165 / BUDGET_DAYS


def test_the_limit_is_that_of_students_t_and_rises_with_the_measures(shop: Contract) -> None:
    # The two-sided quantiles of tables of Student's t with four degrees of freedom.
    assert two_sided_t4(0.05) == pytest.approx(2.776, abs=1e-3)
    assert two_sided_t4(0.001) == pytest.approx(8.610, abs=1e-3)
    many = dataclasses.replace(shop, regions=shop.regions * 4)
    assert limit_of_row_counts(many) > limit_of_row_counts(shop)


DAY = FIRST + dt.timedelta(days=70)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"rows_read": 0.5}, {"row count"}),
        ({"nulls": ("customer", 1.0)}, {"customer missing values"}),
        ({"nulls": ("id", 0.2)}, {"id missing values"}),
        ({"center": ("price", math.log(3))}, {"price typical value"}),
        ({"center": ("id", 0.25)}, {"id typical value"}),
        ({"spread": ("price", 3.0)}, {"price spread"}),
        ({}, set()),
    ],
    ids=["half of the rows", "no customer", "some ids gone", "prices times three", "other ids", "wild prices", "as is"],
)
def test_what_is_wrong_is_found_and_nothing_else(shop: Contract, change: dict[str, Any], found: set[str]) -> None:
    past = days_of(seed=5, days=71)
    profile, columns = past[DAY], dict(past[DAY].columns)
    match change:
        case {"rows_read": float(share)}:
            profile = dataclasses.replace(profile, rows_read=int(profile.rows_read * share))
        case {"nulls": (name, share)}:
            columns[name] = dataclasses.replace(columns[name], nulls=int(columns[name].rows * share))
        case {"center": (name, by)}:
            columns[name] = dataclasses.replace(columns[name], center=(columns[name].center or 0) + by)
        case {"spread": (name, by)}:
            columns[name] = dataclasses.replace(columns[name], spread=(columns[name].spread or 0) * by)
    assert unusual(shop, DAY, dataclasses.replace(profile, columns=columns), past) == found


def test_it_is_silent_until_enough_of_the_past_is_known(shop: Contract) -> None:
    past = days_of(seed=5, days=71)
    nothing = Profile(0)
    four_of_its_weekday = {day: each for day, each in past.items() if (DAY - day).days < 35}
    assert not compare(shop, DAY, nothing, four_of_its_weekday).is_judged
    assert unusual(shop, DAY, nothing, {day: each for day, each in past.items() if (DAY - day).days <= 35})
    checks = outcomes_as_usual(shop, compare(shop, DAY, nothing, four_of_its_weekday))
    assert [(check.passed, "not judged" in check.observed) for check in checks] == [(True, True), (True, True)]


def test_days_that_come_later_do_not_count(shop: Contract) -> None:
    past = days_of(seed=5, days=140)
    until_then = {day: each for day, each in past.items() if day < DAY}
    assert compare(shop, DAY, past[DAY], past) == compare(shop, DAY, past[DAY], until_then)


def test_texts_that_were_hashed_otherwise_are_not_compared(shop: Contract) -> None:
    past = {day: dataclasses.replace(each, hashed_by="another") for day, each in days_of(seed=5, days=71).items()}
    profile = dataclasses.replace(past[DAY], hashed_by="this")
    compared = {(each.column, each.measured) for each in compare(shop, DAY, profile, past).findings}
    assert ("id", "typical value") not in compared
    assert {("id", "missing values"), ("price", "typical value")} <= compared


def test_the_distance_is_to_the_median_of_the_others() -> None:
    assert list(distances([4.0])) == []
    assert sorted(distances([1.0, 2.0, 9.0])) == [3.0, 4.5, 7.5]
    assert sorted(distances([1.0, 2.0, 3.0, 9.0])) == [1.0, 1.0, 2.0, 7.0]


def test_a_contract_can_warn_reject_or_ignore(contract_of: ContractOf) -> None:
    strict = contract_of(
        COLUMNS.replace("name: price,", "name: price, customProperties: [{property: anomaly, value: reject}],"),
        root="customProperties: [{property: anomaly, value: ignore}]\n",
    )
    assert [(group.name, group.blocking) for group in groups_as_usual(strict)] == [(VALUES, True)]
    past = days_of(seed=5, days=71)
    columns = dict(past[DAY].columns)
    columns["price"] = dataclasses.replace(columns["price"], center=9.0)
    comparison = compare(strict, DAY, Profile(1, columns), past)
    sound = Measures(400, 400, 0)
    verdict = assess(strict, sound, Drift(), comparison=comparison)
    assert not verdict.accepted
    assert verdict.keeps_contract
    assert "price is unusual: its typical value is 8,102.08, usually 1" in (verdict.rejection or "")
    assert "write 'anomaly: warn' in" in (verdict.rejection or "")
    mild = contract_of(COLUMNS)
    warned = assess(mild, sound, Drift(), comparison=compare(mild, DAY, Profile(1, columns), past))
    assert warned.accepted
    failed = {check.name: check for check in warned.checks if not check.passed}
    assert set(failed) == {ROW_COUNT, VALUES}
    assert {check.severity for check in failed.values()} == {"warning"}
    assert failed[ROW_COUNT].figures["row_count"] == 1


def test_only_what_rejects_is_logic(contract_of: ContractOf) -> None:
    def logic(value: str) -> str:
        return logic_of(contract_of(COLUMNS, root=f"customProperties: [{{property: anomaly, value: {value}}}]\n"))

    assert logic("warn") == logic("ignore") == logic_of(contract_of(COLUMNS))
    assert logic("reject") != logic("warn")


def test_a_profile_says_how_each_column_lies(contract_of: ContractOf, con: duckdb.DuckDBPyConnection) -> None:
    contract = contract_of(
        COLUMNS + "\n  - {name: sold, logicalType: boolean}\n  - {name: on_day, logicalType: date}\n"
        "  - {name: hour, logicalType: time}"
    )
    con.execute(
        "create table judged as select * from (values "
        "(0, 'a', null, 1::double, timestamp '2024-03-01 12:00', true, date '2024-03-01', time '06:00', null),"
        "(0, 'b', 'x', 'infinity', 'infinity', false, null, null, null),"
        "(0, 'b', 'x', 'nan', null, null, null, null, null),"
        "(0, 'c', 'x', 5, null, null, null, null, ['broken'])"
        ') as t(_delivery, id, customer, price, "at", sold, on_day, hour, _reasons), '
        "(select date '2024-03-01' as _day)"
    )
    found = profiles(con, contract, "judged", {0: 5, 1: 0})
    assert found[1] == Profile(0, {}, found[0].hashed_by)
    assert found[0].rows_read == 5
    columns = found[0].columns
    assert {name: each.nulls for name, each in columns.items()} == {
        "id": 0, "customer": 1, "price": 0, "at": 1, "sold": 1, "on_day": 2, "hour": 2,
    }  # fmt: skip
    assert columns["price"].center == pytest.approx(math.log(2))
    assert columns["at"].center == pytest.approx(math.log(13))
    assert columns["sold"].center == 0.5
    assert columns["hour"].center == 6
    assert columns["customer"].spread == 0
    assert 0 <= (columns["id"].center or 0) <= 1
