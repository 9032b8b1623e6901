"""Making the rows of a model in Python: what dbt's macro calls in place of the author's code."""

from __future__ import annotations

from duckdb import DuckDBPyConnection, DuckDBPyRelation

from tidegate.transform.python_models.author import Given, call, given_by
from tidegate.transform.python_models.fit import fitted
from tidegate.transform.python_models.frames import returned
from tidegate.transform.python_models.model import PythonModel
from tidegate.transform.python_models.trouble import PythonModelError


def make_rows(con: DuckDBPyConnection, model: PythonModel, given: Given | None = None) -> DuckDBPyRelation:
    """The rows of the model's window, as promised; from `given`, where it is not to read the lake.

    Raises PythonModelError where the model fails or returns something else.
    """
    result = call(model, lambda narrowed: given_by(con, narrowed) if given is None else given)
    try:
        found = returned(con, result)
    except PythonModelError as error:
        raise PythonModelError(
            f"{model.who}: {error} Nothing of it was changed. Fix the model and run again."
        ) from error
    return fitted(model, found)


def keep_rows(con: DuckDBPyConnection, model: PythonModel | str, table: str) -> None:
    """Make the rows of the model, or of what dbt knows of it as JSON, and keep them in `table`, as `create` takes it,
    to overwrite the window with.

    Raises PythonModelError where the model fails or returns something else.
    """
    rows = make_rows(con, model if isinstance(model, PythonModel) else PythonModel.of_json(model))
    rows.query("made", f"create {table} as select * from made")
