"""Why a line is no row, in words that follow "with": found in the line itself, by which nothing is decided."""

from __future__ import annotations

import json

from tidegate.contract.files import Envelope
from tidegate.intake.files.csv_text import Dialect, parse_record
from tidegate.intake.files.envelope import unwrapped
from tidegate.intake.files.formats.layout import Layout
from tidegate.intake.files.text import MAX_RECORD, BrokenLine


def cause_of(layout: Layout, line: BrokenLine) -> str | None:
    """None where the line does not tell it."""
    if line.length > MAX_RECORD:
        return f"more than {MAX_RECORD:,} bytes"
    if b"\0" in line.bytes:
        return "a NUL byte"
    try:
        text = line.bytes.decode("utf-8")
    except UnicodeDecodeError:
        return "bytes that are not UTF-8"
    match layout.format:
        case "csv":
            return _of_fields(layout, line.bytes)
        case "json":
            return _of_json(text, layout.options.json.envelope)
        case "fixed_width":
            return "another width"
    return None


def _of_fields(layout: Layout, line: bytes) -> str:
    parsed = parse_record(line, 0, Dialect.of(layout.options.csv, layout.options.text))
    if parsed is None or parsed[1] < len(line):
        return "a quote out of place"
    if len(parsed[0]) == layout.width:
        return "a quote out of place"
    return "too few fields" if len(parsed[0]) < layout.width else "too many fields"


def _of_json(text: str, envelope: Envelope) -> str:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return "text that is not JSON"
    if isinstance(found, dict) and envelope and unwrapped(found) is None:
        return "no envelope of Debezium's"
    return "a key that is there twice" if isinstance(found, dict) else "no object"
