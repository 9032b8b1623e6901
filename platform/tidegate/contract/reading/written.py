"""Reading custom properties, whatever they say: by name, and as a number, a text, a choice or a list of texts.

A value that is not what it should be is refused with its line and what to write instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from open_data_contract_standard.model import CustomProperty

from tidegate.contract.reading.document import At, Document, Written, closest


def read_written(
    doc: Document, properties: Iterable[CustomProperty] | None, at: At, known: Iterable[str]
) -> dict[str, tuple[Any, At]]:
    """Custom properties by name, each with where its value stands. Raises ContractError for others than `known`."""
    names = tuple(known)
    written: dict[str, tuple[Any, At]] = {}
    for i, custom in enumerate(properties or []):
        here = (*at, i)
        name = custom.property or ""
        if name not in names:
            what = f"'{name}' is not a custom property that Tidegate knows here"
            raise doc.refused((*here, "property"), what, closest(name, names) if names else "remove it")
        if name in written:
            raise doc.refused((*here, "property"), f"'{name}' is there twice", "keep one of them")
        written[name] = (custom.value, (*here, "value"))
    return written


def whole_number(doc: Document, written: Written, name: str, smallest: int, largest: int, of: str) -> int | None:
    """The property as a whole number within bounds; None when it is not there."""
    if name not in written:
        return None
    value, at = written[name]
    if isinstance(value, int) and not isinstance(value, bool) and smallest <= value <= largest:
        return value
    raise doc.refused(at, f"{value!r} is not a number of {of}", f"write a whole number from {smallest} to {largest:,}")


def read_choice(doc: Document, written: Written, name: str, choices: tuple[str, ...], default: Any) -> Any:
    if name not in written:
        return default
    value, at = written[name]
    if value not in choices:
        raise doc.refused(at, f"'{value}' is nothing that {name} can be", f"write one of {', '.join(choices)}")
    return value


def read_flag(doc: Document, written: Written, name: str, default: bool) -> bool:
    if name not in written:
        return default
    value, at = written[name]
    if isinstance(value, bool):
        return value
    raise doc.refused(at, f"'{name}' is {value!r}", "write true or false")


def read_texts(doc: Document, written: Written, name: str, default: Sequence[str]) -> tuple[str, ...]:
    """The property as a list of texts; one text alone is a list of one."""
    if name not in written:
        return tuple(default)
    value, at = written[name]
    texts = [value] if isinstance(value, str) else value
    if isinstance(texts, list) and texts and all(isinstance(text, str) for text in texts):
        return tuple(texts)
    raise doc.refused(at, f"'{name}' is not a list of texts", f"write {name}: ['...', '...'], each in quotes")
