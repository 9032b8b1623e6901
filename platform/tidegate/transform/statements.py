"""The SQL of models and tests as dbt compiles it, kept per state of the project with its window left open.

A text is that of any window when its Jinja only writes the days (`parsed.open_days`), when two windows that share no
day give texts that differ in these days and in nothing else, and when the lake was not asked meanwhile. Any other node
is compiled again for each window. Running what comes of it belongs to `models` and `testing`.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tidegate.lake.config import LakeConfig
from tidegate.machine.disk import write_whole
from tidegate.transform.invoke import Engine, NodeResult, compile_nodes
from tidegate.transform.parsed.open_days import only_spell_days
from tidegate.transform.parsed.project import DbtProject
from tidegate.window import Cadence, Window


class Compiled(Protocol):
    """A model or test of the project."""

    @property
    def unique_id(self) -> str: ...
    @property
    def fqn(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class _Days:
    """The days that a text is compiled for, as it spells them."""

    start: str
    end: str
    first_day: str

    @classmethod
    def of(cls, window: Window, first_day: dt.date) -> _Days:
        return cls(str(window.start), str(window.end), str(first_day))

    def in_place_of(self, others: _Days, text: str) -> str:
        for own, other in ((self.start, others.start), (self.end, others.end), (self.first_day, others.first_day)):
            text = text.replace(other, own)
        return text


# In place of days. No SQL holds this character.
OPEN = _Days("\0start\0", "\0end\0", "\0first\0")

# Nobody's days: those of one partition and those of many, each with a first day of the home's.
PROBES = (
    (dt.date(1723, 3, 17), 1, dt.date(1719, 5, 23)),
    (dt.date(2871, 10, 9), 37, dt.date(2868, 8, 14)),
)


def compile_ahead(project: DbtProject, lake: LakeConfig, nodes: Collection[Compiled], cadence: Cadence) -> None:
    """Have the SQL of any window of all these nodes at hand: dbt takes a second to start, however many there are.

    The tables of models must be there. Raises TidegateError when dbt does not start.
    """
    _open_texts(project, lake, nodes, cadence, Engine.duckdb)


def sql_over(
    project: DbtProject,
    lake: LakeConfig,
    nodes: Collection[Compiled],
    window: Window,
    engine: Engine = Engine.duckdb,
) -> dict[str, str | NodeResult]:
    """The SQL of each of these nodes over the window, for an engine, or dbt's result where it could not compile one.

    The tables of models must be there. Raises TidegateError when dbt does not start.
    """
    found = sql_of_any_window(project, lake, nodes, window, engine)
    others = [node.fqn for node in nodes if node.unique_id not in found]
    return {**found, **compile_nodes(project, lake, others, window, engine=engine)[0]}


def sql_of_any_window(
    project: DbtProject,
    lake: LakeConfig,
    nodes: Collection[Compiled],
    window: Window,
    engine: Engine = Engine.duckdb,
) -> dict[str, str]:
    """The SQL over the window of those of the nodes whose text is that of any window, but for its days."""
    texts = _open_texts(project, lake, nodes, window.cadence, engine)
    days = _Days.of(window, project.first_day)
    return {unique_id: days.in_place_of(OPEN, text) for unique_id, text in texts.items() if text is not None}


def _open_texts(
    project: DbtProject, lake: LakeConfig, nodes: Collection[Compiled], cadence: Cadence, engine: Engine
) -> dict[str, str | None]:
    """By node, its text with the days open; None where it has none. Compiled now where it never was."""
    file = project.target / f"statements-{engine}-{project.variables_digest}.json"
    kept = _read(file)
    new = [node for node in nodes if node.unique_id not in kept]
    if new:
        kept |= _compile_open(project, lake, [node.fqn for node in new], cadence, engine)
        # Of two processes that compile other nodes at once, one compiles again.
        write_whole(file, json.dumps(kept))
    return {node.unique_id: kept[node.unique_id] for node in nodes if node.unique_id in kept}


def _read(file: Path) -> dict[str, str | None]:
    try:
        found: dict[str, str | None] = json.loads(file.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        # Nothing compiled yet, or cut short with the machine: it is compiled again.
        return {}
    return found


def _compile_open(
    project: DbtProject, lake: LakeConfig, fqns: Iterable[tuple[str, ...]], cadence: Cadence, engine: Engine
) -> Mapping[str, str | None]:
    """By node, its text with the days open, or None; nothing of what cannot be compiled."""
    nodes = list(fqns)
    (one, asked_by_one), (many, asked_by_many) = (
        _compile_probe(project, lake, nodes, cadence, engine, *probe) for probe in PROBES
    )
    open_to_any = only_spell_days(project.manifest(), one) - asked_by_one - asked_by_many
    return {
        unique_id: text if text == many[unique_id] and unique_id in open_to_any else None
        for unique_id, text in one.items()
        if unique_id in many
    }


def _compile_probe(
    project: DbtProject,
    lake: LakeConfig,
    fqns: Iterable[tuple[str, ...]],
    cadence: Cadence,
    engine: Engine,
    day: dt.date,
    partitions: int,
    first_day: dt.date,
) -> tuple[dict[str, str], frozenset[str]]:
    window = Window(cadence.partition_of(day), cadence.after(day, partitions), cadence)
    compiled, asked = compile_nodes(project, lake, fqns, window, first_day, engine)
    days = _Days.of(window, first_day)
    return {
        unique_id: OPEN.in_place_of(days, text) for unique_id, text in compiled.items() if isinstance(text, str)
    }, asked
