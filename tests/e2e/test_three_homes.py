"""Two regions' homes in different time zones publish their days, and a third is made of both.

A restatement and a rollback there arrive here, a day that is held there is told here, an outage there costs nothing.
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
from tests.support.runs.watched import requests_of, said

from tidegate.lake.config import LakeConfig
from tidegate.ledger.versions import versions_of
from tidegate.orchestration.partitions import window_of_tags
from tidegate.orchestration.rollbacks import roll_back_and_report
from tidegate.orchestration.sensors.arrivals import look_for_arrivals
from tidegate.publishing.rollback import Decision
from tidegate.window import ONE_DAY

PROJECTS = Path(__file__).parents[1] / "support" / "runs" / "projects"
DAY = dt.date(2024, 3, 4)
NEXT = DAY + ONE_DAY
NOW = dt.datetime(2024, 3, 6, 12, tzinfo=dt.UTC)
ZONES = {"eu": "Europe/Berlin", "us": "America/New_York", "world": "UTC"}

WORLD = """
apiVersion: v3.1.0
kind: DataContract
id: visits
version: 1.0.0
servers:
  - server: eu
    type: tidegate
    customProperties:
      - {property: mart, value: daily_visits}
      - {property: exportsVariable, value: EU_OUTPUTS}
      - {property: catalogVariable, value: EU_CATALOG}
  - server: us
    type: tidegate
    customProperties:
      - {property: mart, value: daily_visits}
      - {property: catalogVariable, value: US_CATALOG}
      - {property: dayColumn, value: visit_date}
schema:
  - name: visits
    properties:
      - {name: place, logicalType: string}
      - {name: visit_date, logicalType: date, required: true}
      - {name: visitors, logicalType: integer, physicalType: integer, required: true}
"""


@pytest.fixture
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, TemporaryHome]]:
    with ExitStack() as stack:
        yield {name: _home(name, tmp_path, stack, monkeypatch) for name in ZONES}


def _home(name: str, folder: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> TemporaryHome:
    project, contracts = folder / name / "project", folder / name / "contracts"
    shutil.copytree(PROJECTS / "minimal", project)
    use_package(project)
    shutil.copytree(PROJECTS / "contracts", contracts)
    if name == "world":
        (contracts / "visits.odcs.yaml").write_text(WORLD)
    settings = settings_of(folder / name, contracts=contracts, dbt_project=project, timezone=ZONES[name])
    settings.scratch.mkdir(parents=True)
    put_lake(LakeConfig.of(settings))
    monkeypatch.setenv(f"{name.upper()}_OUTPUTS", settings.outputs)
    monkeypatch.setenv(f"{name.upper()}_CATALOG", settings.lake_catalog)
    home = TemporaryHome(settings)
    stack.callback(home.close)
    return home


def publish(home: TemporaryHome, day: dt.date, visitors: int | str) -> None:
    """What a region's home does by itself when a delivery has come."""
    folder = Path(home.settings.landing) / "visits" / str(day)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "visits.csv").write_text(f"place,visitors\nBergen,{visitors}\n")
    (folder / "_SUCCESS").touch()
    home.run(day)
    list(home.runner.make_outputs())


def asked(world: TemporaryHome) -> tuple[list[tuple[list[dt.date], list[str]]], str]:
    """What the third home's sensor asks for, days with the regions, and what it says."""
    found = look_for_arrivals(world.home, world.home.contracts["visits"], world.runner.instance, None, NOW)
    asked = [
        (window_of_tags(request.tags).days, sorted(key.path[-1] for key in request.asset_selection or []))
        for request in requests_of(found)
    ]
    return asked, said(found)


def figures(world: TemporaryHome) -> list[tuple[object, ...]]:
    return world.query("select * from serving.daily_visits order by all")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_home_is_made_of_two_others_through_restatement_rollback_and_outage(homes: dict[str, TemporaryHome]) -> None:
    eu, us, world = homes.values()
    publish(eu, DAY, 3)
    assert asked(world)[0] == [([DAY], ["eu"])]
    publish(us, DAY, 40)
    assert asked(world)[0] == [([DAY], [])]
    world.run(DAY)
    assert (asked(world)[0], figures(world)) == ([], [(DAY, 43)])

    publish(eu, DAY, 5)
    assert asked(world)[0] == [([DAY], ["eu"])]
    world.run(DAY)
    assert figures(world) == [(DAY, 45)]

    with eu.home.lake() as lake:
        first = min(versions_of(lake.con, DAY), key=lambda version: version.published_at).publication_id
    roll_back_and_report(eu.home, eu.runner.instance, Decision(DAY, first, "kim", None))
    list(eu.runner.make_outputs())
    assert asked(world)[0] == [([DAY], ["eu"])]
    world.run(DAY)
    assert figures(world) == [(DAY, 43)]

    # Held there: told here in its words, and nothing of it is here.
    publish(eu, NEXT, 1)
    publish(us, NEXT, "many")
    world.run(NEXT)
    requests, sentence = asked(world)
    assert requests == []
    assert f"us: day {NEXT} is held upstream: visits/shop {NEXT} rejected" in sentence
    assert figures(world) == [(DAY, 43)]

    # An outage there, while the other day comes.
    us_lake = Path(us.settings.lake_data).parent
    us.close()
    us_lake.rename(us_lake.with_name("away"))
    assert "the lake in $US_CATALOG cannot be read" in asked(world)[1]
    world.run(DAY)
    assert figures(world) == [(DAY, 43)]
    us_lake.with_name("away").rename(us_lake)
    publish(us, NEXT, 20)
    # What was made without the source is looked at again, and tells that it is back.
    for day in (DAY, NEXT):
        assert asked(world)[0] == [([day], ["us"])]
        world.run(day)
    assert figures(world) == [(DAY, 43), (NEXT, 21)]
