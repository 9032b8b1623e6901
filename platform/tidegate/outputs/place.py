"""Where outputs go: a folder, or a prefix of a bucket in S3."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tidegate.errors import TidegateError
from tidegate.storage.files import Storage
from tidegate.storage.places import storage_at

if TYPE_CHECKING:
    from tidegate.storage.s3 import S3Client

SETTING = "TIDEGATE_OUTPUTS"


def outputs_at(place: str, s3_client: Callable[[], S3Client]) -> Storage:
    """The storage of outputs at a folder or `s3://` URL. Raises TidegateError for what is neither."""
    if "://" in place and not place.startswith("s3://"):
        # Who follows a pointer reads a path or S3.
        raise TidegateError(f"{SETTING} is {place}; it must be a folder or s3://bucket/prefix.")
    return storage_at(place if "://" in place else str(Path(place).expanduser()), SETTING, s3_client)
