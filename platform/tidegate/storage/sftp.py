"""Files on a server of SFTP (`sftp://host/folder`), through paramiko: they are listed and read, and nothing is written.

SFTP tells of a file its size and a time in seconds that its sender may set: one that is replaced within a second by
another of the same size looks the same. Links are not followed. A name is text that anybody may have written: it is
shown, compared and hashed, and never becomes a path of this machine.
"""

from __future__ import annotations

import datetime as dt
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Self

import paramiko

from tidegate.errors import IncompleteError, TidegateError
from tidegate.storage.files import BLOCK, Segment, StoredFile, StoredFolder, UnopenableError
from tidegate.storage.objects import changed
from tidegate.storage.sftp_connection import SftpConnection, SftpSignIn

# So many pieces of 32 KiB are asked for ahead of what was read.
READ_AHEAD = 64

IS_A_LINK = "is a link, which is not followed by SFTP"
IS_A_FOLDER = "is a folder where a file is expected"
NO_FILE = "is not an ordinary file (a pipe, socket or device)"

_PORT = 22
_ADDRESS = re.compile(
    r"sftp://(?P<host>[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?(?P<folder>/.*)?"
)


class SftpFiles:
    """Files below a folder of a server; `connection` is how it is asked."""

    is_far = True

    def __init__(self, place: str, folder: str, connection: SftpConnection) -> None:
        self.place = place
        self._folder = folder
        self._connection = connection

    @classmethod
    def at(cls, address: str, sign_in: Callable[[], SftpSignIn], setting: str, down: type[TidegateError]) -> Self:
        """Raises TidegateError for an address that cannot be. The server is not asked before a question is."""
        match = _ADDRESS.fullmatch(address)
        folder = (match["folder"] or "").strip("/") if match else ""
        if match is None or ".." in folder.split("/"):
            raise TidegateError(f"{setting} is {address}; it must be sftp://host/folder or sftp://host:port/folder.")
        port = int(match["port"] or _PORT)
        server = f"sftp://{match['host']}" + (f":{port}" if port != _PORT else "")
        connection = SftpConnection(match["host"].strip("[]"), port, sign_in, server, setting, down)
        # `/~/` is where the server puts who signed in.
        begins = folder.removeprefix("~").lstrip("/") or "." if folder.split("/")[0] == "~" else f"/{folder}"
        return cls(f"{server}/{folder}".rstrip("/"), begins, connection)

    def address(self, name: str) -> str:
        return f"{self.place}/{name}"

    def local(self, name: str) -> Path | None:
        return None

    def changed(self, name: str) -> IncompleteError:
        return changed(self.address(name))

    def files(self, folder: str) -> Iterator[StoredFile]:
        return (entry for entry in self._entries(f"{folder}/" if folder else "", deep=True) if entry.is_file)

    def places(
        self, path: Sequence[Segment], deep: bool = False, files: bool = False
    ) -> Iterator[tuple[str, StoredFolder]]:
        for name, found in self._found(path, ""):
            yield name, self._place(name, found, deep)

    def _found(self, path: Sequence[Segment], above: str) -> Iterator[tuple[str, paramiko.SFTPAttributes]]:
        """What stands at the names below a folder that a path leads to. Of a folder of 100,000 files nothing is asked
        but its listing."""
        first, rest = path[0], path[1:]
        if first.matches is None:
            name = above + first.begins
            if rest:
                yield from self._found(rest, f"{name}/")
            elif found := self._look(name):
                yield name, found
            return
        for entry in self._listed(above):
            if first.matches.fullmatch(entry.filename):
                if rest:
                    yield from self._found(rest, f"{above}{entry.filename}/")
                else:
                    yield above + entry.filename, entry

    def _place(self, name: str, found: paramiko.SFTPAttributes, deep: bool) -> StoredFolder:
        prefix, at, mode = f"{name}/", _changed_at(found), _mode(found)
        if stat.S_ISLNK(mode):
            return StoredFolder(prefix, iter(()), at, refused=IS_A_LINK)
        if not stat.S_ISDIR(mode):
            return StoredFolder(prefix, iter(()), at, file=_stored(name, found))
        return StoredFolder(prefix, self._entries(prefix, deep), at)

    def _entries(self, prefix: str, deep: bool) -> Iterator[StoredFile]:
        folders = [prefix]
        while folders:
            above = folders.pop()
            for entry in self._listed(above):
                if deep and stat.S_ISDIR(_mode(entry)):
                    folders.append(f"{above}{entry.filename}/")
                    yield _stored(folders[-1], entry)
                else:
                    yield _stored(above + entry.filename, entry)

    def _listed(self, folder: str) -> Iterator[paramiko.SFTPAttributes]:
        """The entries of a folder; none when there is no such folder."""
        with self._asked("list", folder) as sftp, suppress(FileNotFoundError, NotADirectoryError):
            for entry in sftp.listdir_iter(self._path(folder)):
                if "/" in entry.filename or not entry.filename:
                    raise TidegateError(
                        f"Could not list {self.address(folder)}: the server says that something in it is called "
                        f"{entry.filename!r}. Nothing was changed. Ask the server's owner."
                    )
                if entry.filename not in (".", ".."):
                    yield entry

    def _look(self, name: str) -> paramiko.SFTPAttributes | None:
        with self._asked("look at", name) as sftp, suppress(FileNotFoundError, NotADirectoryError):
            return sftp.lstat(self._path(name))
        return None

    def find(self, name: str) -> StoredFile | None:
        found = self._look(name)
        return _stored(name, found) if found else None

    def read(self, name: str) -> bytes | None:
        found = self.find(name)
        return b"".join(self.chunks(found)) if found else None

    def chunks(self, file: StoredFile) -> Iterator[bytes]:
        if file.refused:
            raise UnopenableError(file.refused)
        received = 0
        with self._asked("read", file.name) as sftp:
            try:
                stream = sftp.open(self._path(file.name), "rb")
            except FileNotFoundError:
                raise self.changed(file.name) from None
            except PermissionError as error:
                raise UnopenableError("cannot be opened (this user may not read it)") from error
            with stream:
                stream.prefetch(file.size, max_concurrent_requests=READ_AHEAD)
                while block := stream.read(BLOCK):
                    received += len(block)
                    yield block
                after = _stored(file.name, stream.stat())
        if received != file.size or (after.size, after.etag) != (file.size, file.etag):
            raise self.changed(file.name)

    def _asked(self, verb: str, name: str) -> AbstractContextManager[paramiko.SFTPClient]:
        return self._connection.asked(f"Could not {verb} {self.address(name)}")

    def _path(self, name: str) -> str:
        return f"{self._folder}/{name}".rstrip("/").replace("//", "/") or "/"


def _stored(name: str, found: paramiko.SFTPAttributes) -> StoredFile:
    at, mode = _changed_at(found), _mode(found)
    refused = None if stat.S_ISREG(mode) else _why_not(mode)
    return StoredFile(name, found.st_size or 0, f"{found.st_mtime}", at, at, refused is None, refused)


def _why_not(mode: int) -> str:
    if stat.S_ISLNK(mode):
        return IS_A_LINK
    return IS_A_FOLDER if stat.S_ISDIR(mode) else NO_FILE


def _mode(found: paramiko.SFTPAttributes) -> int:
    """What kind of thing it is. A server that says nothing of it has files, and folders that its own line shows."""
    if found.st_mode:
        return int(found.st_mode)
    return stat.S_IFDIR if getattr(found, "longname", "").startswith("d") else stat.S_IFREG


def _changed_at(found: paramiko.SFTPAttributes) -> dt.datetime:
    return dt.datetime.fromtimestamp(found.st_mtime or 0, dt.UTC)
