"""Contracts drafted from UCI Online Retail beside those that people wrote: alike, or the draft says why not."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest
from tests.support.online_retail import FILE, needs_online_retail

from tidegate.contract.reading.odcs import load_contract
from tidegate.demo.online_retail import slice_online_retail
from tidegate.drafting.asked import Asked
from tidegate.drafting.draft import draft
from tidegate.settings import CHECKOUT

pytestmark = [pytest.mark.slow, needs_online_retail]

# Its first day: of the customers that there are from then on, few.
DAY = dt.date(2010, 12, 1)
WRITTEN = CHECKOUT / "examples" / "online_retail" / "contracts"


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    landing = tmp_path_factory.mktemp("retail")
    slice_online_retail(FILE, landing, first_day=DAY, last_day=DAY)
    return landing


@pytest.mark.parametrize(("source", "file"), [("orders", "orders/abroad"), ("customers", "customers")])
def test_a_draft_has_the_types_the_key_and_what_is_required_of_the_written_contract_or_says_why_not(
    source: str, file: str, landing: Path
) -> None:
    drafted = draft([landing / file / str(DAY) / f"{source}.csv"], Asked(source=source))
    written = load_contract(WRITTEN / f"{source}.odcs.yaml")

    assert drafted.unsettled == ()
    assert {each.name: each.sql_type for each in drafted.contract.columns} == {
        each.name: each.sql_type for each in written.columns
    }
    assert drafted.contract.key == written.key
    assert drafted.contract.event_time == written.event_time
    assert set(written.required) <= set(drafted.contract.required)
    # A sample shows no more than what it has: the person who reads the draft sees how many rows stand behind it.
    for column in set(drafted.contract.required) - set(written.required):
        assert re.search(rf"never empty in {drafted.rows:,} rows.*\n(?:\s+#.*\n)*\s+- name: {column}\n", drafted.text)
