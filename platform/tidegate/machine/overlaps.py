"""No folder of a home lies in another: what is written, swept or deleted in one must never be another's.

A delivery in the lake's data folder, or an archive among the outputs, is one mistake away from being deleted.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from pathlib import Path

from tidegate.errors import TidegateError


def refuse_overlaps(places: Mapping[str, str], read: Mapping[str, str]) -> None:
    """Raise TidegateError where one of the places, by setting, is or holds another one, or one that is only `read`.

    Places are folders or `s3://` URLs; what is only read may lie in one another, and hold the others.
    """
    parts = {name: _parts(place) for name, place in {**places, **read}.items()}
    for outer, inner in product(places, parts):
        if outer != inner and parts[inner][: len(parts[outer])] == parts[outer]:
            raise TidegateError(
                f"{inner} is {({**places, **read})[inner]}, which lies in {outer}, {places[outer]}. What is written "
                "and deleted in the one could be the other's, so nothing was started. "
                f"Set {inner} or {outer} to a folder of its own."
            )


def _parts(place: str) -> tuple[str, ...]:
    if "://" in place:
        return tuple(part for part in place.split("/") if part)
    # By links, one folder may have two names.
    return Path(place).expanduser().resolve().parts
