"""How a source's files are written: the custom properties of a contract or a server that say so, checked.

Each format's options are read here into its class of `contract.files`. What stands at the contract goes for all of its
servers, and what a server says goes first. A property of another format than the server's is refused: it has no effect.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import get_args

from open_data_contract_standard.model import Server as OdcsServer

from tidegate.contract.files import (
    PLAIN_FILES,
    CsvOptions,
    FileFormat,
    FileOptions,
    FixedWidthOptions,
    JsonOptions,
    TextOptions,
    XlsxOptions,
    XmlOptions,
)
from tidegate.contract.reading.document import At, Document, Written
from tidegate.contract.reading.values import VALUE_PROPERTIES, read_values
from tidegate.contract.reading.written import read_choice, read_flag, read_texts, whole_number

# Beyond them it is a mistake: a report has a page of words before its table at most.
MAX_LINES_AROUND = 1_000
MAX_WIDTH = 100_000

# Which properties a format has, beside those of values, which all have that write values as text.
_OF_TEXT = ("encoding", "header", "columnNames", "skipLines", "comment", "footer", "footerLines")
_OF_FORMAT: Mapping[str, tuple[str, ...]] = {
    "csv": ("delimiter", "quote", "escape", "shortRows", "longRows", *_OF_TEXT),
    "fixed_width": ("widths", *_OF_TEXT),
    "json": ("envelope",),
    "json_array": ("records", "envelope"),
    "xml": ("records",),
    "xlsx": ("sheet", "headerRow"),
}
_OF_ANY = ("emptyFiles", *VALUE_PROPERTIES)
FILE_PROPERTIES = tuple(dict.fromkeys([*(name for names in _OF_FORMAT.values() for name in names), *_OF_ANY]))

# Fields of the standard's server that say the same as the property of that name.
_OF_THE_STANDARD = ("delimiter", "encoding")


def read_file_options(
    doc: Document, server: OdcsServer, written: Written, otherwise: FileOptions, at: At
) -> FileOptions:
    """The options of one server; `otherwise` are those of the contract. Raises ContractError."""
    standard = {name: (value, (*at, name)) for name in _OF_THE_STANDARD if (value := getattr(server, name)) is not None}
    return _options(doc, {**standard, **written}, otherwise, _read_format(doc, server, at))


def read_shared_file_options(doc: Document, written: Written) -> FileOptions:
    """What the contract itself says, for all of its servers."""
    return _options(doc, written, PLAIN_FILES, None)


def _options(doc: Document, written: Written, otherwise: FileOptions, file_format: FileFormat | None) -> FileOptions:
    if file_format is not None:
        _refuse_options_of_others(doc, written, file_format)
    return replace(
        otherwise,
        format=file_format,
        text=_read_text(doc, written, otherwise.text),
        csv=_read_csv(doc, written, otherwise.csv),
        fixed_width=_read_fixed_width(doc, written, otherwise.fixed_width, file_format),
        json=_read_json(doc, written, otherwise.json),
        xml=XmlOptions(_read_path(doc, written, "/", otherwise.xml.records)),
        xlsx=_read_xlsx(doc, written, otherwise.xlsx),
        values=read_values(doc, written, otherwise.values),
    )


def _read_format(doc: Document, server: OdcsServer, at: At) -> FileFormat | None:
    # The standard's schema demands a format; `auto` is how to say that each file's name tells it.
    if server.format in (None, "auto"):
        return None
    known: tuple[FileFormat, ...] = get_args(FileFormat)
    for file_format in known:
        if server.format == file_format:
            return file_format
    what = f"the format '{server.format}' cannot be read"
    raise doc.refused((*at, "format"), what, f"write one of auto, {', '.join(known)}")


def _refuse_options_of_others(doc: Document, written: Written, file_format: FileFormat) -> None:
    own = (*_OF_FORMAT.get(file_format, ()), *_OF_ANY)
    for name in FILE_PROPERTIES:
        if name in written and name not in own:
            formats = " or ".join(other for other, names in _OF_FORMAT.items() if name in names)
            what = f"'{name}' has no effect on files of format {file_format}"
            raise doc.refused(written[name][1], what, f"remove it, or write 'format: {formats}'")


def _read_empty(doc: Document, written: Written, default: bool) -> bool:
    chosen = read_choice(doc, written, "emptyFiles", ("reject", "no_rows"), "no_rows" if default else "reject")
    return bool(chosen == "no_rows")


# --- one reader for each format


def _read_text(doc: Document, written: Written, otherwise: TextOptions) -> TextOptions:
    skip = whole_number(doc, written, "skipLines", 0, MAX_LINES_AROUND, "lines")
    footer_lines = whole_number(doc, written, "footerLines", 0, MAX_LINES_AROUND, "lines")
    return TextOptions(
        encoding=_read_encoding(doc, written, otherwise.encoding),
        header=read_flag(doc, written, "header", otherwise.header),
        names=read_texts(doc, written, "columnNames", otherwise.names),
        skip_lines=otherwise.skip_lines if skip is None else skip,
        comment=_read_mark(doc, written, "comment", otherwise.comment, 8),
        footer=_read_footer(doc, written, otherwise.footer),
        footer_lines=otherwise.footer_lines if footer_lines is None else footer_lines,
        empty_is_no_rows=_read_empty(doc, written, otherwise.empty_is_no_rows),
    )


def _read_encoding(doc: Document, written: Written, default: str) -> str:
    if "encoding" not in written:
        return default
    value, at = written["encoding"]
    try:
        found = codecs.lookup(str(value))
        # It decodes texts, as `rot13` and `base64` do not, and some at a time, as `idna` does not.
        codecs.getincrementaldecoder(found.name)().decode(b"", final=True).encode()
    except (LookupError, AttributeError, TypeError, ValueError) as error:
        what = f"'{value}' is not an encoding of text"
        raise doc.refused(at, what, "write one that Python knows: utf-8, utf-16, latin-1, windows-1252, ...") from error
    # The mark at its beginning is dropped wherever it is.
    return "utf-8" if found.name == "utf-8-sig" else found.name


def _read_footer(doc: Document, written: Written, default: str) -> str:
    if "footer" not in written:
        return default
    value, at = written["footer"]
    try:
        if isinstance(value, str) and value and not re.compile(value).match(""):
            return value
    except re.error as error:
        raise doc.refused(at, f"the pattern '{value}' cannot be read: {error}", "correct it") from error
    raise doc.refused(at, f"{value!r} does not tell a footer", "write a pattern of its first line, such as '^Total'")


def _read_mark(doc: Document, written: Written, name: str, default: str, longest: int) -> str:
    if name not in written:
        return default
    value, at = written[name]
    if isinstance(value, str) and len(value) <= longest and not set(value) & set("\r\n\0 "):
        return value
    raise doc.refused(at, f"{value!r} cannot be '{name}'", f"write it in quotes, of up to {longest} characters")


def _read_fixed_width(
    doc: Document, written: Written, otherwise: FixedWidthOptions, file_format: FileFormat | None
) -> FixedWidthOptions:
    if "widths" not in written:
        if file_format == "fixed_width" and not otherwise.widths:
            what = "the server does not say how wide the fields of a line are"
            raise doc.refused(("servers",), what, "write the custom property 'widths', such as [10, 8, 12]")
        return otherwise
    value, at = written["widths"]
    if isinstance(value, list) and value and all(type(width) is int and 0 < width <= MAX_WIDTH for width in value):
        return FixedWidthOptions(tuple(value))
    raise doc.refused(at, f"{value!r} are not widths of fields", "write the characters of each, such as [10, 8, 12]")


def _read_csv(doc: Document, written: Written, otherwise: CsvOptions) -> CsvOptions:
    quote = _read_mark(doc, written, "quote", otherwise.quote, 1)
    options = replace(
        otherwise,
        delimiter=_read_delimiter(doc, written, otherwise.delimiter),
        quote=quote,
        escape=_read_mark(doc, written, "escape", otherwise.escape if "quote" not in written else quote, 1),
        short_rows=read_choice(doc, written, "shortRows", ("quarantine", "fill"), otherwise.short_rows),
        long_rows=read_choice(doc, written, "longRows", ("quarantine", "cut"), otherwise.long_rows),
    )
    if {options.quote, options.escape} & set(options.delimiter):
        name = next(name for name in ("delimiter", "quote", "escape") if name in written)
        raise doc.refused(written[name][1], "fields would be separated and quoted by the same", "write two that differ")
    return options


def _read_delimiter(doc: Document, written: Written, default: str) -> str:
    if "delimiter" not in written:
        return default
    value, at = written["delimiter"]
    named = {"tab": "\t", "\\t": "\t", "semicolon": ";", "comma": ",", "pipe": "|", "space": " "}
    text = named.get(value, value) if isinstance(value, str) else None
    if text and len(text) <= 8 and not set(text) & set("\r\n\0") and not text.isalnum():
        return text
    raise doc.refused(at, f"{value!r} cannot separate fields", "write one to eight characters in quotes, such as ';'")


def _read_path(doc: Document, written: Written, separator: str, default: tuple[str, ...]) -> tuple[str, ...]:
    if "records" not in written:
        return default
    value, at = written["records"]
    names = tuple(str(value).split(separator)) if isinstance(value, str) else ()
    if names and all(name.strip() for name in names):
        return names
    what = f"{value!r} does not say where the records are"
    raise doc.refused(at, what, "write the keys of JSON as 'data.items', the elements of XML as 'orders/order'")


def _read_json(doc: Document, written: Written, otherwise: JsonOptions) -> JsonOptions:
    return JsonOptions(
        records=_read_path(doc, written, ".", otherwise.records),
        envelope=read_choice(doc, written, "envelope", ("debezium",), otherwise.envelope),
    )


def _read_xlsx(doc: Document, written: Written, otherwise: XlsxOptions) -> XlsxOptions:
    return XlsxOptions(
        sheets=read_texts(doc, written, "sheet", otherwise.sheets),
        header_row=whole_number(doc, written, "headerRow", 1, 1_000, "a row") or otherwise.header_row,
    )
