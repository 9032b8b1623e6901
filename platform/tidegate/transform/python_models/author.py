"""Calling what an author wrote: the model's code, from its own file, with `dbt` as it knows it.

An error is told with the author's file and line, not with those of what called it.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, ModuleType, TracebackType
from typing import Any

from duckdb import DuckDBPyConnection

from tidegate.transform.python_models.model import PythonModel
from tidegate.transform.python_models.rows import Rows, read
from tidegate.transform.python_models.trouble import ROWS_SHOWN, PythonModelError, rows_shown

# By the name in `dbt.ref(name)`, or `source.table` in `dbt.source(source, table)`.
Given = Mapping[str, Rows]


class Dbt:
    """What a model gets as `dbt`: what dbt's own has and means something here, its `days`, and `seed(day)`."""

    is_incremental = False

    def __init__(self, model: PythonModel, given: Given) -> None:
        self.config = Config(model.config)
        self.this = model.name
        # The partitions to make.
        self.days = model.window.days
        self.seed = model.seed
        self._given = given

    def ref(self, *names: str, **version: Any) -> Rows:
        return self._given[".".join([*names, *(f"v{number}" for number in version.values())])]

    def source(self, *names: str) -> Rows:
        return self._given[".".join(names)]


class Config:
    """dbt's configuration of the model, as `dbt.config.get` has it."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def __call__(self, **_: Any) -> None:
        """What a model says of itself was read when the project was parsed."""

    def get(self, name: str, default: Any = None) -> Any:
        return self._values.get(name, default)


class NoSession:
    """In place of dbt's session, by which a model could read days that it does not declare."""

    def __getattr__(self, name: str) -> Any:
        raise PythonModelError(
            f"session.{name} is not there: a model reads what dbt.ref and dbt.source give. SQL over their rows: "
            'dbt.ref("orders").query("orders", "select … from orders")'
        )


def given_by(con: DuckDBPyConnection, model: PythonModel) -> dict[str, Rows]:
    """What the model may read, of the lake as it is."""
    return {
        name: read(con, table.rows(model.window, model.reaches_back), units=model.units)
        for name, table in model.reads.items()
    }


def call(model: PythonModel, given: Callable[[PythonModel], Given]) -> object:
    """What the model returns. Raises PythonModelError, in the author's terms, where it fails."""
    try:
        return _returned(model, given)
    except Exception as error:
        # Whatever it raises is the author's.
        raise _explained(_over_the_first_that_fails(model, given), error) from error


def _returned(model: PythonModel, given: Callable[[PythonModel], Given]) -> object:
    with project_modules(model.modules):
        names: dict[str, Any] = {"__name__": model.name, "__file__": str(model.path)}
        exec(compile(model.source, str(model.path), "exec"), names)  # noqa: S102 - the project's own code
        return names["model"](Dbt(model, given(model)), NoSession())


def _over_the_first_that_fails(model: PythonModel, given: Callable[[PythonModel], Given]) -> PythonModel:
    """The model over the first of its partitions on which it fails alone; over all, where there is none."""
    if len(model.window.days) == 1:
        return model
    for half in model.window.halves():
        if _fails(model.over(half), given):
            return _over_the_first_that_fails(model.over(half), given)
    return model


def _fails(model: PythonModel, given: Callable[[PythonModel], Given]) -> bool:
    try:
        _returned(model, given)
    except Exception:  # noqa: BLE001 - whatever it raises is the author's
        return True
    return False


@contextmanager
def project_modules(folder: Path) -> Iterator[None]:
    """Let models import what stands in this folder; forget it afterwards, as another project, or the same one after a
    change, has its own."""
    sys.path.insert(0, str(folder))
    # Compiled modules beside them are told from newer ones by time and size, and both may be as they were.
    writes_no_bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.dont_write_bytecode = writes_no_bytecode
        sys.path.remove(str(folder))
        below = f"{folder}{os.sep}"
        own = [name for name, module in [*sys.modules.items()] if _file_of(module).startswith(below)]
        for name in own:
            del sys.modules[name]


def _file_of(module: ModuleType) -> str:
    return getattr(module, "__file__", None) or ""


def _explained(model: PythonModel, error: Exception) -> PythonModelError:
    where = _line_of(model, error.__traceback__)
    frames = _frames_shown(model, error.__traceback__)
    what = f"{type(error).__name__}: {error}" if not isinstance(error, PythonModelError) else str(error)
    return PythonModelError(
        f"{model.who} failed{where}: {what}{frames} Nothing of it was changed. Fix the model and run again."
    )


def _line_of(model: PythonModel, trace: TracebackType | None) -> str:
    found = [each for each in traceback.extract_tb(trace) if Path(each.filename).is_relative_to(model.folder)]
    if not found:
        return ""
    last = found[-1]
    return f" in line {last.lineno} of {Path(last.filename).relative_to(model.folder)} (`{last.line}`)"


def _frames_shown(model: PythonModel, trace: TracebackType | None) -> str:
    """The shape and first rows of the data frames that the author's code had at hand where it failed."""
    frames = [
        frame for frame, _ in traceback.walk_tb(trace) if Path(frame.f_code.co_filename).is_relative_to(model.folder)
    ]
    shown = [text for frame in frames[-1:] for text in _data_frames_of(frame)]
    return f". {' '.join(shown)}" if shown else "."


def _data_frames_of(frame: FrameType) -> Iterator[str]:
    for name, value in frame.f_locals.items():
        if type(value).__module__.partition(".")[0] in ("pandas", "polars") and type(value).__name__ == "DataFrame":
            rows, columns = value.shape
            head = value.head(ROWS_SHOWN)
            first = rows_shown(value.columns, head.rows() if hasattr(head, "rows") else head.itertuples(index=False))
            counted = f"{rows:,} row{'' if rows == 1 else 's'} and {columns} column{'' if columns == 1 else 's'}"
            yield f"There, {name} has {counted}, first {first or 'none'}."
