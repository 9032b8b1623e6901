"""Archives of tests: in a folder, as a home has one where nothing else is set."""

from __future__ import annotations

from pathlib import Path

from tidegate.archive.archive import Archive, object_name
from tidegate.sources.origin import Outside
from tidegate.sources.places import archive_of


def folder_archive(root: Path) -> Archive:
    return archive_of(Outside("", str(root)), root)


def object_path(root: Path, sha256: str) -> Path:
    """The file of the archive that holds the bytes of this hash."""
    return root / object_name(sha256)
