"""All that is wrong with contracts, at once: after each error, what is wrong is taken out and the rest read again."""

from __future__ import annotations

from pathlib import Path

import yaml

from tidegate.contract.reading.document import At, PlacedError, composed
from tidegate.contract.reading.odcs import SUFFIX, load_contract
from tidegate.contract.reading.servers import refuse_shared_addresses
from tidegate.errors import ContractError
from tidegate.zones import UTC, Zone

# Whoever has more begins with these.
MOST_ERRORS = 100

# What stands in for what a contract lacks, so that the rest of it can be read.
_LACKING = {"kind": "DataContract", "apiVersion": "v3.1.0", "id": "lacking", "version": "0.0.0"}

_WHOLE = ("quality", "customProperties", "slaProperties", "team", "support")


def check_contracts(folder: Path, zone: Zone = UTC) -> tuple[int, list[str]]:
    """How many contracts the folder has, and every error in them, each with its file, line and what to write."""
    paths = sorted(path for path in folder.glob("*.y*ml") if path.suffix in (".yaml", ".yml"))
    if not paths:
        return 0, [f"{folder} holds no contract; write one as <source>{SUFFIX} there."]
    errors = [error for path in paths for error in errors_in(path, zone)]
    if not errors:
        try:
            refuse_shared_addresses([load_contract(path, zone) for path in paths])
        except ContractError as error:
            errors.append(str(error))
    return len(paths), errors


def errors_in(path: Path, zone: Zone = UTC) -> list[str]:
    """Every error in one contract, by line."""
    found: list[str] = []
    try:
        root = composed(path)
    except ContractError as error:
        return [str(error)]
    while len(found) < MOST_ERRORS:
        try:
            load_contract(path, zone, root)
            break
        except ContractError as error:
            if str(error) in found:
                break
            found.append(str(error))
            if not (isinstance(error, PlacedError) and _without(root, error)):
                break
    return sorted(found, key=_line)


def _line(error: str) -> int:
    number = error.split(":")[1] if error.count(":") > 1 else ""
    return int(number) if number.isdigit() else 0


def _without(root: yaml.Node, error: PlacedError) -> bool:
    """Take what is wrong out of the nodes; false where it cannot be."""
    if error.node is not None:
        return _cut(root, error.node)
    return _plain_column(root, error.at) or _put_what_lacks(root, error.at) or _cut_at(root, error.at)


def _cut(parent: yaml.Node, wrong: yaml.Node) -> bool:
    """Take a key with its value, or an item, out of wherever it is."""
    if isinstance(parent, yaml.MappingNode):
        for pair in parent.value:
            if wrong in pair:
                parent.value.remove(pair)
                return True
        return any(_cut(value, wrong) for _, value in parent.value)
    if isinstance(parent, yaml.SequenceNode):
        if wrong in parent.value:
            parent.value.remove(wrong)
            return True
        return any(_cut(item, wrong) for item in parent.value)
    return False


def _plain_column(root: yaml.Node, at: At) -> bool:
    """A column that is wrong as a whole becomes a plain one, as other places may name it."""
    if len(at) < 4 or at[2] != "properties" or (len(at) > 4 and at[4] not in ("logicalType", "physicalType")):
        return False
    column = _at(root, at[:4])
    if not isinstance(column, yaml.MappingNode):
        return False
    kept = [pair for pair in column.value if pair[0].value in ("name", "primaryKey", "primaryKeyPosition")]
    written = {pair[0].value: pair[1].value for pair in column.value if isinstance(pair[1], yaml.ScalarNode)}
    is_number = written.get("logicalType") == "number"
    plain = {"logicalType": "number", "physicalType": "decimal(18,4)"} if is_number else {"logicalType": "string"}
    if plain.items() <= written.items():
        return False
    column.value[:] = [*kept, *((_text(name), _text(value)) for name, value in plain.items())]
    return True


def _put_what_lacks(root: yaml.Node, at: At) -> bool:
    if len(at) != 1 or at[0] not in _LACKING or not isinstance(root, yaml.MappingNode):
        return False
    root.value[:] = [pair for pair in root.value if pair[0].value != at[0]]
    root.value.append((_text(str(at[0])), _text(_LACKING[str(at[0])])))
    return True


def _cut_at(root: yaml.Node, at: At) -> bool:
    """Take out what is at a place, or the nearest thing around it that can be done without."""
    if at[:1] == ("servers",) and len(at) > 1:
        return _put_another_server(root, at)
    for end in range(_whole_item(at), 1, -1):
        parent, step = _at(root, at[: end - 1]), at[end - 1]
        if isinstance(parent, yaml.SequenceNode) and isinstance(step, int) and step < len(parent.value):
            del parent.value[step]
            return True
        if isinstance(parent, yaml.MappingNode):
            pair = next((pair for pair in parent.value if pair[0].value == step), None)
            if pair is not None and step not in ("name", "value", "property"):
                parent.value.remove(pair)
                return True
    return False


def _whole_item(at: At) -> int:
    """How much of a place names a rule, or a property, of which nothing is left without what is wrong in it."""
    lists = [place for place, step in enumerate(at[:-1]) if step in _WHOLE and isinstance(at[place + 1], int)]
    return lists[0] + 2 if lists else len(at)


def _put_another_server(root: yaml.Node, at: At) -> bool:
    servers, place = _at(root, at[:1]), at[1]
    if not isinstance(servers, yaml.SequenceNode) or not isinstance(place, int) or place >= len(servers.value):
        return False
    names = {"server": f"lacking{place}", "type": "local", "path": f"lacking{place}/{{day}}"}
    mark = yaml.Mark("", 0, 0, 0, None, 0)
    pairs = [(_text(name), _text(value)) for name, value in names.items()]
    servers.value[place] = yaml.MappingNode("tag:yaml.org,2002:map", pairs, mark, mark)
    return True


def _at(root: yaml.Node, at: At) -> yaml.Node | None:
    node: yaml.Node | None = root
    for step in at:
        if isinstance(node, yaml.MappingNode):
            node = next((value for key, value in node.value if key.value == step), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
        else:
            return None
    return node


def _text(text: str) -> yaml.ScalarNode:
    mark = yaml.Mark("", 0, 0, 0, None, 0)
    return yaml.ScalarNode("tag:yaml.org,2002:str", text, mark, mark)
