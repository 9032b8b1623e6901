"""How files of formats that name their own columns are written: JSON, XML, workbooks, Parquet, Avro and ORC."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb

from tidegate.contract.files import FileFormat, FileOptions, JsonOptions, XlsxOptions, XmlOptions
from tidegate.drafting.asked import Asked, DraftError, Field, Note, Written
from tidegate.intake.files import arrow_text, json_document, json_text, markup, workbook
from tidegate.intake.files.engine import first_line, probe
from tidegate.intake.files.formats.xlsx import EVERY_SHEET
from tidegate.intake.files.text import MAX_RECORD
from tidegate.lake.sql import literal

# Enough to know the keys of records, and how their values are written.
_RECORDS = 20_000
_DEEPEST = 4
_ROWS_OF_SHEET = 200
# Of 2 GB, as intake takes them.
_LARGEST_WORKBOOK = 2 << 30
_NESTED = re.compile(r"\[\]|^(STRUCT|MAP|LIST|UNION|BLOB|BIT)")


# --- JSON


def how_json(path: Path, asked: Asked) -> Written:
    if not json_text.is_document(path, False) and not asked.records:
        with path.open("rb") as stream:
            bare = (line.removeprefix(BOM_UTF8).strip() for line in islice(stream, _RECORDS))
            objects = [json_text.parse_object(line) for line in bare if line]
        if len(objects) > 1 or not any(_lists(path)):
            return Written(FileOptions("json"), _of_objects(objects), (Note("format", "each line is a JSON object"),))
    if asked.records:
        records, note = tuple(asked.records.split(".")), Note("records", "as you said")
        return _of_document(path, records, (note,))
    found = dict(sorted(_lists(path).items(), key=lambda each: -each[1]))
    if not found:
        return _of_document(path, (), ())
    best, others = next(iter(found)), list(found)[1:]
    notes = []
    if best:
        more = (
            f"; other lists are in {', '.join('.'.join(other) or 'the document' for other in others)}" if others else ""
        )
        notes.append(Note("records", f"the longest list of objects, with {found[best]:,}{more}"))
    return _of_document(path, best, tuple(notes))


def _of_document(path: Path, records: tuple[str, ...], notes: tuple[Note, ...]) -> Written:
    try:
        spans = list(islice(json_document.records(path, records, MAX_RECORD), _RECORDS))
    except json_document.DocumentError as error:
        raise DraftError(f"{error}. Nothing was written.") from error
    fields = _of_objects(json_text.parse_object(span.bytes) for span in spans)
    return Written(FileOptions("json_array", json=JsonOptions(records)), fields, notes)


def _lists(path: Path) -> Mapping[tuple[str, ...], int]:
    """By the keys that lead to them, how many objects each list of the document has."""
    import json

    try:
        document = json.loads(path.read_bytes().decode("utf-8-sig"))
    except (ValueError, RecursionError):
        # Broken, or objects one after the other: whatever reads them says so.
        return {}
    found: dict[tuple[str, ...], int] = {}
    _find_lists(document, (), found)
    return found


def _find_lists(value: Any, at: tuple[str, ...], found: dict[tuple[str, ...], int]) -> None:
    if isinstance(value, list):
        if objects := sum(isinstance(item, dict) for item in value):
            found[at] = objects
    elif isinstance(value, dict) and len(at) < _DEEPEST:
        for key, inner in value.items():
            if "." not in key:
                _find_lists(inner, (*at, key), found)


def _of_objects(objects: Iterable[Mapping[str, object] | None]) -> tuple[Field, ...]:
    names: dict[str, str] = {}
    present: Counter[str] = Counter()
    unquoted: set[str] = set()
    count = 0
    for found in objects:
        if found is None:
            continue
        count += 1
        for key, value in found.items():
            name = names.setdefault(json_text.alike(key), key)
            present[name] += 1
            # A number as written is a text of a class of its own.
            if value is not None and type(value) is not str:
                unquoted.add(name)
    return tuple(
        Field(name, quoted=name not in unquoted, missing_somewhere=present[name] < count) for name in names.values()
    )


# --- XML


def how_xml(path: Path, asked: Asked) -> Written:
    records = tuple(asked.records.split("/")) if asked.records else ()
    notes = [Note("records", "as you said")] if records else []
    try:
        found = _xml_fields(path, records)
        repeated = _repeated_element(found) if not records else None
        if repeated:
            records, found = (repeated,), _xml_fields(path, (repeated,))
            notes.append(Note("records", f"the element '{repeated}' comes again and again"))
    except markup.MarkupError as error:
        raise DraftError(f"{error}. Nothing was written.") from error
    present = Counter(name for names in found for name in dict.fromkeys(names))
    fields = tuple(Field(name, missing_somewhere=present[name] < len(found)) for name in present)
    return Written(FileOptions("xml", xml=XmlOptions(records)), fields, tuple(notes))


def _xml_fields(path: Path, records: tuple[str, ...]) -> list[list[str]]:
    elements: Iterator[markup.Element] = markup.elements(path, records, MAX_RECORD)
    return [[name.removeprefix("@") for name, _ in element.fields] for element in islice(elements, _RECORDS)]


def _repeated_element(found: list[list[str]]) -> str | None:
    """The element that stands many times in one that would be a record, so that it is the record itself."""
    for names in found:
        inner = [name for name in names if "/" in name]
        twice = next((name for name, count in Counter(inner).items() if count > 1), None)
        if twice:
            return twice.split("/")[0]
    return None


# --- workbooks


def how_workbook(path: Path, asked: Asked) -> Written:
    try:
        sheets = workbook.sheet_names(path, _LARGEST_WORKBOOK)
        if asked.sheet and asked.sheet not in sheets:
            raise DraftError(f"has no sheet '{asked.sheet}'. It has: {', '.join(sheets)}. Nothing was written.")
        looked_at = {name: list(islice(workbook.rows(path, name), _ROWS_OF_SHEET)) for name in sheets}
    except workbook.WorkbookError as error:
        raise DraftError(f"{error}. Nothing was written.") from error
    filled = {name: rows for name, rows in looked_at.items() if rows}
    if not filled:
        raise DraftError("is a workbook without a filled cell. Nothing was written.")
    headers = {name: _header_row(rows) for name, rows in filled.items()}
    sheet = asked.sheet or max(filled, key=lambda name: len(filled[name]))
    header = headers[sheet]
    names = tuple(name for name in header.cells if name)
    notes = []
    chosen: tuple[str, ...] = ()
    if len(sheets) > 1:
        alike = not asked.sheet and all(each.cells == header.cells for each in headers.values())
        chosen = (EVERY_SHEET,) if alike and len(filled) == len(sheets) else (sheet,)
        why = "all sheets have this header" if chosen == (EVERY_SHEET,) else f"of {', '.join(sheets)}"
        notes.append(Note("sheet", why if not asked.sheet else "as you said"))
    at = header.number if header.number > 1 else None
    if at:
        notes.append(Note("headerRow", f"the rows above it, such as {filled[sheet][0].cells[0]!r}, are no data"))
    options = FileOptions("xlsx", xlsx=XlsxOptions(chosen, at))
    counted = Counter(names)
    left_out = tuple(Note(name, "the header has the name more than once") for name in counted if counted[name] > 1)
    fields = tuple(Field(name) for name in names if counted[name] == 1)
    return Written(options, fields, tuple(notes), left_out)


def _header_row(rows: list[workbook.Row]) -> workbook.Row:
    """The first row that is as wide as most rows are."""
    widths = Counter(sum(bool(cell) for cell in row.cells) for row in rows)
    usual = max(widths, key=lambda width: (widths[width], width))
    return next((row for row in rows if sum(bool(cell) for cell in row.cells) >= usual), rows[0])


# --- files with types


def how_parquet(path: Path) -> Written:
    try:
        with probe() as con:
            described = con.execute(
                f"describe select * from read_parquet({literal(str(path))}, hive_partitioning = false)"
            ).fetchall()
    except duckdb.Error as error:
        raise DraftError(f"is a damaged Parquet file ({first_line(error)}). Nothing was written.") from error
    fields = [Field(str(name), str(sql_type)) for name, sql_type, *_ in described]
    nested = tuple(
        Note(field.name, f"a {field.sql_type} is no single value: have its parts delivered as columns")
        for field in fields
        if _NESTED.search(field.sql_type)
    )
    lost = {note.about for note in nested}
    return Written(FileOptions(), tuple(field for field in fields if field.name not in lost), (), nested)


def how_avro_or_orc(path: Path, file_format: FileFormat) -> Written:
    package = "fastavro" if file_format == "avro" else "pyarrow"
    if not arrow_text.is_installed(package):
        raise DraftError(f"is an {file_format} file. {arrow_text.HOW_TO_GET_IT}. Nothing was written.")
    try:
        names = _avro_names(path) if file_format == "avro" else arrow_text.describe("orc", path).names
    except (arrow_text.ArrowError, ValueError, EOFError, KeyError) as error:
        raise DraftError(f"is a damaged file ({error}). Nothing was written.") from error
    return Written(FileOptions(), tuple(Field(name) for name in names))


def _avro_names(path: Path) -> tuple[str, ...]:
    import fastavro

    with path.open("rb") as stream:
        schema: Any = fastavro.reader(stream).writer_schema
    return tuple(field["name"] for field in schema["fields"])
