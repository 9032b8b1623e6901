"""A proposed change is tried on sample days of a lake that is only read, and reported with a verdict."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.git import commit_all
from tests.support.runs.changing import (
    DAILY_VISITS,
    DAILY_YAML,
    DAYS,
    MONDAY,
    STG_VISITS,
    Files,
    fill,
    filled_crowd,
    like,
    new_crowd,
    write_project,
)
from tests.support.runs.home import TemporaryHome
from tests.support.s3_server import Bucket

from tidegate.changes.proposal.check import Checked, check_proposal
from tidegate.changes.proposal.report import NEXT, report_on
from tidegate.changes.proposal.sample import choose_sample
from tidegate.changes.proposal.verdict import Verdict
from tidegate.errors import TidegateError
from tidegate.lake.config import LakeConfig
from tidegate.ledger.upkeep.opening import make_lake
from tidegate.settings import Settings
from tidegate.window import Cadence

FIRST, SECOND, *_, FIFTH = DAYS.days

HARMLESS = {"daily_visits.sql": DAILY_VISITS.replace("counted", "figures")}
ADDITIVE = {
    "daily_visits.sql": DAILY_VISITS.replace("select visit_date, visitors, places", "select *, visitors * 2 as shoes"),
    "daily_visits.yml": DAILY_YAML.replace(
        "    data_tests:", "      - {name: shoes, data_type: bigint}\n    data_tests:"
    ),
}
DOUBLED = {"daily_visits.sql": DAILY_VISITS.replace("sum(visitors)", "2 * sum(visitors)")}
IN_WORDS = {
    "daily_visits.sql": DAILY_VISITS.replace("visitors, places from", "visitors, places || ' places' as places from"),
    "daily_visits.yml": DAILY_YAML.replace("places, data_type: bigint", "places, data_type: varchar"),
}
WRONG = {"daily_visits.sql": DAILY_VISITS.replace("sum(visitors)", "1000 * sum(visitors)")}
BROKEN = {"daily_visits.sql": DAILY_VISITS.replace("sum(visitors)", "sum(visitors) / 0 + no_column")}
STAGED_OTHERWISE = {"stg_visits.sql": STG_VISITS.replace("place, visitors", "place, visitors + 1 as visitors")}


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TemporaryHome]:
    home = filled_crowd(tmp_path_factory.mktemp("old"))
    home.close()
    yield home
    home.close()


@pytest.fixture
def crowd(old: TemporaryHome, tmp_path: Path) -> Iterator[TemporaryHome]:
    """A home with published days whose project is under git."""
    home = like(old, tmp_path / "crowd")
    commit_all(home.settings.dbt_project)
    yield home
    home.close()


def check(home: TemporaryHome, changed: Files, days: int = 2) -> Checked:
    home.close()
    write_project(home.settings.dbt_project, changed)
    before = files_of(home.settings)
    checked = check_proposal(home.settings, "HEAD", days, no_demo)
    assert files_of(home.settings) == before
    return checked


def no_demo(_: Settings) -> None:
    raise AssertionError("there is a lake")


def files_of(settings: Settings) -> dict[Path, bytes]:
    """All that is in a home, the marks of SQLite's readers apart."""
    files = (path for path in settings.home.rglob("*") if path.is_file() and not path.name.endswith(("-shm", "-wal")))
    return {path: path.read_bytes() for path in files}


@pytest.mark.slow
def test_a_changed_formula_differs_on_the_sample_and_what_reads_it_too(crowd: TemporaryHome) -> None:
    checked = check(crowd, DOUBLED)
    assert checked.verdict is Verdict.differs
    assert checked.verdict.exit_code == 3
    assert (checked.base_failed, bool(checked.contracts)) == (None, False)
    assert checked.whole is not None
    assert checked.whole.partitions == {Cadence.daily: 5, Cadence.weekly: 1}
    assert checked.planned is not None
    daily, weekly = checked.planned.marts
    assert daily.days == [*checked.sample.partitions[Cadence.daily]] == [DAYS.days[-2], FIFTH]
    assert daily.rows is not None
    assert daily.rows.columns[0].change == 14 + 15
    # Of the week's days, none is in the sample.
    assert (weekly.partitions, weekly.days) == (1, [])
    report = report_on(checked)
    beginning = ("## What is published would change.", NEXT[Verdict.differs])
    assert report.startswith("\n\n".join(beginning))
    assert f"Compared with `{checked.base}` on 2 days and 1 Monday of the lake:" in report
    assert f"| {FIFTH} | visitors | 15 | 30 |" in report
    assert f"| {FIFTH} | 15 | 30 | +15 (+100.0%) |" in report
    assert re.search(
        r"To build 5 days, 1 Monday: \d+ rows to read, about \d+ s, going by earlier builds, and \d+ kB of disk\.",
        report,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changed", "verdict", "said"),
    [
        ({}, Verdict.unchanged, "No model differs in its logic"),
        (HARMLESS, Verdict.unchanged, "- 2 days: 2 identical, 0 differ."),
        (ADDITIVE, Verdict.additive, "- Columns added: shoes (BIGINT)."),
        (IN_WORDS, Verdict.differs, "- Column places becomes VARCHAR; it is BIGINT."),
        (WRONG, Verdict.refused, "the check daily_visits_are_plausible failed: 1 failing row"),
        (BROKEN, Verdict.refused, "daily_visits failed: "),
        (STAGED_OTHERWISE, Verdict.differs, "- Rows: 0 added, 0 removed, 4 changed."),
        ({"daily_places.sql": None, "daily_places.yml": None}, Verdict.differs, "No model makes daily_places any more"),
    ],
)
def test_three_changes_and_others(crowd: TemporaryHome, changed: Files, verdict: Verdict, said: str) -> None:
    checked = check(crowd, changed)
    assert checked.verdict is verdict, report_on(checked)
    assert said in report_on(checked)


@pytest.mark.slow
def test_it_is_compared_with_the_revision_and_not_with_what_older_logic_published(crowd: TemporaryHome) -> None:
    write_project(crowd.settings.dbt_project, DOUBLED)
    commit_all(crowd.settings.dbt_project)
    doubled = DOUBLED["daily_visits.sql"].replace("counted", "figures")
    checked = check(crowd, {"daily_visits.sql": doubled})
    assert checked.verdict is Verdict.unchanged
    assert "- 2 days: 2 identical, 0 differ." in report_on(checked)


@pytest.mark.slow
def test_where_the_revision_itself_fails_it_is_compared_with_what_is_published(crowd: TemporaryHome) -> None:
    write_project(crowd.settings.dbt_project, WRONG)
    commit_all(crowd.settings.dbt_project)
    checked = check(crowd, DOUBLED)
    assert checked.verdict is Verdict.differs
    assert "The plan does not hold what it must" in (checked.base_failed or "")
    assert "compared with what is published" in report_on(checked)


@pytest.mark.slow
def test_a_changed_contract_judges_the_deliveries_of_the_sample_again(crowd: TemporaryHome) -> None:
    contract = crowd.settings.dbt_project / "contracts" / "visits.odcs.yaml"
    shutil.copytree(crowd.settings.contracts, contract.parent)
    commit_all(crowd.settings.dbt_project)
    home = TemporaryHome(crowd.settings.at(crowd.settings.home, contracts=contract.parent))
    stricter = "integer, required: true, logicalTypeOptions: {maximum: 13}}"
    contract.write_text(
        contract.read_text().replace("integer, required: true}", stricter)
        + "customProperties: [{property: maxQuarantinedPercent, value: 100}]\n"
    )

    checked = check(home, {})

    assert checked.verdict is Verdict.differs
    report = report_on(checked)
    assert "2 deliveries judged again from the archive: 1 more rows in quarantine" in report
    assert f"| {FIFTH} | 15 | 1 | -14 (-93.3%) |" in report
    assert "- Changed: visits.odcs.yaml." in report


@pytest.mark.slow
def test_a_lake_in_postgres_and_s3_is_only_read_too(database: str, bucket: Bucket, tmp_path: Path) -> None:
    small = new_crowd(tmp_path / "crowd")
    commit_all(small.settings.dbt_project)
    settings = small.settings.at(
        tmp_path / "large", lake_catalog=f"postgres:{database}", lake_data=f"s3://{bucket.name}/lake"
    )
    make_lake(LakeConfig.of(settings)).close()
    home = fill(TemporaryHome(settings))
    newest = "select max(snapshot_id) from lake.snapshots()"
    before = home.query(newest)

    checked = check(home, DOUBLED)

    assert checked.verdict is Verdict.differs
    assert f"| {FIFTH} | 15 | 30 | +15 (+100.0%) |" in report_on(checked)
    assert home.query(newest) == before
    home.close()


@pytest.mark.slow
def test_a_sample_is_the_newest_the_dirtiest_and_the_most_restated_day(crowd: TemporaryHome) -> None:
    crowd.query(f"update ops.deliveries set rows_quarantined = 9 where partition_day = '{FIRST}'")
    crowd.query(
        "insert into ops.publications by name select * replace ('again' as publication_id, 'x' as superseded_by) "
        f"from ops.publications where partition_day = '{SECOND}'"
    )
    with crowd.home.lake() as lake:
        sample = choose_sample(lake.con, crowd.home, 3)
    assert dict(sample.reasons) == {
        FIFTH: "among the newest",
        FIRST: "9 rows in quarantine",
        SECOND: "published 2 times",
    }
    assert sample.partitions == {Cadence.daily: [FIRST, SECOND, FIFTH], Cadence.weekly: [MONDAY]}


@pytest.mark.slow
def test_a_lake_that_shows_nothing_is_refused(tmp_path: Path) -> None:
    home = new_crowd(tmp_path / "crowd")
    commit_all(home.settings.dbt_project)
    with pytest.raises(TidegateError, match="shows no day that a change could be tried on"):
        check(home, DOUBLED)
