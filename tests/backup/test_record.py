"""Dagster's record in a home that is restored."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from tidegate.backup.record import put_record
from tidegate.orchestration.instance.dagster_home import write_config
from tidegate.settings import load_settings


@pytest.mark.parametrize(("by_hand", "minutes"), [("", 10), ("# Ours.\n", 240)])
def test_init_writes_what_it_wrote_again_after_a_restore_too_and_leaves_what_somebody_changed(
    by_hand: str, minutes: int, tmp_path: Path
) -> None:
    """Regression: a home that was restored could not become one of a cluster: `init` took its file for a person's."""
    old = load_settings(home=tmp_path / "old")
    write_config(old)
    with (old.dagster_home / "dagster.yaml").open("a") as file:
        file.write(by_hand)
    copy = tmp_path / "copy"
    shutil.copytree(old.dagster_home, copy)
    new = load_settings(home=tmp_path / "new", run_limit_minutes=10)
    put_record(copy, new.dagster_home, str(old.dagster_home))
    write_config(new)

    said = yaml.safe_load((new.dagster_home / "dagster.yaml").read_text())
    assert said["event_log_storage"]["config"]["base_dir"] == str(new.dagster_home / "history" / "runs")
    assert said["run_monitoring"]["max_runtime_seconds"] == minutes * 60
