"""Which kind of storage a place calls for. Each is imported when it is met: who keeps to folders pays for no client."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tidegate.errors import NotInstalledError, TidegateError
from tidegate.storage.files import Storage
from tidegate.storage.folder import DRAFTS, FolderStorage

if TYPE_CHECKING:
    from tidegate.storage.s3 import S3Client


def storage_at(
    place: str,
    setting: str,
    s3_client: Callable[[], S3Client],
    down: type[TidegateError] = TidegateError,
    drafts: str = DRAFTS,
    confined: bool = False,
) -> Storage:
    """The storage at a folder or URL, which `setting` names.

    `down` is the error for a server that cannot be reached; `drafts` and `confined` are a folder's. Raises
    TidegateError for a place that cannot be, or whose client is not installed.
    """
    if place.startswith("s3://"):
        from tidegate.storage.s3 import S3Storage

        return S3Storage.at(place, s3_client(), setting, down)
    if place.startswith(("gs://", "az://")):
        try:
            from tidegate.storage.clouds import CloudStorage
        except ModuleNotFoundError as error:
            raise NotInstalledError(f"{setting}, {place},", str(error.name), "clouds") from error

        return CloudStorage.at(place, setting, down)
    if "://" in place:
        raise TidegateError(
            f"{setting} is {place}; it must be a folder, s3://bucket/prefix, gs://bucket/prefix or az://container/prefix."
        )
    return FolderStorage(Path(place), drafts, confined)
