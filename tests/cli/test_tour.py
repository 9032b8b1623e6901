"""The days that `make run` takes: ten weeks until yesterday, all since the home's first day, or those asked for."""

from __future__ import annotations

import datetime as dt
import subprocess
from pathlib import Path

import pytest

from tidegate.cli.tour import tour_window
from tidegate.demo.corrections import REGION, correct_orders
from tidegate.demo.dirt import DirtKind, plan
from tidegate.demo.shop import write_shop
from tidegate.errors import TidegateError
from tidegate.settings import CHECKOUT, Settings, load_settings, remember_first_day
from tidegate.window import ONE_DAY, Window

JANUARY = Window(dt.date(2024, 1, 1), dt.date(2024, 1, 15))


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Those of a home whose first day nobody said."""
    monkeypatch.setenv("TIDEGATE_HOME", str(tmp_path / "home"))
    return load_settings()


def test_a_new_home_has_ten_weeks_that_end_yesterday(settings: Settings) -> None:
    before = settings.zone.today()
    window = tour_window(settings, None, None)
    assert len(window.days) == 70
    assert window.end in {before, settings.zone.today()}


def test_a_home_remembers_its_first_day_for_every_process_and_the_tour_goes_on_from_there(settings: Settings) -> None:
    first = settings.zone.today() - 100 * ONE_DAY
    remember_first_day(settings, first)
    again = load_settings()
    assert again.start_date == first
    assert tour_window(again, None, None).start == first
    with pytest.raises(TidegateError, match=r"the tour cannot begin on 2024-01-01\. Nothing was written"):
        tour_window(again, dt.date(2024, 1, 1), None)


def test_the_environment_is_stronger_than_what_the_home_remembers(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember_first_day(settings, dt.date(2025, 5, 5))
    monkeypatch.setenv("TIDEGATE_START_DATE", str(JANUARY.start))
    assert tour_window(load_settings(), None, JANUARY.last) == JANUARY


def test_a_file_that_says_no_day_is_named(settings: Settings) -> None:
    remember_first_day(settings, JANUARY.start)
    (settings.home / "first_day").write_text("soon\n")
    with pytest.raises(ValueError, match=r"first_day is to hold the first day of this home.*holds 'soon'"):
        load_settings()


@pytest.mark.parametrize(("first", "last"), [("2024-01-15", "2024-01-14"), ("2024-01-01", "9999-01-01")])
def test_days_that_cannot_be_are_refused(settings: Settings, first: str, last: str) -> None:
    with pytest.raises(TidegateError, match="Nothing was written"):
        tour_window(settings, dt.date.fromisoformat(first), dt.date.fromisoformat(last))


def test_a_shop_that_goes_on_spoils_no_other_delivery() -> None:
    spoiled = {days: [at for at, kind in plan(days).items() if kind is DirtKind.REJECTED] for days in (70, 71, 400)}
    assert list(spoiled.values()) == [[(35, "eu-west")]] * 3


def test_a_corrected_delivery_is_the_same_without_its_last_line(tmp_path: Path) -> None:
    write_shop(tmp_path, first_day=JANUARY.start, days=1, orders_per_day=40, seed=7, dirt=False)
    folder = tmp_path / "orders" / REGION / str(JANUARY.start)
    before = (folder / "orders.csv").read_bytes().splitlines()
    correct_orders(tmp_path, JANUARY.start)
    assert (folder / "orders.csv").read_bytes().splitlines() == before[:-1]
    assert {path.name for path in folder.iterdir()} == {"orders.csv", "_SUCCESS"}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_make_run_shows_a_shop_with_a_day_that_is_held_two_corrected_and_one_rolled_back(tmp_path: Path) -> None:
    words = ["make", "run", "FROM=2024-01-01", "TO=2024-01-08", f"TIDEGATE_HOME={tmp_path / 'home'}"]
    done = subprocess.run(words, cwd=CHECKOUT, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rest = done.stdout
    for seen in (
        "A shop in four regions delivered",
        "Corrected: the orders of 2024-01-06 and 2024-01-07 came again",
        "2024-01-07: Rolled back to",
        "Published: the newest days of serving.daily_sales",
        "Held: 1 day (2024-01-05).",
        "orders/eu-west rejected:",
        "Made of the newest partitions: exports, brief and report",
        "make dev",
        "docs/tour.md",
    ):
        _, found, rest = rest.partition(seen)
        assert found, f"'{seen}' was not printed, or not here:\n{done.stdout}"
