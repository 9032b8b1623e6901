"""The Dagster instance of a home that an older version made."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.errors import TidegateError
from tidegate.orchestration.instance.dagster_home import EVENT_LOG_MODULE, make_instance, open_instance
from tidegate.settings import load_settings


def test_a_home_of_an_older_version_opens_once_init_has_set_the_moved_modules_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Regression: every command, init included, ended in Dagster's traceback after the package was laid out again."""
    monkeypatch.setenv("DAGSTER_HOME", "")
    settings = load_settings(home=tmp_path / "home")
    make_instance(settings)
    config = settings.dagster_home / "dagster.yaml"
    of_this_version = f"# Ours: ask Mara before you change this.\n{config.read_text()}"
    older = of_this_version.replace(EVENT_LOG_MODULE, "tidegate.orchestration.event_log")
    config.write_text(older)

    with pytest.raises(TidegateError, match="tidegate init"):
        open_instance(settings)
    assert config.read_text() == older

    make_instance(settings)
    assert config.read_text() == of_this_version
    open_instance(settings).dispose()
