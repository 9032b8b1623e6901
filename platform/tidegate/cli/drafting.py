"""The command `tidegate contract draft`: a contract, a dbt source and a staging model from sample files."""

from __future__ import annotations

import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tidegate.asked_days import day_of
from tidegate.cli.exit_codes import FAILED, GOOD
from tidegate.cli.settings import load_settings
from tidegate.cli.words import with_plain_errors


class Dates(StrEnum):
    day_first = "day-first"
    month_first = "month-first"


class Decimal(StrEnum):
    point = "."
    comma = ","


@with_plain_errors
def contract_draft(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE|FOLDER|URL...", help="Files of one source; several are several days.")
    ],
    source: Annotated[
        str | None, typer.Option(metavar="NAME", help="The source. Default: of the first file's name.")
    ] = None,
    key: Annotated[str | None, typer.Option(metavar="COLUMN,...", help="What identifies a row.")] = None,
    event_time: Annotated[str | None, typer.Option(metavar="COLUMN", help="When a row happened.")] = None,
    day: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="The day of files whose names do not say theirs.")
    ] = None,
    dates: Annotated[Dates | None, typer.Option(help="What 01/02/2024 is, where nothing decides.")] = None,
    decimal: Annotated[Decimal | None, typer.Option(help="The decimal sign, where nothing decides.")] = None,
    delimiter: Annotated[str | None, typer.Option(metavar="TEXT", help="What separates fields.")] = None,
    encoding: Annotated[str | None, typer.Option(metavar="NAME", help="By which encoding bytes are text.")] = None,
    sheet: Annotated[str | None, typer.Option(metavar="NAME", help="Which sheet of a workbook.")] = None,
    records: Annotated[
        str | None, typer.Option(metavar="PATH", help="Where a JSON or XML document has its records.")
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Print the contract, and write nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
) -> None:
    """Draft a contract, a dbt source and a staging model from sample files, each choice with its evidence as a comment.

    The draft is proven by the judge that loads deliveries: it loads every row of the files, or the draft says what it
    could not settle, and the command ends with 1.
    """
    from tidegate.cli.show_draft import print_draft
    from tidegate.drafting.asked import Asked
    from tidegate.drafting.draft import draft
    from tidegate.drafting.fetching import fetched, is_address
    from tidegate.drafting.served import day_of_address
    from tidegate.drafting.writing import write_draft

    settings = load_settings()
    addresses = tuple(files) if all(is_address(each) for each in files) else ()
    asked = Asked(
        source=source,
        day=day_of(day) if day else day_of_address(addresses[0]) if len(addresses) == 1 else None,
        addresses=addresses,
        key=tuple(name.strip() for name in key.split(",")) if key else None,
        event_time=event_time,
        dates=dates.value if dates else None,
        decimal=decimal.value if decimal else None,
        delimiter={"tab": "\t", "\\t": "\t"}.get(delimiter, delimiter) if delimiter else None,
        encoding=encoding,
        sheet=sheet,
        records=records,
    )
    with tempfile.TemporaryDirectory(prefix="tidegate-sample-") as folder:
        drafted = draft(fetched(files, Path(folder)), asked)
    if show:
        typer.echo(drafted.text, nl=False)
        written = []
    else:
        written = write_draft(drafted, settings.contracts, settings.dbt_project, replacing=force)
    print_draft(drafted, written)
    raise typer.Exit(FAILED if drafted.unsettled else GOOD)
