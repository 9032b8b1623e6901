"""An error in a model in Python names the author's file and line, the first day that fails, and the frames at hand."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pytest
from tests.support.python_models import DAYS, python_model, rows_of

from tidegate.transform.python_models.trouble import PythonModelError
from tidegate.window import Window

FAILS_ON_THE_THIRD = """
import datetime as dt


def model(dbt, session):
    orders = dbt.ref("orders").df()
    if dt.date(2024, 1, 3) in dbt.days:
        share = orders["units"].sum() / orders["none"].sum()
    return orders
"""
ORDERS = "select date '2024-01-03' as day, 'a' as name, 2::bigint as units, 1.10::decimal(18, 2) as amount"


def written(folder: Path, code: str) -> Path:
    file = folder / "models" / "daily_things.py"
    file.parent.mkdir(parents=True)
    file.write_text(code)
    return folder


def test_an_error_names_the_line_the_first_day_that_fails_and_the_frames(tmp_path: Path) -> None:
    model = python_model(FAILS_ON_THE_THIRD, written(tmp_path, FAILS_ON_THE_THIRD))
    with pytest.raises(PythonModelError) as raised:
        rows_of(model, orders=ORDERS)
    assert str(raised.value) == (
        "The Python model daily_things (models/daily_things.py) over 2024-01-03 failed in line 8 of "
        'models/daily_things.py (`share = orders["units"].sum() / orders["none"].sum()`): KeyError: \'none\'. '
        "There, orders has 1 row and 4 columns, first (day=2024-01-03 00:00:00, name=a, units=2, amount=1.10). "
        "Nothing of it was changed. Fix the model and run again."
    )


def test_an_error_in_a_module_of_the_project_names_its_line(tmp_path: Path) -> None:
    code = "import arithmetic\n\ndef model(dbt, session):\n    return arithmetic.halves(dbt)\n"
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "arithmetic.py").write_text("def halves(dbt):\n    return 1 / 0\n")
    with pytest.raises(PythonModelError, match=r"in line 2 of modules/arithmetic.py \(`return 1 / 0`\): ZeroDivision"):
        rows_of(python_model(code, written(tmp_path, code)))


def test_a_module_is_read_again_after_it_changed(tmp_path: Path) -> None:
    code = (
        "import pandas as pd\nimport values_of_things\n\n\ndef model(dbt, session):\n"
        "    return pd.DataFrame({'day': dbt.days, 'units': values_of_things.UNITS})\n"
    )
    promised = {"day": "date", "units": "bigint"}
    (tmp_path / "modules").mkdir()
    for units in (1, 22):
        (tmp_path / "modules" / "values_of_things.py").write_text(f"UNITS = {units}\n")
        assert rows_of(python_model(code, tmp_path, columns=promised)) == [(day, units) for day in DAYS.days]


def test_the_session_reads_nothing() -> None:
    with pytest.raises(PythonModelError, match=r"session\.sql is not there: a model reads what dbt\.ref"):
        rows_of(python_model("def model(dbt, session):\n    return session.sql('select 1')\n"))


def test_random_numbers_have_a_seed_of_their_day() -> None:
    code = """
    import numpy as np
    import pandas as pd

    def model(dbt, session):
        draws = [int(np.random.default_rng(dbt.seed(day)).integers(10**9)) for day in dbt.days]
        return pd.DataFrame({"day": dbt.days, "units": draws})
    """
    model = python_model(code, columns={"day": "date", "units": "bigint"})
    together = rows_of(model)
    assert len({units for _, units in together}) == len(DAYS.days)
    assert together == [row for day in DAYS.days for row in rows_of(model.over(Window.of_day(day)))]


READ = """
import pandas as pd

def model(dbt, session):
    frame = dbt.ref("amounts").df()
    kinds = [type(value).__name__ for value in frame["amount"]]
    return pd.DataFrame({"day": dbt.days, "name": [", ".join(kinds)] * 3, "units": frame["units"].sum(),
        "amount": frame["amount"].sum()})
"""
AMOUNTS = "select 0.10::decimal(38, 2) as amount, sum(10::bigint) as units from range(2) group by range"


@pytest.mark.parametrize(
    ("units", "kinds", "amount"), [(False, "Decimal, Decimal", Decimal("0.20")), (True, "int, int", Decimal("0.20"))]
)
def test_decimals_arrive_exact_or_as_whole_units(units: bool, kinds: str, amount: Decimal) -> None:
    assert rows_of(python_model(READ, units=units), amounts=AMOUNTS)[0] == (dt.date(2024, 1, 2), kinds, 20, amount)


@pytest.mark.parametrize("way", ["fetchnumpy", "torch"])
def test_rows_are_not_given_where_decimals_would_be_floats(way: str) -> None:
    code = f"def model(dbt, session):\n    return dbt.ref('amounts').filter('units > 0').{way}()\n"
    with pytest.raises(PythonModelError, match=rf"{way}\(\) would make floats of decimals"):
        rows_of(python_model(code), amounts=AMOUNTS)
