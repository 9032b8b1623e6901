"""Lists that a person reads as a table and a program as JSON: the commands that only list, and how all print."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidegate.cli import console
from tidegate.cli.settings import load_settings
from tidegate.cli.tables import print_table
from tidegate.cli.words import with_plain_errors
from tidegate.errors import TidegateError

if TYPE_CHECKING:
    from tidegate.settings import Settings


class ListFormat(StrEnum):
    table = "table"
    json = "json"


AsListed = Annotated[ListFormat, typer.Option("--format", help="How to print.")]


def print_list(columns: Sequence[str], rows: Sequence[Sequence[Any]], how: ListFormat, none: str) -> None:
    """The rows; `none` is said to a person where there are none."""
    if how is ListFormat.json:
        listed = [dict(zip(columns, row, strict=True)) for row in rows]
        console.print_json(listed)
    elif rows:
        print_table(console.out, columns, rows, counts=True)
    else:
        console.say(none)


@with_plain_errors
def tables(
    mart: Annotated[str | None, typer.Argument(metavar="[MART]", help="Only this table, with its columns.")] = None,
    how: AsListed = ListFormat.table,
) -> None:
    """The published tables: what each is, how many rows and partitions it shows, and the newest; or one's columns."""
    from tidegate.lake.config import LakeConfig
    from tidegate.lake.connect import Lake
    from tidegate.lake.reading.tables import SERVING, columns_of
    from tidegate.lake.tables import tables_in
    from tidegate.ledger.publications import shown_extents

    settings = load_settings()
    with Lake.open(LakeConfig.of(settings), read_only=True) as lake:
        published = tables_in(lake.con, SERVING)
        found = dict.fromkeys(published, "") | _descriptions(settings, published)
        if mart is not None:
            name = mart.removeprefix("serving.")
            if name not in found:
                known = f"There are: {', '.join(found)}." if found else "Nothing was published yet."
                raise TidegateError(f"There is no published table {mart}. {known}")
            if found[name] and how is ListFormat.table:
                console.say(found[name])
            print_list(("column", "type", "description"), columns_of(lake.con, name), how, "It has no columns.")
            return
        extents = shown_extents(lake.con)
    rows = []
    for name, text in found.items():
        rows.append((name, *extents.get(name, (None, None, None)), text))
    names = ("table", "rows", "partitions", "newest", "description")
    print_list(names, rows, how, "Nothing was published yet; how things stand: tidegate status")


def _descriptions(settings: Settings, names: Collection[str]) -> dict[str, str]:
    """What dbt's YAML says of the marts of these names."""
    if not (settings.dbt_project / "dbt_project.yml").is_file():
        return {}
    from tidegate.transform.parsed.project import DbtProject

    nodes = DbtProject(settings).manifest()["nodes"].values()
    of_models = {node["name"]: node.get("description") or "" for node in nodes if node["resource_type"] == "model"}
    return {name: " ".join(of_models.get(name, "").split()) for name in names}


@with_plain_errors
def breaker_list(how: AsListed = ListFormat.table) -> None:
    """The breaker of each source: whether it is asked, how often it failed in a row, and when it is asked next."""
    from tidegate.contract.reading.odcs import load_contracts
    from tidegate.orchestration.history.breaker import Pace
    from tidegate.orchestration.history.contacts import health_of
    from tidegate.orchestration.instance.dagster_home import open_instance

    settings = load_settings()
    sources = load_contracts(settings.contracts, settings.zone)
    with open_instance(settings) as instance:
        breakers = {source: health_of(instance, source, Pace.of(settings)).breaker for source in sources}
    rows = [
        (
            source,
            "open" if breaker.open_until else "closed",
            breaker.failures,
            f"{breaker.open_until:%Y-%m-%d %H:%M:%S} UTC" if breaker.open_until else None,
            breaker.error,
        )
        for source, breaker in breakers.items()
    ]
    print_list(("source", "breaker", "failures in a row", "asked next", "last error"), rows, how, "There is no source.")
