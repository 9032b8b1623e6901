"""All pages of a delivery as one file of JSON lines, which is how they are read.

Thousands of small files take DuckDB's memory and minutes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO

from tidegate.contract.http import WHOLE_ANSWER, HttpServer
from tidegate.sources.http.overlap import Overlap
from tidegate.sources.http.pages import PageError, read_page


def join_pages(pages: Iterable[tuple[str, bytes]], server: HttpServer, lines: BinaryIO) -> dict[str, str]:
    """Write the records of all pages as lines; gives, by the name of a page that is none, why. It writes nothing."""
    overlap = Overlap(lines)
    broken: dict[str, str] = {}
    for name, body in pages:
        end = lines.tell()
        overlap.begin_page()
        try:
            read_page(body, server.records, overlap if server.paging.field_of_last else lines)
        except PageError as error:
            # It was captured under an earlier contract: a page is checked before it is kept.
            broken[name] = str(error)
            lines.truncate(lines.seek(end))
    return broken


def name_of_lines(server: HttpServer) -> str:
    """What the file of all records is called."""
    return "records.jsonl" if server.records == WHOLE_ANSWER else f"{server.records.replace('/', '_')}.jsonl"
