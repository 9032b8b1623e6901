"""The sample is published, in a home of its own that is thrown away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[1]
TIDEGATE = Path(sys.executable).with_name("tidegate")


def tidegate(home: Path, *words: str) -> str:
    command = [str(TIDEGATE), "--project", str(PROJECT), "--home", str(home), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=dict(os.environ)).stdout


def test_the_sample_is_published(tmp_path: Path) -> None:
    tidegate(tmp_path, "init")
    tidegate(tmp_path, "backfill", "--from", "@first@", "--to", "@last@")
    printed = tidegate(tmp_path, "query", "select count(*) as days from serving.@mart@", "--format", "json")
    assert json.loads(printed)[0]["days"] >= 1
