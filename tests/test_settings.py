"""Settings come from the environment and .env, fill each other in, and are documented as they are."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from pydantic import ValidationError

from tidegate.errors import TidegateError
from tidegate.explain.settings import settings_page
from tidegate.settings import CHECKOUT, load_settings


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory is an empty project."""
    (tmp_path / "contracts").mkdir()
    (tmp_path / "workspace.yaml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TIDEGATE_HOME", raising=False)
    return tmp_path


def test_all_state_lives_under_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEGATE_HOME", str(tmp_path / "h"))
    settings = load_settings()

    assert settings.landing == str(tmp_path / "h" / "landing")
    assert settings.lake_catalog == f"sqlite:{tmp_path / 'h' / 'lake' / 'catalog.sqlite'}"
    assert settings.dagster_home == tmp_path / "h" / "dagster"


def test_a_location_that_is_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEGATE_LAKE_DATA", "s3://lake/data")

    assert load_settings().lake_data == "s3://lake/data"


def test_dotenv_is_read_and_the_environment_wins(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / ".env").write_text("TIDEGATE_START_DATE=2023-05-01\nTIDEGATE_CHUNK_DAYS=7\nOTHER=1\n")
    monkeypatch.setenv("TIDEGATE_CHUNK_DAYS", "9")
    settings = load_settings()

    assert (settings.start_date, settings.chunk_days) == (dt.date(2023, 5, 1), 9)


def test_a_setting_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValidationError, match="chunk_days"):
        load_settings(chunk_days=0)


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        ({"lake_data": "h"}, ("TIDEGATE_LANDING", "TIDEGATE_LAKE_DATA")),
        ({"lake_data": "h/landing"}, ("TIDEGATE_LANDING", "TIDEGATE_LAKE_DATA")),
        ({"archive": "h/./landing/../landing/a"}, ("TIDEGATE_ARCHIVE", "TIDEGATE_LANDING")),
        ({"outputs": "h/lake/data/marts"}, ("TIDEGATE_OUTPUTS", "TIDEGATE_LAKE_DATA")),
        ({"landing": "linked/landing"}, ("TIDEGATE_LANDING", "TIDEGATE_ARCHIVE")),
        ({"archive": "h/scratch/archive"}, ("TIDEGATE_ARCHIVE", "scratch")),
        ({"lake_catalog": "sqlite:h/lake/data/c.sqlite"}, ("TIDEGATE_LAKE_CATALOG", "TIDEGATE_LAKE_DATA")),
        ({"contracts": "h/landing/contracts"}, ("TIDEGATE_CONTRACTS", "TIDEGATE_LANDING")),
        ({"outputs": "s3://b/x/", "archive": "s3://b/x/y"}, ("TIDEGATE_ARCHIVE", "TIDEGATE_OUTPUTS")),
        ({"outputs": "s3://b", "lake_data": "s3://b/lake"}, ("TIDEGATE_LAKE_DATA", "TIDEGATE_OUTPUTS")),
    ],
)
def test_folders_that_overlap_are_refused(overrides: dict[str, str], named: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "h" / "archive" / "landing").mkdir(parents=True)
    (tmp_path / "linked").symlink_to(tmp_path / "h" / "archive")
    with pytest.raises(TidegateError, match="lies in") as refusal:
        load_settings(home=tmp_path / "h", **overrides)
    assert all(name in str(refusal.value) for name in named)


def test_folders_side_by_side_are_fine(tmp_path: Path) -> None:
    load_settings(home=tmp_path, landing="s3://b/lake2", lake_data="s3://b/lake", archive="s3://b2/lake")
    load_settings(home=tmp_path / "dbt_project" / "home", dbt_project=tmp_path / "dbt_project", contracts=tmp_path)


def test_the_settings_page_is_the_classes_own() -> None:
    written = (CHECKOUT / "docs" / "settings.md").read_text()

    assert written == settings_page(), "run: python -m tidegate.explain.settings > docs/settings.md"


def test_a_project_is_found_from_any_folder_below_it(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    below = project / "dbt_project" / "models"
    below.mkdir(parents=True)
    (project / ".env").write_text("TIDEGATE_LANDING=dropped\nTIDEGATE_LAKE_CATALOG=sqlite:c.sqlite\n")
    monkeypatch.chdir(below)
    settings = load_settings()

    assert settings.home == project / ".tidegate"
    assert (settings.contracts, settings.dbt_project) == (project / "contracts", project / "dbt_project")
    assert (settings.alerting, settings.defs) == (project / "alerting.yml", project / "python" / "definitions.py")
    assert (settings.landing, settings.lake_catalog) == (str(project / "dropped"), f"sqlite:{project / 'c.sqlite'}")


def test_a_working_directory_that_is_gone_is_said(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = project / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(TidegateError, match="working directory is gone"):
        load_settings()


def test_outside_of_a_project_nothing_is_guessed(
    project: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.chdir(elsewhere)
    for given in ({}, {"home": "h"}, {"home": "h", "contracts": "c"}):
        with pytest.raises(TidegateError, match=r"no Tidegate project in .* make one: tidegate new"):
            load_settings(**given)
    monkeypatch.setenv("TIDEGATE_PROJECT", "nowhere")
    with pytest.raises(TidegateError, match="nowhere is not a folder"):
        load_settings()

    monkeypatch.setenv("TIDEGATE_PROJECT", str(project))
    assert load_settings().home == project / ".tidegate"
    monkeypatch.delenv("TIDEGATE_PROJECT")
    whole = load_settings(home="h", contracts="c", dbt_project="work/dbt")
    assert (whole.home, whole.project) == (elsewhere / "h", elsewhere / "work")
