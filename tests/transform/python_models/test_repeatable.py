"""A model in Python whose rows of a day depend on the other days, or on chance, is found."""

from __future__ import annotations

import duckdb
import pytest
from tests.support.python_models import python_model

from tidegate.transform.python_models.model import Read
from tidegate.transform.python_models.repeatable import differences

OF_A_DAY = """
def model(dbt, session):
    frame = dbt.ref("visits").df()
    frame["visitors"] = {visitors}
    return frame[frame["day"].dt.date.isin(dbt.days)]
"""


@pytest.mark.parametrize(
    ("visitors", "sentence"),
    [
        ("frame['visitors'] * 2", None),
        (
            "frame['visitors'].max()",
            "makes other rows of 2024-01-02 alone than with 2024-01-02..2024-01-04: (day=2024-01-02, visitors=1) "
            "against (day=2024-01-02, visitors=3).",
        ),
        ("frame['visitors'].shift(-1).fillna(0).astype('int64')", "makes other rows of 2024-01-02 alone"),
        ("__import__('secrets').randbits(30)", "makes other rows of 2024-01-02 when it runs again on the same rows"),
    ],
    ids=["sound", "of all rows", "look ahead", "chance"],
)
def test_a_model_that_is_not_repeatable_is_found(visitors: str, sentence: str | None) -> None:
    model = python_model(
        OF_A_DAY.format(visitors=visitors),
        columns={"day": "date", "visitors": "bigint"},
        reads={"visits": Read("visits", "day")},
    )
    with duckdb.connect() as con:
        con.execute(
            "create table visits as select date '2024-01-02' + i::integer as day, i + 1 as visitors from range(3) t(i)"
        )
        rows, found = differences(con, model)
    assert rows == 3
    assert (found[0].sentence if found else None) == sentence or (sentence and sentence in found[0].sentence)
