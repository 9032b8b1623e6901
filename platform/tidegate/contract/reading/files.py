"""How a source's files are written: the custom properties of a contract or a server that say so, checked.

Each format's options are read here into its class of `contract.files`. What stands at the contract goes for all of its
servers, and what a server says goes first. A property of another format than the server's is refused: it has no effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import get_args

from open_data_contract_standard.model import Server as OdcsServer

from tidegate.contract.files import PLAIN_FILES, CsvOptions, FileFormat, FileOptions, ValueOptions
from tidegate.contract.reading.document import At, Document, Written
from tidegate.contract.reading.written import read_texts

# Which properties a format has, beside those of values, which all have that write values as text.
_OF_FORMAT: Mapping[str, tuple[str, ...]] = {"csv": ("delimiter",)}
VALUE_PROPERTIES = ("nullWords",)
FILE_PROPERTIES = (*(name for names in _OF_FORMAT.values() for name in names), *VALUE_PROPERTIES)

# Fields of the standard's server that say the same as the property of that name.
_OF_THE_STANDARD = ("delimiter",)


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
        csv=_read_csv(doc, written, otherwise.csv),
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
    own = (*_OF_FORMAT.get(file_format, ()), *VALUE_PROPERTIES)
    for name in FILE_PROPERTIES:
        if name in written and name not in own:
            formats = ", ".join(other for other, names in _OF_FORMAT.items() if name in names)
            what = f"'{name}' has no effect on files of format {file_format}"
            raise doc.refused(written[name][1], what, f"remove it, or write 'format: {formats}'")


# --- one reader for each format


def _read_csv(doc: Document, written: Written, otherwise: CsvOptions) -> CsvOptions:
    return replace(otherwise, delimiter=_read_delimiter(doc, written, otherwise.delimiter))


def _read_delimiter(doc: Document, written: Written, default: str) -> str:
    if "delimiter" not in written:
        return default
    value, at = written["delimiter"]
    named = {"tab": "\t", "\\t": "\t", "semicolon": ";", "comma": ",", "pipe": "|", "space": " "}
    text = named.get(value, value) if isinstance(value, str) else None
    if text and len(text) <= 8 and not set(text) & set('\r\n\0"') and not text.isalnum():
        return text
    raise doc.refused(at, f"{value!r} cannot separate fields", "write one to eight characters in quotes, such as ';'")


# --- values


def read_values(doc: Document, written: Written, otherwise: ValueOptions) -> ValueOptions:
    """How values are written as text: of a contract, a server or one column."""
    return replace(otherwise, null_words=read_texts(doc, written, "nullWords", otherwise.null_words))
