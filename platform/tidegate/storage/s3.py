"""Objects in S3. What is fetched and what kept is known to those who call.

Nothing here relies on what some S3-compatible servers ignore (conditions on reading, copying and writing): whatever a
condition guards is looked at again.

S3 is spoken to with boto3 and not with obstore, which serves the other clouds: it finds every profile and role that an
AWS tool finds, lists whatever keys there are, tells an object's storage class, and copies under a condition.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self, TypeAlias

from boto3.s3.transfer import TransferConfig
from botocore import exceptions as boto

from tidegate.errors import IncompleteError, TidegateError
from tidegate.storage.files import BLOCK, Files, StoredFile
from tidegate.storage.objects import ObjectStorage, changed

# boto3 makes the class of its clients at run time.
S3Client: TypeAlias = Any

# How often a download that breaks off goes on from where it was. The client itself repeats what fails before that.
DOWNLOAD_ATTEMPTS = 4

# CopyObject takes no more than 5 GiB. Above, parts are copied: few enough requests, and S3's 10,000 parts are more than
# its largest object.
MAX_SINGLE_COPY = 5 << 30
COPIED_PART = 640 << 20

# What S3 gives out only after somebody asked for it days before.
FROZEN = ("GLACIER", "DEEP_ARCHIVE")

_ADDRESS = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<prefix>.*))?")
_CHANGED = ("412", "PreconditionFailed")
_GONE = ("404", "NoSuchKey")
_ARCHIVED = "InvalidObjectState"
_ELSEWHERE = ("301", "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException")
_BROKEN_CONNECTION = (
    boto.ConnectionError,
    boto.HTTPClientError,
    boto.IncompleteReadError,
    boto.FlexibleChecksumError,
)


class S3Storage(ObjectStorage):
    """Objects below a prefix of a bucket in S3."""

    def __init__(
        self, client: S3Client, bucket: str, prefix: str, setting: str, down: type[TidegateError] = TidegateError
    ) -> None:
        super().__init__(f"s3://{bucket}", prefix, setting, down)
        self.client = client
        self.bucket = bucket

    @classmethod
    def at(cls, address: str, client: S3Client, setting: str, down: type[TidegateError]) -> Self:
        """Raises TidegateError when `address` is not `s3://bucket` or `s3://bucket/prefix`."""
        match = _ADDRESS.fullmatch(address)
        if match is None:
            raise TidegateError(f"{setting} is {address}; in S3 it must be s3://bucket or s3://bucket/prefix.")
        prefix = (match["prefix"] or "").strip("/")
        return cls(client, match["bucket"], f"{prefix}/" if prefix else "", setting, down)

    def listed(self, prefix: str) -> Iterator[StoredFile]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix + prefix)
        with self._explaining("list", self.address(prefix), "s3:ListBucket"):
            for page in pages:
                for found in page.get("Contents", ()):
                    yield self._listed(found)

    def _listed(self, found: dict[str, Any]) -> StoredFile:
        try:
            key, size, etag, changed_at = found["Key"], found["Size"], found["ETag"], found["LastModified"]
        except KeyError as missing:
            raise TidegateError(
                f"Could not list {self.address('')}: the server tells no {missing.args[0]} of an object. "
                "Nothing was changed. It must answer ListObjectsV2 as AWS does."
            ) from missing
        refused = None
        if found.get("StorageClass") in FROZEN:
            refused = f"is in the storage class {found['StorageClass']}, out of which it must be restored"
        # Not every server writes quotes around an ETag.
        return StoredFile(key[len(self.prefix) :], size, etag.strip('"'), changed_at, changed_at, True, refused)

    def fetched(self, file: StoredFile) -> Iterator[bytes]:
        received, attempts = 0, 0
        while received < file.size or not attempts:
            attempts += 1
            with self._explaining("read", self.address(file.name), "s3:GetObject"):
                try:
                    for chunk in self._body(file, received):
                        received += len(chunk)
                        yield chunk
                except _BROKEN_CONNECTION:
                    if attempts == DOWNLOAD_ATTEMPTS:
                        raise
                    continue
            if received != file.size:
                raise self.changed(file.name)

    def _body(self, file: StoredFile, start: int) -> Iterator[bytes]:
        rest = {"Range": f"bytes={start}-"} if start else {}
        response = self.client.get_object(**self._object(file.name), IfMatch=f'"{file.etag}"', **rest)
        if response["ETag"].strip('"') != file.etag:
            raise self.changed(file.name)
        yield from response["Body"].iter_chunks(BLOCK)

    def find(self, name: str) -> StoredFile | None:
        try:
            with self._explaining("look at", self.address(name), "s3:GetObject and s3:ListBucket"):
                found = self.client.head_object(**self._object(name))
        except IncompleteError:
            return None
        changed_at = found["LastModified"]
        return StoredFile(name, found["ContentLength"], found["ETag"].strip('"'), changed_at, changed_at)

    def read(self, name: str) -> bytes | None:
        try:
            with self._explaining("read", self.address(name), "s3:GetObject and s3:ListBucket"):
                content: bytes = self.client.get_object(**self._object(name))["Body"].read()
        except IncompleteError:
            return None
        return content

    def upload(self, path: Path, name: str, content_type: str) -> None:
        options = {"ContentType": content_type}
        with self._explaining("write", self.address(name), "s3:PutObject"), path.open("rb") as stream:
            self.client.upload_fileobj(stream, self.bucket, self.prefix + name, ExtraArgs=options)

    def delete(self, names: Iterable[str]) -> None:
        for name in names:
            with self._explaining("delete", self.address(name), "s3:DeleteObject"):
                self.client.delete_object(**self._object(name))

    def copy_from(self, source: Files, file: StoredFile, name: str) -> bool:
        """Copy inside of S3.

        A copy of parts or an encrypted one has an ETag of its own. Then the condition on copying says whether it is
        right, which some servers ignore; there the original, looked at again, does.
        """
        if not isinstance(source, S3Storage):
            return False
        if self._copy(source, file, name) == file.etag:
            return True
        copy, original = self.find(name), source.find(file.name)
        return copy is not None and copy.size == file.size and original is not None and original.etag == file.etag

    def _copy(self, source: S3Storage, file: StoredFile, name: str) -> str | None:
        """The copy's ETag, or None where S3 does not say it."""
        original = source._object(file.name)
        # The tags of landing are landing's: they may say when to delete, and reading them takes one more right.
        options = {"CopySourceIfMatch": f'"{file.etag}"', "TaggingDirective": "REPLACE"}
        both = f"{source.address(file.name)} to {self.address(name)}"
        with self._explaining("copy", both, "s3:GetObject and s3:PutObject"):
            if file.size > MAX_SINGLE_COPY:
                self._copy_parts(original, name, options)
                return None
            copied = self.client.copy_object(CopySource=original, **self._object(name), **options)
            return str(copied["CopyObjectResult"].get("ETag", "")).strip('"')

    def _copy_parts(self, original: dict[str, str], name: str, options: dict[str, str]) -> None:
        config = TransferConfig(multipart_threshold=MAX_SINGLE_COPY, multipart_chunksize=COPIED_PART)
        # A server that does not know how to copy parts answers without the part's ETag, which the client looks up.
        # Nothing is copied then; who called looks whether it was.
        with suppress(KeyError):
            self.client.copy(original, self.bucket, self.prefix + name, ExtraArgs=options, Config=config)

    def _object(self, name: str) -> dict[str, str]:
        return {"Bucket": self.bucket, "Key": self.prefix + name}

    @contextmanager
    def _explaining(self, verb: str, address: str, rights: str) -> Iterator[None]:
        """Turn the client's failures into sentences. Raises IncompleteError for what changed or is gone."""
        try:
            yield
        except boto.ClientError as error:
            raise self._meaning(error, verb, address, rights) from error
        except _BROKEN_CONNECTION as error:
            raise self.down(f"Could not {verb} {address}: {error}. {_AGAIN}") from error
        except boto.BotoCoreError as error:
            # Credentials, profiles, regions: what a person wrote, or did not.
            raise TidegateError(f"Could not {verb} {address}: {error}. Nothing was changed. {_SETTINGS}") from error

    def _meaning(self, error: boto.ClientError, verb: str, address: str, rights: str) -> TidegateError:
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        could_not = f"Could not {verb} {address} ({code or status})"
        if code == "NoSuchBucket":
            return TidegateError(f"{could_not}: there is no such bucket. Make it, or fix {self.setting}.")
        if code in _CHANGED or code in _GONE:
            return changed(address)
        if code == _ARCHIVED:
            return TidegateError(f"{could_not}: it is archived by S3. Restore it there, and run again.")
        if code in _ELSEWHERE:
            return TidegateError(f"{could_not}: the bucket is in another region. {_SETTINGS}")
        if status in (401, 403):
            return TidegateError(
                f"{could_not}: these credentials may not. Nothing was changed. "
                f"Let them have {rights} there, or use others."
            )
        if status >= 500 or status == 429 or "Throttl" in code or code in ("SlowDown", "RequestTimeout"):
            return self.down(f"{could_not}. {_AGAIN}")
        return TidegateError(f"{could_not}: {error.response.get('Error', {}).get('Message', '')} Nothing was changed.")


_AGAIN = "Nothing was changed. It may pass; run again."
_SETTINGS = "Set AWS_REGION, AWS_PROFILE or the credentials in the environment, as for any AWS tool."
