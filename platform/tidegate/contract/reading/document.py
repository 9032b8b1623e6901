"""One contract file: its YAML, checked against the standard's own model, with a line for everything in it.

Whether the file is well-formed ODCS belongs here; what Tidegate makes of it belongs to `odcs`.
"""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import pydantic
import yaml
from open_data_contract_standard.model import OpenDataContractStandard

from tidegate.contract.model import shown_path
from tidegate.errors import ContractError
from tidegate.zones import UTC, Zone

# Where in the document: keys and positions from the root, `("schema", 0, "properties", 3, "name")`.
At: TypeAlias = "tuple[str | int, ...]"

# Custom properties by name: the value as written, and where it stands.
Written: TypeAlias = Mapping[str, tuple[Any, At]]

# The C loader reads a contract in 1 ms, the Python one in 15.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class PlacedError(ContractError):
    """A contract that cannot work, for something in it: where that is, or its node of YAML."""

    def __init__(self, message: str, at: At, node: yaml.Node | None = None) -> None:
        super().__init__(message)
        self.at = at
        self.node = node


class Document:
    """A file of valid ODCS: `odcs` is the standard's model of it, `refused` speaks of a place in it.

    Days that it speaks of are of the time zone `zone`.
    """

    def __init__(self, path: Path, zone: Zone = UTC, root: yaml.Node | None = None) -> None:
        self.path = path
        self.zone = zone
        self._root = composed(path) if root is None else root
        self._refuse_doubles_and_references()
        self._refuse_unknown_keys(self._root, OpenDataContractStandard)
        self.odcs = self._validated()

    def refused(self, at: At, what: str, instead: str) -> ContractError:
        """The error for the place `at`: `file:line: what; write instead`."""
        return PlacedError(str(self._at_line(self.line(at), what, instead)), at)

    def line(self, at: At) -> int:
        """The line of `at`, or of the nearest thing around it that is there."""
        node, line = self._root, 1
        for step in at:
            key, child = _child(node, step)
            if child is None:
                continue
            line, node = (key or child).start_mark.line + 1, child
        return line

    def _at_line(self, line: int, what: str, instead: str) -> ContractError:
        return _at_line(self.path, line, what, instead)

    def _refuse_doubles_and_references(self) -> None:
        # Before anything follows the tree: a reference can make it endless, or billions of nodes large.
        seen: set[int] = set()
        waiting: list[yaml.Node] = [self._root]
        while waiting:
            node = waiting.pop()
            if id(node) in seen:
                raise self._refused_node(node, "it is referred to by another place (&, *)", "write it out twice")
            seen.add(id(node))
            if isinstance(node, yaml.MappingNode):
                self._refuse_double_keys(node)
                waiting += [child for pair in node.value for child in pair]
            elif isinstance(node, yaml.SequenceNode):
                waiting += node.value

    def _refuse_double_keys(self, node: yaml.MappingNode) -> None:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
                raise self._refused_node(key, "this key is not a text", "write a name of the standard")
            if key.value in seen:
                raise self._refused_node(key, f"the key '{key.value}' is there twice", "keep one of them")
            seen.add(key.value)

    def _refuse_unknown_keys(self, node: yaml.Node, model: type[pydantic.BaseModel]) -> None:
        if not isinstance(node, yaml.MappingNode):
            return
        fields = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
        for key, value in node.value:
            if key.value not in fields:
                raise self._refused_node(
                    key, f"'{key.value}' is not a key of the standard here", _instead(key.value, fields)
                )
            of_list = isinstance(value, yaml.SequenceNode)
            inner = _model_of(fields[key.value], of_list=of_list)
            for item in value.value if of_list else [value]:
                if inner is not None:
                    self._refuse_unknown_keys(item, inner)

    def _validated(self) -> OpenDataContractStandard:
        try:
            # Safe: the loader is one of YAML's safe ones, and every reference has been refused.
            data = _Loader("").construct_document(self._root)
            return OpenDataContractStandard.model_validate(data)
        except pydantic.ValidationError as error:
            first = error.errors(include_url=False)[0]
            what = f"'{_last_key(first['loc'])}' is wrong: {first['msg'].lower()}"
            raise self.refused(first["loc"], what, "write it as the standard says (texts in quotes)") from error
        except (yaml.YAMLError, ValueError) as error:
            raise self._at_line(1, f"the file cannot be read: {error}", "correct it") from error

    def _refused_node(self, node: yaml.Node, what: str, instead: str) -> ContractError:
        return PlacedError(str(self._at_line(node.start_mark.line + 1, what, instead)), (), node)


def composed(path: Path) -> yaml.Node:
    """The file as nodes of YAML. Raises ContractError for one that is none, or holds nothing."""
    try:
        loader = _Loader(path.read_text(encoding="utf-8"))
        root: yaml.Node | None = loader.get_single_node()
    except OSError as error:
        raise ContractError(f"{shown_path(path)} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise _at_line(path, 1, "the file is not UTF-8 text", "save it as UTF-8") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise _at_line(path, line, f"the file is not YAML: {error.problem}", "correct it there") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise _at_line(path, 1, f"the file is not YAML: {error}", "correct it") from error
    if not isinstance(root, yaml.MappingNode):
        raise _at_line(path, 1, "the file holds no contract", "begin it with 'apiVersion: v3.1.0'")
    return root


def _at_line(path: Path, line: int, what: str, instead: str) -> ContractError:
    return ContractError(f"{shown_path(path)}:{line}: {what}; {instead}.")


def closest(word: str, known: Iterable[str]) -> str:
    """'write 'x'' for the known word most like `word`, or all of them."""
    return _instead(word, known)


def _instead(word: str, known: Iterable[str]) -> str:
    names = sorted(known)
    alike = difflib.get_close_matches(word, names, n=1)
    return f"write '{alike[0]}'" if alike else f"write one of {', '.join(names)}"


def _model_of(annotation: Any, *, of_list: bool) -> type[pydantic.BaseModel] | None:
    """The model that a value of `annotation` holds: itself, or the items of a list."""
    for option in _options(annotation):
        if of_list and typing.get_origin(option) is list:
            return _model_of(typing.get_args(option)[0], of_list=False)
        if not of_list and isinstance(option, type) and issubclass(option, pydantic.BaseModel):
            return option
    return None


def _options(annotation: Any) -> Iterator[Any]:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        for option in typing.get_args(annotation):
            yield from _options(option)
    else:
        yield annotation


def _child(node: yaml.Node, step: str | int) -> tuple[yaml.Node | None, yaml.Node | None]:
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == step), (None, None))
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return None, node.value[step]
    return None, None


def _last_key(at: At) -> str:
    return str(next((step for step in reversed(at) if isinstance(step, str)), "contract"))
