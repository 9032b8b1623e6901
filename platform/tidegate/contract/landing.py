"""Where files land, and which of them are a delivery, as plain values. Reading a contract belongs to `reading`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from tidegate.contract.day_path import DayPath

MARKER = "_SUCCESS"


@dataclass(frozen=True)
class ChosenFiles:
    """Which files of a day count, by their names below its folder.

    `files`: patterns, of which one must match; none: all but checksums and the like. `marker` is the name of the file
    that says that a delivery is whole, with wildcards, `{day}`, or `{file}` where each file has its own. With a `/` it
    stands below landing, and not beside the files.
    """

    files: tuple[str, ...] = ()
    except_files: tuple[str, ...] = ()
    marker: str = MARKER

    @property
    def goes_deep(self) -> bool:
        """Whether files in folders of the day's folder count."""
        return any("/" in pattern or "**" in pattern for pattern in self.files)

    @property
    def has_a_marker_each(self) -> bool:
        return "{file}" in self.marker


ALL_FILES = ChosenFiles()


@dataclass(frozen=True)
class FolderServer:
    """Files below TIDEGATE_LANDING, be that a folder or in S3. `path` holds a day: `orders/us-east/{day}`; so does each
    of `others`, where some of the files are or were."""

    path: str
    others: tuple[str, ...] = ()
    chosen: ChosenFiles = ALL_FILES

    @property
    def address(self) -> str:
        return self.path

    @cached_property
    def paths(self) -> tuple[DayPath, ...]:
        return tuple(DayPath.of(path) for path in (self.path, *self.others))


@dataclass(frozen=True)
class S3Server:
    """Files in a bucket of the source's own. `location` holds a day: `s3://bucket/orders/{day}`; `others` are paths in
    the same bucket."""

    location: str
    others: tuple[str, ...] = ()
    chosen: ChosenFiles = ALL_FILES

    @property
    def address(self) -> str:
        return self.location

    @property
    def bucket(self) -> str:
        """The address of the bucket."""
        return "/".join(self.location.split("/", 3)[:3])

    @cached_property
    def paths(self) -> tuple[DayPath, ...]:
        return tuple(DayPath.of(path) for path in (self.location.removeprefix(f"{self.bucket}/"), *self.others))


@dataclass(frozen=True)
class SftpVariables:
    """Names of the environment variables that say who signs in at a server of SFTP, and how it is known. Those for
    `user` must be set, for `key_file` or `password` one."""

    user: str = "SFTP_USER"
    key_file: str = "SFTP_KEY_FILE"
    key_passphrase: str = "SFTP_KEY_PASSPHRASE"  # noqa: S105 - the name of a variable
    password: str = "SFTP_PASSWORD"  # noqa: S105 - the name of a variable
    known_hosts: str = "SFTP_KNOWN_HOSTS"


@dataclass(frozen=True)
class SftpServer:
    """Files on a server of the source's own. `location` holds a day: `sftp://host/outbox/{day}`; `others` are paths on
    the same server."""

    location: str
    others: tuple[str, ...] = ()
    chosen: ChosenFiles = ALL_FILES
    sign_in: SftpVariables = SftpVariables()

    @property
    def address(self) -> str:
        return self.location

    @property
    def server(self) -> str:
        """The address without the path."""
        return "/".join(self.location.split("/", 3)[:3])

    @property
    def variables(self) -> tuple[str, ...]:
        """The environment variables that it cannot do without."""
        return (self.sign_in.user,)

    @cached_property
    def paths(self) -> tuple[DayPath, ...]:
        return tuple(DayPath.of(path) for path in (self.location.removeprefix(f"{self.server}/"), *self.others))


# Wherever files land.
LandedServer = FolderServer | S3Server | SftpServer
