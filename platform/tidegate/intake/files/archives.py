"""ZIP archives among a delivery's files: each file in one is a file of the delivery, named by both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from tidegate.contract.model import Contract
from tidegate.intake.files.formats.layout import DataFile, most_unpacked, trap
from tidegate.intake.files.unpacking import (
    EMPTY_ZIP,
    ZIP,
    PackedError,
    TooLargeError,
    member_names,
    members,
    unpack_member,
)

# Excel's, old and new, Word's and PowerPoint's files, and those of OpenDocument, are ZIP archives as well.
_OF_DOCUMENTS = ("xl/", "word/", "ppt/", "mimetype")


def is_workbook(path: Path) -> bool:
    """Whether a ZIP archive is a workbook of Excel's. Raises PackedError."""
    return "xl/workbook.xml" in member_names(path)


def expand(contract: Contract, files: Sequence[DataFile], folder: Path) -> tuple[list[DataFile], dict[DataFile, str]]:
    """The files, those in ZIP archives in place of these, numbered again; and by archive why it cannot be read."""
    expanded: list[DataFile] = []
    refused: dict[DataFile, str] = {}
    for file in files:
        if not _is_archive(file.archived):
            expanded.append(replace(file, number=len(expanded)))
            continue
        try:
            expanded += list(_members(contract, file, folder, len(expanded)))
        except PackedError as error:
            expanded.append(replace(file, number=len(expanded)))
            refused[expanded[-1]] = str(error)
    return expanded, refused


def _is_archive(path: Path) -> bool:
    with path.open("rb") as stream:
        head = stream.read(4)
    if head != ZIP:
        return head == EMPTY_ZIP
    try:
        return not any(name.startswith(_OF_DOCUMENTS) for name in member_names(path))
    except PackedError:
        return True


def _members(contract: Contract, file: DataFile, folder: Path, first: int) -> Iterator[DataFile]:
    found, left = members(file.archived), most_unpacked(contract, file)
    if not found:
        raise PackedError("is a ZIP archive without files")
    for number, member in enumerate(found, start=first):
        target = folder / f"member-{number}"
        try:
            left -= unpack_member(file.archived, member, target, left)
        except TooLargeError:
            raise PackedError(str(trap(contract, f"{most_unpacked(contract, file):,} bytes"))) from None
        yield replace(file, number=number, name=f"{file.name}/{member.filename}", archived=target)
