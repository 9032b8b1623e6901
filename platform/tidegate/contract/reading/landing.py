"""Where a contract's files land, checked: paths with a day in them, and which files count."""

from __future__ import annotations

import re

from open_data_contract_standard.model import Server as OdcsServer

from tidegate.contract.day_path import DayPath, WrongPathError
from tidegate.contract.landing import MARKER, ChosenFiles, FolderServer, S3Server, SftpServer, SftpVariables
from tidegate.contract.reading.document import At, Document, Written
from tidegate.contract.reading.outside import read_variable
from tidegate.contract.reading.written import read_texts

LANDING_PROPERTIES = ("otherPaths", "files", "exceptFiles", "marker")

SFTP_PROPERTIES = ("userVariable", "keyFileVariable", "keyPassphraseVariable", "passwordVariable", "knownHostsVariable")

_HOLE = re.compile(r"\{day(?::[^{}]*)?\}")
_SEGMENT = re.compile(r"[^\\\[\]{}\x00-\x1f\x7f]+")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_HOST = re.compile(r"([A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")


def read_folder(doc: Document, server: OdcsServer, written: Written, at: At) -> FolderServer:
    """Raises ContractError, as all here do."""
    path = server.path or ""
    check_path(doc, path, path, (*at, "path"))
    return FolderServer(path, _read_others(doc, written), _read_chosen(doc, written))


def read_s3(doc: Document, server: OdcsServer, written: Written, at: At) -> S3Server:
    location, at = server.location or "", (*at, "location")
    bucket, _, rest = location.removeprefix("s3://").partition("/")
    if not location.startswith("s3://") or not _BUCKET.fullmatch(bucket):
        raise doc.refused(at, f"'{location}' is not an address in S3", "write 's3://bucket/folder/{day}'")
    check_path(doc, location, rest, at)
    return S3Server(location, _read_others(doc, written), _read_chosen(doc, written))


def read_sftp(doc: Document, server: OdcsServer, written: Written, at: At) -> SftpServer:
    location, at = server.location or "", (*at, "location")
    host, _, rest = location.removeprefix("sftp://").partition("/")
    if "@" in host:
        # Not shown: there may be a password.
        instead = "take it out, and write the name of a variable that holds it as 'userVariable'"
        raise doc.refused(at, "the address says who signs in", instead)
    if not location.startswith("sftp://") or not _HOST.fullmatch(host):
        raise doc.refused(at, f"'{location}' is not an address of SFTP", "write 'sftp://host/folder/{day}'")
    check_path(doc, location, rest, at)
    return SftpServer(
        location, _read_others(doc, written), _read_chosen(doc, written), _read_sftp_variables(doc, written)
    )


def _read_sftp_variables(doc: Document, written: Written) -> SftpVariables:
    usual = SftpVariables()
    return SftpVariables(
        read_variable(doc, written, "userVariable") or usual.user,
        read_variable(doc, written, "keyFileVariable") or usual.key_file,
        read_variable(doc, written, "keyPassphraseVariable") or usual.key_passphrase,
        read_variable(doc, written, "passwordVariable") or usual.password,
        read_variable(doc, written, "knownHostsVariable") or usual.known_hosts,
    )


def _read_others(doc: Document, written: Written) -> tuple[str, ...]:
    others = read_texts(doc, written, "otherPaths", ())
    for path in others:
        check_path(doc, path, path, written["otherPaths"][1])
    return others


def check_path(doc: Document, location: str, path: str, at: At) -> None:
    """Refuse what is no plain path below landing with a day in it."""
    check_plain(doc, location, path, at)
    try:
        DayPath.of(path)
    except WrongPathError as error:
        instead = "write '{day}' in it, as in 'orders/us-east/{day}' or 'orders_{day:%Y%m%d}*.csv'"
        raise doc.refused(at, f"'{location}' {error}", instead) from error


def check_plain(doc: Document, location: str, path: str, at: At) -> None:
    if path.startswith("/"):
        what = f"'{location}' is not relative to the landing folder"
        raise doc.refused(at, what, "write it without the leading '/'; TIDEGATE_LANDING is what it is relative to")
    if not _is_plain(_HOLE.sub("day", path)):
        what = f"'{location}' is not a plain path below the landing folder"
        raise doc.refused(at, what, "write names, '/', '*' and '?' only (no '..', no placeholder but '{day}')")


def _is_plain(path: str) -> bool:
    parts = path.split("/")
    return all(part not in ("", ".", "..", "**") and _SEGMENT.fullmatch(part) for part in parts)


def _read_chosen(doc: Document, written: Written) -> ChosenFiles:
    for name in ("files", "exceptFiles"):
        for pattern in read_texts(doc, written, name, ()):
            if any(part in ("", ".", "..") or not _SEGMENT.fullmatch(part) for part in pattern.split("/")):
                what = f"'{pattern}' is not a pattern of names"
                raise doc.refused(written[name][1], what, "write one such as '*.csv' or, for folders, '**/*.parquet'")
    return ChosenFiles(
        read_texts(doc, written, "files", ()), read_texts(doc, written, "exceptFiles", ()), _read_marker(doc, written)
    )


def _read_marker(doc: Document, written: Written) -> str:
    if "marker" not in written:
        return MARKER
    value, at = written["marker"]
    instead = "write a name such as '_DONE', '{file}.ok', or 'orders_{day:%Y%m%d}.done'"
    if not isinstance(value, str) or not _is_plain(_HOLE.sub("day", value).replace("{file}", "file", 1)):
        raise doc.refused(at, f"{value!r} cannot be the name of a marker", instead)
    if "{file}" in value and ("{day" in value or "/" in value):
        raise doc.refused(at, f"'{value}' is a marker of each file and says another place as well", instead)
    if "{day" in value or "/" in value:
        try:
            DayPath.of(value)
        except WrongPathError as error:
            raise doc.refused(at, f"the marker '{value}' {error}", instead) from error
    return value
