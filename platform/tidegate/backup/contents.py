"""What a backup says of itself."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from tidegate.errors import TidegateError

FORMAT = 1

NAME = re.compile(r"tidegate-(?P<moment>\d{8}T\d{9})Z\.tar\.gz")
MOMENT = "%Y%m%dT%H%M%S%f"


def name_at(moment: dt.datetime) -> str:
    """The name of a backup that is made at a moment; names are in the order of moments."""
    return f"tidegate-{moment.astimezone(dt.UTC).strftime(MOMENT)[:-3]}Z.tar.gz"


def moment_of(name: str) -> dt.datetime | None:
    """When a backup of that name was made; None for what is not the name of one."""
    found = NAME.fullmatch(name)
    return dt.datetime.strptime(f"{found['moment']}000", MOMENT).replace(tzinfo=dt.UTC) if found else None


@dataclass(frozen=True)
class Contents:
    """`lake` is the lake's id, `rows` what each of its tables holds, and `files` what the catalog names, with its size.

    All of these lie in the place of backups but those `lacking`: only earlier snapshots need them, and the lake had
    lost them already.
    """

    tidegate: str
    ducklake: str
    lake: str
    snapshot: int
    rows: Mapping[str, int]
    files: Mapping[str, int]
    lacking: tuple[str, ...]
    # Where things were, for what else names these places.
    catalog: str
    data: str
    dagster_home: str
    # Whether Dagster's record is in it, which may be kept in a server.
    has_record: bool
    has_archive: bool

    @property
    def data_bytes(self) -> int:
        return sum(size for name, size in self.files.items() if name not in self.lacking)

    def as_json(self) -> bytes:
        return json.dumps({"format": FORMAT, **dataclasses.asdict(self)}, indent=1).encode()

    @classmethod
    def of_json(cls, text: bytes, name: str) -> Self:
        """Raises TidegateError for what no Tidegate wrote, or a newer one."""
        try:
            content: dict[str, Any] = json.loads(text)
            if content.pop("format") != FORMAT:
                raise TidegateError(
                    f"The backup {name} was made by a newer Tidegate. Nothing was changed. Install that version here."
                )
            return cls(**{**content, "lacking": tuple(content["lacking"])})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise TidegateError(
                f"{name} is not a backup that Tidegate made: {error}. Nothing was changed. Choose another one."
            ) from error
