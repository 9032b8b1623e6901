"""The dbt layers' assets and checks as dagster-dbt describes them, kept as long as nothing that shapes them changed.

So a process that loads the definitions imports neither dagster-dbt nor dbt, unless it is the first one.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dagster as dg

from tidegate.home import Home
from tidegate.machine.disk import write_whole
from tidegate.window import Cadence

# Of these, the project's files aside, descriptions are made.
DESCRIBED_BY = ("dagster", "dagster-dbt")
CODE = Path(__file__).parents[2]


@dataclass(frozen=True)
class Described:
    """Assets, their checks, and the tags of the step that builds them."""

    specs: Sequence[dg.AssetSpec]
    check_specs: Sequence[dg.AssetCheckSpec]
    op_tags: Mapping[str, str]


def assets_as_described(home: Home, owners: list[str], cadence: Cadence) -> Described:
    """The models of a cadence, and their tests."""
    kept = home.dbt.target / f"assets-{cadence}-{_digest(home, owners)}.pickle"
    if not kept.exists():
        write_whole(kept, _pickled(_describe(home, owners, cadence)))
    # Written into this home, whose owner may run any code as it is.
    described: Described = pickle.loads(kept.read_bytes())  # noqa: S301
    return described


def _describe(home: Home, owners: list[str], cadence: Cadence) -> Described:
    from tidegate.orchestration.assets.translator import assets_of_dagster_dbt, without_objects

    made = assets_of_dagster_dbt(home, owners, cadence)
    return Described(
        [spec.replace_attributes(metadata=without_objects(spec.metadata)) for spec in made.specs],
        [spec._replace(metadata=without_objects(spec.metadata)) for spec in made.check_specs],
        dict(made.op.tags),
    )


def _digest(home: Home, owners: list[str]) -> str:
    """What shapes the assets beside the dbt project, whose folder they are kept in."""
    regions = [(name, [region.name for region in contract.regions]) for name, contract in home.contracts.items()]
    versions = [version(package) for package in DESCRIBED_BY]
    days = (home.settings.start_date, home.settings.timezone, home.has_open_day)
    shape = (regions, owners, days, versions, sys.version, _own_code())
    return hashlib.sha256(repr(shape).encode()).hexdigest()[:16]


@cache
def _own_code() -> str:
    """A hash over the code that describes, of this version of Tidegate or of a checkout at work."""
    digest = hashlib.sha256()
    for folder in (CODE / "orchestration", CODE / "transform" / "parsed"):
        for file in sorted(folder.rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()


class _Pickler(pickle.Pickler):
    """Knows Dagster's named tuples whose constructors take other arguments than the tuple holds."""

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, tuple) and hasattr(obj, "_fields") and type(obj).__iter__ is tuple.__iter__:
            return _as_it_was, (type(obj), tuple(obj))
        return NotImplemented


def _as_it_was(kind: type[tuple[Any, ...]], values: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple.__new__(kind, values)


def _pickled(described: Described) -> bytes:
    written = io.BytesIO()
    _Pickler(written, pickle.HIGHEST_PROTOCOL).dump(described)
    return written.getvalue()
