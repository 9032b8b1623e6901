"""In the process that runs somebody's function: call it for a day, and keep what it yields as files.

Started by `python.source` as a module, with a task as JSON on standard input; the outcome is JSON in a file of the
task's folder. Imports nothing of Tidegate that takes long.
"""

from __future__ import annotations

import datetime as dt
import importlib
import inspect
import itertools
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tidegate.errors import IncompleteError, SourceDownError, TidegateError
from tidegate.lake.extensions import connect_with
from tidegate.lake.sql import literal
from tidegate.sources.rows import text_of, write_texts

OUTCOME = "outcome.json"

# What a connection that fails raises. By name, so that nothing is imported for it.
_PASSING = frozenset(
    {
        "builtins.ConnectionError",
        "builtins.TimeoutError",
        "socket.gaierror",
        "httpx.TransportError",
        "requests.exceptions.ConnectionError",
        "requests.exceptions.Timeout",
        "urllib.error.URLError",
        "tidegate.errors.SourceDownError",
    }
)
_TOO_MANY_REQUESTS, _SERVER_ERROR = 429, 500


def main() -> None:
    task = json.load(sys.stdin)
    folder = Path(task["folder"])
    sys.path.insert(0, task["modules"])
    # What the function prints is no part of what we say to each other.
    sys.stdout = sys.stderr
    try:
        outcome = {"answer": _TASKS[task["do"]](task, folder)}
    except BaseException as error:  # noqa: BLE001 - told to who started this, with the place in the author's file
        outcome = {"error": _described(error)}
    (folder / OUTCOME).write_text(json.dumps(outcome), encoding="utf-8")


# --- what can be asked for


def _look(task: Mapping[str, Any], folder: Path) -> None:
    """Whether the function is there and can be called."""
    _arguments(_found(task["function"]), task, task["days"][0])


def _rows(task: Mapping[str, Any], folder: Path) -> list[str] | None:
    """The names of the files with the day's rows; None where the function says that there is no delivery."""
    made = _called(task, task["function"], task["days"][0])
    if made is None:
        return None
    return [file.name for file in _files_of(made, folder)]


def _ready(task: Mapping[str, Any], folder: Path) -> dict[str, str | None]:
    """By day, what the function says of one that is complete, and nothing of one that is not."""
    return {day["day"]: _state(_called(task, task["function"], day)) for day in task["days"]}


_TASKS: Mapping[str, Callable[[Mapping[str, Any], Path], object]] = {"look": _look, "rows": _rows, "ready": _ready}


def _state(said: object) -> str | None:
    if said is None or said is False:
        return None
    return "true" if said is True else f"{text_of(said)}"


# --- calling


def _called(task: Mapping[str, Any], name: str, day: Mapping[str, str]) -> Any:
    function = _found(name)
    # A resource of dlt that was called once is what it yields.
    is_called = not callable(function) or getattr(function, "args_bound", False)
    return function if is_called else function(**_arguments(function, task, day))


def _found(name: str) -> Any:
    module, _, attribute = name.partition(":")
    try:
        found: Any = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name and (module == error.name or module.startswith(f"{error.name}.")):
            raise TidegateError(f"there is no module '{error.name}'") from error
        raise
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise TidegateError(f"the module {module} has no '{attribute}'")
        found = getattr(found, part)
    return found


def _arguments(function: Any, task: Mapping[str, Any], day: Mapping[str, str]) -> dict[str, object]:
    """Those of the day's facts that a function has parameters for. Raises TidegateError for one that wants others."""
    if not callable(function):
        return {}
    facts: dict[str, object] = {
        "day": dt.date.fromisoformat(day["day"]),
        "start": dt.datetime.fromisoformat(day["start"]),
        "end": dt.datetime.fromisoformat(day["end"]),
        "region": task["region"],
    }
    parameters = _parameters(function)
    unknown = [
        parameter.name
        for parameter in parameters
        if parameter.name not in facts
        and parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    ]
    if unknown:
        raise TidegateError(f"it wants '{unknown[0]}'; it can be given {', '.join(facts)}")
    names = {parameter.name for parameter in parameters}
    return {name: fact for name, fact in facts.items() if name in names}


def _parameters(function: Any) -> list[inspect.Parameter]:
    # A resource of dlt is called like the function that it was made of.
    pipe = getattr(function, "_pipe", None)
    made_of = getattr(pipe, "gen", None) if pipe is not None else function
    return list(inspect.signature(made_of).parameters.values()) if callable(made_of) else []


# --- keeping what is yielded


def _files_of(made: Any, folder: Path) -> Iterator[Path]:
    """Rows are kept in the order in which they come: records together, every frame in a file of its own."""
    number = 0
    for part in _parts(made):
        number += 1
        file = folder / f"part-{number:05}.parquet"
        if _is_frame(part):
            _write_frame(part, file)
        else:
            _write_records(part, file)
        yield file
    if number == 0:
        # A delivery without rows.
        empty = folder / "rows.jsonl"
        empty.touch()
        yield empty


def _parts(made: Any) -> Iterator[Any]:
    """Frames, and between them iterators of records."""
    items = iter([made]) if _is_frame(made) or isinstance(made, Mapping) else iter(made)
    for are_frames, alike in itertools.groupby(_each(items), _is_frame):
        if are_frames:
            yield from alike
        else:
            yield alike


def _each(items: Iterable[Any]) -> Iterator[Any]:
    """Frames and records, out of whatever lists they come in."""
    for item in items:
        if item is None:
            continue
        is_list = isinstance(item, Iterable) and not (_is_frame(item) or isinstance(item, Mapping | str | bytes))
        for each in item if is_list else [item]:
            if not (_is_frame(each) or isinstance(each, Mapping)):
                kind = type(each).__name__
                raise TidegateError(
                    f"it yields {kind}; yield dicts, lists of them, or frames of Arrow, pandas or polars"
                )
            yield each


def _write_records(records: Iterable[Mapping[str, Any]], file: Path) -> None:
    numbers: dict[str, int] = {}
    columns: list[str] = []

    def numbered() -> Iterator[Mapping[int, str | None]]:
        for record in records:
            for name in record:
                if name not in numbers:
                    numbers[name] = len(columns)
                    columns.append(str(name))
            yield {numbers[name]: text_of(value) for name, value in record.items()}

    write_texts(columns, numbered(), file, in_order_of_values=False)


def _is_frame(item: object) -> bool:
    return type(item).__module__.partition(".")[0] in ("pyarrow", "pandas", "polars", "duckdb", "_duckdb")


def _write_frame(frame: Any, file: Path) -> None:
    kind = type(frame).__module__.partition(".")[0]
    if kind == "pandas":
        frame = _with_exact_objects(frame)
    elif kind == "polars":
        frame = (frame.collect() if hasattr(frame, "collect") else frame).to_arrow()
    with connect_with([], {"threads": 1}) as con:
        if kind in ("duckdb", "_duckdb"):
            frame = frame.to_arrow_table()
        con.register("frame", frame)
        con.execute(f"copy (select * from frame) to {literal(str(file))} (format parquet, compression zstd)")


def _with_exact_objects(frame: Any) -> Any:
    """DuckDB guesses the type of a column of objects from some of them: as texts they stay what they are."""
    changed = frame.copy(deep=False)
    for name in changed.columns:
        if changed[name].dtype == object:
            missing = changed[name].isna()
            texts = [None if gone else text_of(value) for value, gone in zip(changed[name], missing, strict=True)]
            changed[name] = type(changed[name])(texts, index=changed.index, dtype=object)
    return changed


# --- what went wrong


def _described(error: BaseException) -> dict[str, object]:
    # A library may wrap what failed in errors of its own.
    place = _place(error)
    return {
        "kind": type(error).__name__,
        "says": str(error),
        "file": place.filename if place else None,
        "line": place.lineno if place else None,
        "passing": _may_pass(error),
        "incomplete": isinstance(error, IncompleteError),
        "ours": isinstance(error, TidegateError) and not isinstance(error, SourceDownError | IncompleteError),
    }


def _place(error: BaseException) -> traceback.FrameSummary | None:
    """The last place in the author's own file: neither ours nor an installed library's."""
    ours = str(Path(__file__).parents[2])
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith((ours, "<")) and not _is_installed(frame.filename)
    ]
    if isinstance(error, SyntaxError) and error.filename:
        return traceback.FrameSummary(error.filename, error.lineno or 1, "")
    return frames[-1] if frames else None


def _is_installed(file: str) -> bool:
    return "site-packages" in file or file.startswith(os.path.dirname(os.__file__))  # noqa: PTH120


def _may_pass(error: BaseException | None) -> bool:
    while error is not None:
        status = getattr(getattr(error, "response", None), "status_code", None) or getattr(error, "code", None)
        if isinstance(status, int):
            return status == _TOO_MANY_REQUESTS or status >= _SERVER_ERROR
        if any(f"{kind.__module__}.{kind.__qualname__}" in _PASSING for kind in type(error).__mro__):
            return True
        error = error.__cause__ or error.__context__
    return False


if __name__ == "__main__":
    main()
