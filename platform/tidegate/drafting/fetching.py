"""Sample files from where they are: on this machine, or behind an address, of which a copy is fetched for the draft."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx

from tidegate.drafting.asked import DraftError
from tidegate.drafting.samples import LARGEST

# Whoever waits longer has another way to get a sample.
_SECONDS = 60.0
_LEFT_BEHIND = ("_SUCCESS", ".crc")


def fetched(places: Sequence[str], folder: Path) -> list[Path]:
    """The files at these places, those of a folder in the order of their names. Raises DraftError."""
    files: list[Path] = []
    for place in places:
        if is_address(place):
            files.append(_download(place, folder / str(len(files))))
        elif "://" in place:
            raise DraftError(
                f"A draft reads files, and what https:// gives, not {place}. Copy a file here first. "
                "Nothing was written."
            )
        elif Path(place).is_dir():
            files += _in_folder(Path(place))
        else:
            files.append(Path(place))
    return files


def is_address(place: str) -> bool:
    """Whether a sample has to be fetched from there."""
    return place.startswith(("http://", "https://"))


def _in_folder(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.rglob("*") if path.is_file() and not _is_left_behind(path))
    if not found:
        raise DraftError(f"{folder} holds no file. Nothing was written.")
    return found


def _is_left_behind(path: Path) -> bool:
    return path.name.startswith((".", "_")) or path.name.endswith(_LEFT_BEHIND)


def _download(address: str, folder: Path) -> Path:
    name = unquote(urlsplit(address).path).rstrip("/").rpartition("/")[2].replace("\0", "") or "sample"
    folder.mkdir(parents=True)
    target, taken = folder / name[:200], 0
    try:
        with (
            httpx.stream("GET", address, timeout=_SECONDS, follow_redirects=False) as answer,
            target.open("wb") as stream,
        ):
            if answer.is_redirect:
                raise DraftError(
                    f"{address} redirects elsewhere. Draft from the address it names. Nothing was written."
                )
            if answer.status_code != httpx.codes.OK:
                raise DraftError(f"{address} answered {answer.status_code}. Nothing was written.")
            for block in answer.iter_bytes():
                taken += stream.write(block)
                if taken > LARGEST:
                    raise DraftError(
                        f"{address} sends more than {LARGEST:,} bytes. Draft from a day. Nothing was written."
                    )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise DraftError(
            f"{address} cannot be fetched ({type(error).__name__}: {error}). Nothing was written."
        ) from error
    return target
