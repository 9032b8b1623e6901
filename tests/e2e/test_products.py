"""Two products in one project: what holds one of them holds no day of the other, in one run."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import dagster as dg
import pytest
from tests.support.dbt_package import use_package
from tests.support.lake.copied import put_lake
from tests.support.runs.home import TemporaryHome, settings_of

from tidegate.cli.read_status import read_status
from tidegate.cli.show_status import print_status
from tidegate.cli.verdict import verdict_of
from tidegate.errors import TidegateError
from tidegate.home import Home
from tidegate.lake.config import LakeConfig
from tidegate.ledger.versions import versions_of
from tidegate.orchestration.assembly import build_definitions
from tidegate.orchestration.asset_keys import serving_key
from tidegate.orchestration.names import BUILD_JOBS
from tidegate.orchestration.rollbacks import roll_back_and_report
from tidegate.publishing.rollback import Decision
from tidegate.window import Cadence, Window

PROJECT = Path(__file__).parents[1] / "support" / "runs" / "projects" / "two_products"

# A month, of which the last week ends on a Sunday.
DAYS = Window(dt.date(2024, 3, 1), dt.date(2024, 4, 1))
FIRST = DAYS.start
CROWDED, UNKNOWN = dt.date(2024, 3, 27), dt.date(2024, 3, 29)
MONDAY = DAYS.end
OF_LAST_WEEK = f"select visitors, degrees from serving.weekly_visits where as_of_date = '{MONDAY}'"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[TemporaryHome]:
    with ExitStack() as stack:
        shutil.copytree(PROJECT, tmp_path / "project")
        use_package(tmp_path / "project")
        settings = settings_of(
            tmp_path / "home", contracts=tmp_path / "project" / "contracts", dbt_project=tmp_path / "project"
        ).model_copy(update={"start_date": DAYS.start})
        settings.scratch.mkdir(parents=True)
        put_lake(LakeConfig.of(settings))
        home = TemporaryHome(settings)
        stack.callback(home.close)
        yield home


def deliver(home: TemporaryHome, source: str, day: dt.date, figure: int) -> None:
    folder = Path(home.settings.landing) / source / str(day)
    folder.mkdir(parents=True, exist_ok=True)
    column = {"visits": "visitors", "weather": "degrees"}[source]
    (folder / "data.csv").write_text(f"place,{column}\nBergen,{figure}\n")
    (folder / "_SUCCESS").touch()


def served(home: TemporaryHome, mart: str) -> dict[object, object]:
    return {row[0]: row[1] for row in home.query(f"select * from serving.{mart}")}


def deliver_all_but_one(home: TemporaryHome) -> None:
    """A day of too many visitors, and one whose weather is late."""
    for day in DAYS.days:
        deliver(home, "visits", day, 5000 if day == CROWDED else 10)
        if day != UNKNOWN:
            deliver(home, "weather", day, 3)


@pytest.mark.slow
def test_each_product_publishes_the_days_that_are_good_for_it_in_one_run(
    home: TemporaryHome, capsys: pytest.CaptureFixture[str]
) -> None:
    deliver_all_but_one(home)
    of_days, *of_mondays = home.backfill(DAYS)

    assert of_days.window == DAYS
    assert served(home, "daily_visits") == {day: 10 for day in DAYS.days if day != CROWDED}
    assert served(home, "daily_weather") == {day: 3 for day in DAYS.days if day != UNKNOWN}
    assert of_days.held.keys() == {CROWDED, UNKNOWN}
    assert of_days.held[CROWDED][0].startswith(
        f"visits: marts/daily_visits {CROWDED}: the check daily_visits_are_plausible"
    )
    (missing,) = of_days.held[UNKNOWN]
    assert missing.startswith(f"weather: weather/shop {UNKNOWN} is missing: neither ")
    assert_shown(home, capsys)

    # A Monday is begun once each product published all of its days, or by hand; it shows those that are published.
    assert {monday for outcome in of_mondays for monday in outcome.published} == {*Cadence.weekly.among(DAYS).days}
    assert home.runner.run(Window.of_day(MONDAY, Cadence.weekly), job=BUILD_JOBS[Cadence.weekly]).succeeded
    assert home.query(OF_LAST_WEEK) == [(60, 3)]

    deliver(home, "weather", UNKNOWN, 4)
    late, monday_again = home.run(UNKNOWN)
    assert (late.published, monday_again.published) == ((UNKNOWN,), (MONDAY,))
    assert served(home, "daily_weather")[UNKNOWN] == 4
    assert home.query(OF_LAST_WEEK) == [(60, 4)]


def assert_shown(home: TemporaryHome, capsys: pytest.CaptureFixture[str]) -> None:
    """That `status` and the pages in the UI say of each product what it published, and which day it holds and why."""
    noon_after = dt.datetime.combine(DAYS.end, dt.time(12), dt.UTC)
    status = read_status(home.home, now=noon_after)
    assert {each.name: each.published[0].count for each in status.products} == {"visits": 30, "weather": 30}
    print_status(status, {}, verdict_of(status, {}), verbose=True)
    printed = " ".join(capsys.readouterr().out.split())
    assert "visits 30 days until 2024-03-31; 4 Mondays until" in printed
    assert "owned by Town hall (visits@example.com)" in printed
    assert "weather 30 days until 2024-03-31 owned by Met office" in printed
    assert f"1 day: {CROWDED} visits: marts/daily_visits: the check daily_visits_are_plausible failed" in printed
    assert f"1 day: {UNKNOWN} weather: weather/shop: no delivery was loaded." in printed
    assert "Late" not in printed

    shown = home.partitions_in_serving()
    assert {mart: set(failed) for mart, (_, failed) in shown.items()} == {
        "daily_visits": {CROWDED},
        "daily_weather": {UNKNOWN},
    }
    assert {len(published) for published, _ in shown.values()} == {30}
    assert (True, "") in home.gate_in(home.runner.instance, CROWDED)
    assert any(f"daily_visits {CROWDED}" in why for _, why in home.gate_in(home.runner.instance, CROWDED))


@pytest.mark.slow
def test_a_model_that_cannot_be_built_holds_its_product_alone(home: TemporaryHome) -> None:
    deliver_all_but_one(home)
    home.run(FIRST)
    model = home.settings.dbt_project / "models" / "daily_weather.sql"
    model.write_text(model.read_text().replace("max(degrees)", "max(kelvin)"))
    deliver(home, "visits", FIRST, 11)
    deliver(home, "weather", FIRST, 7)
    changed = TemporaryHome(home.settings)
    try:
        (outcome,) = changed.run(FIRST)
        assert served(changed, "daily_visits") == {FIRST: 11}
        assert served(changed, "daily_weather") == {FIRST: 3}
        assert all(reason.startswith("weather: ") for reason in outcome.held[FIRST])
        materialized, failed = changed.partitions_in(changed.runner.instance, dg.AssetKey(["marts", "daily_weather"]))
        assert (set(materialized), set(failed)) == (set(), {FIRST})
    finally:
        changed.close()


@pytest.mark.slow
def test_a_monday_that_may_not_be_built_says_why(home: TemporaryHome) -> None:
    """Regression: why a step refused was kept for days only, by the name of their step."""
    for day in DAYS.days:
        deliver(home, "visits", day, 10)
        deliver(home, "weather", day, 3)
    home.backfill(DAYS)
    week = Window.of_day(MONDAY, Cadence.weekly)
    assert home.runner.run(week, job=BUILD_JOBS[Cadence.weekly]).succeeded
    models = home.settings.dbt_project / "models"
    text = (models / "models.yml").read_text()
    head, of_weeks = text.split("  - name: weekly_visits\n")
    retyped = of_weeks.replace("visitors, data_type: bigint", "visitors, data_type: varchar")
    (models / "models.yml").write_text(f"{head}  - name: weekly_visits\n{retyped}")
    (models / "weekly_visits.sql").write_text((models / "weekly_visits.sql").read_text().replace("bigint", "varchar"))
    next_week = Window.of_day(Cadence.weekly.after(MONDAY, 1), Cadence.weekly)
    changed = TemporaryHome(home.settings)
    try:
        outcome = changed.runner.run(next_week, job=BUILD_JOBS[Cadence.weekly])
        assert "visitors should become VARCHAR" in outcome.held[next_week.start][0]
    finally:
        changed.close()


@pytest.mark.slow
def test_a_rollback_is_of_one_product(home: TemporaryHome) -> None:
    deliver_all_but_one(home)
    home.run(FIRST)
    with home.home.lake() as lake:
        before = versions_of(lake.con, FIRST)
    assert len(before) == 2
    deliver(home, "visits", FIRST, 12)
    deliver(home, "weather", FIRST, 9)
    home.run(FIRST)
    weather = next(each.publication_id for each in before if each.marts == ("daily_weather",))
    roll_back_and_report(home.home, home.runner.instance, Decision(FIRST, weather, "kim", None))
    assert (served(home, "daily_visits"), served(home, "daily_weather")) == ({FIRST: 12}, {FIRST: 3})


def test_a_product_has_the_owner_of_its_group(home: TemporaryHome) -> None:
    graph = build_definitions(home=home.home).resolve_asset_graph()
    owners = {mart: graph.get(serving_key(mart)).owners for mart in ("daily_visits", "daily_weather")}
    assert owners == {"daily_visits": ["visits@example.com"], "daily_weather": ["team:Met-office"]}


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("ref('daily_visits')", "is of the product visits, before it is published. Put both into one dbt group"),
        (
            "tidegate.published('daily_visits')",
            "put both into one dbt group, or give daily_weather the cadence morning",
        ),
    ],
)
def test_a_day_of_one_product_is_not_made_of_another(home: TemporaryHome, sql: str, says: str) -> None:
    model = home.settings.dbt_project / "models" / "daily_weather.sql"
    model.write_text(f"{model.read_text()}\n-- {{{{ {sql} }}}}")
    with pytest.raises(TidegateError, match=says):
        _ = Home(home.settings).graph


def test_a_source_is_waited_for_by_the_products_that_are_made_of_it(home: TemporaryHome) -> None:
    of_weather = home.home.products_made_of("weather")
    assert of_weather is not None
    assert of_weather.product == "weather"
    assert set(of_weather.names) == {"daily_weather"}
    assert set(of_weather.beside) == {"daily_visits"}
    assert home.home.products_made_of("other") is None
