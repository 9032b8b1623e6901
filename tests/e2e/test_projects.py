"""dbt projects of other people: the smallest there can be, and one with every kind of node that dbt knows.

Only the macros and the profile are Tidegate's own.
"""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.support.dbt_package import use_package
from tests.support.lake.copied import put_lake
from tests.support.runs.home import TemporaryHome, settings_of

from tidegate.cli.read_status import read_status
from tidegate.cli.running import run_period_and_leave
from tidegate.errors import TidegateError
from tidegate.lake.config import LakeConfig
from tidegate.ledger.versions import versions_of
from tidegate.orchestration.assembly import build_definitions
from tidegate.orchestration.rollbacks import roll_back_and_report
from tidegate.publishing.rollback import Decision
from tidegate.window import ONE_DAY, Cadence, Window

pytestmark = pytest.mark.slow

PROJECTS = Path(__file__).parents[1] / "support" / "runs" / "projects"

# A Sunday, a Monday and a Tuesday.
DAYS = Window(dt.date(2024, 3, 3), dt.date(2024, 3, 6))
FIGURES = {"minimal": "select * from serving.daily_visits", "everything": "select * from serving.visits_by_country"}


def project(name: str, folder: Path) -> Path:
    shutil.copytree(PROJECTS / name, folder)
    use_package(folder)
    return folder


def deliver(home: TemporaryHome, day: dt.date, visitors: int) -> None:
    folder = Path(home.settings.landing) / "visits" / str(day)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "visits.csv").write_text(f"place,visitors\nBergen,{visitors}\nLund,1\n")
    (folder / "_SUCCESS").touch()


@pytest.fixture
def new_home(tmp_path: Path) -> Iterator[TemporaryHome]:
    with ExitStack() as stack:
        settings = settings_of(tmp_path / "home", contracts=PROJECTS / "contracts", dbt_project=tmp_path / "project")
        settings.scratch.mkdir(parents=True)
        put_lake(LakeConfig.of(settings))
        home = TemporaryHome(settings)
        stack.callback(home.close)
        yield home


@pytest.mark.parametrize("name", ["minimal", "everything"])
def test_any_dbt_project_goes_from_landing_to_exports_and_back(
    new_home: TemporaryHome, name: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    project(name, new_home.settings.dbt_project)
    # Before anything was ever delivered.
    (waiting,) = new_home.run(DAYS.start)
    assert "is missing: neither" in waiting.held[DAYS.start][0]
    for day in DAYS.days:
        deliver(new_home, day, 2)

    # A backfill over a Monday, where nothing is weekly.
    outcomes = new_home.backfill(DAYS)
    assert [(outcome.window, outcome.held) for outcome in outcomes] == [(DAYS, {})]
    figures = {"minimal": [(day, 3) for day in DAYS.days]}.get(
        name, [(day, country, feet) for day in DAYS.days for country, feet in (("NO", 4), ("SE", 2))]
    )
    assert new_home.query(f"{FIGURES[name]} order by all") == figures
    # dbt's own lines stay out of sight.
    assert "dbt" not in "".join(capfd.readouterr()).lower()

    status = read_status(new_home.home)
    assert ([each.published[0].count for each in status.products], status.held, status.stale_days) == ([3], {}, [])
    (made,) = new_home.runner.make_outputs()
    # An export of each day, and the page of quality.
    assert (len(made.made), made.complaints) == (4, ())

    # Again, with other data, and back again.
    deliver(new_home, DAYS.last, 5)
    assert all(outcome.succeeded for outcome in new_home.run(DAYS.last))
    changed = new_home.query(f"{FIGURES[name]} order by all")
    assert changed != figures
    with new_home.home.lake() as lake:
        first = versions_of(lake.con, DAYS.last)[0].publication_id
    roll_back_and_report(new_home.home, new_home.runner.instance, Decision(DAYS.last, first, "kim", None))
    assert new_home.query(f"{FIGURES[name]} order by all") == figures

    definitions = build_definitions(home=new_home.home)
    assert not {job.name for job in definitions.resolve_all_job_defs()} & {"weekly", "weekly_outputs"}
    monkeypatch.setattr("tidegate.cli.running.load_settings", lambda: new_home.settings)
    with pytest.raises(TidegateError, match="has no weekly marts"):
        run_period_and_leave(DAYS.start + ONE_DAY, Cadence.weekly)


def test_a_changed_seed_restates_the_days_of_what_reads_it(new_home: TemporaryHome) -> None:
    folder = project("everything", new_home.settings.dbt_project)
    for day in DAYS.days:
        deliver(new_home, day, 2)
    new_home.backfill(DAYS)

    (seed,) = (folder / "seeds").glob("*.csv")
    seed.write_text(seed.read_text().replace("SE", "DK"))
    new_home.close()

    assert read_status(new_home.home).stale_days == DAYS.days
    (outcome,) = new_home.runner.restate()
    assert (outcome.window, outcome.held) == (DAYS, {})
    assert new_home.query("select distinct country from serving.visits_by_country order by all") == [("DK",), ("NO",)]
    assert read_status(new_home.home).stale_days == []
