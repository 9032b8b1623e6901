"""Files as people really have them end as is right, by a contract alone.

Each case is in the list of one subject; those in NOT_YET do not end right yet, and a test fails when one of them does.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.intake.cases import delimited, other_formats
from tests.support.intake.cases import Case, deliver, ends_right, names, needs_cases, outcome
from tests.support.lake.copied import new_lake

from tidegate.errors import ContractError
from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake

CASES: dict[str, Case] = {**delimited.CASES, **other_formats.CASES}
NOT_YET = delimited.NOT_YET | other_formats.NOT_YET

pytestmark = [needs_cases, pytest.mark.slow]


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    """A lake of the case's own: in one with the tables of all of them, each statement would take longer."""
    config = LakeConfig(
        catalog=f"sqlite:{tmp_path / 'lake' / 'catalog.sqlite'}",
        data=str(tmp_path / "lake" / "data"),
        threads=1,
        memory_limit="1GB",
        spill=tmp_path / "spill",
        patience=20,
    )
    with new_lake(config) as opened:
        yield opened


def test_every_case_is_written_down() -> None:
    assert set(names()) == set(CASES) | NOT_YET
    assert not set(CASES) & NOT_YET


@pytest.mark.parametrize("name", names())
def test_case(name: str, tmp_path: Path, lake: Lake, request: pytest.FixtureRequest) -> None:
    if name in NOT_YET:
        request.applymarker(pytest.mark.xfail(reason="not yet", strict=True))
    case = CASES.get(name, Case())
    try:
        found = outcome(*deliver(name, case, tmp_path, lake))
    except ContractError as error:
        found = Case(says=str(error))
    assert name in CASES
    assert ends_right(found, case), found
