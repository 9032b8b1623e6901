"""Looking for a text in everything that a home left behind, however it is written there: escaped, in base64, packed."""

from __future__ import annotations

import base64
import gzip
import io
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import duckdb

from tidegate.lake.sql import literal

PARQUET, GZIP = b"PAR1", b"\x1f\x8b"


def forms_of(text: str) -> set[bytes]:
    """How a text may stand in a file: as it is, escaped for a URL, in hex, and in base64."""
    raw = text.encode()
    return {raw, quote(text, safe="").encode(), raw.hex().encode(), *_in_base64(raw)}


def _in_base64(raw: bytes) -> Iterator[bytes]:
    """Three letters stand for four signs, so it looks otherwise at each of three places; its ends mix with others."""
    for before in range(3):
        padded = b"\0" * before + raw
        padded = padded[: len(padded) // 3 * 3]
        skipped = 4 if before else 0
        for encoded in (base64.b64encode(padded), base64.urlsafe_b64encode(padded)):
            yield encoded[skipped:]


def places_with(texts: Iterable[str], files: Mapping[str, bytes]) -> dict[str, str]:
    """By name, those of the files that hold one of the texts, with some of what stands around it."""
    forms = {form for text in texts for form in forms_of(text)}
    found: dict[str, str] = {}
    for name, content in files.items():
        for unpacked_name, unpacked in _unpacked(name, content):
            for form in forms:
                at = unpacked.find(form)
                if at >= 0:
                    around = unpacked[max(0, at - 120) : at + len(form) + 40]
                    found[unpacked_name] = around.decode("utf-8", "replace")
    return found


def files_in(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, by its path in it."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def _unpacked(name: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    """The content, and what is packed in it."""
    yield name, content
    if content.startswith(GZIP):
        plain = gzip.decompress(content)
        yield f"{name} unpacked", plain
        if tarfile.is_tarfile(io.BytesIO(plain)):
            yield from _members(name, plain)
    elif content.startswith(PARQUET):
        yield f"{name} read", _rows(content)


def _members(name: str, packed: bytes) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        for member in archive:
            stream = archive.extractfile(member)
            if stream:
                yield from _unpacked(f"{name}: {member.name}", stream.read())


def _rows(parquet: bytes) -> bytes:
    with tempfile.NamedTemporaryFile(suffix=".parquet") as file, duckdb.connect() as con:
        file.write(parquet)
        file.flush()
        rows = con.execute(f"select t::varchar from read_parquet({literal(file.name)}) as t").fetchall()
    return "\n".join(row for (row,) in rows).encode()
