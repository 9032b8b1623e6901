"""Settings come from the environment and .env, fill each other in, and are documented as they are."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from pydantic import ValidationError

from tidegate.settings import CHECKOUT, load_settings, settings_page


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TIDEGATE_HOME", raising=False)


def test_all_state_lives_under_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEGATE_HOME", str(tmp_path / "h"))
    settings = load_settings()

    assert settings.landing == str(tmp_path / "h" / "landing")
    assert settings.lake_catalog == f"sqlite:{tmp_path / 'h' / 'lake' / 'catalog.sqlite'}"
    assert settings.dagster_home == tmp_path / "h" / "dagster"


def test_a_location_that_is_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEGATE_LAKE_DATA", "s3://lake/data")

    assert load_settings().lake_data == "s3://lake/data"


def test_dotenv_is_read_and_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("TIDEGATE_START_DATE=2023-05-01\nTIDEGATE_CHUNK_DAYS=7\nOTHER=1\n")
    monkeypatch.setenv("TIDEGATE_CHUNK_DAYS", "9")
    settings = load_settings()

    assert (settings.start_date, settings.chunk_days) == (dt.date(2023, 5, 1), 9)


def test_a_setting_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValidationError, match="chunk_days"):
        load_settings(chunk_days=0)


def test_the_settings_page_is_the_classes_own() -> None:
    written = (CHECKOUT / "docs" / "settings.md").read_text()

    assert written == settings_page(), "run: python -m tidegate.settings > docs/settings.md"


def test_without_a_setting_the_home_is_in_the_working_directory(tmp_path: Path) -> None:
    assert load_settings().dagster_home == tmp_path / ".tidegate" / "dagster"
