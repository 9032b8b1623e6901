"""dbt's YAML beside the contracts: a column is typed in one place, its contract, and sources and staging follow.

Comments and layout of what follows stay as they are: only the words that differ are replaced.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from tidegate.contract.model import Contract, shown_path
from tidegate.drafting.dbt_text import RAW_COLUMNS, column_line, data_type, source_yaml
from tidegate.drafting.writing import STAGING
from tidegate.errors import TidegateError
from tidegate.machine.disk import write_whole

_OF_RAW = frozenset(name for name, _, _ in RAW_COLUMNS)


@dataclass(frozen=True)
class Drift:
    """Where a file says otherwise than a contract, and what to put between two places in its text; in a file that is
    not there, all of it."""

    file: Path
    line: int
    what: str
    start: int
    end: int
    text: str

    @property
    def sentence(self) -> str:
        return f"{shown_path(self.file)}:{self.line}: {self.what}"


def find_drift(contracts: Mapping[str, Contract], dbt_project: Path) -> list[Drift]:
    """All that dbt's YAML says otherwise than the contracts. Raises TidegateError for a file that is no YAML."""
    found: list[Drift] = []
    told: set[str] = set()
    models = dbt_project / "models"
    for file in sorted((*models.rglob("*.yml"), *models.rglob("*.yaml"))):
        text = file.read_text(encoding="utf-8")
        root = _composed(file, text)
        for table in _named(_list(_get(_raw_source(root), "tables"))):
            if (name := _name(table)) in contracts:
                told.add(name)
                found += _of_source(file, text, table, contracts[name])
        for model in _named(_list(_get(root, "models"))):
            source = _name(model).removeprefix("stg_")
            if source in contracts and _name(model) != source:
                found += _of_staging(file, model, contracts[source])
    return found + [_without_source(models.parent, contracts[name]) for name in contracts if name not in told]


def follow(drift: Iterable[Drift]) -> list[Path]:
    """Write what the contracts say. Returns the files that changed."""
    by_file: dict[Path, list[Drift]] = {}
    for each in drift:
        by_file.setdefault(each.file, []).append(each)
    for file, edits in by_file.items():
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        for edit in sorted(edits, key=lambda edit: -edit.start):
            text = text[: edit.start] + edit.text + text[edit.end :]
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, text.encode())
    return list(by_file)


def _of_source(file: Path, text: str, table: yaml.MappingNode, contract: Contract) -> Iterator[Drift]:
    columns = _named(_list(_get(table, "columns")))
    said = {_name(column): column for column in columns}
    wanted = {column.name for column in contract.columns}
    yield from _of_types(file, contract, said)
    for name, node in said.items():
        if name not in wanted | _OF_RAW:
            start, end = _lines(text, node)
            yield Drift(file, _line(node), f"{name} is no column of {contract.label}", start, end, "")
    before = next(iter(columns), None)
    for column in contract.columns:
        if column.name in said:
            before = said[column.name]
            continue
        what = f"raw.{contract.source} lacks {column.name}, a column of {contract.label}"
        line = column_line(column.name, data_type(column), column.description)
        start, at = (0, 0) if before is None else _lines(text, before)
        dash = re.match(r"[ ]*- ", text[start:])
        if before is None or dash is None:
            raise TidegateError(f"{shown_path(file)}:{_line(table)}: {what}. Write it below 'columns:' as - {line}")
        ends = "" if text[:at].endswith("\n") else "\n"
        yield Drift(file, _line(before), what, at, at, f"{ends}{dash[0]}{line}\n")


def _of_staging(file: Path, model: yaml.MappingNode, contract: Contract) -> Iterator[Drift]:
    """Of the columns that staging takes as they are: one that it makes itself has a type of its own."""
    sql = file.parent / f"{_name(model)}.sql"
    text = sql.read_text(encoding="utf-8") if sql.exists() else ""
    said = {_name(column): column for column in _named(_list(_get(model, "columns")))}
    made = {name for name in said if re.search(rf'\bas\s+"?{re.escape(name)}"?(?=[\s,)]|$)', text, re.IGNORECASE)}
    yield from _of_types(file, contract, {name: node for name, node in said.items() if name not in made})


def _of_types(file: Path, contract: Contract, said: Mapping[str, yaml.MappingNode]) -> Iterator[Drift]:
    for column in contract.columns:
        written = _get(said.get(column.name), "data_type")
        if not isinstance(written, yaml.ScalarNode):
            continue
        wanted = data_type(column)
        if re.sub(r"\s", "", written.value.lower()) != wanted.replace(" ", ""):
            what = f"{column.name} is {written.value}, and {wanted} in {contract.label}"
            quoted = f'"{wanted}"' if "(" in wanted else wanted
            yield Drift(file, _line(written), what, written.start_mark.index, written.end_mark.index, quoted)


def _without_source(dbt_project: Path, contract: Contract) -> Drift:
    file = dbt_project / STAGING / f"raw_{contract.source}.yml"
    what = f"no source tells dbt of raw.{contract.source}, which {contract.label} fills"
    return Drift(file, 1, what, 0, 0, source_yaml(contract))


# --- nodes of YAML


def _composed(file: Path, text: str) -> yaml.Node | None:
    try:
        # Of libyaml's marks, only lines are those of the text.
        return yaml.compose(text, yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise TidegateError(f"{shown_path(file)} is not YAML: {error}. Nothing was changed.") from error


def _raw_source(root: yaml.Node | None) -> yaml.Node | None:
    return next((source for source in _named(_list(_get(root, "sources"))) if _name(source) == "raw"), None)


def _get(node: yaml.Node | None, key: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for each, value in node.value if each.value == key), None)


def _list(node: yaml.Node | None) -> list[yaml.Node]:
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _named(nodes: Iterable[yaml.Node]) -> list[yaml.MappingNode]:
    return [node for node in nodes if isinstance(node, yaml.MappingNode) and _get(node, "name") is not None]


def _name(node: yaml.Node) -> str:
    name = _get(node, "name")
    return str(name.value) if isinstance(name, yaml.ScalarNode) else ""


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _lines(text: str, node: yaml.Node) -> tuple[int, int]:
    """From the beginning of the node's first line to that of the line after its last."""
    start = text.rfind("\n", 0, node.start_mark.index) + 1
    end = text.find("\n", len(text[: node.end_mark.index].rstrip()))
    return start, len(text) if end < 0 else end + 1
