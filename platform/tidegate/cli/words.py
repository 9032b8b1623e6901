"""What the commands share: reading words that somebody typed, and telling errors as sentences."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ParamSpec, TypeVar

import typer

from tidegate.cli import console
from tidegate.cli.exit_codes import FAILED
from tidegate.errors import TidegateError
from tidegate.machine.stopping import EXIT_CODE, StoppedError, stoppable
from tidegate.zones import Zone

if TYPE_CHECKING:
    from pydantic import ValidationError

    from tidegate.settings import Settings
    from tidegate.transform.metrics import Question

P = ParamSpec("P")
T = TypeVar("T")

AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="TIME",
        help="Read the lake as it was then: ISO 8601, UTC without a zone; a bare date is the day's start.",
    ),
]


class TextOrJson(StrEnum):
    """How a command prints that is read by persons and programs."""

    text = "text"
    json = "json"


AsTextOrJson = Annotated[TextOrJson, typer.Option("--format", help="How to print.")]


def with_plain_errors(command: Callable[P, T]) -> Callable[P, T]:
    """Print Tidegate's own errors, and trouble with the disk or the lake, as a sentence; leave with FAILED."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return command(*args, **kwargs)
        except TidegateError as error:
            console.complain(str(error))
        except StoppedError as stopped:
            console.complain(str(stopped))
            raise typer.Exit(EXIT_CODE) from None
        except KeyboardInterrupt:
            raise typer.Exit(EXIT_CODE) from None
        except Exception as error:
            complaint = _complaint(error)
            if complaint is None:
                raise
            console.complain(complaint)
        raise typer.Exit(FAILED)

    return run


def ends_when_asked(command: Callable[P, T]) -> Callable[P, T]:
    """Have the first Ctrl-C, or SIGTERM, end the command after its current step, and the second at once."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        return stoppable(lambda: command(*args, **kwargs), console.warn)

    return run


def _complaint(error: Exception) -> str | None:
    """What to say of settings that do not work, and of trouble with the disk or the lake."""
    from pydantic import ValidationError

    from tidegate.lake.trouble import trouble

    if isinstance(error, ValidationError):
        return _settings_complaint(error)
    understood = trouble(error)
    return None if understood is None else str(understood)


def _settings_complaint(error: ValidationError) -> str:
    # The values stay out of the message: a setting may hold what nobody should see.
    wrong = "\n".join(
        f"- TIDEGATE_{str(e['loc'][0]).upper() if e['loc'] else '?'}: {e['msg'].removeprefix('Value error, ')}"
        for e in error.errors()
    )
    return f"The settings do not work; correct the environment or `.env`:\n{wrong}"


def question_of(metrics: list[str] | None, by: list[str] | None, where: str | None) -> Question | None:
    """What `--metric`, `--by` and `--where` ask, if they do. Raises TidegateError for half a question."""
    named = _names(metrics)
    if named:
        from tidegate.transform.metrics import Question

        return Question(named, _names(by), where)
    if metrics or by or where is not None:
        raise TidegateError("Name at least one metric: tidegate query --metric NAME --by NAME,... --where SQL")
    return None


def _names(given: list[str] | None) -> tuple[str, ...]:
    return tuple(name for each in given or () for part in each.split(",") if (name := part.strip()))


def statement_of(sql: str | None, file: Path | None, question: Question | None, settings: Settings) -> str:
    """The statement that was typed, stands in the file or on standard input, or answers the question. Raises
    TidegateError for none, and for two."""
    if [sql is None, file is None, question is None].count(False) != 1:
        raise TidegateError(
            "Say one statement: in quotes, as --file FILE, or as - to read it from standard input; or one --metric."
        )
    if question is not None:
        from tidegate.transform.metrics import sql_of_metrics
        from tidegate.transform.parsed.project import DbtProject

        return sql_of_metrics(DbtProject(settings).manifest(), question)
    if file is not None:
        try:
            return file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise TidegateError(f"{file} cannot be read: {error}.") from error
    return sys.stdin.read() if sql == "-" else str(sql)


def refuse_unknown_source(settings: Settings, source: str) -> None:
    """Raise TidegateError when no contract is this source's."""
    from tidegate.contract.reading.odcs import load_contracts

    contracts = load_contracts(settings.contracts)
    if source not in contracts:
        raise TidegateError(f"There is no source {source}. Known: {', '.join(sorted(contracts))}.")


def moment_of(text: str | None, zone: Zone) -> dt.datetime | None:
    """The moment that `--as-of` names, if it was given. Raises TidegateError for what is none."""
    from tidegate.lake.reading import travel

    return None if text is None else travel.moment_of(text, zone)
