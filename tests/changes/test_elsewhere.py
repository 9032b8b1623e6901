"""Changes of logic where the catalog is in Postgres, and archive and data are in S3: servers as they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.runs.changing import ALL_DOUBLED, NO_PLACES, fill, filled_crowd, new_crowd, with_project
from tests.support.s3_server import Bucket

from tidegate.changes.apply import apply_plan
from tidegate.changes.plan import make_plan
from tidegate.changes.switching import Decision
from tidegate.changes.take_back import take_back

DECISION = Decision("tester", "because")


@pytest.mark.slow
def test_a_change_is_planned_applied_and_taken_back_on_postgres_and_s3(
    database: str, bucket: Bucket, tmp_path: Path
) -> None:
    """Figures of all marts and the columns of one: the end is that of a home of folders that was always so."""
    changed = {**ALL_DOUBLED, **NO_PLACES}
    catalog, data, archive = f"postgres:{database}", f"{bucket.url}/lake", f"{bucket.url}/archive"
    old = fill(new_crowd(tmp_path / "crowd", lake_catalog=catalog, lake_data=data, archive=archive))
    before, home = old.contents("serving"), with_project(old, changed)
    planned = make_plan(home.home)
    assert planned is not None and not planned.failed
    assert home.contents("serving") == before, "a plan changes nothing"
    change = apply_plan(home.home, DECISION).change
    always = filled_crowd(tmp_path / "always", changed)
    assert home.contents() == always.contents()
    assert home.query("select schema_name from duckdb_schemas() where starts_with(schema_name, 'plan_')") == []
    assert list(home.runner.restate()) == []

    take_back(home.home, change.change_id, DECISION)
    back = with_project(home)
    assert back.contents("serving") == before
    always.close()
    back.close()
