"""Which day a name is of, and what a day's names are."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.contract.day_path import DayPath, WrongPathError

DAY = dt.date(2024, 3, 5)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("orders/{day}", "orders/2024-03-05"),
        ("orders_{day:%Y%m%d}*.csv", "orders_20240305_part1.csv"),
        ("{day:%Y/%m/%d}", "2024/03/05"),
        ("year={day:%Y}/month={day:%m}/day={day:%d}", "year=2024/month=03/day=05"),
        ("*/{day:%d%b%y}/out", "eu.west/05Mar24/out"),
        ("{day:%Y}/run-{day}-??.zip", "2024/run-2024-03-05-07.zip"),
        ("{day:%Y%j}", "2024065"),
    ],
)
def test_a_name_is_of_the_day_that_it_has(path: str, name: str) -> None:
    assert DayPath.of(path).day_in(name) == DAY


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("orders/{day}", "orders/2024-02-30"),
        ("orders/{day}", "orders/2024-03-05/more"),
        ("orders/{day}", "orders/\uff12024-03-05"),
        ("{day:%Y}/{day}", "2023/2024-03-05"),
        ("orders_{day:%Y%m%d}.csv", "orders_20240305xcsv"),
        ("{day:%Y%j}", "2023366"),
        ("{day:%d%b%y}", "05mar24"),
        ("{day}", "0000-01-01"),
        ("a*/{day}", "a/b/2024-03-05"),
    ],
)
def test_another_name_is_of_no_day(path: str, name: str) -> None:
    assert DayPath.of(path).day_in(name) is None


def test_a_month_is_its_last_day() -> None:
    path = DayPath.of("orders_{day:%Y-%m}.csv")
    assert path.is_of_months
    assert path.day_in("orders_2024-02.csv") == dt.date(2024, 2, 29)
    assert path.at(dt.date(2024, 2, 29)) == "orders_2024-02.csv"


@pytest.mark.parametrize("path", ["orders", "{day:%m%d}", "{day:%Y}", "{day:%Y%m%d%H}", "{day:}", "{day:%}", "{day:x}"])
def test_a_path_that_names_no_day_is_refused(path: str) -> None:
    with pytest.raises(WrongPathError):
        DayPath.of(path)


@pytest.mark.parametrize(
    ("path", "names_files"),
    [
        ("a/{day}", False),
        ("a/{day}.d/b", False),
        ("{day:%Y.%m.%d}", False),
        ("a/{day}.csv", True),
        ("a/x_{day:%Y%m%d}*", True),
        ("a/{day}_?", True),
        ("*/{day}", False),
    ],
)
def test_a_path_names_files_by_its_end(path: str, names_files: bool) -> None:
    assert DayPath.of(path).names_files is names_files


@given(
    st.dates(dt.date(2000, 1, 1), dt.date(2099, 12, 31)),
    st.lists(st.sampled_from(["%Y", "%y", "%m", "%b", "%d", "%j"]), max_size=4),
    st.text("a.-_(+[^$|", max_size=4),
)
def test_what_a_day_is_written_as_is_read_as_that_day(day: dt.date, more: list[str], between: str) -> None:
    path = DayPath.of(between.join(["{day}", *(f"{{day:{code}}}" for code in more)]))
    assert path.day_in(path.at(day)) == day
