"""The commands `tidegate contract check`, `diff` and `sync`: contracts alone, beside others, and beside dbt's YAML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli import console
from tidegate.cli.exit_codes import FAILED, GOOD
from tidegate.cli.settings import load_settings
from tidegate.cli.words import AsTextOrJson, TextOrJson, with_plain_errors
from tidegate.errors import TidegateError

if TYPE_CHECKING:
    from tidegate.contract.terms import TermChange
    from tidegate.settings import Settings


@with_plain_errors
def contract_check(format: AsTextOrJson = TextOrJson.text) -> None:
    """Find every error in every contract, each with its file, its line and what to write. Ends with 1 for any."""
    from tidegate.contract.reading.check import check_contracts

    settings = load_settings()
    count, errors = check_contracts(settings.contracts, settings.zone)
    if format is TextOrJson.json:
        console.print_json({"contracts": count, "errors": errors})
    else:
        for error in errors:
            console.say(error)
        contracts = f"{count} contract{'' if count == 1 else 's'}"
        if errors:
            console.complain(f"{len(errors)} error{'' if len(errors) == 1 else 's'} in {contracts}.")
        else:
            console.say(f"{contracts}, no error.")
    raise typer.Exit(FAILED if errors else GOOD)


@with_plain_errors
def contract_diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="The contract's file as it was.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The contract's file as it is to be.")],
    format: AsTextOrJson = TextOrJson.text,
) -> None:
    """Say what a changed contract promises and demands otherwise, and which models that breaks.

    Ends with 1 where readers may have to follow and the version's first number is not raised.
    """
    from tidegate.contract.reading.odcs import load_contract
    from tidegate.contract.terms import changed_terms, says_that_it_breaks, terms_of

    settings = load_settings()
    for path in (old, new):
        if not path.is_file():
            raise TidegateError(f"There is no contract {path}. Nothing was compared.")
    before, after = (load_contract(path.absolute(), settings.zone, anywhere=True) for path in (old, new))
    if before.source != after.source:
        raise TidegateError(
            f"{old} is of the source {before.source}, and {new} of {after.source}: they are two contracts. "
            "Nothing was compared."
        )
    changes = changed_terms(terms_of(before), terms_of(after))
    broken = [change for change in changes if change.breaks]
    readers = _readers(settings, after.source) if broken else {}
    unsaid = bool(broken) and not says_that_it_breaks(before.version, after.version)
    if format is TextOrJson.json:
        console.print_json(_told(changes, readers, unsaid))
    else:
        _print(after.source, changes, readers)
        if unsaid:
            console.complain(
                f"The version {after.version} does not say so: raise its first number above that of {before.version}."
            )
    raise typer.Exit(FAILED if unsaid else GOOD)


@with_plain_errors
def contract_sync(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing, and end with 1 where something would.")
    ] = False,
) -> None:
    """Have dbt's sources and staging YAML follow the contracts, in which columns are typed; comments stay."""
    from tidegate.contract.model import shown_path
    from tidegate.contract.reading.odcs import load_contracts
    from tidegate.drafting.syncing import find_drift, follow

    settings = load_settings()
    drift = find_drift(load_contracts(settings.contracts, settings.zone), settings.dbt_project)
    for each in drift:
        console.say(each.sentence)
    if not drift:
        console.say("dbt's sources and staging models say what the contracts say.")
    elif check:
        console.complain("Have them follow the contracts with: tidegate contract sync")
        raise typer.Exit(FAILED)
    else:
        for path in follow(drift):
            console.say(f"Wrote {shown_path(path)}")


def _readers(settings: Settings, source: str) -> Mapping[str, Sequence[str]]:
    """By product the models that are made of a source."""
    from tidegate.transform.parsed.graph import Graph
    from tidegate.transform.parsed.project import DbtProject

    if not (settings.dbt_project / "dbt_project.yml").is_file():
        return {}
    graph = Graph(DbtProject(settings).manifest())
    of_source = [unique_id for unique_id, table in graph.sources.items() if table.name == source]
    found: dict[str, list[str]] = {}
    for unique_id in sorted(graph.with_descendants(of_source)):
        model = graph.models[unique_id]
        found.setdefault(model.product if model.is_mart else "", []).append(model.name)
    return found


def _told(changes: Sequence[TermChange], readers: Mapping[str, Sequence[str]], unsaid: bool) -> dict[str, object]:
    return {
        "changes": [{"change": change.sentence, "breaks": change.breaks} for change in changes],
        "models": sorted(name for names in readers.values() for name in names),
        "version_says_so": not unsaid,
    }


def _print(source: str, changes: Sequence[TermChange], readers: Mapping[str, Sequence[str]]) -> None:
    if not changes:
        console.say(f"Both contracts of {source} promise and demand the same.")
    for change in sorted(changes, key=lambda change: not change.breaks):
        console.say(f"{'breaks ' if change.breaks else 'changes'}  {change.sentence}")
    for product, names in sorted(readers.items()):
        console.say(f"{f'Marts of {product}' if product else 'Models'} made of {source}: {', '.join(names)}")
