"""Schemas of messages, by the numbers that messages carry, and how the archive keeps them beside these."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

# A zero and the four bytes of the schema's number.
PREFIX = 5

# A file of a delivery, beside its messages.
SCHEMAS = "schemas-"


@dataclass(frozen=True)
class Schema:
    """A schema as text, and those that it refers to, in an order in which each can be read."""

    text: str
    references: tuple[str, ...] = ()


def schema_number(content: bytes | str | None) -> int | None:
    """The number that a message, or its key, carries; None for one that is not written so."""
    data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    return int.from_bytes(data[1:PREFIX], "big") if data and len(data) >= PREFIX and data[0] == 0 else None


def to_json(schemas: Mapping[int, Schema]) -> bytes:
    written = {str(number): [each.text, list(each.references)] for number, each in sorted(schemas.items())}
    return (json.dumps(written, indent=1) + "\n").encode()


def read_schemas(files: Iterable[Path]) -> dict[int, Schema]:
    found: dict[int, Schema] = {}
    for file in files:
        for number, (text, references) in json.loads(file.read_bytes()).items():
            found[int(number)] = Schema(text, tuple(references))
    return found
