"""Objects in Google Cloud Storage (`gs://`) and Azure Blob Storage (`az://`), through obstore.

obstore finds endpoint, account and credentials in the environment as other tools of these clouds do
(`GOOGLE_APPLICATION_CREDENTIALS`, `AZURE_STORAGE_ACCOUNT_NAME` and so on) or by the machine's own identity. It cannot
name keys with `..`, `//` or control characters: a listing that has one fails in a sentence.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from obstore.exceptions import (
    BaseError,
    NotModifiedError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import AzureStore, GCSStore

from tidegate.errors import IncompleteError, TidegateError
from tidegate.storage.files import BLOCK, Files, StoredFile
from tidegate.storage.objects import ObjectStorage

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import RetryConfig

# A page of a listing has 1,000 objects or more in each of these clouds.
PAGE = 1_000

# As often as S3 is asked, and no longer than a sensor's tick should wait.
_RETRIES: RetryConfig = {"max_retries": 2, "retry_timeout": dt.timedelta(seconds=30)}

_ADDRESS = re.compile(r"(?P<scheme>gs|az)://(?P<bucket>[a-z0-9][a-z0-9._-]{1,61}[a-z0-9])(?:/(?P<prefix>.*))?")
_NO_BUCKET = ("NoSuchBucket", "ContainerNotFound")
_MAY_NOT = re.compile(r"status code: 40[13]\b")
_DOWN = re.compile(r"status code: (?:5\d\d|429|408)\b|error sending request|error decoding response|timed out")


class CloudStorage(ObjectStorage):
    """Objects below a prefix of a bucket of Google's, or of a container of Azure's."""

    def __init__(
        self, store: GCSStore | AzureStore, bucket_url: str, prefix: str, setting: str, down: type[TidegateError]
    ) -> None:
        super().__init__(bucket_url, prefix, setting, down)
        self._store = store

    @classmethod
    def at(cls, address: str, setting: str, down: type[TidegateError]) -> Self:
        """Raises TidegateError for an address that cannot be, and where the environment does not say enough."""
        match = _ADDRESS.fullmatch(address)
        if match is None:
            raise TidegateError(
                f"{setting} is {address}; it must be gs://bucket, az://container, or a prefix in one of them."
            )
        kind = GCSStore if match["scheme"] == "gs" else AzureStore
        try:
            store = kind(match["bucket"], retry_config=_RETRIES)
        except BaseError as error:
            raise TidegateError(
                f"{address} cannot be reached: {_said(error)}. Nothing was changed. {_SETTINGS}"
            ) from error
        prefix = (match["prefix"] or "").strip("/")
        return cls(store, f"{match['scheme']}://{match['bucket']}", f"{prefix}/" if prefix else "", setting, down)

    def listed(self, prefix: str) -> Iterator[StoredFile]:
        begins = self.prefix + prefix
        # obstore takes whole parts of a key only.
        folder = begins.rpartition("/")[0]
        with self._explaining("list", self.address(prefix)):
            for page in self._store.list(folder or None, chunk_size=PAGE):
                for found in page:
                    if found["path"].startswith(begins):
                        yield self._listed(found)

    def _listed(self, found: ObjectMeta) -> StoredFile:
        etag = found["e_tag"]
        if etag is None:
            raise TidegateError(
                f"Could not list {self.address('')}: the server sends no ETag of an object. Nothing was changed. "
                "It must answer as the cloud's own does."
            )
        name, changed_at = found["path"][len(self.prefix) :], found["last_modified"]
        return StoredFile(name, found["size"], etag.strip('"'), changed_at, changed_at)

    def fetched(self, file: StoredFile) -> Iterator[bytes]:
        received = 0
        with self._explaining("read", self.address(file.name)):
            found = self._store.get(self.prefix + file.name, options={"if_match": f'"{file.etag}"'})
            for chunk in found.stream(min_chunk_size=BLOCK):
                received += len(chunk)
                yield bytes(chunk)
        if received != file.size:
            raise self.changed(file.name)

    def find(self, name: str) -> StoredFile | None:
        try:
            with self._explaining("look at", self.address(name)):
                return self._listed(self._store.head(self.prefix + name))
        except IncompleteError:
            return None

    def read(self, name: str) -> bytes | None:
        try:
            with self._explaining("read", self.address(name)):
                return bytes(self._store.get(self.prefix + name).bytes())
        except IncompleteError:
            return None

    def upload(self, path: Path, name: str, content_type: str) -> None:
        with self._explaining("write", self.address(name)):
            self._store.put(self.prefix + name, path, attributes={"Content-Type": content_type})

    def delete(self, names: Iterable[str]) -> None:
        for name in names:
            with suppress(IncompleteError), self._explaining("delete", self.address(name)):
                self._store.delete(self.prefix + name)

    def copy_from(self, source: Files, file: StoredFile, name: str) -> bool:
        # obstore copies under no condition; what was fetched and hashed is uploaded.
        return False

    @contextmanager
    def _explaining(self, verb: str, address: str) -> Iterator[None]:
        """Turn obstore's failures into sentences. Raises IncompleteError for what changed or is gone."""
        try:
            yield
        except (BaseError, FileNotFoundError, ValueError) as error:
            raise self._meaning(error, f"Could not {verb} {address}", address) from error

    def _meaning(self, error: Exception, could_not: str, address: str) -> TidegateError:
        text = str(error)
        if any(code in text for code in _NO_BUCKET):
            return TidegateError(f"{could_not}: there is no such bucket. Create it, or correct {self.setting}.")
        if isinstance(error, FileNotFoundError | PreconditionError | NotModifiedError):
            return self.changed(address.removeprefix(self.address("")))
        if isinstance(error, PermissionDeniedError | UnauthenticatedError) or _MAY_NOT.search(text):
            return TidegateError(
                f"{could_not}: these credentials may not. Nothing was changed. Allow them to list, read and write "
                "objects there, or use others."
            )
        if _DOWN.search(text):
            return self.down(f"{could_not}: {_said(error)}. Nothing was changed. This may be temporary; run again.")
        return TidegateError(f"{could_not}: {_said(error)}. Nothing was changed. {_SETTINGS}")


_SETTINGS = (
    "Check the account, the credentials and the endpoint in the environment (`AZURE_STORAGE_ACCOUNT_NAME`, "
    "`GOOGLE_APPLICATION_CREDENTIALS` and the like), and the names of the objects."
)


def _said(error: Exception) -> str:
    """The first line of what obstore says: below it there are its own variables, and addresses with tokens."""
    return str(error).partition("\n")[0].rstrip(". ")
