"""The sample files, unpacked, and how they are written: one answer for all, or an error that says which differs."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tidegate.contract.files import FileFormat
from tidegate.drafting.asked import Asked, DraftError, Field, Note, Sample, Written
from tidegate.drafting.delimited import how_delimited
from tidegate.drafting.documents import how_avro_or_orc, how_json, how_parquet, how_workbook, how_xml
from tidegate.drafting.encodings import UTF_8, encoding_of
from tidegate.intake.files.unpacking import ZIP, PackedError, TooLargeError, member_names, packing_of, unpack

# A draft looks at a sample, not at a year.
LARGEST = 2 << 30
# How a text is written shows in its beginning; that it holds for all of it, the proof shows.
_LOOKED_AT = 64 << 20
_DAY = re.compile(r"(?<!\d)(20\d\d)[-_.]?([01]\d)[-_.]?([0-3]\d)(?!\d)")
_MAGIC: dict[bytes, FileFormat] = {b"PAR1": "parquet", b"Obj\x01": "avro", b"ORC": "orc"}
_ALSO_FIXED = (".txt", ".dat", ".fwf")


def sampled(path: Path, scratch: Path) -> Sample:
    """The file with its bytes unpacked below `scratch`, and its day if its name, or its folder's, says one."""
    if not path.is_file():
        raise DraftError(f"{path} is not a file. Nothing was written.")
    if not path.stat().st_size:
        raise DraftError(f"{path} is empty, so it shows nothing of what is delivered. Nothing was written.")
    plain = scratch / f"plain-{len(list(scratch.iterdir()))}"
    with path.open("rb") as stream:
        head = stream.read(8)
    packing = packing_of(head)
    try:
        if packing:
            unpack(path, plain, LARGEST)
        else:
            plain.symlink_to(path.absolute())
        if head.startswith(ZIP) and "xl/workbook.xml" not in member_names(path):
            raise DraftError(f"{path} is a ZIP archive. Unpack it and draft from the files in it. Nothing was written.")
    except (PackedError, TooLargeError, OSError, EOFError) as error:
        raise DraftError(f"{path} {error}. Nothing was written.") from error
    return Sample(path, path.name, plain, _day_of(path))


def _day_of(path: Path) -> dt.date | None:
    for name in (path.name, path.parent.name):
        for found in _DAY.finditer(name):
            try:
                return dt.date(int(found[1]), int(found[2]), int(found[3]))
            except ValueError:
                continue
    return None


def how_written(samples: Sequence[Sample], asked: Asked) -> Written:
    """How all of the samples are written. Raises DraftError where two differ."""
    ways = [_named(sample, asked) for sample in samples]
    first = ways[0]
    for sample, way in zip(samples[1:], ways[1:], strict=True):
        first = _joined(first, way, samples[0], sample)
    if not first.fields:
        raise DraftError(f"{samples[0].path} has no column that can be loaded. Nothing was written.")
    return first


def _named(sample: Sample, asked: Asked) -> Written:
    try:
        return _how(sample, asked)
    except DraftError as error:
        text = str(error)
        raise DraftError(text if text.startswith(str(sample.path)) else f"{sample.path} {text}") from error


def _how(sample: Sample, asked: Asked) -> Written:
    with sample.plain.open("rb") as stream:
        data = stream.read(_LOOKED_AT)
    if magic := next((name for mark, name in _MAGIC.items() if data.startswith(mark)), None):
        return how_parquet(sample.plain) if magic == "parquet" else how_avro_or_orc(sample.plain, magic)
    if data.startswith(ZIP):
        return how_workbook(sample.plain, asked)
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise DraftError("is an Excel workbook of the old kind (.xls): save it as .xlsx. Nothing was written.")
    encoding, notes = encoding_of(data, asked.encoding)
    try:
        text = data.decode(encoding, "surrogateescape" if encoding == UTF_8 else "strict")
    except (UnicodeError, LookupError) as error:
        raise DraftError(f"is not of the encoding {encoding} ({error}). Nothing was written.") from error
    start = text.removeprefix("\ufeff").lstrip()[:1]
    if start in ("{", "[") and encoding == UTF_8 and not asked.delimiter:
        return how_json(sample.plain, asked)
    if start == "<":
        return how_xml(sample.plain, asked)
    if not text.strip("\ufeff \t\r\n"):
        raise DraftError("holds only blanks, so it shows nothing of what is delivered. Nothing was written.")
    written = how_delimited(text, encoding, asked)
    return replace(written, notes=(*notes, *written.notes))


def _joined(one: Written, other: Written, sample: Sample, next_sample: Sample) -> Written:
    """Both ways as one. What only one of the files has is missing somewhere."""
    text, other_text = one.options.text, other.options.text
    if one.options.format == other.options.format and text != other_text:
        # Only one of the days may have a footer, or show that lines lack fields.
        footers = {each.footer for each in (text, other_text)} - {""}
        if len(footers) == 1:
            text = replace(text, footer=footers.pop(), footer_lines=0)
            other_text = replace(other_text, footer=text.footer, footer_lines=0)
        comments = {each.comment for each in (text, other_text)} - {""}
        text = replace(text, comment=next(iter(comments), ""))
        other_text = replace(other_text, comment=text.comment)
        if {text.encoding, other_text.encoding} == {UTF_8, "windows-1252"} and _is_ascii(sample, next_sample):
            text = replace(text, encoding="windows-1252")
            other_text = replace(other_text, encoding="windows-1252")
    fills = "fill" if "fill" in (one.options.csv.short_rows, other.options.csv.short_rows) else "quarantine"
    options = replace(one.options, text=text, csv=replace(one.options.csv, short_rows=fills))  # type: ignore[arg-type]
    same = replace(other.options, text=other_text, csv=replace(other.options.csv, short_rows=fills))  # type: ignore[arg-type]
    if options != same:
        what = next(
            name
            for name in ("format", "text", "csv", "json", "xml", "xlsx", "fixed_width")
            if getattr(options, name) != getattr(same, name)
        )
        raise DraftError(
            f"{sample.path} and {next_sample.path} are written differently ({what}: {getattr(options, what)} and "
            f"{getattr(same, what)}). Draft from files of one source, that are written alike. Nothing was written."
        )
    notes = {(note.about, note.text): note for note in (*one.notes, *other.notes) if note.about not in _said(one, note)}
    return Written(
        options, _fields(one, other), tuple(notes.values()), tuple(dict.fromkeys((*one.left_out, *other.left_out)))
    )


def _said(one: Written, note: Note) -> set[str]:
    return {each.about for each in one.notes} if note not in one.notes else set()


def _is_ascii(*samples: Sample) -> bool:
    return any(sample.plain.read_bytes().isascii() for sample in samples)


def _fields(one: Written, other: Written) -> tuple[Field, ...]:
    lost = {note.about for note in (*one.left_out, *other.left_out)}
    ours, theirs = ({field.name: field for field in each.fields} for each in (one, other))
    fields = []
    for name in dict.fromkeys((*ours, *theirs)):
        if name in lost:
            continue
        mine, its = ours.get(name), theirs.get(name)
        known = mine or its
        if known is None:
            continue
        fields.append(
            replace(
                known,
                sql_type=_wider(mine, its) if mine and its else known.sql_type,
                quoted=all(each.quoted for each in (mine, its) if each),
                missing_somewhere=not (mine and its) or mine.missing_somewhere or its.missing_somewhere,
            )
        )
    return tuple(fields)


def _wider(mine: Field, its: Field) -> str:
    return mine.sql_type if mine.sql_type == its.sql_type else "VARCHAR"
