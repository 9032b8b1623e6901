"""What the archive writes down of a delivery: its files, in the order of reading, under one fingerprint.

Nothing here touches a disk. A manifest that is read may be damaged or made up: everything in it is checked, and what
it says must lead back to its own name.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

DELIVERIES = "deliveries"

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class CapturedFile:
    """A data file of a delivery. `sha256` names its bytes, or stands for the refusal when there are none."""

    name: str
    sha256: str
    bytes: int = 0
    refused: str | None = None

    @property
    def shown_name(self) -> str:
        """The name as text; bytes of it that are no UTF-8 show as `\\xff`."""
        return self.name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


@dataclass(frozen=True)
class Captured:
    """A delivery in the archive. `manifest` is relative to the archive's root.

    `listing` is what its origin told of it before it was captured, None when it was not captured just now.
    """

    source: str
    region: str
    day: dt.date
    fingerprint: str
    files: tuple[CapturedFile, ...]
    manifest: str
    listing: str | None = None

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)


def fingerprint_of(files: Iterable[CapturedFile]) -> str:
    """One hash of a delivery's file names and bytes: equal exactly when those are."""
    digest = hashlib.sha256()
    for name, sha256 in sorted((os.fsencode(file.name), file.sha256) for file in files):
        digest.update(name + b"\0" + sha256.encode() + b"\n")
    return digest.hexdigest()


def delivery_folder(source: str, region: str, day: dt.date) -> str:
    """Where the manifests of a day's deliveries are, below the archive's root."""
    # The contract allows neither of the names to hold anything that means something in a path.
    return f"{DELIVERIES}/{source}/{region}/{day.isoformat()}"


class DeliveryDay(NamedTuple):
    """Whose deliveries a folder of the archive holds."""

    source: str
    region: str
    day: dt.date


def delivery_day_of(name: str) -> tuple[DeliveryDay, str] | None:
    """Whose delivery a file belongs to, and the rest of its name; None for what no delivery was written as."""
    parts = name.split("/", 4)
    try:
        folder, source, region, day, rest = parts
        found = DeliveryDay(source, region, dt.date.fromisoformat(day))
    except ValueError:
        return None
    return (found, rest) if folder == DELIVERIES and delivery_folder(*found) + f"/{rest}" == name else None


def manifest_name(source: str, region: str, day: dt.date, fingerprint: str) -> str:
    return f"{delivery_folder(source, region, day)}/{fingerprint}.json"


def write_manifest(captured: Captured) -> str:
    """The manifest's text."""
    content = {
        "source": captured.source,
        "region": captured.region,
        "day": captured.day.isoformat(),
        "fingerprint": captured.fingerprint,
        "files": [vars(file) for file in captured.files],
    }
    return json.dumps(content, indent=1) + "\n"


def read_manifest(name: str, text: bytes) -> Captured:
    """The delivery that the manifest called `name` describes. Raises ValueError when it is not what was written."""
    try:
        content = json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    files = tuple(_read_file(file) for file in _field(content, "files", list))
    if not files:
        raise ValueError("it names no files")
    source, region = _field(content, "source", str), _field(content, "region", str)
    day, fingerprint = dt.date.fromisoformat(_field(content, "day", str)), fingerprint_of(files)
    if _field(content, "fingerprint", str) != fingerprint:
        raise ValueError("its files are not those of its fingerprint")
    if manifest_name(source, region, day, fingerprint) != name:
        raise ValueError("it describes another delivery than its name says")
    return Captured(source, region, day, fingerprint, files, name)


def _read_file(content: Any) -> CapturedFile:
    sha256, size = _field(content, "sha256", str), _field(content, "bytes", int)
    # It becomes part of a path.
    if not _SHA256.fullmatch(sha256):
        raise ValueError("a file's sha256 is not one")
    refused = None if content.get("refused") is None else _field(content, "refused", str)
    return CapturedFile(_field(content, "name", str), sha256, size, refused)


def _field(content: Any, name: str, kind: type) -> Any:
    value = content.get(name) if isinstance(content, Mapping) else None
    is_sound = isinstance(value, kind)
    if not is_sound:
        raise ValueError(f"it has no '{name}' as it was written")
    return value
