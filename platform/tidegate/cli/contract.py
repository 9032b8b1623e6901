"""The command `tidegate contract try`: what would become of a file, without loading anything."""

from __future__ import annotations

import datetime as dt
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.asked_days import day_of
from tidegate.cli import console
from tidegate.cli.commands import Commands
from tidegate.cli.exit_codes import FAILED
from tidegate.cli.settings import load_settings
from tidegate.cli.words import refuse_unknown_source, with_plain_errors
from tidegate.errors import TidegateError

if TYPE_CHECKING:
    from tidegate.contract.model import Contract, Region
    from tidegate.intake.trying import Tried

contract_app = Commands(help="Contracts, and what they would make of a file.", no_args_is_help=True)

# Of a row that would be kept out.
MOST_SHOWN = 300


@contract_app.callback()
def contract() -> None:
    """Contracts, and what they would make of a file."""


@contract_app.command("try")
@with_plain_errors
def contract_try(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="a file, or a folder with the files of one delivery")],
    contract: Annotated[Path | None, typer.Option(help="the contract's file")] = None,
    source: Annotated[str | None, typer.Option(help="the source, of those in TIDEGATE_CONTRACTS")] = None,
    region: Annotated[str | None, typer.Option(help="the server that would deliver it; the first unless said")] = None,
    day: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="the day that it would be delivered for")
    ] = None,
) -> None:
    """Say how many rows of a file would be kept out and why, and whether it would be rejected. Nothing is loaded.

    Exit code 0 when it would be let in, rows kept out or not; 1 when it would be rejected.
    """
    from tidegate.intake.trying import try_files

    chosen = _contract(contract, source)
    of_region = _region(chosen, region)
    files = _files(file)
    of_day = day_of(day) if day else _day_in_name(of_region, file)
    with tempfile.TemporaryDirectory(prefix="tidegate-try-") as scratch:
        tried = try_files(chosen, of_region, files, of_day, Path(scratch))
    _print(chosen, tried, len(files))
    if not tried.assessment.accepted:
        raise typer.Exit(FAILED)


def _contract(path: Path | None, source: str | None) -> Contract:
    from tidegate.contract.reading.odcs import load_contract, load_contracts

    settings = load_settings()
    if path is not None:
        if source is not None:
            raise TidegateError("Say --contract or --source, and not both.")
        if not path.is_file():
            raise TidegateError(f"There is no contract {path}.")
        return load_contract(path.absolute(), settings.zone)
    contracts = load_contracts(settings.contracts, settings.zone)
    if source is not None:
        refuse_unknown_source(settings, source)
        return contracts[source]
    if len(contracts) > 1:
        raise TidegateError(f"Say by which contract: --source with one of {', '.join(contracts)}, or --contract FILE.")
    return next(iter(contracts.values()))


def _region(contract: Contract, name: str | None) -> Region:
    if name is None:
        return contract.regions[0]
    known = {region.name: region for region in contract.regions}
    if name not in known:
        raise TidegateError(f"{contract.label} has no server {name}. It has: {', '.join(known)}.")
    return known[name]


def _files(path: Path) -> list[tuple[str, Path]]:
    """The files of a delivery by name, as a path below the folder."""
    if path.is_file():
        return [(path.name, path.absolute())]
    if not path.is_dir():
        raise TidegateError(f"There is no file {path}.")
    found = sorted(each for each in path.rglob("*") if each.is_file() and not each.name.startswith((".", "_")))
    if not found:
        raise TidegateError(f"There is no file in {path}.")
    return [(each.relative_to(path).as_posix(), each.absolute()) for each in found]


def _day_in_name(region: Region, path: Path) -> dt.date | None:
    """The day that the file would be of by the end of its path, where that is one of the region's paths."""
    from tidegate.contract.landing import LandedServer

    if not isinstance(region.server, LandedServer):
        return None
    parts = path.absolute().parts
    for wanted in region.server.paths:
        number = len(wanted.segments)
        for end in (len(parts), len(parts) - 1):
            if found := wanted.day_in("/".join(parts[max(0, end - number) : end])):
                return found
    return None


def _print(contract: Contract, tried: Tried, files: int) -> None:
    measures = tried.measures
    console.say(
        f"As {'the file' if files == 1 else f'{files} files'} of {contract.source}/{tried.region.name} {tried.day}, "
        f"by {contract.label}:"
    )
    if tried.header:
        console.say(f"Its columns are {', '.join(map(repr, tried.header))}.")
    for what, names in (
        ("Not in the contract, and not loaded", tried.drift.added),
        ("Not in the file, and loaded as null", tried.drift.missing_optional),
        ("Not in the file, and required", tried.drift.missing_required),
    ):
        if names:
            console.say(f"{what}: {', '.join(names)}.")
    share = f" ({100 * measures.rows_broken / measures.rows_read:.1f} %)" if measures.rows_broken else ""
    console.say(
        f"{measures.rows_read:,} rows read: {measures.rows_sound:,} sound, {measures.rows_broken:,} kept out{share}."
    )
    if measures.reasons:
        _print_reasons(contract, tried)
    for sentence in tried.advice:
        console.say(f"{sentence}.")
    for check in tried.assessment.checks:
        if not check.passed and check.severity == "warning" and check.dimension == "timeliness":
            console.say(check.description)
    if tried.assessment.rejection:
        # What a rejected delivery leaves in the lake is not left here.
        why = tried.assessment.rejection.partition(" Nothing was loaded;")[0]
        console.complain(f"It would be rejected: {why}")
    else:
        console.say("It would be let in.")


def _print_reasons(contract: Contract, tried: Tried) -> None:
    from tidegate.cli.tables import print_table

    rules = {rule.reason: rule.description for rule in contract.row_rules}
    rules |= {rule.reason: rule.description for rule in contract.unique_rules}
    for column in contract.columns:
        rules |= {column.invalid: f"{column.name} must be {column.sql_type.lower()}"}
        rules |= {column.missing: f"{column.name} must have a value"}
    counted = sorted(tried.measures.reasons.items(), key=lambda item: (-item[1], item[0]))
    print_table(console.out, ("reason", "rows", "rule"), [(name, n, rules.get(name, "")) for name, n in counted])
    for sample in tried.samples:
        place = sample.file + (f" line {sample.line}" if sample.line else "")
        raw = sample.raw if len(sample.raw) <= MOST_SHOWN else f"{sample.raw[:MOST_SHOWN]} ..."
        console.say(f"{', '.join(sample.reasons)}  {place}\n  {raw}")
