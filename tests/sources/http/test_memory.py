"""A million customers pass through memory page by page."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.support.intake import http_million
from tests.support.intake.http_shop import Answer, api

PAGES, PAGE_SIZE = 200, 5_000
A_PAGE = 550_000


class Million(Sequence[Answer]):
    """The pages of a million customers, each written when it is asked for."""

    def __len__(self) -> int:
        return PAGES

    def __getitem__(self, index: int) -> Answer:  # type: ignore[override]
        customers = ", ".join(
            f'{{"customer_id": "C{number:07}", "registered_on": "2023-01-01", "email": "a.b{number}@example.com", '
            '"country": "DE"}'
            for number in range(PAGE_SIZE * index, PAGE_SIZE * (index + 1))
        )
        counts = f'"page": {index + 1}, "pages": {PAGES}, "total": {PAGES * PAGE_SIZE}'
        return Answer(f'{{{counts}, "customers": [{customers}]}}'.encode())


@pytest.mark.slow
def test_a_million_customers_do_not_sit_in_memory(tmp_path: Path) -> None:
    with api() as crm:
        crm.answers = Million()
        # As a module: what it imports from the tests is found from the checkout.
        command = [sys.executable, "-m", http_million.__name__, crm.url, str(tmp_path)]
        run = subprocess.run(command, check=True, capture_output=True, cwd=Path(__file__).parents[3])
    took = json.loads(run.stdout)

    assert took["pages"] == PAGES
    assert 190 * A_PAGE < took["bytes"] < 210 * A_PAGE
    # Measured: 6 MB of 111. A page stands in memory a few times while it is received, checked and written.
    assert took["grown_by"] < 30 * A_PAGE, took
